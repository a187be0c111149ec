"""The numbers of rendering agree with ledger and storage, and a task's log tells of failed portraits."""

import logging

import pytest
from prometheus_client import CollectorRegistry

from tests.workers.test_verify import Studio, studio
from workers.tasks.render import RenderTask
from workers.tasks.render_meter import RenderMeter

__all__ = ["studio"]


@pytest.fixture
def counted(studio: Studio) -> CollectorRegistry:
    """What the studio's worker tells Prometheus of its portraits."""
    task = studio.runner._handlers["render"]
    assert isinstance(task, RenderTask)
    registry = CollectorRegistry()
    registry.register(task.meter)
    return registry


def portraits(registry: CollectorRegistry) -> dict[str, float]:
    return {
        result: registry.get_sample_value("farm_portraits_total", {"result": result}) or 0.0
        for result in ("rendered", "reused", "failed")
    }


def test_rendered_and_reused_portraits_are_counted_and_the_device_was_busy(
    studio: Studio, counted: CollectorRegistry
) -> None:
    studio.done({"kind": "render", "cascade": "tiny", "seeds": "0..9", "size_px": 32})
    assert portraits(counted) == {"rendered": 10, "reused": 0, "failed": 0}
    studio.done({"kind": "render", "cascade": "tiny", "seeds": "5..14", "size_px": 32})
    assert portraits(counted) == {"rendered": 15, "reused": 5, "failed": 0}
    assert len(list(studio.storage.list("portraits/"))) == 15
    spent = {
        step: counted.get_sample_value("farm_render_seconds_total", {"step": step}) or 0.0
        for step in ("device", "encode", "upload")
    }
    assert min(spent.values()) > 0


def test_a_failed_portrait_is_counted_and_told_in_its_tasks_log(
    studio: Studio, counted: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(*_: object, **__: object) -> bool:
        raise ValueError("this file is not wanted")

    job_id = studio.service.submit({"kind": "render", "cascade": "tiny", "seeds": "0..1", "size_px": 32}).job.id
    with caplog.at_level(logging.INFO), monkeypatch.context() as patch:
        patch.setattr(type(studio.storage), "put", refusing)
        claimed = studio.runner.serve("render")
    assert claimed.startswith("done")
    assert portraits(counted)["failed"] == 2
    said = [line.text for line in studio.ledger.job_log(job_id)]
    assert sum("failed: ValueError: this file is not wanted" in text for text in said) == 2, said


def test_a_meter_begins_with_every_result_at_zero() -> None:
    registry = CollectorRegistry()
    registry.register(RenderMeter())
    assert portraits(registry) == {"rendered": 0, "reused": 0, "failed": 0}
