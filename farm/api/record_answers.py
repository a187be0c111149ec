"""What the API answers about datasets, runs, cascades, workers, uploads and health."""

from datetime import datetime
from typing import Any

from farm.api.answers import Answer, time_of
from farm.ledger.rows import CascadeRow, Dataset, Run, Slice, Worker
from farm.planning import reachable_px, sizes_px
from farm.service.choosing import is_judged


class FileOut(Answer):
    """One object a job or run left: its key, and a link that may be followed for an hour."""

    key: str
    size_bytes: int
    url: str


class DatasetOut(Answer):
    """One dataset version."""

    name: str
    version: int
    kept: int
    dropped: int
    job_id: int
    manifest_key: str
    manifest_sha256: str

    @classmethod
    def of(cls, row: Dataset) -> "DatasetOut":
        """The answer for one version."""
        return cls.model_validate(row, from_attributes=True)


class RunOut(Answer):
    """One training run. `nimg`: images shown up to its last checkpoint."""

    name: str
    stage: str
    nimg: int
    job_id: int
    config: dict[str, Any]

    @classmethod
    def of(cls, row: Run) -> "RunOut":
        """The answer for one run."""
        return cls(name=row.name, stage=row.stage, nimg=row.nimg, job_id=row.job_id, config=dict(row.config))


class SliceOut(Answer):
    """One accepted slice of a run."""

    start_nimg: int
    end_nimg: int
    metrics: dict[str, float]

    @classmethod
    def of(cls, row: Slice) -> "SliceOut":
        """The answer for one slice."""
        return cls(start_nimg=row.start_nimg, end_nimg=row.end_nimg, metrics=dict(row.metrics))


class LogPageOut(Answer):
    """Lines of some slices of a run, in order. Ask for more from `next_slice`, at once where there is `more`, later
    where the run is not `over`."""

    lines: list[dict[str, Any]]
    next_slice: int
    more: bool
    over: bool


class RunRowOut(Answer):
    """A run beside others: its configuration, images seen, and its last slice's figures as an evaluation has them."""

    name: str
    config: dict[str, Any]
    nimg: int
    figures: list[dict[str, Any]]


class RunDetailOut(RunOut):
    """One training run with its slices and the sample grids it left."""

    slices: list[SliceOut]
    samples: list[FileOut]


class CascadeOut(Answer):
    """One cascade version. `sizes_px` are its stages'. A render job may ask for any size up to the last of
    `reaches_px`; those in it are painted, others reduced. `judged`: it can rank, and choose among candidates."""

    name: str
    version: int
    digest: str
    sizes_px: list[int]
    reaches_px: list[int]
    judged: bool

    @classmethod
    def of(cls, row: CascadeRow) -> "CascadeOut":
        """The answer for one cascade."""
        sizes = sizes_px(row.config)
        return cls(
            name=row.name,
            version=row.version,
            digest=row.digest,
            sizes_px=list(sizes),
            reaches_px=list(reachable_px(sizes)),
            judged=is_judged(row),
        )


class WorkerOut(Answer):
    """One worker process as it last reported. `queues` are the kinds of work it takes."""

    name: str
    queues: list[str]
    device: str
    render_class: str
    slots: int
    draining: bool
    seen_at: datetime
    rates: dict[str, float]

    @classmethod
    def of(cls, row: Worker) -> "WorkerOut":
        """The answer for one worker."""
        return cls(
            name=row.name,
            queues=list(row.kinds),
            device=row.device,
            render_class=row.render_class,
            slots=row.slots,
            draining=row.draining,
            seen_at=time_of(row.seen_at),
            rates=dict(row.rates),
        )


class PhotoOut(Answer):
    """One stored photo; name it in a list of photos by `sha256` and `ext`."""

    sha256: str
    ext: str
    size_bytes: int


class IntakeOut(Answer):
    """One stored upload; name it in a curate or import job by `sha256`. `photos`: how many a list names."""

    sha256: str
    holds: str
    photos: int


class HealthOut(Answer):
    """One word for each service the farm stands on: "ok", or the kind of trouble."""

    ledger: str
    storage: str
    queue: str
