"""A cascade as ONNX, by a real worker: made, checked against torch, stored."""

import io
import json

import onnx
import pytest

from farm.errors import InvalidInput
from farm.ledger import JobState
from farm.service import Service
from farm.service.archives import pack
from farm.storage import keys
from tests.farm.conftest import new_ledger_file, queue, service, settings  # noqa: F401
from tests.farm.stocking import toy_worker
from tests.workers.cascade.tiny import random_objects
from workers.lifecycle import Post, Runner
from workers.tasks.importing import ImportTask
from workers.tasks.onnx import OnnxTask


def work(service: Service) -> None:  # noqa: F811
    toy_worker(service.ledger, "ada")
    runner = Runner(
        ledger=service.ledger,
        dispatcher=service.dispatcher,
        post=Post("ada", ("cpu",)),
        handlers={"import": ImportTask(storage=service.storage), "onnx": OnnxTask(storage=service.storage)},
        settings=service.settings,
    )
    while runner.serve("cpu") != "nothing to claim":
        pass


@pytest.mark.timeout(900)
def test_a_cascade_is_written_as_onnx_and_checked(service: Service) -> None:  # noqa: F811
    archive = io.BytesIO()
    pack(random_objects().items(), archive)
    service.import_cascade("tiny", archive.getvalue())
    work(service)
    with pytest.raises(InvalidInput, match="mistakes") as refused:
        service.submit({"kind": "onnx", "cascade": "tiny", "size_px": 64})
    assert "16, 32, 128" in refused.value.problems[0].message

    job = service.submit({"kind": "onnx", "cascade": "tiny", "size_px": 32}).job
    work(service)

    assert service.job(job.id).job.state is JobState.DONE
    told = json.loads(service.storage.get(keys.onnx_check(job.id)))
    assert told["levels"] <= 1 and told["cascade"] == service.ledger.cascade("tiny").digest
    model = onnx.load_from_string(service.storage.get(keys.onnx_graph(job.id)))
    assert [each.name for each in model.graph.input] == ["z", "psi", "noise_keys_1"]
    assert {key for key, _, _ in service.files_of(job.id)} == {keys.onnx_graph(job.id), keys.onnx_check(job.id)}
