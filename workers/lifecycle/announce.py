"""What a claimed task is called where people look: in Flower's columns and in the log."""

from farm.ledger.rows import Claim
from farm.specs.kinds import FINALISE, LIST
from farm.specs.seeds import SeedRange


def readable_args(claim: Claim) -> str:
    """`job=17 seeds=128..191 1024px`: which job, which units of it, and what matters of the spec."""
    units = SeedRange(claim.cursor, claim.hi)
    match claim.kind:
        case "render" | "film":
            what = "seeds" if claim.kind == "render" else "frames"
            return f"job={claim.job_id} {what}={units} {claim.spec.get('size_px', '?')}px"
        case "verify":
            return f"job={claim.job_id} of=job {claim.spec.get('job', '?')} portraits={units}"
        case "evaluate" | "compare" | "certify":
            return f"job={claim.job_id} chunks={units} of={_sides(claim)} against={claim.spec.get('against', '?')}"
        case "curate":
            return f"job={claim.job_id} photos={units} dataset={claim.spec.get('dataset', '?')}"
        case "reverdict":
            return f"job={claim.job_id} dataset={claim.spec.get('dataset', '?')}@{claim.spec.get('of_version', '?')}"
        case "train":
            return f"job={claim.job_id} run={claim.spec.get('run', '?')} images={units}"
        case "assemble" | "import" | "onnx":
            return f"job={claim.job_id} cascade={claim.spec.get('cascade', '?')}"
        case kind if kind == LIST:
            return f"job={claim.job_id} result-parts={units}"
        case kind if kind == FINALISE:
            return f"job={claim.job_id} of={claim.spec.get('kind', '?')}"
        case _:
            return f"job={claim.job_id} units={units}"


def _sides(claim: Claim) -> str:
    asked = claim.spec
    sides = asked.get("sides") or [asked.get("of") or f"job {asked.get('job', '?')}"]
    return "|".join(map(str, sides))[:80]
