"""Which queue serves which kind of task, and how each kind of job is cut and closed."""

from typing import Literal

Queue = Literal["render", "train", "cpu"]
QUEUES: tuple[Queue, ...] = ("render", "train", "cpu")

FINALISE = "finalise"
"""A kind of task, never of job: it writes what a finished job leaves behind."""

LIST = "list"
"""A kind of task, never of job: it writes parts of the result list of a job that still runs. Its units are parts."""

DATASET_KINDS = frozenset({"curate", "reverdict"})
"""Jobs that make a dataset version, whose number is theirs from the start."""

BACKSTAGE_KINDS = frozenset({FINALISE, LIST})
"""Kinds of task whose units are none of their job's."""

PART_UNITS = 10_000
"""Units of a job in one part of its result list."""

QUEUE_OF: dict[str, Queue] = {
    "render": "render",
    "giant": "render",
    "upscale": "render",
    "film": "render",
    "select": "render",
    "rank": "render",
    "verify": "render",
    "evaluate": "render",
    "compare": "render",
    "certify": "render",
    "train": "train",
    "curate": "cpu",
    "assemble": "cpu",
    "import": "cpu",
    "onnx": "cpu",
    "reverdict": "cpu",
    FINALISE: "cpu",
    LIST: "cpu",
}

PORTRAIT_KINDS = frozenset({"render", "film", "select"})
"""Jobs whose units are pictures of recipes: each settled unit is in storage by itself, so that a beat moves the cursor
and an idle worker may take a running task's tail."""

GIANT_KINDS = frozenset({"giant", "upscale"})
"""Jobs whose units are parts of pictures, each in storage by itself, phase after phase. Workers of one render class do
all of them, and later units need earlier ones: one that is given up fails the job."""

EVALUATION_KINDS = frozenset({"evaluate", "compare", "certify"})
"""Jobs whose units describe portraits and photographs, each in storage by itself. No figure is told of a part of what
was asked for: a unit that is given up fails the job."""

SETTLED_ALONE_KINDS = PORTRAIT_KINDS | GIANT_KINDS | EVALUATION_KINDS
"""Jobs whose every settled unit is in storage by itself: a beat moves the cursor, and a lost attempt loses none."""

WHOLE_KINDS = GIANT_KINDS | EVALUATION_KINDS
"""Jobs of which every unit is needed: one that is given up fails the job."""

SEED_KINDS = frozenset({"render"})
"""Those of them whose unit is the seed: job and series say which portraits they cover. The others name their portraits
one by one (`Ledger.portraits_by_recipe(…, for_job=…)`)."""

PLANNED_KINDS = frozenset({"render", "film"})
"""Those of them whose spec alone says every unit's recipe."""

LISTED_KINDS = PORTRAIT_KINDS | GIANT_KINDS
"""Jobs that leave a result list, in parts."""

FINALISED_KINDS = SETTLED_ALONE_KINDS | {"curate", "verify"}
"""Jobs whose last closed task leaves them `finishing`, with one finalise task."""

PAINTING_KINDS = PORTRAIT_KINDS | GIANT_KINDS
"""Jobs that quotas of portraits and bytes hold back."""

YIELDING_KINDS = PAINTING_KINDS | EVALUATION_KINDS | {"verify"}
"""Running tasks that make way for more urgent work at their next unit; a slice of training never does."""

SEQUENTIAL_KINDS = frozenset({"train"})
"""Jobs with one open task at a time: a slice starts where the one before it ended."""
