"""farm print: what printers and browsers get is the master's pixels, with its recipe; what it cannot print, it says."""

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from farm.cli.main import main
from farm.recipe import Recipe
from tests.workers.cascade.tiny import random_picture
from workers.rendering.png import encode_png, write_png

RECIPE = Recipe(cascade="ab" * 32, latent_seed=7, noise_seed=7, size_px=300)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "7.png"
    path.write_bytes(encode_png(random_picture(300, 300), text={"recipe": RECIPE.text, "taught_to_px": "1000"}))
    return path


def printed(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["print", *map(str, arguments)])
    code = ended.value.code
    return code if isinstance(code, int) else 1


def test_a_tiff_has_sixteen_bits_a_profile_its_size_on_paper_and_the_recipe(master: Path, tmp_path: Path) -> None:
    out = tmp_path / "prints" / "7.tif"
    assert printed(master, "--to", "tiff", "--dpi", 600, "--out", out) == 0
    picture = pyvips.Image.new_from_file(str(out))
    assert picture.format == "ushort"
    assert np.array_equal(picture.numpy(), random_picture(300, 300).astype(np.uint16) * 257)
    assert round(picture.xres * 25.4) == round(picture.yres * 25.4) == 600
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.get("icc-profile-data")))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    told = json.loads(picture.get("image-description"))
    assert (told["recipe"], told["taught_to_px"]) == (RECIPE.text, "1000")
    assert "8-bit" in told["bits"]
    assert b"trainedAlgorithmicMedia" in picture.get("xmp-data")


def test_deep_zoom_is_a_pyramid_with_the_recipe_beside_it(master: Path, tmp_path: Path) -> None:
    assert printed(master, "--to", "deepzoom", "--out", tmp_path / "z/7.dzi") == 0
    assert 'Width="300"' in (tmp_path / "z/7.dzi").read_text()
    with Image.open(tmp_path / "z/7_files/9/0_0.jpg") as tile:
        assert tile.size == (255, 255)
    assert json.loads((tmp_path / "z/7.json").read_text())["recipe"] == RECIPE.text


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("7.png", ["--to", "tiff", "--out", "x.jpg"], "--out: must end with .tif"),
        ("7.png", ["--to", "gif", "--out", "x.gif"], "--to: --to is one of tiff, deepzoom"),
        ("7.png", ["--to", "tiff", "--out", "there.tif"], "there.tif exists"),
        ("plain.png", ["--to", "tiff", "--out", "x.tif"], "carries no recipe"),
        ("cut.png", ["--to", "tiff", "--out", "x.tif"], "cut off"),
        ("text.png", ["--to", "tiff", "--out", "x.tif"], "is not a PNG file"),
        ("none.png", ["--to", "tiff", "--out", "x.tif"], "cannot be read"),
    ],
)
def test_what_cannot_be_printed_is_one_clear_error(
    master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str,
    arguments: list[str], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("there.tif").write_bytes(b"mine")
    Path("plain.png").write_bytes(encode_png(random_picture(9, 9), text={}))
    Path("cut.png").write_bytes(master.read_bytes()[:-400])
    Path("text.png").write_text("no picture")
    assert printed(name, *arguments) == 2 or told == "cannot be read"
    assert told in capsys.readouterr().err
    assert not Path("x.tif").exists()
    assert Path("there.tif").read_bytes() == b"mine"


@pytest.mark.parametrize("cuts", [[], [1, 2, 250], [100, 200]])
def test_a_picture_written_in_strips_is_the_same_file(cuts: list[int]) -> None:
    picture = random_picture(300, 2000)
    file = io.BytesIO()
    edges = [0, *cuts, 300]
    strips = (picture[top:bottom] for top, bottom in itertools.pairwise(edges))
    write_png(file, strips, size=(300, 2000), text={"recipe": "x"})
    assert file.getvalue() == encode_png(picture, text={"recipe": "x"})
