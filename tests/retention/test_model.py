"""No order of the steps of collections, workers, submitting and deleting does harm; without any one part, some does.

The sizes here take a second each. `python -m tests.retention.model` explores two workers beside two collectors (940,000
states) in a minute.
"""

import pytest

from tests.retention.model import Model, Protocol, Size, broken, covered, explore, swept

SIZES = {
    "two collectors": Size(jobs=2, workers=1, collectors=2),
    "two workers": Size(jobs=2, workers=2, collectors=1, collections=1),
    "three jobs": Size(jobs=3, workers=1, collectors=1),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_no_order_of_steps_leaves_a_row_without_its_object_or_a_job_without_an_end(size: Size) -> None:
    found = explore(Model(size=size))
    assert found.wrong is None, " | ".join(found.way)
    assert found.states > 10_000
    assert found.stuck == 0


def test_one_quiet_collection_leaves_nothing_behind_whatever_went_before() -> None:
    found = explore(Model(size=SIZES["three jobs"]))
    for state in found.last:
        after = swept(state)
        assert broken(after) is None
        if covered(after) and after.row is not None:
            assert after.stored == {after.row.key}, state
        else:
            assert (after.row, after.stored) == (None, frozenset()), state


NO_EPOCHS = Protocol(epochs=False, fenced=False, only_earlier=False)
WEAKER = {
    "one key for ever": (NO_EPOCHS, "a row without its object"),
    "one key for ever, and marked rows are waited for": (
        Protocol(epochs=False, fenced=False, only_earlier=False, refuses_marked=True),
        "a row without its object",
    ),
    "rows come in late": (Protocol(fenced=False), "a row without its object"),
    "marks look before they are written": (Protocol(ordered=False), "a done job without its portrait"),
    "rows of the current epoch are marked": (Protocol(only_earlier=False), "a row without its object"),
}


@pytest.mark.parametrize(("protocol", "wrong"), WEAKER.values(), ids=WEAKER)
def test_without_any_one_part_some_order_of_steps_does_harm(protocol: Protocol, wrong: str) -> None:
    sizes = [Size(jobs=2, workers=1, collectors=2), Size(jobs=2, workers=2, collectors=1)]
    assert any(explore(Model(protocol, size)).wrong == wrong for size in sizes)
