"""Collections and workers over one portrait, as a graph of all states that any order of their steps can reach.

Small and complete: collectors that may stand still for ever between two steps or die at any of them, workers that may
die, or lose their lease and go on all the same, and jobs that come and are deleted at any moment. One step is one
transaction of the ledger or one call of the storage, as in farm/ledger and workers/tasks/render.py.

A protocol says which of its parts are there, so that the graph also shows what each of them is for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which parts there are. All of them: what the farm does."""

    epochs: bool = True
    """A key carries the epoch in which it was put; without, a recipe has one key for ever."""
    fenced: bool = True
    """A row comes in only in the epoch of its key."""
    ordered: bool = True
    """Submitting and marking happen one after the other; without, a mark may have looked before it is written."""
    only_earlier: bool = True
    """A row of the current epoch is not marked."""
    refuses_marked: bool = False
    """Whoever meets a marked row waits until it is forgotten, instead of putting a new object in its place."""


class Row(NamedTuple):
    """The portrait's row: the key it names, and whether it is marked."""

    key: int
    marked: bool


class Worker(NamedTuple):
    """at: idle, look, put, get, report or found. key: what it put; epoch: what it was told last."""

    at: str = "idle"
    job: int = -1
    owns: bool = False
    epoch: int = 0
    key: int = -1


class Collector(NamedTuple):
    """at: idle, mark, commit, delete, forget, list, check or sweep."""

    at: str = "idle"
    epoch: int = 0
    keys: tuple[int, ...] = ()


class State(NamedTuple):
    """Ledger (epoch, row, jobs), storage (the keys that hold an object), and where everybody is."""

    epoch: int
    row: Row | None
    stored: frozenset[int]
    jobs: tuple[str, ...]
    workers: tuple[Worker, ...]
    collectors: tuple[Collector, ...]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is of everything."""

    jobs: int = 2
    workers: int = 2
    collectors: int = 2
    collections: int = 2


def covered(state: State) -> bool:
    """Some job that is not deleted asks for the portrait."""
    return any(job not in ("absent", "deleted") for job in state.jobs)


def broken(state: State) -> str | None:
    """What is wrong with a state, or None."""
    if state.row is not None and not state.row.marked and state.row.key not in state.stored:
        return "a row without its object"
    if "done" in state.jobs and (state.row is None or state.row.marked):
        return "a done job without its portrait"
    return None


@dataclass(frozen=True)
class Model:
    """The steps of everybody, one at a time."""

    protocol: Protocol = field(default_factory=Protocol)
    size: Size = field(default_factory=Size)

    def start(self) -> State:
        """A portrait that a deleted job left long ago."""
        size = self.size
        jobs, workers = ("absent",) * size.jobs, (Worker(),) * size.workers
        return State(0, Row(0, False), frozenset({0}), jobs, workers, (Collector(),) * size.collectors)

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Every next state, with what was done in words."""
        yield from self._people(state)
        for index, worker in enumerate(state.workers):
            for what, after, now in self._worker(state, worker):
                workers = _put(state.workers, index, now)
                yield f"worker {index} {what}", after._replace(workers=_sorted(workers))
        for index, collector in enumerate(state.collectors):
            for what, after, has in self._collector(state, collector):
                collectors = _put(state.collectors, index, has)
                yield f"collector {index} {what}", after._replace(collectors=_sorted(collectors))

    def _people(self, state: State) -> Iterator[tuple[str, State]]:
        """Jobs come and go; a lease runs out, whatever its worker does."""
        for index, job in enumerate(state.jobs):
            if job == "absent":
                yield f"submit {index}", state._replace(jobs=_put(state.jobs, index, "waiting"))
            if job in ("waiting", "done"):
                yield f"delete {index}", state._replace(jobs=_put(state.jobs, index, "deleted"))
            if job == "running":
                workers = tuple(w._replace(owns=False) if w.job == index else w for w in state.workers)
                jobs = _put(state.jobs, index, "waiting")
                yield f"lease of {index} ends", state._replace(jobs=jobs, workers=_sorted(workers))

    def _worker(self, state: State, w: Worker) -> Iterator[tuple[str, State, Worker]]:
        if w.at == "idle":
            for index, job in enumerate(state.jobs):
                if job == "waiting":
                    claimed = state._replace(jobs=_put(state.jobs, index, "running"))
                    yield f"claims {index}", claimed, Worker("look", index, True, state.epoch)
            return
        yield "dies", state, Worker(job=w.job, owns=w.owns)._replace(at="dead") if w.owns else Worker()
        if w.at == "dead":
            return
        if w.owns and w.epoch != state.epoch:
            yield "beats", state, w._replace(epoch=state.epoch)
        if w.at == "look":
            yield from self._looks(state, w)
        elif w.at == "put":
            key = w.epoch if self.protocol.epochs else 0
            if key in state.stored:
                yield "finds the object", state, w._replace(at="get", key=key)
            else:
                yield "puts", state._replace(stored=state.stored | {key}), w._replace(at="report", key=key)
        elif w.at == "get":
            there = w.key in state.stored
            yield "reads it", state, w._replace(at="report") if there else w._replace(at="put", key=-1)
        else:
            yield from self._reports(state, w)

    def _looks(self, state: State, w: Worker) -> Iterator[tuple[str, State, Worker]]:
        if state.row is not None and not state.row.marked:
            yield "finds the row", state, w._replace(at="found")
        elif state.row is not None and self.protocol.refuses_marked:
            yield "waits", _given_back(state, w), Worker()
        else:
            yield "renders", state, w._replace(at="put")

    def _reports(self, state: State, w: Worker) -> Iterator[tuple[str, State, Worker]]:
        """The last beat: nothing of it counts where the lease is lost."""
        if not w.owns:
            yield "is too late", state, Worker()
            return
        done = state._replace(jobs=_put(state.jobs, w.job, "done"))
        marked = state.row is not None and state.row.marked
        if w.at == "found":
            yield "is done", done, Worker()
        elif self.protocol.fenced and w.key != state.epoch:
            yield "is refused", _given_back(state, w), Worker()
        elif marked and self.protocol.refuses_marked:
            yield "waits", _given_back(state, w), Worker()
        elif state.row is None or marked:
            yield "tells its row", done._replace(row=Row(w.key, False)), Worker()
        else:
            yield "is done", done, Worker()

    def _collector(self, state: State, c: Collector) -> Iterator[tuple[str, State, Collector]]:
        if c.at == "idle":
            if state.epoch < self.size.collections:
                yield "begins", state._replace(epoch=state.epoch + 1), Collector("mark", state.epoch + 1)
            return
        yield "dies", state, Collector()
        row = state.row
        if c.at == "mark":
            earlier = row is not None and (row.key < state.epoch or not self.protocol.only_earlier)
            goes = row is not None and not row.marked and earlier and not covered(state)
            if goes and not self.protocol.ordered:
                yield "looks", state, c._replace(at="commit")
            else:
                yield from self._marks(state, c, goes=goes)
        elif c.at == "commit":
            yield from self._marks(state, c, goes=row is not None and not row.marked)
        elif c.at == "delete":
            yield "deletes", state._replace(stored=state.stored - set(c.keys)), c._replace(at="forget")
        elif c.at == "forget":
            ours = row is not None and row.marked and row.key in c.keys
            yield "forgets", state._replace(row=None) if ours else state, c._replace(at="list", keys=())
        else:
            yield from self._sweeps(state, c)

    def _marks(self, state: State, c: Collector, *, goes: bool) -> Iterator[tuple[str, State, Collector]]:
        row = state.row._replace(marked=True) if state.row is not None and goes else state.row
        if row is not None and row.marked:
            yield "marks", state._replace(row=row), c._replace(at="delete", keys=(row.key,))
        else:
            yield "marks nothing", state, c._replace(at="list")

    def _sweeps(self, state: State, c: Collector) -> Iterator[tuple[str, State, Collector]]:
        """Objects without a row: listed first, then held against the rows, then deleted."""
        if not self.protocol.epochs:
            yield "ends", state, Collector()
        elif c.at == "list":
            keys = tuple(sorted(key for key in state.stored if key < c.epoch))
            yield "lists", state, c._replace(at="check", keys=keys)
        elif c.at == "check":
            keys = tuple(key for key in c.keys if state.row is None or key != state.row.key)
            yield "checks", state, c._replace(at="sweep", keys=keys) if keys else Collector()
        else:
            gone = state._replace(stored=state.stored - {c.keys[0]})
            yield "sweeps", gone, c._replace(keys=c.keys[1:]) if c.keys[1:] else Collector()


