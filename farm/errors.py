"""The error tree. Foreign errors are translated into it once, at the edge where they appear.

FarmError
├── InvalidInput          422  what the user sent cannot be done; `problems` names every wrong field
│   ├── TooLarge          413  the body is larger than this farm accepts
│   ├── PhotoRefused      422  one photograph cannot be opened safely
│   ├── CascadeInvalid    422  weights or cascade.json wrong, damaged or foreign
│   └── CheckpointInvalid 422  a training checkpoint is damaged or belongs to another run
├── NotFound              404  no such job, dataset, run, cascade, portrait or object
├── Conflict              409  it exists with another content, or the state forbids it
├── Unauthorised          401  no key, or an unknown one
├── Forbidden             403  the key may not do this
├── SettingsInvalid       500  a setting is missing or malformed; names the variable
├── Unavailable           503  a service does not answer; trying again may help
│   ├── LedgerUnavailable 503
│   ├── QueueUnavailable  503
│   └── StorageUnavailable 503
│       └── StorageFull   507  no room is left: somebody must make some
├── WorkFailed            500  a task raised: network, encoder, device
│   ├── OutOfMemory       500  the device has too little memory for the canonical call
│   └── TrainingDiverged  500  a loss or weight is no longer finite
└── LeaseLost             409  another attempt owns this task now: stop at once, write nothing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Problem:
    """One mistake: `field` is a dotted path into what was sent (`""` for the whole), `message` says what to do."""

    field: str
    message: str


class FarmError(Exception):
    """Base of every error this project raises on purpose.

    `http_status` is what the API answers; `retryable` says whether the same request may succeed later.
    """

    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    title: ClassVar[str] = "The farm could not do this"

    def __init__(self, message: str, *, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        if not self.problems:
            return self.message
        return self.message + "".join(f"\n  {p.field or '(whole)'}: {p.message}" for p in self.problems)


class InvalidInput(FarmError):
    """What the user sent cannot be done as it stands."""

    http_status = 422
    title = "The request has mistakes"


class TooLarge(InvalidInput):
    """The body is larger than this farm accepts."""

    http_status = 413
    title = "Too large"


class PhotoRefused(InvalidInput):
    """One photograph cannot be opened safely or is not a photograph."""

    title = "The photo was refused"


class CascadeInvalid(InvalidInput):
    """Weights or their description are wrong, damaged or foreign."""

    title = "The cascade is not valid"


class CheckpointInvalid(InvalidInput):
    """A training checkpoint is damaged or belongs to another run."""

    title = "The checkpoint is not valid"


class NotFound(FarmError):
    """No such job, dataset, run, cascade, portrait or object."""

    http_status = 404
    title = "Not found"


class Conflict(FarmError):
    """It exists already with another content, or its state forbids this."""

    http_status = 409
    title = "Conflict"


class Unauthorised(FarmError):
    """No API key was sent, or an unknown one."""

    http_status = 401
    title = "An API key is needed"


class Forbidden(FarmError):
    """The key is known but may not do this."""

    http_status = 403
    title = "Not allowed"


class SettingsInvalid(FarmError):
    """A setting is missing or malformed."""

    title = "A setting is wrong"


class Unavailable(FarmError):
    """A service the farm stands on does not answer."""

    http_status = 503
    retryable = True
    title = "A service is not available"


class LedgerUnavailable(Unavailable):
    """The database does not answer or is locked for too long."""


class QueueUnavailable(Unavailable):
    """Redis does not answer."""


class StorageUnavailable(Unavailable):
    """The object store or its folder does not answer, is full or refuses."""


class StorageFull(StorageUnavailable):
    """The disk is full, or the bucket's quota is used up: nothing more is written until somebody makes room."""

    http_status = 507
    title = "The storage is full"


class WorkFailed(FarmError):
    """A task raised while working."""

    retryable = True
    title = "The work failed"


class OutOfMemory(WorkFailed):
    """The device has too little memory for a stage's canonical call."""


class TrainingDiverged(WorkFailed):
    """A loss or a weight is no longer finite."""

    retryable = False


class LeaseLost(FarmError):
    """Another attempt owns this task now; whoever holds this must stop and write nothing."""

    http_status = 409
    title = "The lease was lost"
