"""A run begins at image 0, at another run's checkpoint, or with a cascade's weights; each wrong place by its field."""

from typing import Any

import pytest

from farm.errors import InvalidInput
from farm.service import Service
from tests.farm.stocking import CASCADE, add_cascade, add_dataset, add_run, keep_cascade, to_json

JUDGED = {"cascade.json": to_json({**CASCADE, "judge": {"widths": [16, 8]}})}
TRAIN = {"kind": "train", "run": "more", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}


@pytest.fixture
def stocked(service: Service) -> Service:
    """A dataset, a base of 16 px at 64 images, a cascade with its judge, c, and one without."""
    add_dataset(service)
    add_run(service, "faces")
    keep_cascade(service, JUDGED)
    add_cascade(service, "plain")
    return service


def refused(service: Service, **changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as told:
        service.submit({**TRAIN, **changes})
    return {problem.field: problem.message for problem in told.value.problems}


def test_a_branch_is_kept_as_the_checkpoint_it_names(stocked: Service) -> None:
    spec = stocked.submit({**TRAIN, "branch": "faces@40", "total_nimg": 96}).job.spec

    assert (spec["branch"], spec["start_nimg"]) == ("faces@32", 32)


def test_a_base_begins_with_a_cascades_weights_at_image_0(stocked: Service) -> None:
    job = stocked.submit({**TRAIN, "from_cascade": "c"}).job

    assert (job.spec["from_cascade"], job.spec["start_nimg"]) == (stocked.ledger.cascade("c").digest, 0)
    assert job.total == 64


def test_an_upscaler_begins_with_a_cascades_weights_though_no_judge_is_in_it(stocked: Service) -> None:
    job = stocked.submit({**TRAIN, "stage": "upscaler", "preset": "smoke-up-32", "from_cascade": "plain"}).job

    assert (job.spec["from_cascade"], job.spec["start_nimg"]) == (stocked.ledger.cascade("plain").digest, 0)


def test_a_cascade_that_cannot_begin_a_run_is_refused_in_words(stocked: Service) -> None:
    assert "no cascade 'ghost'; there is c@1, plain@1" in refused(stocked, from_cascade="ghost")["from_cascade"]
    assert "plain@1 carries no judge" in refused(stocked, from_cascade="plain")["from_cascade"]
    assert "paints 16 px" in refused(stocked, from_cascade="c", preset="demo-base-64")["from_cascade"]
    larger = {"stage": "upscaler", "preset": "demo-up-256"}
    assert refused(stocked, from_cascade="c", **larger)["from_cascade"] == (
        "its upscaler enlarges 16 px to 32 px, demo-up-256 enlarges 64 px to 256 px"
    )


def test_a_run_begins_at_one_place(stocked: Service) -> None:
    assert "leave out this one or branch" in refused(stocked, branch="faces", from_cascade="c")["from_cascade"]


def test_a_wrong_beginning_is_told_beside_the_other_mistakes(stocked: Service) -> None:
    assert set(refused(stocked, branch="ghost", dataset="nowhere", preset="nope")) == {"branch", "dataset", "preset"}
