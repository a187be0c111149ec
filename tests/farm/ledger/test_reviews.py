"""What people say of photos: nothing is said twice, the latest word of each counts, on both databases."""

import threading
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.ledger import Ledger
from farm.ledger.reviews import ReviewEvent
from tests.farm.ledger.acting import Clock
from tests.farm.ledger.conftest import Home

A, B = "a" * 64, "b" * 64


def said(sha256: str, label: str | None, event: str, at: float = 1000.0) -> ReviewEvent:
    return ReviewEvent(sha256=sha256, label=label, event=event, decided_at=at)


def labels(ledger: Ledger, dataset: str = "studio") -> dict[tuple[str, str], str | None]:
    return {(each.sha256, each.reviewer): each.label for each in ledger.reviews.standing(dataset)}


def test_the_same_event_again_is_no_second_one(ledger: Ledger) -> None:
    # Given labels that were sent once
    batch = [said(A, "keep", "1"), said(B, "drop", "2")]
    assert ledger.reviews.add("studio", batch, reviewer="ann", owner="phone") == 2
    revision = ledger.reviews.revision("studio")

    # When a phone that heard no answer sends them again with one more
    assert ledger.reviews.add("studio", [*batch, said(B, "keep", "3", 1001.0)], reviewer="ann", owner="phone") == 1

    # Then each counts once, and the new one is heard
    assert labels(ledger) == {(A, "ann"): "keep", (B, "ann"): "keep"}
    assert ledger.reviews.revision("studio") > revision
    # And another reviewer's events have ids of their own, as have other datasets
    assert ledger.reviews.add("studio", [said(A, "drop", "1")], reviewer="bob", owner="phone") == 1
    assert ledger.reviews.add("other", [said(A, "drop", "1")], reviewer="ann", owner="phone") == 1
    assert labels(ledger) == {(A, "ann"): "keep", (A, "bob"): "drop", (B, "ann"): "keep"}


def test_an_undone_label_is_gone_and_may_come_back(ledger: Ledger) -> None:
    ledger.reviews.add("studio", [said(A, "drop", "1", 1.0), said(A, None, "2", 2.0)], reviewer="ann", owner="")
    assert labels(ledger) == {(A, "ann"): None}
    ledger.reviews.add("studio", [said(A, "keep", "3", 3.0)], reviewer="ann", owner="")
    assert labels(ledger) == {(A, "ann"): "keep"}


def test_what_was_decided_earlier_and_arrives_later_changes_nothing(ledger: Ledger) -> None:
    ledger.reviews.add("studio", [said(A, "keep", "new", 2000.0)], reviewer="ann", owner="")
    ledger.reviews.add("studio", [said(A, "drop", "old", 1000.0)], reviewer="ann", owner="")
    assert labels(ledger) == {(A, "ann"): "keep"}


def test_a_clock_that_goes_ahead_does_not_outlast_what_is_decided_after_it(ledger: Ledger, clock: Clock) -> None:
    # Given a phone whose clock is a year ahead
    ahead = ledger.now() + 365 * 86400
    ledger.reviews.add("studio", [said(A, "keep", "1", ahead), said(A, "drop", "2", ahead)], reviewer="ann", owner="")
    [found] = ledger.reviews.standing("studio")
    assert found.decided_at <= found.stored_at
    # Of two of one moment the later heard counts
    assert found.label == "drop"

    # When a right clock says something an hour later, then that counts
    clock.ahead_s += 3600
    ledger.reviews.add("studio", [said(A, "keep", "3", ledger.now() - 1)], reviewer="ann", owner="")
    assert labels(ledger) == {(A, "ann"): "keep"}


def test_phones_that_send_the_same_at_once_store_it_once(open_one: Callable[..., Ledger]) -> None:
    batch = [said(f"{index:064x}", "keep", str(index)) for index in range(50)]
    counted: list[int] = []

    def send() -> None:
        counted.append(open_one().reviews.add("studio", batch, reviewer="ann", owner=""))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(open_one().reviews.standing("studio")) == 50
    assert len(counted) == 4
    assert max(counted) == 50


events = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["keep", "drop", None]), st.integers(0, 9), st.integers(0, 5)),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events, st.lists(st.integers(0, 12), min_size=2, max_size=6))
def test_events_sent_in_any_pieces_any_number_of_times_leave_what_one_clean_sending_leaves(
    home: Home, made: list[tuple[str, str | None, int, int]], cuts: list[int]
) -> None:
    home.empty()
    batch = list({event: said(sha * 64, label, str(event), float(at)) for sha, label, event, at in made}.values())
    home.ledger.reviews.add("clean", batch, reviewer="ann", owner="")

    # Each sending begins where the farm's last answer left the phone, or further back; the last one is whole.
    heard = 0
    for cut in [*cuts, len(batch)]:
        home.ledger.reviews.add("torn", batch[min(heard, cut) : max(heard, cut)], reviewer="ann", owner="")
        heard = max(heard, min(cut, len(batch)))
    assert labels(home.ledger, "torn") == labels(home.ledger, "clean")
