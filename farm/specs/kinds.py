"""Which queue serves which kind of task, and how each kind of job is cut and closed."""

from typing import Literal

Queue = Literal["render", "train", "cpu"]
QUEUES: tuple[Queue, ...] = ("render", "train", "cpu")

FINALISE = "finalise"
"""A kind of task, never of job: it writes what a finished job leaves behind."""

QUEUE_OF: dict[str, Queue] = {
    "render": "render",
    "verify": "render",
    "train": "train",
    "curate": "cpu",
    "assemble": "cpu",
    "import": "cpu",
    FINALISE: "cpu",
}

FINALISED_KINDS = frozenset({"render", "curate", "verify"})
"""Jobs whose last closed task leaves them `finishing`, with one finalise task."""

SEQUENTIAL_KINDS = frozenset({"train"})
"""Jobs with one open task at a time: a slice starts where the one before it ended."""
