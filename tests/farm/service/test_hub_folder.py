"""Cascades as folders of the Hugging Face hub's layout: nothing is lost on the way, hostile folders are refused."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from farm.errors import CascadeInvalid, FarmError, InvalidInput, TooLarge
from farm.ledger import CascadeRow, Progress
from farm.recipe import canonical_json
from farm.service import Service
from farm.service.hub_folder import export_folder, read_folder, write_folder
from farm.service.model_card import check_licence
from farm.service.uploads import sha256_of
from farm.storage import keys
from tests.farm.stocking import add_dataset, add_run, keep_cascade, toy_worker
from tests.workers.cascade.shipped import ARCHIVE
from workers.cascade.archive import open_archive

MAX_BYTES = 1 << 28


@pytest.fixture(scope="module")
def shipped() -> tuple[str, dict[str, bytes]]:
    """The trained cascade that ships with the farm: digest and objects."""
    return open_archive(ARCHIVE.read_bytes())


@pytest.fixture
def folder(tmp_path: Path, shipped: tuple[str, dict[str, bytes]]) -> Path:
    digest, objects = shipped
    write_folder(tmp_path / "hub", objects, card="a card", about={"cascade_digest": digest})
    return tmp_path / "hub"


def changed(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


def test_trained_weights_come_back_to_the_last_bit(folder: Path, shipped: tuple[str, dict[str, bytes]]) -> None:
    found = read_folder(folder, max_bytes=MAX_BYTES)

    assert open_archive(found.archive) == shipped
    assert (found.digest, found.ignored) == (shipped[0], ())


def test_what_the_hub_and_people_put_beside_it_is_passed_over_and_told(folder: Path) -> None:
    for name in (".gitattributes", "samples.png", "LICENSE"):
        (folder / name).write_bytes(b"x")
    changed(folder, transformers_version="9.9")

    assert read_folder(folder, max_bytes=MAX_BYTES).ignored == (".gitattributes", "LICENSE", "samples.png")


def as_link(folder: Path, name: str, target: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to(target)


def with_cascade(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A cascade changed by somebody who knows to change its digest too."""
    value = json.loads((folder / "config.json").read_text())["cascade"]
    change(value)
    changed(folder, cascade=value, cascade_digest=sha256_of(canonical_json(value)))


HOSTILE: dict[str, Callable[[Path], object]] = {
    "0-base.safetensors is a link": lambda f: as_link(f, "0-base.safetensors", "/etc/passwd"),
    "config.json is a link": lambda f: as_link(f, "config.json", "/etc/passwd"),
    "judge.safetensors is missing": lambda f: (f / "judge.safetensors").unlink(),
    "config.json is missing": lambda f: (f / "config.json").unlink(),
    "pytorch_model.bin can run code": lambda f: (f / "pytorch_model.bin").write_bytes(b"x"),
    "last.CKPT can run code": lambda f: (f / "last.CKPT").write_bytes(b"x"),
    "model.pt can run code": lambda f: (f / "model.pt").write_bytes(b"x"),
    "config.json is not JSON": lambda f: (f / "config.json").write_bytes(b"[" * 100_000),
    "model_type is 'bert'": lambda f: changed(f, model_type="bert"),
    "not the one told beside it": lambda f: changed(f, cascade={"format": 1}),
    "'../0-base.safetensors' is no file of a cascade": lambda f: changed(f, weight_files=["../0-base.safetensors"]),
    "none twice": lambda f: changed(f, weight_files=["0-base.safetensors"] * 2),
    "must be a list": lambda f: changed(f, weight_files="0-base.safetensors"),
    "cannot be written canonically": lambda f: changed(f, cascade=float("nan")),
}


@pytest.mark.parametrize("told", HOSTILE)
def test_every_hostile_folder_is_refused_by_name(told: str, folder: Path) -> None:
    HOSTILE[told](folder)

    with pytest.raises(CascadeInvalid) as refused:
        read_folder(folder, max_bytes=MAX_BYTES)

    assert told in "; ".join(problem.message for problem in refused.value.problems)


def test_a_pipe_in_place_of_weights_is_refused_at_once(folder: Path) -> None:
    (folder / "0-base.safetensors").unlink()
    os.mkfifo(folder / "0-base.safetensors")

    with pytest.raises(CascadeInvalid) as refused:
        read_folder(folder, max_bytes=MAX_BYTES)
    assert refused.value.problems[0].message == "0-base.safetensors is no file"


def test_a_file_of_absurd_size_is_refused_unread(folder: Path) -> None:
    with (folder / "0-base.safetensors").open("r+b") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    with pytest.raises(TooLarge, match=r"0-base\.safetensors has 1,099,511,627,776 bytes"):
        read_folder(folder, max_bytes=MAX_BYTES)


