"""`farm dataset review`: where the page is, how far it is, labels as a file; here and at a farm elsewhere."""

import json
from pathlib import Path

import pytest

from farm.api.app import create_app
from farm.ledger import Role
from farm.ledger.reviews import ReviewEvent
from farm.service import Service
from farm.settings import Settings
from tests.farm.albums import add_album, is_drawn, toy_rows
from tests.farm.api.conftest import served
from tests.farm.cli.conftest import Farm


@pytest.fixture
def reviewed(service: Service) -> None:
    """Forty photos; ann judged all but ten of them, bob six, one of these otherwise."""
    rows = toy_rows()
    add_album(service, rows)
    said = [
        ReviewEvent(sha256=r["sha256"], label="drop" if is_drawn(r) else "keep", event=str(i), decided_at=1e9)
        for i, r in enumerate(rows)
    ]
    service.ledger.reviews.add("studio", said[:30], reviewer="ann", owner="")
    other = ReviewEvent(sha256=rows[0]["sha256"], label="keep", event="x", decided_at=1e9)
    service.ledger.reviews.add("studio", [other, *said[1:6]], reviewer="=bob", owner="")


@pytest.mark.usefixtures("reviewed")
def test_it_says_where_the_page_is_and_how_to_reach_it_from_a_phone(farm: Farm) -> None:
    said = farm("dataset", "review", "studio")

    assert said.code == 0, said.err
    assert "40 photos, 30 judged: http://127.0.0.1:8800/review/studio" in said.out
    assert "farm keys create NAME --role artist" in said.out
    assert "from a phone" in said.out


@pytest.mark.usefixtures("reviewed")
def test_a_farm_on_all_addresses_is_named_by_its_machine(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_API_HOST", "0.0.0.0")
    said = farm("dataset", "review", "studio")

    assert "http://0.0.0.0" not in said.out
    assert "from a phone" not in said.out


@pytest.mark.usefixtures("reviewed")
def test_the_status_tells_labels_agreement_and_what_is_sure(farm: Farm) -> None:
    said = farm("dataset", "review", "studio", "--status")

    assert "studio@1: 30 of 40 photos judged" in said.out
    assert "=bob and ann agree on 83% of 6 photos" in said.out
    assert "1 photo both kept and dropped" in said.out
    assert "the ranking from 30 labels agrees with" in said.out
    told = json.loads(farm("dataset", "review", "studio", "--json").out)
    assert (told["labelled"], told["shared"], told["disputed"]) == (30, 6, 1)


@pytest.mark.usefixtures("reviewed")
def test_labels_go_into_a_file_that_no_spreadsheet_runs(farm: Farm, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    said = farm("dataset", "review", "studio", "--export", str(file))

    assert said.out == f"36 labels in {file}\n"
    lines = file.read_text().splitlines()
    assert lines[0] == "file,sha256,reviewer,label,decided_at"
    assert len(lines) == 37
    assert sum(",'=bob," in line for line in lines) == 6


@pytest.mark.usefixtures("reviewed")
def test_a_farm_elsewhere_tells_the_same(
    farm: Farm, service: Service, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {name: farm("dataset", "review", "studio", name).out for name in ("--status", "--json")}
    farm("dataset", "review", "studio", "--export", str(tmp_path / "here.csv"))
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY", service.ledger.create_key("ann", Role.VIEWER)[1])
        assert farm("dataset", "review", "studio", "--status").out == here["--status"]
        assert json.loads(farm("dataset", "review", "studio", "--json").out) == json.loads(here["--json"])
        farm("dataset", "review", "studio", "--export", str(tmp_path / "there.csv"))
        assert f"{address}/review/studio" in farm("dataset", "review", "studio").out
    fields = [
        [line.rsplit(",", 1)[0] for line in (tmp_path / n).read_text().splitlines()] for n in ("here.csv", "there.csv")
    ]
    assert fields[0] == fields[1]


def test_what_cannot_be_reviewed_is_said(farm: Farm) -> None:
    said = farm("dataset", "review", "nobody")
    assert said.code == 2
    assert "there is no dataset nobody" in said.err
    assert farm("dataset", "review", "studio@x").code == 2
