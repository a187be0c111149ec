"""Whose turn it is, and how far reviewers agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.sorting import agreement, next_turns

PLACES = st.integers(0, 39)


def test_without_a_ranking_kept_and_dropped_photos_come_in_turn() -> None:
    kept = [True] * 6 + [False] * 2
    turns = next_turns(None, kept, done=[0], others=[], labels=1, count=20)

    assert [turn.place for turn in turns] == [1, 6, 2, 7, 3, 4, 5]
    assert {turn.why for turn in turns} == {"blind"}


def test_the_doubtful_come_first_some_are_blind_and_some_are_second_opinions() -> None:
    # Given photos that are the less doubtful the lower their place
    probabilities = [place / 200 for place in range(100)]
    turns = next_turns(probabilities, [True] * 100, done=[97], others=[99, 98], labels=300, count=24)

    by_why = {why: [turn.place for turn in turns if turn.why == why] for why in ("doubtful", "blind", "second")}
    assert turns[0].place == 96
    assert (by_why["blind"], by_why["second"]) == ([0, 1, 2], [99, 98])
    assert by_why["doubtful"] == list(range(96, 96 - len(by_why["doubtful"]), -1))


@given(
    st.lists(st.floats(0, 1), min_size=40, max_size=40) | st.none(),
    st.sets(PLACES),
    st.sets(PLACES),
    st.integers(0, 400),
    st.integers(1, 60),
)
def test_nobody_is_asked_twice_and_everything_is_asked_once(
    probabilities: list[float] | None, done: set[int], others: set[int], labels: int, count: int
) -> None:
    turns = next_turns(
        probabilities,
        [p % 3 > 0 for p in range(40)],
        done=done,
        others=sorted(others - done),
        labels=labels,
        count=count,
    )

    places = [turn.place for turn in turns]
    assert len(set(places)) == len(places)
    assert not set(places) & done
    assert len(places) == min(count, 40 - len(done))


def test_kappa_is_the_textbook_s() -> None:
    """Two raters, 50 photos: 20 both keep, 15 both drop, 5 and 10 differ: p_o 0.7, p_e 0.5, kappa 0.4."""
    cells = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    one = {str(index): a for index, (a, _) in enumerate(cells)}
    other = {str(index): b for index, (_, b) in enumerate(cells)} | {"alone": True}
    found = agreement({"ann": one, "bob": other, "eve": {"alone else": True}})

    assert (found.shared, found.agrees, found.kappa) == (50, pytest.approx(0.7), pytest.approx(0.4))
    [pair] = found.pairs
    assert (pair.one, pair.other, pair.shared) == ("ann", "bob", 50)


def test_those_who_say_one_thing_only_agree_without_a_kappa() -> None:
    found = agreement({"ann": {"a": True, "b": True}, "bob": {"a": True}})
    assert (found.agrees, found.kappa) == (1.0, None)
    assert agreement({"ann": {"a": True}}).agrees is None
    assert agreement({}).shared == 0
