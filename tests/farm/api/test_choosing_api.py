"""Choosing over HTTP: rankings are asked for at the render job, read at the rank job, and both can be promoted."""

import httpx

from farm.ledger.rows import Outcome, Progress
from farm.service import Service
from farm.storage import keys
from tests.farm.stocking import QUEUES, add_cascade, to_json, toy_worker, work_off

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 16, "psi": 0.5}
ROWS = [
    {"seed": seed, "judge": judge, "sharpness": 40.5, "quality": 0.9, "apart": None}
    for seed, judge in (("7", 1.25), ("2", 0.5), ("9", -0.125))
]
RANKING = {
    "version": 1, "rank": "judge", "judged": True, "size_px": 16, "render_class": "toy", "best": 2, "rows": ROWS,
    "left_out": [{"seed": "3", "why": "it is not stored"}], "left_out_count": 7,
}  # fmt: skip


def ranked(api: httpx.Client, service: Service) -> tuple[int, int]:
    """A render job that is done, and its rank job, which found RANKING."""
    rendered = int(api.post("/v1/jobs", json=RENDER).json()["id"])
    work_off(service)
    number = int(api.post(f"/v1/jobs/{rendered}/rank", params={"best": 2}).json()["id"])
    key = keys.ranking(number, 1)
    service.storage.put(key, to_json(RANKING | {"job": rendered}))
    claim = service.ledger.claim(toy_worker(service.ledger), QUEUES)
    assert claim is not None and claim.job_id == number
    outcome = Outcome(output={"ranking": key})
    assert service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi), outcome).owned
    return rendered, number


def test_a_ranking_is_asked_for_read_and_promoted(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    rendered, number = ranked(api, service)
    found = api.get(f"/v1/jobs/{number}/ranking").json()
    assert (found["job"], found["rows"], found["left_out_count"], found["savings"]) == (rendered, ROWS, 7, None)
    assert len(api.get(f"/v1/jobs/{number}/ranking", params={"limit": 1}).json()["rows"]) == 1
    assert api.get(f"/v1/jobs/{rendered}/ranking").status_code == 409

    promoted = api.post(f"/v1/jobs/{number}/promote", params={"best": 2, "size_px": 32})
    assert promoted.status_code == 201, promoted.text
    spec = promoted.json()["spec"]
    assert (spec["seeds"], spec["size_px"], spec["psi"]) == ("2,7", 32, 0.5)
    named = api.post(f"/v1/jobs/{rendered}/promote", params={"seeds": "3,5", "size_px": 32})
    assert named.json()["spec"]["seeds"] == "3,5"
    assert api.post(f"/v1/jobs/{rendered}/promote", params={"best": 2, "size_px": 32}).status_code == 409
    wrong = api.post(f"/v1/jobs/{number}/promote", params={"best": 4, "size_px": 32})
    assert (wrong.status_code, wrong.json()["errors"]) == (422, [{"field": "best", "message": "3 were ranked"}])


def test_the_general_address_does_not_take_rank_jobs(api: httpx.Client) -> None:
    """It could not tell whose the render job is."""
    answer = api.post("/v1/jobs", json={"kind": "rank", "job": 1})
    assert [error["field"] for error in answer.json()["errors"]] == ["kind"]
    assert "/v1/jobs/<job>/rank" in answer.text


def test_candidates_and_selections_need_what_the_cascade_has(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    assert api.get("/v1/cascades/demo").json()["judged"] is False
    select = {"kind": "select", "cascade": "demo", "seeds": "0..9", "size_px": 32, "keep_best": 3}
    taken = api.post("/v1/jobs", json=select)
    assert (taken.status_code, taken.json()["total"], taken.json()["spec"]["rank"]) == (201, 14, "sharpness")
    for change, field in (
        ({"rank": "judge"}, "rank"),
        ({"candidates": 3}, "candidates"),
        ({"keep_best": 11}, "keep_best"),
    ):
        refused = api.post("/v1/jobs", json=select | change)
        assert [error["field"] for error in refused.json()["errors"]] == [field]
