"""An evaluation whose worker's process is killed in the middle goes on elsewhere, and says the same bytes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farm.ledger import JobState
from farm.storage import keys
from tests.workers.evaluation_studio import GROUND, PATIENCE_S, opened

SPEC = {"kind": "evaluate", "of": "tiny", "portraits": 320, **GROUND}
WORKER = """
import sys
from pathlib import Path
from tests.workers.evaluation_studio import opened
with opened(Path(sys.argv[1]), name="bob") as studio:
    studio.ended(int(sys.argv[2]))
"""


@pytest.mark.timeout(1500)
def test_a_killed_evaluation_says_what_it_would_have_said(tmp_path: Path) -> None:
    with opened(tmp_path / "whole") as studio:
        studio.stock()
        whole = studio.done(SPEC)
        expected = studio.storage.get(keys.evaluation(whole))
    with opened(tmp_path / "killed") as studio:
        # Given a worker in a process of its own, killed when it has described a part
        studio.stock()
        job_id = studio.submit(SPEC)
        assert job_id == whole
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(studio.service.settings.home), str(job_id)])
        deadline_s = time.monotonic() + PATIENCE_S
        while len(before := studio.features()) < 3:
            assert worker.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert studio.ledger.get_job(job_id).state is JobState.RUNNING

        # When its lease is over and another one goes on
        while not any(task.losses for task in studio.ledger.tasks_of(job_id)):
            assert time.monotonic() < deadline_s
            studio.service.dispatcher.tick()
            time.sleep(0.2)
        studio.ended(job_id)

        # Then what was described before was not described again, and the result is the same
        after = studio.features()
        assert {key: after[key] for key in before} == before
        assert studio.storage.get(keys.evaluation(job_id)) == expected
