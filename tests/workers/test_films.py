"""Films: real frames of a tiny cascade in a real ledger and storage, put together and read again."""

import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from farm.cli.main import main
from farm.errors import Conflict, InvalidInput, WorkFailed
from farm.ledger import JobState
from farm.recipe import PathPoint, recipe_in_png
from farm.service.remaking import spec_from_png
from farm.storage import keys
from tests.workers.rendering.films import frames_of, psnr
from tests.workers.test_verify import Studio, studio, verdicts

__all__ = ["studio"]

FILM: dict[str, Any] = {
    "kind": "film", "cascade": "tiny", "keys": [3, 17, 99, 4], "seconds": 0.5, "fps": 24, "size_px": 128,
    "codecs": ["h264", "av1"],
}  # fmt: skip


def film(studio: Studio, job_id: int, folder: Path, codec: str = "h264") -> Path:
    path = folder / f"{codec}.mp4"
    path.write_bytes(studio.storage.get(keys.film(job_id, codec)))
    return path


def frames(studio: Studio, job_id: int) -> list[NDArray[np.uint8]]:
    """The stored frames of a film, in order."""
    views = studio.service.portraits(job_id).portraits
    found = [studio.storage.get(view.stored.key) for view in views if view.stored is not None]
    return [np.array(Image.open(io.BytesIO(body))) for body in found]


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_a_film_shows_its_frames_and_says_how_it_was_made(studio: Studio, tmp_path: Path, codec: str) -> None:
    job_id = studio.done(FILM)
    path = film(studio, job_id, tmp_path, codec)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        assert (context.width, context.height, context.pix_fmt) == (128, 128, "yuv420p")
        assert (stream.average_rate, stream.frames) == (24, 12)
        assert file.duration == 500_000
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        made = json.loads(file.metadata["comment"])
    assert made["film"] == studio.ledger.get_job(job_id).spec
    assert len(made["film"]["cascade"]) == 64
    assert set(made["software"]) == {"farm", "av", "ffmpeg"}
    body = path.read_bytes()
    assert body.index(b"moov") < body.index(b"mdat"), "a browser may begin before the whole of it came"
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in body
    seen, painted = frames_of(path), frames(studio, job_id)
    assert len(seen) == len(painted) == 12
    # The tiny cascade paints noise, of which half the colour is lost with 4:2:0; brightness is not.
    assert min(map(psnr, map(grey, seen), map(grey, painted))) > 30
    assert min(map(psnr, seen, painted)) > 20


