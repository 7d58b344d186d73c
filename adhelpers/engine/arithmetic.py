"""The core's own arithmetic with arrays, by NumPy where a framework would compile each of its steps."""

from __future__ import annotations

from typing import Any

from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array
from adhelpers.plugins.objects import is_numpy


def arithmetic(backend: ADBackend, array: Array) -> tuple[Any, Any]:
    """A namespace and the array as a constant, to compute with: NumPy's in place of the framework's where that is free.

    A framework that compiles does so for each operation on each new shape. A sweep and its proof have some thirty
    besides those of `f`, which takes a second at the first call; NumPy takes nothing.
    """
    if not is_numpy(array):  # as what was computed here, which a framework need not know
        array = backend.stop_gradient(array)
    if not is_numpy(array):
        if not _is_at_hand(backend, array):
            return backend.array_namespace(array), array
        array = backend.to_numpy(array)
    import array_api_compat.numpy

    return array_api_compat.numpy, array


def device(backend: ADBackend, array: Array) -> Any:
    """The device for what is made beside an array that `arithmetic` gave."""
    return None if is_numpy(array) else backend.device(array)


def framework_array(backend: ADBackend, computed: Array, like: Array) -> Array:
    """What was computed by `arithmetic` on `like`, as an array of the framework."""
    return backend.asarray(computed, like) if is_numpy(computed) and not is_numpy(like) else computed


def is_traced(backend: ADBackend, computed: Array) -> bool:
    """Whether what was computed has no values."""
    return not is_numpy(computed) and backend.is_traced(computed)


def _is_at_hand(backend: ADBackend, array: Array) -> bool:
    """Whether to compute with NumPy: arrays on other devices stay there, and so do tracers and short dtypes."""
    if not backend.compiles or backend.is_traced(array) or not backend.keeps(array):
        return False
    try:
        kind, _ = array.__dlpack_device__()
    except Exception:  # noqa: BLE001  # each framework has another error for an array that it cannot exchange
        return False
    return bool(kind == _CPU) and backend.array_namespace(array).finfo(array.dtype).bits >= 32


_CPU = 1
"""``kDLCPU`` of DLPack, the array standard's protocol of exchange."""
