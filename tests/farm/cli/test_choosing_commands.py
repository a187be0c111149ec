"""farm rank and farm promote: what they say of a ranking, and what they refuse."""

import json

from farm.ledger.rows import Outcome, Progress
from farm.service import Service
from farm.storage import keys
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import QUEUES, add_cascade, to_json, toy_worker, work_off

RANKING = {
    "version": 1, "rank": "sharpness", "judged": False, "size_px": 16, "render_class": "toy", "best": 2,
    "rows": [
        {"seed": "7", "judge": None, "sharpness": 51.25, "quality": 0.9, "apart": None},
        {"seed": "2", "judge": None, "sharpness": 40.0, "quality": 0.5, "apart": 33.3},
    ],
    "left_out": [{"seed": "3", "why": "it is not stored"}], "left_out_count": 8,
}  # fmt: skip


def ranked(service: Service) -> tuple[int, int]:
    """A render job of ten small portraits and its ranking."""
    add_cascade(service)
    job = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 16}).job.id
    work_off(service)
    number = service.submit({"kind": "rank", "job": job}).job.id
    claim = service.ledger.claim(toy_worker(service.ledger), QUEUES)
    assert claim is not None and claim.job_id == number
    key = keys.ranking(number, claim.attempt)
    service.storage.put(key, to_json(RANKING | {"job": job}))
    outcome = Outcome(output={"ranking": key})
    service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi), outcome)
    return job, number


def test_a_ranking_is_shown_with_what_it_goes_by_and_what_it_left_out(farm: Farm, service: Service) -> None:
    _, number = ranked(service)
    said = farm("rank", str(number))
    assert said.code == 0, said.err
    lines = [line.split() for line in said.out.splitlines()]
    assert ["1", "7", "51.2"] in lines and ["2", "2", "40.0", "33.3"] in lines
    assert "no judge: they are ranked by sharpness" in said.out
    assert "8 portraits were left out; the first is seed 3: it is not stored" in said.out
    assert json.loads(farm("rank", str(number), "--json").out)["ranking"]["rows"] == RANKING["rows"]


def test_the_best_and_named_ones_are_promoted(farm: Farm, service: Service) -> None:
    job, number = ranked(service)
    told = json.loads(farm("promote", str(number), "--best", "1", "--size", "32", "--json").out)
    assert (told["job"]["kind"], told["job"]["spec"]["seeds"], told["job"]["spec"]["size_px"]) == ("render", "7", 32)
    said = farm("promote", str(job), "--seeds", "3..5", "--size", "32")
    assert "renders 3 chosen portraits of job" in said.out


def test_what_cannot_be_promoted_is_refused_in_the_commands_own_words(farm: Farm, service: Service) -> None:
    job, number = ranked(service)
    for asked, told in (
        (("promote", str(number), "--best", "3", "--size", "32"), "--best: 2 were ranked"),
        (("promote", str(job), "--seeds", "9..12", "--size", "32"), "--seeds: 9..12: not all of it is the job's"),
        (("promote", str(job), "--seeds", "9", "--size", "16"), "--size: job"),
        (("promote", str(job), "--size", "32"), "--best: give either this or the seeds"),
        (("promote", "99", "--seeds", "1", "--size", "32"), "no job 99"),
        (("render", "demo", "--seeds", "0..9", "--size", "32", "--rank", "judge"), "--rank: says how --keep-best"),
        (("render", "demo", "--seeds", "0..9", "--size", "32", "--keep-best", "11"), "--keep-best: 11 of 10"),
        (
            ("render", "demo", "--seeds", "0..9", "--size", "32", "--candidates", "2"),
            "--candidates: demo@1 has no judge",
        ),
        (
            ("render", "demo", "--seeds", "0..9", "--size", "32", "--texture", "1"),
            "--texture: demo@1 was taught no texture",
        ),
    ):
        said = farm(*asked)
        assert said.code == 2 and told in said.err, (asked, said)


def test_a_cascade_says_whether_it_has_a_judge(farm: Farm, service: Service) -> None:
    add_cascade(service)
    assert "it has no judge: sharpness ranks" in farm("cascade", "show", "demo").out
