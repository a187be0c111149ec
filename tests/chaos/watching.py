"""What the record and the logs say about an outage: told once, nothing failed for it, and everything is there."""

import contextlib
from dataclasses import dataclass

from tests.chaos.portraits import Order, order
from tests.chaos.yard import Yard, wait_for

BEGINS = "{} is out: "
ENDS = "{} answers again: "
PROCESSES = 2


@dataclass(frozen=True)
class Listener:
    """Hears what the workers of a yard say from some moment on."""

    yard: Yard
    heard: dict[str, int]

    def says(self, name: str) -> str:
        """What this worker (parent and child) said since."""
        return self.yard.workers[name].says()[self.heard.get(name, 0) :]

    def lines(self, name: str, words: str) -> list[str]:
        return [line for line in self.says(name).splitlines() if words in line]

    def wait_for_outage(self, service: str) -> None:
        """Until every worker has told it."""
        for name in self.yard.workers:
            wait_for(
                f"{name} to say that {service} is out",
                lambda n=name: bool(self.lines(n, BEGINS.format(service))),  # type: ignore[misc]
            )

    def wait_for_recovery(self, service: str) -> None:
        """Until every process that told the beginning has told the end; there is work for them meanwhile."""

        def told() -> bool:
            return all(
                len(self.lines(name, ENDS.format(service))) >= len(self.lines(name, BEGINS.format(service)))
                for name in self.yard.workers
            )

        with contextlib.suppress(TimeoutError):
            wait_for("the end to be told", told, timeout_s=1)
            return
        for _ in range(6):
            placed = order(self.yard, each=120)
            self.yard.wait_until_ended(*placed.job_ids)
            with contextlib.suppress(TimeoutError):
                wait_for("the end to be told", told, timeout_s=5)
                return
        raise AssertionError("\n".join(self.says(name)[-3000:] for name in self.yard.workers))

    def check_told_once(self, service: str) -> None:
        """One line for the beginning and one for the end from each process: a worker is two."""
        for name in self.yard.workers:
            begins, ends = (self.lines(name, words.format(service)) for words in (BEGINS, ENDS))
            assert len(begins) == len(ends) <= PROCESSES, self.says(name)[-5000:]


def listen(yard: Yard) -> Listener:
    """To what the workers say from now on."""
    return Listener(yard, {name: len(worker.says()) for name, worker in yard.workers.items()})


def check_nothing_failed(yard: Yard, placed: Order) -> None:
    """An outage counts as nobody's failure: no seed raised, none was given up."""
    for job_id in placed.job_ids:
        assert yard.ledger.failures_of(job_id) == []
        assert [task for task in yard.record(job_id) if task.failures] == []
