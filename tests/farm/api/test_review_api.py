"""Reviewing over HTTP: photos in order of doubt, labels that may come twice, agreement, and what is refused."""

import time
from typing import Any

import httpx
import pytest

from farm.api.problems import MEDIA_TYPE
from farm.ledger import Role
from farm.service import Service
from farm.storage import keys
from tests.farm.albums import Row, add_album, is_drawn, photo_row, toy_rows
from tests.farm.stocking import add_dataset

ROOT = "/v1/datasets/studio/review"


@pytest.fixture
def rows(api_service: Service) -> list[Row]:
    """The photos of dataset `studio`."""
    made = toy_rows()
    add_album(api_service, made)
    return made


def label(row: Row, said: str | None, event: str, at: float | None = None) -> dict[str, Any]:
    return {"sha256": row["sha256"], "label": said, "event": event, "decided_at": at or time.time()}


def send(api: httpx.Client, labels: list[dict[str, Any]], reviewer: str | None = None) -> httpx.Response:
    return api.post(f"{ROOT}/labels", json={"labels": labels} | ({"reviewer": reviewer} if reviewer else {}))


def judged(rows: list[Row], who: str) -> list[dict[str, Any]]:
    return [label(row, "drop" if is_drawn(row) else "keep", f"{who}{i}") for i, row in enumerate(rows)]


def test_photos_come_with_words_and_a_picture(api: httpx.Client, rows: list[Row]) -> None:
    told = api.get(f"{ROOT}/photos", params={"limit": 10}).json()

    assert told["reviewer"] == "test"
    assert len(told["photos"]) == 10
    # Kept and dropped ones in turn, before anything is known
    assert [photo["verdict"] for photo in told["photos"][:4]] == ["keep", "drop", "keep", "drop"]
    first = told["photos"][0]
    assert first["measurements"]["jpeg"]["reason"] == "compressed once"
    assert (first["why"], first["probability"]) == ("blind", None)
    picture = api.get(first["preview"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert httpx.get(f"{api.base_url}{first['preview']}").status_code == 401


def test_labels_are_stored_once_and_the_judged_do_not_come_again(api: httpx.Client, rows: list[Row]) -> None:
    batch = judged(rows[:12], "ann")
    assert send(api, batch).json() == {"received": 12, "stored": 12}
    assert send(api, batch).json() == {"received": 12, "stored": 0}

    told = api.get(f"{ROOT}/photos", params={"limit": 100}).json()["photos"]
    assert {photo["sha256"] for photo in told} == {row["sha256"] for row in rows[12:]}
    # What was taken back comes again
    assert send(api, [label(rows[0], None, "back")]).json()["stored"] == 1
    assert rows[0]["sha256"] in {p["sha256"] for p in api.get(f"{ROOT}/photos?limit=100").json()["photos"]}
    assert api.get(ROOT).json()["labelled"] == 11


def test_a_ranking_is_learnt_and_the_doubtful_come_first(api: httpx.Client, api_service: Service) -> None:
    rows = toy_rows(300)
    add_album(api_service, rows)
    send(api, judged(rows[:120], "ann"), "ann")
    state = api.get(ROOT).json()

    assert state["ranking"]["labels"] == 120
    assert state["ranking"]["agrees"] > 0.9
    assert state["sure_keep"] + state["sure_drop"] > 60
    photos = api.get(f"{ROOT}/photos", params={"limit": 20, "reviewer": "ann"}).json()["photos"]
    doubts = [abs(p["probability"] - 0.5) for p in photos if p["why"] == "doubtful"]
    assert doubts == sorted(doubts)
    assert {p["why"] for p in photos} == {"doubtful", "blind"}


def test_two_reviewers_differ_and_it_is_told(api: httpx.Client, rows: list[Row]) -> None:
    # Given two people who agree on 18 of 20 photos
    send(api, judged(rows[:20], "a"), "ann")
    other = judged(rows[:20], "b")
    for each in other[:2]:
        each["label"] = "drop" if each["label"] == "keep" else "keep"
    send(api, other, "bob")

    state = api.get(ROOT).json()
    assert (state["shared"], state["agrees"], state["disputed"]) == (20, pytest.approx(0.9), 2)
    assert 0.6 < state["kappa"] < 0.9
    assert [(r["reviewer"], r["keep"] + r["drop"]) for r in state["reviewers"]] == [("ann", 20), ("bob", 20)]

    disputes = api.get(f"{ROOT}/disagreements").json()
    assert {each["sha256"] for each in disputes} == {rows[0]["sha256"], rows[1]["sha256"]}
    assert {*disputes[0]["labels"]} == {"ann", "bob"}

    # Then a third one is asked about these early, and a page of labels is what was said
    asked = api.get(f"{ROOT}/photos", params={"limit": 20, "reviewer": "eve"}).json()["photos"]
    assert [p["sha256"] for p in asked if p["why"] == "disputed"] == sorted(each["sha256"] for each in disputes)
    listed = api.get(f"{ROOT}/labels", params={"limit": 39}).json()
    assert len(listed) == 39
    assert len(api.get(f"{ROOT}/labels", params={"after": 39}).json()) == 1
    assert listed[0] | {"decided_at": ""} == {
        "file": "0000.jpg", "sha256": rows[0]["sha256"], "reviewer": "ann", "label": "drop", "decided_at": ""
    }  # fmt: skip


def test_a_label_of_a_photo_that_is_not_there_stores_nothing_and_is_named(api: httpx.Client, rows: list[Row]) -> None:
    strange = photo_row(9999)
    answer = send(api, [label(rows[0], "keep", "1"), label(strange, "keep", "2")])

    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)
    assert [each["field"] for each in answer.json()["errors"]] == ["labels.1.sha256"]
    assert api.get(ROOT).json()["labelled"] == 0


GOOD = {"sha256": "0" * 64, "label": "keep", "event": "1", "decided_at": 1.0}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "labels"),
        ({"labels": "all"}, "labels"),
        ({"labels": [GOOD] * 501}, "labels"),
        ({"labels": [GOOD | {"label": "maybe"}]}, "labels.0.label"),
        ({"labels": [GOOD | {"sha256": "../../etc/passwd"}]}, "labels.0.sha256"),
        ({"labels": [GOOD | {"event": "x" * 65}]}, "labels.0.event"),
        ({"labels": [GOOD | {"event": "\u0000"}]}, "labels.0.event"),
        ({"labels": [GOOD | {"decided_at": "now"}]}, "labels.0.decided_at"),
        ({"labels": [GOOD | {"decided_at": 1e300}]}, "labels.0.decided_at"),
        ({"labels": [GOOD | {"owner": "boss"}]}, "labels.0.owner"),
        ({"labels": [], "reviewer": "x" * 65}, "reviewer"),
        ({"labels": [], "reviewer": "\u202e\n"}, "reviewer"),
    ],
)
def test_each_mistake_is_named(api: httpx.Client, rows: list[Row], body: dict[str, Any], field: str) -> None:
    answer = api.post(f"{ROOT}/labels", json=body)

    assert answer.status_code == 422, answer.text
    assert field in [each["field"] for each in answer.json()["errors"]]


