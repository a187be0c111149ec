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

PORTRAIT_KINDS = frozenset({"render", "film", "select"})
"""Jobs whose units are pictures of recipes: each settled unit is in storage by itself, so that a beat moves the cursor
and an idle worker may take a running task's tail."""

SEED_KINDS = frozenset({"render"})
"""Those of them whose unit is the seed: job and series say which portraits they cover. The others name their portraits
one by one (`Ledger.portraits_by_recipe(…, for_job=…)`)."""

FINALISED_KINDS = PORTRAIT_KINDS | {"curate", "verify"}
"""Jobs whose last closed task leaves them `finishing`, with one finalise task."""

SEQUENTIAL_KINDS = frozenset({"train"})
"""Jobs with one open task at a time: a slice starts where the one before it ended."""