IMPORTED: dict[str, Callable[[Path], object]] = {
    "needs|shape|tensors": lambda f: with_cascade(f, lambda c: c["stages"][0]["network"].update(latent_dim=65)),
    "damaged or exchanged": lambda f: (f / "0-base.safetensors").write_bytes(
        (f / "0-base.safetensors").read_bytes()[:-1] + b"\x01"
    ),
    "1-upscaler.safetensors is missing": lambda f: changed(f, weight_files=["0-base.safetensors"]),
    "does not name": lambda f: (
        (f / "7-upscaler.safetensors").write_bytes(b""),
        changed(
            f, weight_files=[*json.loads((f / "config.json").read_text())["weight_files"], "7-upscaler.safetensors"]
        ),
    ),
}


@pytest.mark.parametrize("told", IMPORTED)
def test_what_the_farm_cannot_see_without_torch_the_worker_refuses(told: str, folder: Path) -> None:
    IMPORTED[told](folder)
    found = read_folder(folder, max_bytes=MAX_BYTES)

    with pytest.raises(CascadeInvalid, match=told):
        open_archive(found.archive)


def test_a_folder_with_other_files_is_not_written_into(tmp_path: Path, shipped: tuple[str, dict[str, bytes]]) -> None:
    (tmp_path / "private.txt").write_text("x")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_folder(tmp_path, shipped[1], card="", about={})
    assert [path.name for path in tmp_path.iterdir()] == ["private.txt"]


@pytest.mark.parametrize("licence", ["", "a\nlibrary_name: x", "CC BY 4.0", "é", "x" * 65])
def test_what_is_no_licence_is_refused(licence: str) -> None:
    with pytest.raises(InvalidInput, match="licence"):
        check_licence(licence)


def kept(service: Service, objects: dict[str, bytes], digest: str) -> CascadeRow:
    """The shipped cascade, its base from a run of this farm, its first upscaler from a checkpoint of another."""
    add_dataset(service, photos=24)
    add_run(service, "faces")
    stages = [{"run": "faces", "nimg": 64_000}, {"run": "elsewhere", "nimg": 5_000}]
    return keep_cascade(service, objects, output={"digest": digest, "stages": stages})


def test_the_card_tells_what_the_ledger_knows_and_what_it_does_not(
    service: Service, tmp_path: Path, shipped: tuple[str, dict[str, bytes]]
) -> None:
    row = kept(service, shipped[1], shipped[0])

    names = export_folder(row, tmp_path / "hub", licence="CC0-1.0", ledger=service.ledger, storage=service.storage)

    assert names[-1] == "config.json" and "1-upscaler.safetensors" in names
    card = (tmp_path / "hub/README.md").read_text()
    front = YAML(typ="safe").load(card.split("---\n")[1])
    assert (front["license"], front["library_name"]) == ("cc0-1.0", "portrait-farm")
    assert front["pipeline_tag"] == "unconditional-image-generation"
    assert shipped[0] in card and service.ledger.dataset("studio").manifest_sha256 in card
    assert "| base | 64 | 64 | 1,4" in card and "| 64,000 |" in card and "| 5,000 |" in card
    assert "no evaluation of it" in card
    assert read_folder(tmp_path / "hub", max_bytes=MAX_BYTES).digest == row.digest


def test_figures_of_an_evaluation_stand_in_the_card(
    service: Service, tmp_path: Path, shipped: tuple[str, dict[str, bytes]]
) -> None:
    row = kept(service, shipped[1], shipped[0])
    job = service.submit({"kind": "evaluate", "of": "c", "against": "studio", "portraits": 60}).job
    figure = {"name": "a|b", "value": 0.12345, "interval": [0.1, 0.2], "null": None, "words": ""}
    told = {"portraits": 60, "size_px": 64, "psi": 1.0, "photos": 3, "people": 3, "against": "studio@1"}
    found = {**told, "split": "all", "figures": [figure], "warnings": ["only 60"]}
    service.storage.put(keys.evaluation(job.id), canonical_json(found))
    done_all(service)

    export_folder(row, tmp_path / "hub", licence="mit", ledger=service.ledger, storage=service.storage)

    card = (tmp_path / "hub/README.md").read_text()
    assert "| a\\|b | 0.1235 | 0.1 … 0.2 |" in card and "Note: only 60" in card


def done_all(service: Service) -> None:
    name = toy_worker(service.ledger, "another")
    while (claim := service.ledger.claim(name, ("render", "cpu"))) is not None:
        service.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi))


def test_a_cascade_without_its_weights_is_not_exported_by_halves(service: Service, tmp_path: Path) -> None:
    row = CascadeRow(digest="cd" * 32, name="c", version=1, config={})
    with pytest.raises(FarmError, match="holds no cascade"):
        export_folder(row, tmp_path / "hub", licence="mit", ledger=service.ledger, storage=service.storage)
    assert not (tmp_path / "hub").exists()


def test_the_archive_that_is_made_of_a_folder_passes_the_farms_first_look(service: Service, folder: Path) -> None:
    found = read_folder(folder, max_bytes=MAX_BYTES)
    assert zipfile.ZipFile(io.BytesIO(found.archive)).namelist()[0] == "cascade.json"
    assert service.import_cascade("copy", found.archive).created
