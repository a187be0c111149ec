"""API keys in the ledger."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from farm.errors import LedgerUnavailable, NotFound
from farm.ledger import Ledger, Role
from tests.farm.ledger.acting import Clock
from tests.farm.ledger.conftest import Home
from tests.farm.stocking import toy_worker


def test_a_key_is_found_by_its_secret_until_it_is_revoked(ledger: Ledger) -> None:
    key, secret = ledger.create_key("laptop", Role.ADMIN)
    other, _ = ledger.create_key("phone", Role.VIEWER)
    found = ledger.find_key(secret)
    assert found is not None
    assert (found.id, found.name, found.role) == (key.id, "laptop", Role.ADMIN)
    assert ledger.find_key(secret + "x") is None
    assert ledger.find_key("") is None

    assert ledger.revoke_key(key.id)
    assert not ledger.revoke_key(key.id)
    assert ledger.find_key(secret) is None
    revoked, live = ledger.keys()
    assert revoked.revoked_at is not None
    assert live == other
    with pytest.raises(NotFound, match="there is no key 77"):
        ledger.revoke_key(77)


def test_no_secret_is_in_the_database_and_each_holds_256_random_bits(ledger: Ledger, home: Home) -> None:
    secrets = [ledger.create_key("laptop", Role.VIEWER)[1] for _ in range(20)]

    assert len(set(secrets)) == 20
    # 43 characters of base64 hold 256 bits.
    assert all(secret.startswith("farm_") and len(secret) == len("farm_") + 43 for secret in secrets)
    with home.database.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM api_key")).all())
    assert not any(secret[5:] in rows for secret in secrets)


def test_the_constant_time_comparison_has_the_last_word(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a key whose row the index finds
    _, secret = ledger.create_key("laptop", Role.ADMIN)
    compared = []

    def refusing(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    # When the comparison says no, then the door stays shut, and it was asked about hashes, never about the secret
    monkeypatch.setattr("farm.ledger.keys.hmac.compare_digest", refusing)
    assert ledger.find_key(secret) is None
    [(one, other)] = compared
    assert one == other
    assert len(one) == 64
    assert secret not in one


def test_a_key_s_use_is_noted_once_an_hour(open_one: Callable[..., Ledger], clock: Clock) -> None:
    # Given a key that was never used
    written: list[str] = []
    ledger = open_one(failpoint=written.append)
    key, secret = ledger.create_key("laptop", Role.VIEWER)
    assert key.last_used_at is None

    # When it is used often, then the first use notes it, and the others write nothing
    for _ in range(5):
        assert ledger.find_key(secret) is not None
    assert written == ["create_key", "note_use"]
    [first] = ledger.keys()
    assert first.last_used_at is not None

    # And one of the next hour notes it again
    clock.ahead_s += 3601
    ledger.find_key(secret)
    [second] = ledger.keys()
    assert second.last_used_at is not None
    assert second.last_used_at - first.last_used_at >= 3600


def test_a_ledger_that_cannot_be_written_still_knows_its_keys(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = ledger.create_key("laptop", Role.VIEWER)

    def full(*_: object) -> None:
        raise LedgerUnavailable("disk full")

    monkeypatch.setattr("farm.ledger.keys.note_use", full)

    assert ledger.find_key(secret) is not None


def test_each_role_covers_those_before_it() -> None:
    covered = {role: [other for other in Role if role.covers(other)] for role in Role}

    assert covered == {
        Role.VIEWER: [Role.VIEWER],
        Role.ARTIST: [Role.VIEWER, Role.ARTIST],
        Role.ADMIN: [Role.VIEWER, Role.ARTIST, Role.ADMIN],
    }


def test_jobs_belong_to_the_name_of_a_key(ledger: Ledger) -> None:
    # Given two keys of one person, one of another, and a job without a key
    laptop, phone, stranger = (ledger.create_key(name, Role.ARTIST)[0] for name in ("ann", "ann", "bob"))
    spec = {"kind": "render", "size_px": 64}
    ids = [
        ledger.submit(spec, kind="render", ranges=[(0, 1)], key_id=key_id)[0].id
        for key_id in (laptop.id, phone.id, stranger.id, None)
    ]

    # Then each name lists its own, and nobody else's is its own
    listed = {name: [job.id for job in ledger.list_jobs(owner=name)] for name in ("ann", "bob", "eve")}
    assert listed == {"ann": [ids[1], ids[0]], "bob": [ids[2]], "eve": []}
    assert [job.id for job in ledger.list_jobs()] == ids[::-1]
    assert [ledger.owns_job("ann", job_id) for job_id in (*ids, 999)] == [True, True, False, False, False]


def test_tasks_belong_to_whom_their_job_belongs(ledger: Ledger) -> None:
    key, _ = ledger.create_key("ann", Role.ARTIST)
    ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, 1)], key_id=key.id)
    claim = ledger.claim(toy_worker(ledger), ["render"])
    assert claim is not None

    assert ledger.owns_task("ann", claim.task_id)
    assert not ledger.owns_task("bob", claim.task_id)
    assert not ledger.owns_task("ann", claim.task_id + 1)
