"""The canonical call sets what decides bits, puts it back, and names what went wrong."""

import pytest
import torch

from farm.errors import OutOfMemory
from workers.cascade.arithmetic import computes_bf16
from workers.cascade.canonical import canonical, render_class
from workers.cascade.config import CanonicalCall

CPU = torch.device("cpu")


def test_threads_dtype_and_gradients_are_set_inside_and_put_back_after() -> None:
    before = torch.get_num_threads()
    with canonical(CanonicalCall(8, 1, "bf16", threads=before + 1), CPU):
        assert torch.get_num_threads() == before + 1
        assert torch.is_autocast_enabled("cpu") == computes_bf16(CPU)
        assert torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before
    assert not torch.is_autocast_enabled("cpu")
    with canonical(CanonicalCall(8, 1, "fp32", threads=1), CPU):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    "foreign",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_too_little_memory_has_a_name_and_never_a_smaller_call(foreign: Exception) -> None:
    before = torch.get_num_threads()
    with pytest.raises(OutOfMemory, match="window_px=8"), canonical(CanonicalCall(8, 1), CPU):
        raise foreign
    assert torch.get_num_threads() == before


def test_other_errors_stay_themselves() -> None:
    with pytest.raises(RuntimeError, match="shape"), canonical(CanonicalCall(8, 1), CPU):
        raise RuntimeError("shape mismatch")


def test_the_render_class_names_device_and_build() -> None:
    told = render_class(CPU)
    assert torch.__version__ in told
    assert torch.backends.cpu.get_cpu_capability() in told


@pytest.mark.parametrize(("instructions", "computed"), [("DEFAULT", False), ("AVX2", False), ("AVX512", True)])
def test_bf16_is_computed_where_there_are_kernels_for_it(
    monkeypatch: pytest.MonkeyPatch, instructions: str, computed: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    with canonical(CanonicalCall(8, 1, "bf16", threads=1), CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if computed else torch.float32)
    assert ("bf16 in fp32" in render_class(CPU)) != computed
