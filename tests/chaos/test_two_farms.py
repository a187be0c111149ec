"""Two farms on one Redis, told apart by their key prefix alone: each does its own work and sees its own workers."""

from pathlib import Path

from farm.ledger import Job
from farm.queue import make_app
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.redis import RedisServer

UNITS = 40


def test_neither_takes_the_others_tickets(redis_server: RedisServer, tmp_path: Path) -> None:
    # Given two farms with a ledger each and one Redis
    with (
        open_yard(tmp_path / "a", redis=redis_server, app=TOY, told={"key_prefix": "studio"}) as studio,
        open_yard(tmp_path / "b", redis=redis_server, app=TOY, told={"key_prefix": "attic"}) as attic,
    ):
        for yard, name in ((studio, "easel"), (attic, "lamp")):
            yard.start_worker(name)
        studio.wait_until_ready("easel")
        attic.wait_until_ready("lamp")
        # When both have work at once
        jobs = [(yard, submitted(yard)) for yard in (studio, attic)]
        # Then each record shows its own worker alone, and remote control reaches it alone
        for (yard, job), name in zip(jobs, ("easel", "lamp"), strict=True):
            [ended] = yard.wait_until_ended(job.id)
            assert (ended.done, ended.failed) == (UNITS, 0)
            assert {task.worker for task in yard.record(job.id)} == {name}
            wait_for(f"{name} to answer a ping", lambda y=yard, n=name: answering(y) == {n})  # type: ignore[misc]
        with redis_server.client() as client:
            prefixes = {key.partition(b":")[0] for key in client.keys("*")}
        assert prefixes == {b"studio", b"attic"}


def submitted(yard: Yard) -> Job:
    spec = {"kind": "render", "size_px": 64, "unit_s": 0.01}
    return yard.ledger.submit(spec, kind="render", ranges=[(0, UNITS)])[0]


def answering(yard: Yard) -> set[str]:
    """Workers that answer `celery inspect ping`, as Flower sees them."""
    app = make_app(yard.settings)
    try:
        replies = app.control.ping(timeout=1.0)
    finally:
        app.close()
    return {name.partition("@")[0] for reply in replies for name in reply}
