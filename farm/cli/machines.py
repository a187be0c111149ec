"""farm up, worker, flower, doctor: the farm on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import examples, say, say_json, table

if TYPE_CHECKING:
    from farm.embedded import Running
    from farm.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands to the tree."""
    app.command(epilog=examples("farm up", "FARM_HOME=~/faces farm up"))(up)
    app.command(
        epilog=examples(
            "farm worker",
            "FARM_REDIS_URL=redis://:PASSWORD@farm:6379/0 farm worker --queues render,train --device cuda:1",
        )
    )(worker)
    app.command(epilog=examples("FARM_REDIS_URL=redis://:PASSWORD@farm:6379/0 farm flower --port 5555"))(flower)
    app.command(epilog=examples("farm doctor", "farm doctor --json"))(doctor)


def up() -> None:
    """Run the whole farm here: queue, worker, API and Flower. Ctrl-C stops it; the next start goes on where it was."""
    from farm import logs
    from farm.embedded import run_embedded
    from farm.settings import load_settings

    settings = load_settings()
    logs.set_up(settings)
    run_embedded(settings, ready=_announce)
    say("the farm has stopped; `farm up` goes on with every job")


def _announce(running: Running) -> None:
    from farm.embedded import FLOWER_USER

    say(f"the farm is up, and keeps everything in {running.settings.home}")
    say(f"  API      {running.docs_url}")
    say(f"  key      {running.api_key}")
    say(f"  Flower   {running.flower_url} (user {FLOWER_USER}, password is the key)")
    say("in another terminal: `farm render --help`; Ctrl-C here stops the farm")


def worker(
    queues: Annotated[str, typer.Option(metavar="Q,Q", help="which kinds of work")] = "render,train,cpu",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N (or cudaN); default FARM_DEVICE")] = "",
    name: Annotated[str, typer.Option(help="what to call it; default FARM_WORKER_NAME, else HOST-DEVICE")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="start nothing: exit 0 if this worker is at work, else 3")
    ] = False,
) -> None:
    """Run one worker on one device, for the farm that the settings name. Ctrl-C lets it give its work back."""
    from farm.errors import InvalidInput, Problem, SettingsInvalid
    from farm.queue import worker_argv
    from farm.settings import load_settings
    from farm.specs.kinds import QUEUES

    wanted = [part.strip() for part in queues.split(",") if part.strip()]
    known = [queue for queue in QUEUES if queue in wanted]
    problems = [
        Problem("--queues", f"{each!r} is none of {', '.join(QUEUES)}") for each in wanted if each not in QUEUES
    ]
    if problems or not known:
        raise InvalidInput("the queues are wrong", problems=problems or [Problem("--queues", "name at least one")])
    asked = {"FARM_DEVICE": device, "FARM_WORKER_NAME": name}
    environment = {**os.environ, **{variable: value for variable, value in asked.items() if value}}
    settings = load_settings(environment)
    if check:
        _tell_whether_at_work(settings)
        return
    if not settings.redis_url:
        missing = "set FARM_REDIS_URL to the farm's Redis, or run `farm up` here, which brings a worker of its own"
        raise SettingsInvalid("no farm to work for", problems=[Problem("FARM_REDIS_URL", missing)])
    argv = worker_argv(settings, queues=known)
    # The worker takes this process's place, so that its signals are the worker's own.
    os.execve(argv[0], argv, environment)


def _tell_whether_at_work(settings: Settings) -> None:
    """Whether the ledger hears of this worker: it is prepared, and its parent still ticks."""
    from farm.ledger import open_ledger
    from farm.queue import worker_name

    name = worker_name(settings)
    with open_ledger(settings.ledger_url) as ledger:
        at_work = any(each.name == name for each in ledger.workers(live=True))
    say(f"{name} is at work" if at_work else f"{name} is not at work: still preparing, stopped, or cut off")
    if not at_work:
        raise typer.Exit(3)


def flower(
    address: Annotated[str, typer.Option(help="where it listens")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port")] = 5555,
) -> None:
    """Run Flower, which shows the farm at work. It asks for no key itself: only the API may reach it."""
    from farm.queue import flower_argv
    from farm.settings import load_settings

    argv = flower_argv(load_settings(), port=port, address=address)
    # Flower takes this process's place, so that its signals are Flower's own.
    os.execve(argv[0], argv, os.environ)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="as JSON, for programs")] = False) -> None:
    """Look at everything the farm needs, and say what to do where it is missing. Exits 3 where it cannot work."""
    from farm.service.doctor import examine
    from farm.settings import load_settings

    checks = examine(load_settings())
    if as_json:
        say_json(checks)
    else:
        words = {True: "ok", False: "FAULT", None: "note"}
        table(("", "check", "found"), ((words[check.ok], check.name, check.found) for check in checks), empty="")
        for check in checks:
            if check.remedy:
                say(f"{check.name}: {check.remedy}")
    if any(check.ok is False for check in checks):
        raise typer.Exit(3)