@dataclass(frozen=True, kw_only=True)
class Explored:
    """All reachable states, or a way into the first broken one."""

    states: int
    steps: int
    wrong: str | None = None
    way: tuple[str, ...] = ()
    stuck: int = 0
    """States from which no order of steps ends every job."""
    last: frozenset[State] = frozenset()
    """States in which every job has ended and nobody works."""


def explore(model: Model) -> Explored:
    """Breadth first, so that a way into a broken state is a shortest one."""
    start = model.start()
    came: dict[State, tuple[State, str] | None] = {start: None}
    before: dict[State, list[State]] = {}
    queue, steps = [start], 0
    for state in queue:
        wrong = broken(state)
        if wrong:
            return Explored(states=len(came), steps=steps, wrong=wrong, way=_way(came, state))
        for what, after in model.steps(state):
            steps += 1
            before.setdefault(after, []).append(state)
            if after not in came:
                came[after] = (state, what)
                queue.append(after)
    last = frozenset(state for state in queue if _ended(state))
    return Explored(states=len(came), steps=steps, stuck=len(came) - len(_leading_to(last, before)), last=last)


def swept(state: State) -> State:
    """The state after one collection that nobody disturbs."""
    collectors = (Collector(), *state.collectors[1:])
    state = state._replace(collectors=collectors)
    model = Model(size=Size(collections=state.epoch + 1))
    mine = Collector()
    for _ in range(100):
        state, mine = next((after, has) for what, after, has in model._collector(state, mine) if what != "dies")
        if mine.at == "idle":
            return state
    raise AssertionError("the collection does not end")


def _ended(state: State) -> bool:
    working = any(worker.at != "idle" for worker in state.workers)
    return not working and all(job in ("absent", "done", "deleted") for job in state.jobs)


def _leading_to(last: frozenset[State], before: dict[State, list[State]]) -> set[State]:
    seen, queue = set(last), list(last)
    for state in queue:
        fresh = [each for each in before.get(state, ()) if each not in seen]
        seen.update(fresh)
        queue.extend(fresh)
    return seen


def _way(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    way: list[str] = []
    while (step := came[state]) is not None:
        state, what = step
        way.append(what)
    return tuple(reversed(way))


def _given_back(state: State, w: Worker) -> State:
    return state._replace(jobs=_put(state.jobs, w.job, "waiting")) if w.owns else state


def _put(of: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*of[:index], value, *of[index + 1 :])


def _sorted(of: tuple) -> tuple:  # type: ignore[type-arg]
    """Who is who does not matter: fewer states."""
    return tuple(sorted(of))


if __name__ == "__main__":
    found = explore(Model())
    print(f"{found.states:,} states, {found.steps:,} steps, broken: {found.wrong}, stuck: {found.stuck}")
