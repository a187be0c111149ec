"""ONNX jobs as the service sees them."""

from farm.errors import InvalidInput, Problem
from farm.ledger.rows import CascadeRow
from farm.planning import sizes_px
from farm.specs import OnnxSpec


def resolve_onnx(spec: OnnxSpec, row: CascadeRow) -> OnnxSpec:
    """The spec with the cascade's digest, and the last stage's size where none is given.

    Raises InvalidInput where no stage leaves the size.
    """
    sizes = sizes_px(row.config)
    size_px = spec.size_px or sizes[-1]
    if size_px not in sizes:
        told = f"no stage of {row.name}@{row.version} leaves {size_px} px; they leave {', '.join(map(str, sizes))}"
        raise InvalidInput("the job has mistakes", problems=[Problem("size_px", told)])
    return spec.model_copy(update={"cascade": row.digest, "size_px": size_px})
