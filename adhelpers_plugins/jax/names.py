"""Names of JAX that have another place or other arguments in some of the supported versions."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

try:
    from jax.extend.core import concrete_or_error, subjaxprs, unmapped_aval
except ImportError:
    from jax.core import concrete_or_error, subjaxprs, unmapped_aval

try:
    from jax import enable_x64
except ImportError:
    from jax.experimental import enable_x64

try:
    from jax import typeof
except ImportError:
    from jax.core import get_aval as typeof

try:
    from jax.experimental.shard_map import register_standard_check, register_standard_rewrite

    _OVER_DEVICES: tuple[Callable[[Any], Any], ...] = (register_standard_check, register_standard_rewrite)
except ImportError:  # a JAX that sees it from the shapes
    _OVER_DEVICES = ()

__all__ = [
    "concrete_or_error",
    "enable_x64",
    "name_and_file",
    "register_over_devices",
    "stacked",
    "subjaxprs",
    "typeof",
    "varying_most",
]


def stacked(aval: Any, along: Any) -> Any:
    """The shape and dtype of a stack of such arrays, on an axis that JAX describes to a batching rule."""
    if not hasattr(along, "explicit_mesh_axis"):  # a JAX whose arrays have no mesh in their types
        return aval.update(shape=(along.size, *aval.shape))
    return unmapped_aval(along.size, 0, aval, along.explicit_mesh_axis)


def register_over_devices(primitive: Any) -> None:
    """Tell ``shard_map`` that the results of a primitive are equal across devices if its operands are."""
    for register in _OVER_DEVICES:
        register(primitive)


def varying_most(avals: tuple[Any, ...]) -> Any:
    """The last of these shapes and dtypes, unless another one varies across more axes of devices."""
    return max(reversed(avals), key=lambda aval: len(_varying(aval)))


def _varying(aval: Any) -> Any:
    """The axes, in whichever place a version of JAX has them."""
    return aval.mat.varying if hasattr(aval, "mat") else getattr(aval, "vma", ())


def name_and_file(function: Any) -> tuple[str, str]:
    """The name and file of a function that JAX has wrapped or traced; two empty strings if unknown."""
    debug_info = function.debug_info
    if debug_info is not None:
        name, _, place = str(debug_info.func_src_info).partition(" at ")
        return name, place.rpartition(":")[0]
    wrapped: Any = getattr(function, "f", None)
    if hasattr(wrapped, "__code__"):
        return wrapped.__code__.co_name, wrapped.__code__.co_filename
    # What is traced knows where each of its steps was applied: the function is the last before JAX.
    traced = wrapped.args[0] if isinstance(wrapped, functools.partial) else function
    for equation in getattr(traced, "eqns", ()):
        frames = equation.source_info.traceback.raw_frames()[0] if equation.source_info.traceback else ()
        for code, caller in itertools.pairwise(frames):
            if caller.co_filename.endswith(_CUSTOM_DERIVATIVES):
                return code.co_name, code.co_filename
    return "", ""


_CUSTOM_DERIVATIVES = "custom_derivatives.py"