def grey(picture: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(picture @ np.array([0.2126, 0.7152, 0.0722]))


def test_the_same_film_has_the_same_bytes(studio: Studio) -> None:
    one, other = studio.done(FILM), studio.done(FILM)
    for codec in ("h264", "av1"):
        assert studio.storage.get(keys.film(one, codec)) == studio.storage.get(keys.film(other, codec))


def test_frames_are_portraits_that_other_jobs_find(studio: Studio) -> None:
    rendered = studio.done({"kind": "render", "cascade": "tiny", "seeds": "3", "size_px": 128})
    before = {info.key: info.modified_s for info in studio.storage.list("portraits/")}
    job_id = studio.done(FILM)
    assert studio.portrait(rendered, 3).key == studio.portrait(job_id, 0).key
    after = {info.key: info.modified_s for info in studio.storage.list("portraits/")}
    assert len(after) == 12 and before.items() <= after.items()
    longer = studio.done({**FILM, "seconds": 23 / 24})
    assert studio.portrait(longer, 22).key == studio.portrait(job_id, 11).key
    assert len(list(studio.storage.list("portraits/"))) == 12 + 23 - 12


def test_a_film_that_stands_still_is_one_frame(studio: Studio, tmp_path: Path) -> None:
    job_id = studio.done({**FILM, "keys": [5, 5], "codecs": ["h264"]})
    assert len(list(studio.storage.list("portraits/"))) == 1
    seen = frames_of(film(studio, job_id, tmp_path))
    assert len(seen) == 12


def test_a_collection_leaves_the_frames_of_a_film_and_takes_those_of_a_deleted_one(studio: Studio) -> None:
    job_id = studio.done(FILM)
    studio.service.collect(grace_s=0)
    assert len(frames(studio, job_id)) == 12
    assert studio.service.delete_job(job_id)
    assert not list(studio.storage.list(f"jobs/{job_id}/"))
    studio.service.collect(grace_s=0)
    assert not list(studio.storage.list("portraits/"))


def test_a_frame_is_made_again_from_its_file_and_verified(studio: Studio) -> None:
    job_id = studio.done(FILM)
    stored = studio.portrait(job_id, 5)
    body = studio.storage.get(stored.key)
    recipe = recipe_in_png(body)
    assert recipe.path == PathPoint(keys=(3, 17, 99, 4), at=(4, 11))
    assert recipe.digest == stored.recipe
    again = studio.done(spec_from_png(body, ledger=studio.ledger))
    assert studio.portrait(again, 17).recipe == stored.recipe
    with pytest.raises(Conflict, match="one frame between keyframes"):
        studio.ledger.extend(again, [(20, 21)])
    smaller = studio.done(spec_from_png(body, ledger=studio.ledger, size_px=32))
    assert studio.portrait(smaller, 17).recipe != stored.recipe
    assert set(verdicts(studio.verify(job_id)).values()) == {"identical"}
    assert verdicts(studio.verify(smaller)) == {"17": "identical"}


def test_a_film_is_not_put_together_while_a_frame_is_missing_and_is_after_a_retry(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = studio.service.submit(FILM).job.id
    refused = keys.portrait(studio.service.portraits(job_id).portraits[5].recipe)
    put = type(studio.storage).put

    def refusing(self: Any, key: str, body: bytes, **more: Any) -> bool:
        if key == refused:
            raise ValueError("this file is not wanted")
        return put(self, key, body, **more)

    with monkeypatch.context() as patch:
        patch.setattr(type(studio.storage), "put", refusing)
        _work_until_done(studio, job_id)
    assert studio.ledger.get_job(job_id).failed == 1
    assert [failure.unit for failure in studio.service.failures(job_id)] == [5]
    assert not [key for key, _, _ in studio.service.files_of(job_id) if key.endswith(".mp4")]
    told = [line.text for line in studio.ledger.job_log(job_id)]
    assert any("not put together: 1 of its frames failed: 5" in line for line in told), told

    assert studio.service.retry(job_id) == 1
    _work_until_done(studio, job_id)
    assert studio.ledger.get_job(job_id).failed == 0
    assert len([key for key, _, _ in studio.service.files_of(job_id) if key.endswith(".mp4")]) == 2


def _work_until_done(studio: Studio, job_id: int) -> None:
    """What failed waits a moment before it is tried again."""
    deadline_s = time.monotonic() + 120
    while studio.ledger.get_job(job_id).state is not JobState.DONE:
        assert time.monotonic() < deadline_s
        studio.work()
        time.sleep(0.05)


def test_a_damaged_frame_is_named(studio: Studio) -> None:
    job_id = studio.done({**FILM, "codecs": ["h264"]})
    studio.storage.put(studio.portrait(job_id, 7).key, b"no picture", if_absent=False)
    again = studio.service.submit({**FILM, "codecs": ["h264"]}).job.id
    deadline_s = time.monotonic() + 120
    while studio.ledger.get_job(again).state is not JobState.FAILED:
        assert time.monotonic() < deadline_s
        with contextlib.suppress(WorkFailed):
            studio.work()
        time.sleep(0.05)
    assert "frame 7 is damaged" in (studio.ledger.get_job(again).error or "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"keys": [3]}, "keys"),
        ({"keys": [3, -1]}, "keys.1"),
        ({"size_px": 127}, "size_px"),
        ({"size_px": 62}, "size_px"),
        ({"size_px": 8192}, "size_px"),
        ({"seconds": 0.01}, ""),
        ({"seconds": 10**5}, ""),
        ({"fps": 0}, "fps"),
        ({"noise": "loud"}, "noise"),
        ({"codecs": []}, "codecs"),
        ({"codecs": ["h264", "h264"]}, "codecs"),
        ({"codecs": ["vp9"]}, "codecs.0"),
        ({"quality": 0}, "quality"),
    ],
)
def test_what_is_wrong_with_a_film_is_told(studio: Studio, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        studio.service.submit({**FILM, **change})
    assert field in [problem.field for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--keys", "3,x,17"], "--keys: 'x' is not a seed"),
        (["--keys", "3,17", "--codec", "vp9"], "--codec: one of h264, av1, both"),
        (["--keys", "3,17", "--out", "."], "--out: . is a folder"),
    ],
)
def test_the_command_line_names_what_is_wrong(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["film", "tiny", "--seconds", "1", "--size", "64", *options])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
