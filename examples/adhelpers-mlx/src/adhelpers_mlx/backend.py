"""Both modes of MLX, in single precision and below; the core derives everything else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import mlx.core as mx
import numpy as np
from adhelpers.extend import ADBackend, Capability, DTypeError, SecondOrder, raised_by_library

from adhelpers_mlx import namespace
from adhelpers_mlx.tracing import is_transforming

_DTYPES = {mx.float32, mx.float16, mx.bfloat16}
_NAMES = {"float32", "float16"}  # NumPy's


@dataclass(frozen=True, kw_only=True)
class MLXBackend(ADBackend):
    """Products by ``mx.jvp`` and ``mx.vjp``; the latter needs its cotangents before it calls `f`."""

    name: ClassVar[str] = "mlx"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.FORWARD,
            Capability.REVERSE,
            Capability.NESTING,
            Capability.FLOAT32,
            Capability.BFLOAT16,
            Capability.THREADS,
        }
    )
    known_failures: ClassVar[dict[str, str]] = dict.fromkeys(
        ("built-by-numpy/jvp", "built-by-numpy/vjp"),
        "wrong value: MLX hands NumPy the numbers in its tracers, and its derivatives do not see that",
    )
    conversion: ClassVar[str | None] = "mlx.core.array"
    pullback_calls_f: ClassVar[bool] = True

    def is_array(self, leaf: object) -> bool:
        """MLX's arrays; its tracers are arrays, too."""
        return isinstance(leaf, mx.array)

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        """An MLX array; double precision is refused, because MLX rounds functions of it to single precision."""
        if not isinstance(leaf, (np.ndarray, np.generic)):
            return mx.array(leaf, dtype=None if like is None else like.dtype)
        if leaf.dtype.kind in "fc" and leaf.dtype.newbyteorder("=").name not in _NAMES:
            raise _refusal(leaf.dtype)
        return mx.array(leaf.astype(leaf.dtype.newbyteorder("="), order="C"))  # MLX takes no negative strides

    def array_namespace(self, *arrays: Any) -> Any:
        """The array API over `mlx.core`."""
        return namespace

    def to_numpy(self, leaf: Any) -> Any:
        """A copy, because MLX would share memory with NumPy, and MLX's copies share memory with one another."""
        return np.array(leaf)

    def is_traced(self, leaf: Any) -> bool:
        """Whether any transformation runs: MLX does not say which arrays take part."""
        return is_transforming()

    def stop_gradient(self, leaf: Any) -> Any:
        """MLX's own."""
        return mx.stop_gradient(leaf)

    def copy(self, leaf: Any) -> Any:
        """Another object with the same numbers: ``x += 1`` changes the object, never the memory."""
        return mx.array(leaf)

    def jvp(self, f: Any, x: tuple[Any, ...], u: tuple[Any, ...]) -> Any:
        """One forward sweep."""
        _require_dtypes(x)
        kept: list[Any] = []

        def outputs_of(*leaves: Any) -> list[Any]:
            outputs, kept[:] = f(*leaves)
            return list(map(_distinct, outputs))

        outputs, tangents = mx.jvp(outputs_of, list(x), list(u))
        return tuple(outputs), tuple(tangents), tuple(map(self.copy, kept))

    def vjp(self, f: Any, x: tuple[Any, ...]) -> Any:
        """`f` without derivatives, and a reverse sweep for each pull, which calls `f` again."""
        _require_dtypes(x)
        x = tuple(map(self.copy, x))  # a caller who changes x in place does not move the point

        def outputs_of(*leaves: Any) -> list[Any]:
            return list(map(_distinct, f(*leaves)[0]))

        def pullback(cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(mx.vjp(outputs_of, list(x), list(cotangents))[1])

        outputs, aux = f(*map(self.copy, x))
        return tuple(map(self.copy, outputs)), pullback, tuple(map(self.copy, aux))

    def jvp_sweep(self, f: Any, x: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        """All tangents at once."""
        kept: list[Any] = []

        def push(*u: Any) -> tuple[Any, ...]:
            outputs, pushed, aux = self.jvp(f, x, u)
            kept[:] = outputs, aux
            return pushed

        pushed = mx.vmap(push)(*tangents)
        return kept[0], tuple(pushed), kept[1]

    def vjp_sweep(self, pullback: Any, cotangents: tuple[Any, ...]) -> tuple[Any, ...]:
        """All cotangents at once."""
        return tuple(mx.vmap(lambda *stacked: pullback(stacked))(*cotangents))

    @property
    def second_order(self) -> SecondOrder:
        """Twice in reverse, because MLX cannot push forward through the pullback of an index."""
        return "reverse-over-reverse"

    def relative_error(self, epsilon: float) -> float:
        """MLX's exponential is off by up to four roundings."""
        return 4.0 * epsilon

    def is_missing_rule(self, error: Exception) -> bool:
        """Whether MLX says that a rule is missing."""
        return self.is_own_error(error) and re.search("not (yet )?implemented", str(error).lower()) is not None

    def is_own_error(self, error: Exception) -> bool:
        """Whether MLX raised it."""
        return raised_by_library(error, "mlx")


def _distinct(output: Any) -> Any:
    """A new array: if an output is an input or another output, MLX loses a cotangent."""
    return output * 1


def _require_dtypes(x: tuple[Any, ...]) -> None:
    for leaf in x:
        if leaf.dtype not in _DTYPES:
            raise _refusal(leaf.dtype)


def _refusal(dtype: Any) -> DTypeError:
    return DTypeError(
        f"MLX has derivatives of float32, float16 and bfloat16, and not of {dtype}: convert the array, such as by "
        "x.astype('float32') of NumPy, or take another backend"
    )
