"""Who describes pictures for an evaluation: the built-in bank, or a network of the user's own."""

from typing import Protocol

from farm.errors import InvalidInput, NotFound
from farm.specs import EvaluateSpec, Evaluation
from farm.storage import Storage, keys
from workers.cascade.pixels import Picture
from workers.evaluation.feature_file import Arrays
from workers.evaluation.features import Describer
from workers.evaluation.onnx_extractor import TREATMENTS, open_extractor


class Describing(Protocol):
    """Pictures → features."""

    @property
    def digest(self) -> str:
        """What decides the features, apart from the pixels."""

    def arrays(self, pictures: Picture) -> Arrays:
        """uint8 [n, size, size, 3] → float32 or float16 [n, …] by name."""


def open_describers(spec: Evaluation, storage: Storage) -> tuple[Describing, ...]:
    """The built-in bank, which every figure and verdict is told from, and the user's network where one was asked for.

    Raises InvalidInput for pictures that are too small or too large, and for what is no such network.
    """
    bank = Describer(int(spec.size_px or 0))
    if not isinstance(spec, EvaluateSpec) or spec.extractor is None:
        return (bank,)
    try:
        body = storage.get(keys.intake(spec.extractor))
    except NotFound as error:
        raise InvalidInput("the network is gone; submit the evaluation with its file again") from error
    return bank, open_extractor(body, TREATMENTS[spec.treatment])
