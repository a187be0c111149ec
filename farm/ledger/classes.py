"""Classes of work: what goes at one speed on one machine, and needs one amount of memory there."""

from collections.abc import Mapping, Sequence
from typing import Any

from farm.specs.kinds import PORTRAIT_KINDS
from farm.specs.seeds import SeedRange


def rate_key(kind: str, spec: Mapping[str, Any], phase: int | None = None) -> str:
    """The class of a job's work: another cascade, size or training preset goes at another speed.

    A portrait takes as long whatever it is for, so that a film profits from what rendering taught. phase: which phase
    of a job in phases, counted from 0; each is a class of its own.
    """
    name = f"{'render' if kind in PORTRAIT_KINDS and phase is None else kind}"
    if "size_px" in spec:
        name += f"@{spec['size_px']}px:{_painter(spec)}"
    elif kind == "train" and "preset" in spec:
        name += f":{str(spec['preset'])[:40]}"
    return name if phase is None else f"{name}#{phase}"


def keys_of_ranges(
    kind: str, spec: Mapping[str, Any], ranges: Sequence[SeedRange], *, phases: bool
) -> list[tuple[SeedRange, str]]:
    """Each range with the class of its units."""
    return [(each, rate_key(kind, spec, place if phases else None)) for place, each in enumerate(ranges)]


def _painter(spec: Mapping[str, Any]) -> str:
    """Whose pictures they are: a cascade's, or those of all sides of an evaluation together."""
    sources = spec.get("sources")
    return "+".join(str(each["digest"])[:12] for each in sources[:4]) if sources else str(spec.get("cascade"))[:12]
