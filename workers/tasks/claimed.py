"""A claim's spec as the value it was submitted as."""

from typing import Any, TypeVar

from farm.errors import WorkFailed
from farm.ledger.rows import Claim
from farm.specs import JobSpec, parse_spec

Spec = TypeVar("Spec", bound=JobSpec)

RESERVED = ("version",)
"""What the ledger fills in beside the user's fields: the version a curate job's dataset will have."""


def spec_of(claim: Claim, kind: type[Spec]) -> Spec:
    """The job's spec.

    Raises InvalidInput when the stored spec is not one, WorkFailed when it is of another kind than its task.
    """
    given: dict[str, Any] = {name: value for name, value in claim.spec.items() if name not in RESERVED}
    spec = parse_spec(given)
    if not isinstance(spec, kind):
        raise WorkFailed(f"a {claim.kind} task belongs to a {spec.kind} job")
    return spec
