"""What a training process writes to standard error reaches the log of its task; what it writes in vain as well."""

import logging
import sys
from pathlib import Path

import pytest

from workers.tasks import slice_child
from workers.tasks.slice_child import SliceChild

SPEAKER = """#!/bin/sh
echo "warning: the device is hot" >&2
echo '{"event": "progress", "nimg": 4}'
printf 'half a ' >&2
echo 'no event'
sleep 0.3
printf 'line\\nand its end without one' >&2
"""


def test_standard_error_is_passed_on_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    speaker = tmp_path / "speaker"
    speaker.write_text(SPEAKER)
    speaker.chmod(0o755)
    monkeypatch.setattr(slice_child.sys, "executable", str(speaker))
    log = tmp_path / "process.log"
    log.write_text("what an earlier slice wrote\n")

    with caplog.at_level(logging.INFO), SliceChild(tmp_path / "slice.json", log=log) as child:
        events = [event for event in child.events(pause_s=0.05) if event is not None]
        assert child.wait() == 0

    said = [record.getMessage() for record in caplog.records]
    assert events == [{"event": "progress", "nimg": 4}]
    assert [text for text in said if "no event" not in text] == [
        "training said: warning: the device is hot",
        "training said: half a line",
        "training said: and its end without one",
    ]
    assert "training said: no event" in said
    assert sys.executable == str(speaker)
