"""The core's own arithmetic: by NumPy where a framework that compiles has its numbers at hand, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from toys import NumpyBackend

import adhelpers
from adhelpers.engine.arithmetic import arithmetic, device, framework_array, is_traced
from adhelpers.plugins.objects import is_numpy


@pytest.fixture
def jax() -> Any:
    return pytest.importorskip("jax")


@pytest.fixture
def compiled(jax: Any) -> Iterator[list[str]]:
    """The events of JAX for each program that it lowers."""
    seen: list[str] = []

    def listen(event: str, duration: float, **kwargs: Any) -> None:
        if event == "/jax/core/compile/jaxpr_to_mlir_module_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    jax.monitoring.clear_event_listeners()


def test_numbers_in_memory_are_numpys_without_a_copy(jax: Any) -> None:
    backend = adhelpers.backend("jax")
    array = jax.device_put(np.asarray([1.0, 2.0], np.float32), jax.devices("cpu")[0])
    xp, numbers = arithmetic(backend, array)
    assert type(numbers) is np.ndarray
    assert numbers.ctypes.data == array.unsafe_buffer_pointer()
    assert numbers.dtype == np.float32
    assert device(backend, numbers) is None
    back = framework_array(backend, xp.astype(xp.sum(numbers), numbers.dtype), array)
    assert isinstance(back, jax.Array)
    assert back.dtype == np.float32
    assert float(back) == 3.0


def test_tracers_and_short_dtypes_are_left_to_the_framework(jax: Any) -> None:
    backend = adhelpers.backend("jax")
    kinds: list[bool] = []

    def f(x: Any) -> Any:
        xp, array = arithmetic(backend, x)
        kinds.append(is_numpy(array) or xp is not backend.array_namespace(x))
        return 2.0 * x

    jax.jit(f)(jax.numpy.ones(2))
    f(jax.numpy.ones(2, dtype=jax.numpy.bfloat16))
    jax.jvp(f, (jax.numpy.ones(2),), (jax.numpy.ones(2),))  # whose constant is plain
    assert kinds == [False, False, True]


class Elsewhere:
    """An array that says by DLPack where it lies, and cannot be copied from there."""

    dtype = np.dtype(np.float64)

    def __init__(self, kind: int | None) -> None:
        self._kind = kind

    def __dlpack_device__(self) -> tuple[int, int]:
        if self._kind is None:
            raise BufferError("it lies on several devices")
        return self._kind, 0


class Compiling(NumpyBackend):
    """It compiles, and its arrays must stay where they are."""

    def compile(self, function: Any) -> Any:
        return function

    def to_numpy(self, leaf: Any) -> Any:
        pytest.fail("a transfer to the host")

    def stop_gradient(self, leaf: Any) -> Any:
        return leaf

    def array_namespace(self, *arrays: Any) -> Any:
        return np


@pytest.mark.parametrize("kind", [2, 13, None], ids=["CUDA", "CUDA, managed", "several devices"])
def test_arrays_on_devices_stay_there(kind: int | None) -> None:
    array = Elsewhere(kind)
    assert arithmetic(Compiling(), array)[1] is array


def test_a_framework_that_compiles_nothing_keeps_its_arrays() -> None:
    torch = pytest.importorskip("torch")
    backend = adhelpers.backend("torch")
    tensor = torch.ones(2, requires_grad=True)
    xp, array = arithmetic(backend, tensor)
    assert xp is backend.array_namespace(tensor)
    assert type(array) is torch.Tensor
    assert not array.requires_grad
    assert device(backend, array) == tensor.device
    assert framework_array(backend, array, tensor) is array


def test_what_was_computed_is_asked_of_no_framework() -> None:
    """PyTorch's backend does not know NumPy's arrays."""
    torch = pytest.importorskip("torch")
    backend = adhelpers.backend("torch", compiled=True)
    xp, numbers = arithmetic(backend, torch.ones(2))
    assert type(numbers) is np.ndarray
    computed = xp.sum(numbers)
    assert arithmetic(backend, computed)[1] is computed
    assert not is_traced(backend, computed)
    assert is_traced(backend, torch.ones(2, device="meta"))


def test_a_proof_compiles_next_to_nothing(jax: Any, compiled: list[str]) -> None:
    """Six operations of `f` and its derivative, each also for many vectors; 34 programs, were the proof compiled."""
    backend = adhelpers.backend("jax")
    xp = backend.array_namespace()
    x = backend.asarray(np.linspace(0.0, 1.0, 5 * 13, dtype=np.float32).reshape(5, 13))  # a shape of this test alone
    jacobian = adhelpers.batched_jacobian(lambda x: 2.0 * xp.tanh(x), backend, x)
    assert 4 <= len(compiled) <= 18
    slopes = 2.0 / np.cosh(np.linspace(0.0, 1.0, 5 * 13).reshape(5, 13)) ** 2
    expected = np.zeros((5, 5, 13))
    expected[np.arange(5), np.arange(5)] = slopes
    np.testing.assert_allclose(backend.to_numpy(jacobian), expected, rtol=1e-5)
