"""What the API says of what goes and what stays."""

from datetime import datetime

from farm.api.answers import Answer, time_or_none
from farm.ledger.heaps import Heap
from farm.service.retention import Collected, Survey


class DeletedOut(Answer):
    """The job is deleted. `finished` False: some of its files are left; send it again, or collect."""

    finished: bool


class StarredOut(Answer):
    """Whether the portrait is starred now."""

    starred: bool


class HeapOut(Answer):
    """Some objects. `oldest` is when the one was last of use that lay longest."""

    count: int
    size_bytes: int
    oldest: datetime | None = None

    @classmethod
    def of(cls, heap: Heap) -> "HeapOut":
        """The answer for one heap."""
        return cls(count=heap.count, size_bytes=heap.size_bytes, oldest=time_or_none(heap.oldest_s))


class SurveyOut(Answer):
    """Portraits by how they stand, and leftovers by what they are; `going` is what a collection would remove."""

    going: HeapOut
    portraits: dict[str, HeapOut]
    leftovers: dict[str, HeapOut]

    @classmethod
    def of(cls, survey: Survey) -> "SurveyOut":
        """The answer for a survey."""
        return cls(
            going=HeapOut.of(survey.going),
            portraits={standing.value: HeapOut.of(heap) for standing, heap in survey.portraits.items()},
            leftovers={name: HeapOut.of(heap) for name, heap in survey.leftovers.items()},
        )


class CollectedOut(Answer):
    """What was removed. `finished` False: there was more than one request may delete; send it again."""

    portraits: HeapOut
    leftovers: dict[str, HeapOut]
    finished: bool

    @classmethod
    def of(cls, done: Collected) -> "CollectedOut":
        """The answer for a collection."""
        leftovers = {name: HeapOut.of(heap) for name, heap in done.leftovers.items()}
        return cls(portraits=HeapOut.of(done.portraits), leftovers=leftovers, finished=done.finished)
