"""farm dataset review: people look through the photos, on a phone or here, and the doubtful come first."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.output import counted, examples, say, say_json, table

if TYPE_CHECKING:
    from farm.settings import Settings

PAGE = 1000
"""So many labels of a farm elsewhere are read at once."""


def register(group: typer.Typer) -> None:
    """Add `review` to the group of dataset commands."""
    lines = ("farm dataset review studio", "farm dataset review studio --status", "farm dataset review studio --open")
    group.command(epilog=examples(*lines))(review)


def review(
    name: Annotated[str, typer.Argument(help="name, or name@version")],
    open_: Annotated[bool, typer.Option("--open", help="open the page in this machine's browser")] = False,
    status: Annotated[bool, typer.Option("--status", help="how far it is: labels, agreement, what is sure")] = False,
    export: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="write every label into a file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the status as JSON, for programs")] = False,
) -> None:
    """Look through a dataset's photos: keep, drop, undo. The page is made for a phone, and works without a network.

    Without an option it says where the page is.
    """
    with _reviews() as reviews:
        state = reviews.state(name)
        if export is not None:
            labels = reviews.labels(name)
            _write_csv(export, labels)
            say(f"{counted(len(labels), 'label')} in {export}")
    if as_json:
        say_json(state)
    elif status:
        _tell_state(state)
    elif export is None:
        _tell_address(name, state, opens=open_)


class _Here:
    """The review on this machine's ledger and storage, in the words of the API."""

    def __init__(self) -> None:
        from farm.cli.session import opened
        from farm.service.reviewing import Reviewing

        self._stack = contextlib.ExitStack()
        farm = self._stack.enter_context(opened())
        self._reviewing = Reviewing(ledger=farm.ledger, storage=farm.storage)

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def state(self, name: str) -> dict[str, Any]:
        """How far it is."""
        import dataclasses

        told: dict[str, Any] = dataclasses.asdict(self._reviewing.state(name))
        together, ranking = told.pop("agreement"), told["ranking"]
        known = None if ranking is None else {each: ranking[each] for each in ("labels", "log_loss", "agrees")}
        return {**told, **together, "ranking": known}

    def labels(self, name: str) -> list[dict[str, Any]]:
        """Every label that stands."""
        from datetime import UTC, datetime

        return [
            {
                "file": file,
                "sha256": said.sha256,
                "reviewer": said.reviewer,
                "label": said.label,
                "decided_at": datetime.fromtimestamp(said.decided_at, UTC).isoformat(),
            }
            for file, said in self._reviewing.labels(name)
        ]


class _Elsewhere:
    """The review of the farm that FARM_API_URL names."""

    def __init__(self, settings: Settings) -> None:
        from farm.cli.api_client import ApiClient

        self._api = ApiClient(settings.api_url, key=settings.api_key)

    def __enter__(self) -> _Elsewhere:
        self._api.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._api.__exit__(None, None, None)

    def state(self, name: str) -> dict[str, Any]:
        """How far it is."""
        found: dict[str, Any] = self._api.get(f"{_address(name)}/review")
        return found

    def labels(self, name: str) -> list[dict[str, Any]]:
        """Every label that stands."""
        found: list[dict[str, Any]] = []
        while page := self._api.get(f"{_address(name)}/review/labels", after=len(found), limit=PAGE):
            found += page
        return found


def _address(reference: str) -> str:
    """Of the version named. Raises InvalidInput, NotFound for what can be no name: it would lead elsewhere."""
    from farm.service.photo_lists import parse_reference

    parse_reference(reference)
    return f"/v1/datasets/{reference}"


def _reviews() -> _Here | _Elsewhere:
    from farm.settings import load_settings

    settings = load_settings()
    return _Elsewhere(settings) if settings.api_url else _Here()


def _tell_state(state: dict[str, Any]) -> None:
    say(f"{state['dataset']}@{state['version']}: {state['labelled']:,} of {counted(state['photos'], 'photo')} judged")
    rows = ((each["reviewer"], each["keep"], each["drop"]) for each in state["reviewers"])
    table(("reviewer", "kept", "dropped"), rows, empty="nobody has judged one yet")
    for pair in state["pairs"]:
        kappa = "" if pair["kappa"] is None else f", kappa {pair['kappa']:.2f}"
        shared = counted(pair["shared"], "photo")
        say(f"{pair['one']} and {pair['other']} agree on {pair['agrees']:.0%} of {shared}{kappa}")
    if state["disputed"]:
        say(f"{counted(state['disputed'], 'photo')} both kept and dropped")
    ranking = state["ranking"]
    if ranking is None:
        say("too few labels for a ranking: it needs ten, and three of each kind")
        return
    sure = state["sure_keep"] + state["sure_drop"]
    left = state["photos"] - state["labelled"] - sure
    learnt = counted(ranking["labels"], "label")
    say(f"the ranking from {learnt} agrees with {ranking['agrees']:.0%} of those it did not see")
    say(f"it is sure of {sure:,} more ({state['sure_keep']:,} keep, {state['sure_drop']:,} drop); {left:,} are left")


def _tell_address(name: str, state: dict[str, Any], *, opens: bool) -> None:
    from farm.settings import is_loopback, load_settings

    settings = load_settings()
    root = settings.api_url.rstrip("/") or f"http://{_host(settings.api_host)}:{settings.api_port}"
    address = f"{root}/review/{name}"
    say(f"{counted(state['photos'], 'photo')}, {state['labelled']:,} judged: {address}")
    say("it asks for a key once: make each reviewer one with `farm keys create NAME --role artist`")
    if not settings.api_url and is_loopback(settings.api_host):
        say("from a phone: this farm listens on this machine alone; docs/operators.md has the ways to reach it")
    if opens:
        typer.launch(address)


def _host(listens_on: str) -> str:
    """The name by which others on this network find this machine, where the farm listens on all its addresses."""
    import socket

    if listens_on not in ("0.0.0.0", "::"):
        return f"[{listens_on}]" if ":" in listens_on else listens_on
    return socket.getfqdn()


def _write_csv(path: Path, labels: list[dict[str, Any]]) -> None:
    import csv
    import io

    from farm.service.files import write_whole

    text = io.StringIO()
    writer = csv.DictWriter(text, ["file", "sha256", "reviewer", "label", "decided_at"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _tame(str(value)) for name, value in row.items()} for row in labels)
    write_whole(path, text.getvalue().encode())


def _tame(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever a file or a reviewer is called."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
