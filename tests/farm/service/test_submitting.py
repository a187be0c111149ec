"""Submitting: names are resolved, every mistake is told at once, and workers are called after the commit."""

import pytest

from farm.errors import Conflict, InvalidInput, NotFound
from farm.ledger import JobState, Role
from farm.ledger.rows import CascadeRow, Outcome, Progress
from farm.service import Service
from tests.farm.stocking import (
    DIGEST,
    CountingQueue,
    add_cascade,
    add_dataset,
    add_run,
    sha,
    to_json,
    toy_archive,
    toy_worker,
)

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}
TRAIN = {"kind": "train", "run": "faces", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}


def fields_of(error: InvalidInput) -> list[str]:
    return [problem.field for problem in error.problems]


def test_a_render_job_keeps_the_digest_of_the_cascade_it_named(service: Service) -> None:
    add_cascade(service)

    job = service.submit(RENDER).job

    assert (job.kind, job.total, job.spec["cascade"]) == ("render", 10, DIGEST)


def test_a_million_portraits_cost_as_many_statements_as_one(service: Service) -> None:
    add_cascade(service)
    costs = []
    for seeds in ("0", "1..1000000"):
        before = service.ledger.statements
        service.submit({**RENDER, "seeds": seeds})
        costs.append(service.ledger.statements - before)

    assert costs[0] == costs[1] < 20


def test_tickets_are_sent_once_the_job_is_kept(service: Service, queue: CountingQueue) -> None:
    add_cascade(service)
    toy_worker(service.ledger)
    queue.sent.clear()

    submitted = service.submit(RENDER)

    assert [name for name, count in queue.sent if count] == ["render"]
    assert submitted.served


def test_a_job_is_kept_when_redis_is_silent_and_nobody_works(service: Service, queue: CountingQueue) -> None:
    add_cascade(service)
    queue.down = True

    submitted = service.submit(RENDER)

    assert service.job(submitted.job.id).job.state is JobState.QUEUED
    assert not submitted.served


@pytest.mark.parametrize("size_px", [8, 32, 33, 4096])
def test_any_size_within_the_reach_of_a_cascade_is_taken(service: Service, size_px: int) -> None:
    add_cascade(service)
    assert service.submit({**RENDER, "size_px": size_px}).created


def test_a_size_beyond_what_one_worker_paints_is_told_with_the_other_mistakes(service: Service) -> None:
    add_cascade(service)

    with pytest.raises(InvalidInput) as refused:
        service.submit({**RENDER, "size_px": 4097, "seeds": "9..1"})

    assert sorted(fields_of(refused.value)) == ["seeds", "size_px"]
    assert any("at most 4096" in problem.message for problem in refused.value.problems)


def test_a_size_beyond_the_reach_of_the_cascade_is_refused_with_those_it_reaches(service: Service) -> None:
    """A base alone is only ever reduced."""
    alone = CascadeRow(digest="ab" * 32, name="alone", version=0, config={"stages": [{"size_px": 64}]})
    service.import_cascade("alone", toy_archive())
    toy_worker(service.ledger)
    claim = service.ledger.claim("toy", ("cpu",))
    assert claim is not None
    service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=1), Outcome(cascade=alone))

    with pytest.raises(InvalidInput) as refused:
        service.submit({**RENDER, "cascade": "alone", "size_px": 65})

    assert fields_of(refused.value) == ["size_px"]
    assert "any size up to 64 px" in refused.value.problems[0].message


def test_an_unknown_cascade_is_refused_with_those_there_are(service: Service) -> None:
    add_cascade(service)

    with pytest.raises(InvalidInput) as refused:
        service.submit({**RENDER, "cascade": "demmo"})

    assert fields_of(refused.value) == ["cascade"]
    assert "demo@1" in refused.value.problems[0].message


def test_every_mistake_of_a_training_job_is_told_at_once(service: Service) -> None:
    wrong = {**TRAIN, "preset": "nope", "dataset": "nowhere", "stage_before": "faces"}

    with pytest.raises(InvalidInput) as refused:
        service.submit(wrong)

    assert sorted(fields_of(refused.value)) == ["dataset", "preset", "stage_before"]


