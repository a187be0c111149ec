"""Verdicts from measurements alone: at every size, at one size, among copies, and with reviewers."""

import json
from typing import Any

import pytest

from tests.workers.curation.rows import row
from workers.curation.policy import LADDER_PX, Policy, Tolerance
from workers.curation.verdicts import Row, decide, judged_again


def why_not(decided: Row) -> dict[str, str]:
    found: dict[str, str] = json.loads(decided["why_not"])
    return found


def test_a_good_photo_teaches_what_it_has_detail_for() -> None:
    decided = decide(row(native_size=700, frame_px=700), policy=Policy())
    assert (decided["verdict"], decided["reason"], decided["gate"]) == ("keep", "", None)
    assert decided["teaches"] == [64, 128, 256, 512, 1024, 2048]
    assert why_not(decided) == {"4096": "detail for 700 px; 1229 px are needed to teach 4096 px"}


@pytest.mark.parametrize(
    ("gate", "value", "said"),
    [
        ("drawn", 0.9, "drawn, painted or rendered: 90% sure, 50% is allowed"),
        ("halftone", 0.8, "a halftone print"),
        ("borders", 0.4, "borders or frames cover 40% of it"),
        ("exposure", 0.5, "50% of the frame is clipped"),
        ("native_size", 50, "too small: detail for 50 px, 64 px is needed"),
        ("face", 3, "3 faces; at most 1 allowed"),
    ],
)
def test_what_is_wrong_at_every_size_drops_the_photo(gate: str, value: Any, said: str) -> None:
    decided = decide(row(**{gate: value}), policy=Policy())
    assert (decided["verdict"], decided["gate"], decided["teaches"]) == ("drop", gate, [])
    assert said in decided["reason"]
    assert why_not(decided) == dict.fromkeys(map(str, LADDER_PX), decided["reason"])


@pytest.mark.parametrize(
    ("policy", "changed", "said"),
    [
        (Policy(face="required"), {"face": 0}, "no face was found"),
        (Policy(greyscale="drop"), {"greyscale": 0.5}, "black and white"),
        (Policy(min_frontal=0.5), {"details": {"face": {"frontal": 0.2}}}, "turned away: 20% frontal"),
        (Policy(max_text=0.3), {"details": {"borders": {"text": 0.6}}}, "text lies over it"),
    ],
)
def test_a_policy_decides_what_matters(policy: Policy, changed: dict[str, Any], said: str) -> None:
    assert decide(row(**changed), policy=Policy())["verdict"] == ("keep" if policy.max_text == 0.5 else "drop")
    assert said in decide(row(**changed), policy=policy)["reason"]


def test_what_no_gate_measured_drops_nothing() -> None:
    missing: dict[str, Any] = dict.fromkeys(("face", "jpeg", "blur", "noise", "drawn", "halftone", "greyscale"))
    assert decide(row(**missing), policy=Policy(face="required", greyscale="drop"))["verdict"] == "keep"


def test_damage_shrinks_with_the_picture() -> None:
    # At 1024 px of a frame of 1200 it shows; at 512 px blur, noise and halos are less than half.
    policy = Policy(tolerance=Tolerance(min_jpeg=70, max_blur_px=1.5, max_noise=8, max_sharpening=0.5))
    for gate, value in (("blur", 2.5), ("noise", 15.0), ("sharpening", 0.9), ("jpeg", 40)):
        decided = decide(row(**{gate: value}), policy=policy)
        assert decided["teaches"] == [64, 128, 256, 512], gate
        assert decided["verdict"] == "keep"


def test_an_enlarged_photo_is_taught_at_its_own_size_and_its_blur_counts_there() -> None:
    enlarged = row(frame_px=1200, native_size=300, blur=3.0)
    assert decide(enlarged, policy=Policy())["teaches"] == [64, 128, 256, 512]


def test_one_stage_may_be_stricter() -> None:
    policy = Policy(stages={256: Tolerance(max_noise=0.1)})
    assert decide(row(), policy=policy)["teaches"] == [64, 128, 512, 1024, 2048]
    assert "noise of" in why_not(decide(row(), policy=policy))["256"]


def test_a_photo_that_teaches_nothing_is_dropped() -> None:
    decided = decide(row(noise=200.0, frame_px=1200), policy=Policy())
    assert decided["verdict"] == "keep"  # at 64 px even that is averaged away
    decided = decide(row(noise=200.0), policy=Policy(tolerance=Tolerance(max_noise=1)))
    assert (decided["verdict"], decided["gate"]) == ("drop", "noise")


def near(*rows: Row) -> list[Row]:
    return [{**each, "group": "g"} for each in rows]


def test_of_near_duplicates_the_best_is_kept() -> None:
    small, spoilt, best, name_later = (
        row("a.jpg", native_size=400),
        row("b.jpg", jpeg=40),
        row("c.jpg"),
        row("d.jpg"),
    )
    rows = judged_again(near(small, spoilt, best, name_later), policy=Policy())
    assert [each["verdict"] for each in rows] == ["drop", "drop", "keep", "drop"]
    assert rows[0]["reason"] == "nearly the same picture as c.jpg, which is better"
    assert {each["gate"] for each in rows if each["verdict"] == "drop"} == {"near_duplicate"}
    all_kept = judged_again(near(small, spoilt, best), policy=Policy(near_duplicates="keep"))
    assert [each["verdict"] for each in all_kept] == ["keep"] * 3


def test_a_dropped_photo_takes_no_place_in_its_group() -> None:
    rows = judged_again(near(row("a.jpg", native_size=400), row("b.jpg", drawn=0.9)), policy=Policy())
    assert [(each["verdict"], each["gate"]) for each in rows] == [("keep", None), ("drop", "drawn")]


def test_reviewers_override_the_policy() -> None:
    drawn, good, tiny = row("a.jpg", drawn=0.9), row("b.jpg"), row("c.jpg", native_size=100, blur=9)
    copy = {**drawn, "file": "z.jpg"}
    labels = {drawn["sha256"]: "keep", good["sha256"]: "drop", tiny["sha256"]: "keep"}
    rows = judged_again([drawn, good, tiny, copy], policy=Policy(), labels=labels)  # type: ignore[arg-type]
    assert [(each["verdict"], each["gate"]) for each in rows] == [
        ("keep", "review"),
        ("drop", "review"),
        ("keep", None),
        ("drop", "same_file"),
    ]
    assert rows[0]["teaches"] == [64, 128, 256, 512, 1024, 2048]
    assert rows[2]["teaches"] == [64, 128, 256]  # no label makes detail


def test_reviewers_choose_among_near_duplicates() -> None:
    better, chosen = row("a.jpg"), row("b.jpg", native_size=400)
    rows = judged_again(near(better, chosen), policy=Policy(), labels={chosen["sha256"]: "keep"})
    assert [each["verdict"] for each in rows] == ["drop", "keep"]


def test_a_photo_that_cannot_be_opened_stays_dropped() -> None:
    unread = {**row(), "native_px": None, "reason": "damaged"}
    assert judged_again([unread], policy=Policy(), labels={unread["sha256"]: "keep"}) == [unread]
