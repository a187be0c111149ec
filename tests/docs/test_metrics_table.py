"""The table of metrics in docs/operators.md is what API and workers tell; the alerts ask for nothing else."""

import re
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from farm.api.metrics import FarmCollector, RequestNumbers
from farm.ledger.rows import Worker
from farm.service import open_service
from farm.service.numbers import Census
from farm.settings import Settings
from tests.docs.markdown import ROOT
from tests.farm.stocking import CountingQueue
from workers.lifecycle.meter import Ending, Meter, StatementsMeter
from workers.tasks.render_meter import RenderMeter

ROW = re.compile(r"\| `(farm_\w+)` \| (\w+) \| ([\w, ]*) ?\| (API|worker|both) \|")
PROMETHEUS = ROOT / "deploy" / "prometheus"
BUCKET = "le"


def of_worker() -> list[Metric]:
    """What a worker tells that did something of everything."""
    meter = Meter()
    meter.registry.register(RenderMeter())
    meter.registry.register(StatementsMeter(lambda: 1))
    meter.ended("render", Ending.DONE, seconds=1.0, units=1)
    meter.beat(taken=True)
    return list(text_string_to_metric_families(generate_latest(meter.registry).decode()))


def of_api(home: Path) -> list[Metric]:
    """What the API tells of a farm with a job at work and a worker."""
    numbers = RequestNumbers()
    numbers.answered("GET", "/health", 200, seconds=0.1)
    with open_service(Settings.model_validate({"home": home})) as service:
        service.ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 4)])
        who = Worker(
            name="easel", kinds=("render",), device="cpu", render_class="toy", slots=1, draining=False, seen_at=0.0,
            leave_until=None,
        )  # fmt: skip
        service.ledger.register_worker(who)
        service.ledger.claim("easel", ("render",))
        queue = CountingQueue()
        census = Census(ledger=service.ledger, queue=queue, storage=service.storage)  # type: ignore[arg-type]
        numbers.registry.register(FarmCollector(census))
        return list(text_string_to_metric_families(generate_latest(numbers.registry).decode()))


def told(families: Iterable[Metric]) -> set[tuple[str, str, str]]:
    """(name, type, labels) as the table has them: counters with their suffix, labels in one order."""
    found = set()
    for family in families:
        assert family.samples, f"{family.name} is not shown by this test"
        assert family.documentation, family.name
        labels = {label for sample in family.samples for label in sample.labels} - {BUCKET}
        name = family.name + ("_total" if family.type == "counter" else "")
        found.add((name, family.type, ", ".join(sorted(labels))))
    return found


def table(*places: str) -> set[tuple[str, str, str]]:
    text = (ROOT / "docs" / "operators.md").read_text()
    return {
        (name, kind, ", ".join(sorted(filter(None, labels.strip().split(", ")))))
        for name, kind, labels, place in ROW.findall(text)
        if place in places
    }


def test_the_table_names_every_metric_of_a_worker_with_type_and_labels() -> None:
    assert table("worker", "both") == told(of_worker())


def test_the_table_names_every_metric_of_the_api_with_type_and_labels(tmp_path: Path) -> None:
    assert table("API", "both") == told(of_api(tmp_path))


def test_no_label_grows_with_the_work() -> None:
    allowed = {"version", "state", "kind", "queue", "service", "method", "route", "status", "outcome", "result", "step"}
    rows = table("API", "worker", "both")
    assert {label for _, _, labels in rows for label in filter(None, labels.split(", "))} <= allowed


def test_the_example_alerts_ask_for_metrics_there_are() -> None:
    rules = YAML(typ="safe").load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
    known = {name for name, _, _ in table("API", "worker", "both")}
    known |= {
        f"{name}_{part}" for name, kind, _ in table("API", "worker") if kind == "histogram" for part in ("count", "sum")
    }
    assert rules
    for rule in rules:
        asked = set(re.findall(r"farm_\w+", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= known, rule["alert"]
    configuration = YAML(typ="safe").load((PROMETHEUS / "prometheus.yml").read_text())
    assert [scrape["job_name"] for scrape in configuration["scrape_configs"]] == ["farm-api", "farm-worker"]
