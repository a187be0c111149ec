"""What most commands begin with: the settings, and the farm's verbs on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.cli.output import say, say_json

if TYPE_CHECKING:
    from farm.cli.remote import RemoteFarm
    from farm.service import Service, Submitted


@contextmanager
def reached() -> Iterator[Service | RemoteFarm]:
    """The farm that FARM_API_URL names, through its API; else the one here."""
    from farm.settings import load_settings

    settings = load_settings()
    if not settings.api_url:
        with opened() as service:
            yield service
        return
    from farm.cli.api_client import ApiClient
    from farm.cli.remote import RemoteFarm

    with ApiClient(settings.api_url, key=settings.api_key) as api:
        yield RemoteFarm(api, settings)


@contextmanager
def opened() -> Iterator[Service]:
    """The farm's verbs on the settings of this process. They work whether or not a farm is running here.

    Raises InvalidInput where FARM_API_URL names a farm elsewhere: what needs ledger and storage is not done from afar.
    """
    import logging

    from farm.errors import InvalidInput, Problem
    from farm.service import open_service
    from farm.settings import load_settings

    if load_settings().api_url:
        told = "names a farm elsewhere; unset it, or run this command on that farm's own machines"
        raise InvalidInput("this command works on the farm's own machines", problems=[Problem("FARM_API_URL", told)])

    # A missing Redis is told in our own words where it matters; its log lines would come twice.
    logging.getLogger("farm").addHandler(logging.NullHandler())
    with open_service(load_settings()) as service:
        yield service


def tell_submitted(farm: Service | RemoteFarm, submitted: Submitted, what: str, *, as_json: bool = False) -> None:
    """Say which job was taken, how to watch it, and whether anybody will work on it."""
    job = submitted.job
    if as_json:
        say_json({"job": job, "created": submitted.created, "worker_up": submitted.served})
        return
    say(f"job {job.id}: {what}")
    elsewhere = farm.settings.redis_url or farm.settings.api_url
    if submitted.served or elsewhere:
        say(f"watch it with `farm watch {job.id}`")
    if submitted.served:
        return
    if elsewhere:
        say(f"no worker takes {job.kind} jobs just now: one may still be loading; `farm doctor` lists them")
    else:
        say("no worker is up: start one with `farm up`. The job is kept and waits for it.")


def ended(farm: Service | RemoteFarm, job_id: int) -> None:
    """Watch a job to its end, and exit where it did not end well."""
    import typer

    from farm.cli.watching import end_of, follow

    code = end_of(follow(job_id, lambda: farm.job(job_id)))
    if code:
        raise typer.Exit(code)
