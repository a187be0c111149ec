"""What most commands begin with: the settings, and the farm's verbs on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.cli.output import say, say_json

if TYPE_CHECKING:
    from farm.service import Service, Submitted


@contextmanager
def opened() -> Iterator[Service]:
    """The farm's verbs on the settings of this process. They work whether or not a farm is running here."""
    import logging

    from farm.service import open_service
    from farm.settings import load_settings

    # A missing Redis is told in our own words where it matters; its log lines would come twice.
    logging.getLogger("farm").addHandler(logging.NullHandler())
    with open_service(load_settings()) as service:
        yield service


def tell_submitted(farm: Service, submitted: Submitted, what: str, *, as_json: bool = False) -> None:
    """Say which job was taken, how to watch it, and whether anybody will work on it."""
    job = submitted.job
    if as_json:
        say_json({"job": job, "created": submitted.created, "worker_up": submitted.served})
        return
    say(f"job {job.id}: {what}")
    if submitted.served or farm.settings.redis_url:
        say(f"watch it with `farm watch {job.id}`")
    if submitted.served:
        return
    if farm.settings.redis_url:
        say(f"no worker takes {job.kind} jobs just now: one may still be loading; `farm doctor` lists them")
    else:
        say("no worker is up: start one with `farm up`. The job is kept and waits for it.")


def ended(farm: Service, job_id: int) -> None:
    """Watch a job to its end, and exit where it did not end well."""
    import typer

    from farm.cli.watching import end_of, follow

    code = end_of(follow(job_id, lambda: farm.job(job_id)))
    if code:
        raise typer.Exit(code)
