"""A small feature network, the same as a module and as an ONNX file."""

import io

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIZE_PX = 64
FEATURES = 32


def weights() -> NDArray[np.float32]:
    draw = np.random.default_rng(3)
    return draw.normal(size=(FEATURES, 3, 5, 5)).astype(np.float32) / 8


class SmallNetwork(torch.nn.Module):
    """Convolution, rectifier, mean: uint8 [N, 3, 64, 64] -> float32 [N, FEATURES]."""

    num_features = FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights()))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        maps = torch.nn.functional.conv2d(pictures.to(self.weights.dtype) / 255, self.weights, stride=2)
        return torch.relu(maps).mean(dim=(2, 3))


def network_file(*, side: int | str = SIZE_PX, batch: int | str = "n") -> bytes:
    """The same as ONNX, input already in 0 … 1."""
    pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, [batch, 3, side, side])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, FEATURES, 1, 1])
    nodes = [
        helper.make_node("Conv", ["pictures", "weights"], ["maps"], strides=[2, 2]),
        helper.make_node("Relu", ["maps"], ["kept"]),
        helper.make_node("GlobalAveragePool", ["kept"], ["features"]),
    ]
    held = [numpy_helper.from_array(weights(), "weights")]
    model = helper.make_model(
        helper.make_graph(nodes, "small", [pictures], [features], held), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    body = io.BytesIO()
    onnx.save(model, body)
    return body.getvalue()
