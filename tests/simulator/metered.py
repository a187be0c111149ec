"""The farm's Database, with a count of what each verb of the ledger costs: transactions, statements, seconds."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from farm.ledger.connection import Database, Tx

T = TypeVar("T")


@dataclass
class Cost:
    """Of all transactions of one name."""

    transactions: int = 0
    statements: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0


class MeteredDatabase(Database):
    """Counts; changes nothing."""

    def __init__(self, *told: Any, **options: Any) -> None:
        super().__init__(*told, **options)
        self.writes: dict[str, Cost] = defaultdict(Cost)
        self.reads: dict[str, Cost] = defaultdict(Cost)

    def write(self, name: str, work: Callable[[Tx], T]) -> T:
        with self._counted(self.writes[name]):
            return super().write(name, work)

    def read(self, work: Callable[[Tx], T]) -> T:
        with self._counted(self.reads[_name_of(work)]):
            return super().read(work)

    @contextmanager
    def _counted(self, cost: Cost) -> Iterator[None]:
        before, wall_s, cpu_s = self.statements, time.perf_counter(), time.process_time()
        yield
        cost.transactions += 1
        cost.statements += self.statements - before
        cost.wall_s += time.perf_counter() - wall_s
        cost.cpu_s += time.process_time() - cpu_s


def _name_of(work: Callable[[Tx], Any]) -> str:
    """`demand` for the function itself, `get_job` for a lambda inside Ledger.get_job."""
    inner = work.func if isinstance(work, partial) else work
    parts = getattr(inner, "__qualname__", "read").split(".")
    return parts[1] if "<lambda>" in parts and len(parts) > 1 else str(parts[-1])