def test_a_preset_of_the_other_stage_is_refused(service: Service) -> None:
    add_dataset(service)

    with pytest.raises(InvalidInput) as refused:
        service.submit({**TRAIN, "stage": "upscaler"})

    assert fields_of(refused.value) == ["preset"]
    assert "smoke-up-32" in refused.value.problems[0].message


def test_a_training_job_keeps_dataset_version_and_length(service: Service) -> None:
    add_dataset(service)

    job = service.submit({**TRAIN, "total_nimg": 40}).job

    assert job.total == 40
    assert (job.spec["dataset"], job.spec["slice_nimg"]) == ("studio@1", 16)


def test_the_name_of_a_run_is_taken_once(service: Service) -> None:
    add_dataset(service)
    service.submit(TRAIN)

    with pytest.raises(Conflict, match="another name"):
        service.submit(TRAIN)


def test_an_upscaler_follows_a_run_that_paints_its_input_size_and_has_a_checkpoint(service: Service) -> None:
    # Given a base of 16 px and an upscaler, both trained
    add_dataset(service)
    add_run(service, "faces")
    upscaler = {**TRAIN, "run": "up", "stage": "upscaler", "preset": "smoke-up-32", "stage_before": "faces"}
    service.submit(upscaler)
    service.submit({**TRAIN, "run": "fresh"})

    # When upscalers want to follow a run of another size, and one without a checkpoint
    with pytest.raises(InvalidInput) as unfit:
        service.submit({**upscaler, "run": "big", "preset": "demo-up-1024"})
    with pytest.raises(InvalidInput) as early:
        service.submit({**upscaler, "run": "soon", "stage_before": "fresh"})

    # Then both are refused in words
    assert "16 px" in unfit.value.problems[0].message
    assert "no checkpoint" in early.value.problems[0].message
    assert fields_of(early.value) == ["stage_before"]


def test_stages_of_a_cascade_must_fit_each_other(service: Service) -> None:
    add_dataset(service)
    add_run(service, "faces")
    add_run(service, "up", stage="upscaler", preset="smoke-up-32")

    with pytest.raises(InvalidInput) as refused:
        service.submit({"kind": "assemble", "cascade": "c", "runs": ["up", "faces", "ghost", "up"]})

    assert fields_of(refused.value) == ["runs.0", "runs.1", "runs.2"]
    assert service.submit({"kind": "assemble", "cascade": "c", "runs": ["faces", "up"]}).created


def test_a_dataset_that_kept_nothing_teaches_nothing(service: Service) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.submit(TRAIN)

    assert "there is none yet" in refused.value.problems[0].message


def test_a_curate_job_needs_its_list_and_the_right_count(service: Service) -> None:
    listed = {"version": 1, "photos": [{"name": "a", "sha256": "0" * 64}, {"name": "b", "sha256": "1" * 64}]}
    stored = service.put_intake(to_json(listed))
    spec = {"kind": "curate", "dataset": "d", "intake": stored.sha256, "photos": 2}

    for wrong, field in (({"intake": "f" * 64}, "intake"), ({"photos": 3}, "photos")):
        with pytest.raises(InvalidInput) as refused:
            service.submit({**spec, **wrong})
        assert fields_of(refused.value) == [field]

    assert service.submit(spec).job.spec["version"] == 1


def test_an_import_job_needs_its_archive(service: Service) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.submit({"kind": "import", "cascade": "c", "intake": sha(b"nothing")})

    assert fields_of(refused.value) == ["intake"]


def test_the_same_idempotency_key_answers_with_the_same_job(service: Service) -> None:
    add_cascade(service)
    key_id = service.ledger.create_key("someone", Role.ARTIST)[0].id
    first = service.submit(RENDER, key_id=key_id, idem_key="once")

    again = service.submit(RENDER, key_id=key_id, idem_key="once")

    assert (first.created, again.created, again.job.id) == (True, False, first.job.id)
    with pytest.raises(Conflict):
        service.submit({**RENDER, "seeds": "1"}, key_id=key_id, idem_key="once")


def test_verbs_on_a_job_that_is_not_there_say_so(service: Service) -> None:
    for verb in (service.job, service.cancel, service.pause, service.resume, service.retry, service.portraits):
        with pytest.raises(NotFound):
            verb(99)
