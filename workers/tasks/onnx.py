"""Onnx: a cascade becomes one ONNX graph, stored when its portraits are those of torch."""

import logging
from dataclasses import asdict, dataclass

from farm.errors import WorkFailed
from farm.ledger.rows import Outcome
from farm.recipe import canonical_json
from farm.specs import OnnxSpec
from farm.storage import Storage, keys
from workers.cascade.container import load_cascade
from workers.cascade.onnx_export import difference, export_onnx, steps_to
from workers.lifecycle import Assignment
from workers.tasks.claimed import spec_of

_log = logging.getLogger(__name__)

SEEDS = (0, 1)
"""Whose portraits are compared."""
PSI = 0.7


@dataclass(frozen=True, kw_only=True)
class OnnxTask:
    """The handler of onnx tasks: one unit. On the CPU, where equal graphs are written whatever device there is."""

    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises WorkFailed where the graph's portraits are not torch's, InvalidInput without exporter or runtime."""
        spec, job_id = spec_of(assignment.claim, OnnxSpec), assignment.claim.job_id
        size_px = int(spec.size_px or 0)
        prefix = keys.cascade(spec.cascade)
        cascade = load_cascade(lambda name: self.storage.get(prefix + name))
        body = export_onnx(cascade, size_px=size_px)
        assignment.alive()
        found = difference(cascade, body, SEEDS, size_px=size_px, psi=PSI)
        if not found.within(1 + steps_to(cascade, size_px)):
            told = f"{found.levels} levels of 8 bits off, {found.share:.2%} of the values at all"
            raise WorkFailed(f"ONNX Runtime paints other portraits than torch: {told}")
        _log.info("ONNX beside torch: %d of 255 levels off at most, %.4f %% of values", found.levels, 100 * found.share)
        told_as = {"cascade": spec.cascade, "size_px": size_px, "seeds": list(SEEDS), "psi": PSI, **asdict(found)}
        self.storage.put(keys.onnx_graph(job_id), body, if_absent=False)
        self.storage.put(keys.onnx_check(job_id), canonical_json(told_as), if_absent=False)
        assignment.settle(assignment.cursor)
        return Outcome(output={"graph": keys.onnx_graph(job_id), **told_as})
