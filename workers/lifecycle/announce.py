"""What a claimed task is called where people look: in Flower's columns and in the log."""

from farm.ledger.rows import Claim
from farm.specs.kinds import FINALISE, LIST
from farm.specs.seeds import SeedRange


def readable_args(claim: Claim) -> str:
    """`job=17 seeds=128..191 1024px`: which job, which units of it, and what matters of the spec."""
    units = SeedRange(claim.cursor, claim.hi)
    match claim.kind:
        case "render":
            return f"job={claim.job_id} seeds={units} {claim.spec.get('size_px', '?')}px"
        case "film":
            return f"job={claim.job_id} frames={units} {claim.spec.get('size_px', '?')}px"
        case "verify":
            return f"job={claim.job_id} of=job {claim.spec.get('job', '?')} portraits={units}"
        case "curate":
            return f"job={claim.job_id} photos={units} dataset={claim.spec.get('dataset', '?')}"
        case "reverdict":
            return f"job={claim.job_id} dataset={claim.spec.get('dataset', '?')}@{claim.spec.get('of_version', '?')}"
        case "train":
            return f"job={claim.job_id} run={claim.spec.get('run', '?')} images={units}"
        case "assemble" | "import":
            return f"job={claim.job_id} cascade={claim.spec.get('cascade', '?')}"
        case kind if kind == LIST:
            return f"job={claim.job_id} result-parts={units}"
        case kind if kind == FINALISE:
            return f"job={claim.job_id} of={claim.spec.get('kind', '?')}"
        case _:
            return f"job={claim.job_id} units={units}"
