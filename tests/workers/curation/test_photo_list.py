"""The list of photos that the farm's own side reads."""

import gzip
import io
import json
from pathlib import Path

from PIL import Image

from tests.workers.curation.pictures import portrait
from workers.curation.judging import PREVIEW_PX, look_at
from workers.curation.photo_list import KEYS, Listed, write_photo_list
from workers.curation.policy import Policy
from workers.curation.verdicts import conclude


def test_one_object_a_photo_in_the_order_of_rows(tmp_path: Path) -> None:
    looked = [look_at(name, body, policy=Policy()).row for name, body in photos().items()]
    rows = conclude(looked, {"001.jpg": "Ada"}, policy=Policy())
    write_photo_list(rows, tmp_path / "photos", preview_key=lambda sha256: f"previews/{sha256}")
    first = (tmp_path / "photos").read_bytes()
    good, broken = (json.loads(line) for line in gzip.decompress(first).splitlines())
    assert (good["file"], good["verdict"], good["person"], good["group"]) == ("001.jpg", "keep", "Ada", None)
    assert good["preview"] == f"previews/{good['sha256']}"
    assert good["frame"] == [rows[0][name] for name in ("frame_x", "frame_y", "frame_px")]
    assert set(good["why_not"]) | {str(size) for size in good["teaches"]} == {
        str(size) for size in (64, 128, 256, 512, 1024, 2048, 4096)
    }
    assert set(good["measurements"]["native_size"]) == {"value", "reason", "details"}
    assert set(broken) == set(good) == set(KEYS)
    assert "gone" not in Listed(rows[0], str)
    assert (broken["verdict"], broken["gate"], broken["frame"], broken["preview"]) == ("drop", "readable", None, None)
    # Equal rows, equal bytes: two attempts leave the same file.
    write_photo_list(rows, tmp_path / "again", preview_key=lambda sha256: f"previews/{sha256}")
    assert (tmp_path / "again").read_bytes() == first


def photos() -> dict[str, bytes]:
    return {"001.jpg": portrait("001.jpg"), "broken.jpg": portrait("001.jpg")[:500]}


def test_a_preview_is_a_small_upright_jpeg() -> None:
    sink = io.BytesIO()
    with Image.open(io.BytesIO(portrait("001.jpg"))) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(sink, "JPEG", exif=exif)
        size = image.size
    preview = look_at("turned.jpg", sink.getvalue(), policy=Policy()).preview
    assert preview is not None
    with Image.open(io.BytesIO(preview)) as shown:
        assert (shown.format, shown.mode) == ("JPEG", "RGB")
        assert max(shown.size) == min(PREVIEW_PX, max(size))
        assert abs(shown.width / shown.height - size[1] / size[0]) < 0.01
        assert 0x0112 not in shown.getexif()