def test_what_is_not_there_is_said_in_words(api: httpx.Client, rows: list[Row], api_service: Service) -> None:
    def told(path: str) -> tuple[int, str]:
        answer = api.get(path)
        return answer.status_code, answer.json()["detail"]

    assert told("/v1/datasets/nobody/review") == (404, "there is no dataset nobody")
    assert told("/v1/datasets/studio@7/review") == (404, "there is no dataset studio@7")
    assert told("/v1/datasets/studio@x/review")[0] == 422
    assert told(f"{ROOT}/previews/{'0' * 64}")[0] == 404
    assert told(f"{ROOT}/photos?limit=101")[0] == 422
    # A version without a list of photos, and one whose list is damaged, say what to do
    add_dataset(api_service, "old")
    assert "`farm dataset reverdict old`" in told("/v1/datasets/old/review")[1]
    add_dataset(api_service, "torn")
    api_service.storage.put(keys.dataset_photos("torn", 1), b"\x1f\x8bnot gzip")
    assert told("/v1/datasets/torn/review") == (
        409, "the list of photos of dataset torn@1 is damaged: `farm dataset reverdict torn` writes it anew"
    )  # fmt: skip


def test_equal_files_are_one_photo_and_what_nobody_can_see_is_none(api: httpx.Client, api_service: Service) -> None:
    rows = toy_rows(6)
    again = rows[1] | {"file": "again.jpg", "verdict": "drop", "reason": "the same file as 0001.jpg"}
    refused = photo_row(70, preview=None, verdict="drop", native_px=None, measurements={})
    add_album(api_service, [again, *rows, refused, photo_row(71, sha256="", verdict="drop")])

    told = api.get(f"{ROOT}/photos", params={"limit": 100}).json()["photos"]
    assert sorted(photo["file"] for photo in told) == [row["file"] for row in rows]


def test_labels_follow_a_photo_into_the_next_version(api: httpx.Client, rows: list[Row], api_service: Service) -> None:
    send(api, judged(rows[:10], "ann"))
    add_album(api_service, [*rows[5:], photo_row(500)])

    state = api.get(ROOT).json()
    assert (state["version"], state["photos"], state["labelled"]) == (2, 36, 5)
    assert api.get("/v1/datasets/studio@1/review").json()["labelled"] == 10


def test_a_viewer_looks_on_and_does_not_judge(api: httpx.Client, rows: list[Row], api_service: Service) -> None:
    viewer = {"Authorization": f"Bearer {api_service.ledger.create_key('guest', Role.VIEWER)[1]}"}

    assert api.get(ROOT, headers=viewer).status_code == 200
    assert api.post(f"{ROOT}/labels", json={"labels": []}, headers=viewer).status_code == 403


def test_the_page_is_whole_needs_nothing_from_elsewhere_and_lets_no_other_script_run(stranger: httpx.Client) -> None:
    page = stranger.get("/review/studio@3")

    assert page.status_code == 200
    assert "https://" not in page.text
    assert "http://" not in page.text
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "style=" not in page.text
    assert page.text == stranger.get("/review/another").text
    assert stranger.get("/review/..%2Fetc").status_code in (404, 422)
    assert "connect-src 'self'" in stranger.get("/review-offline.js").headers["content-security-policy"]
