"""Forward mode by dual numbers; the core derives everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from adhelpers.extend import ADBackend, Capability

import dualnumbers


@dataclass(frozen=True, kw_only=True)
class DualBackend(ADBackend):
    """Dual numbers over NumPy: users' arrays are NumPy's, and `dualnumbers.Dual` is the tracer."""

    name: ClassVar[str] = "dual"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.FORWARD,
            Capability.REVERSE,
            Capability.COMPLEX,
            Capability.NESTING,
            Capability.FLOAT64,
            Capability.FLOAT32,
            Capability.THREADS,
        }
    )
    conversion: ClassVar[str | None] = "numpy.asarray"

    def is_array(self, leaf: object) -> bool:
        """Dual numbers, NumPy's scalars, and its arrays in the machine's byte order; the core refuses subclasses."""
        if isinstance(leaf, (dualnumbers.Dual, np.generic)):
            return True
        return type(leaf) is np.ndarray and leaf.dtype.isnative

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        """A NumPy array in fresh memory and in the machine's byte order."""
        if isinstance(leaf, np.ndarray):
            return np.array(leaf, dtype=leaf.dtype.newbyteorder("="))
        return np.array(leaf, dtype=None if like is None else like.dtype)

    def array_namespace(self, *arrays: Any) -> Any:
        """The namespace that takes dual numbers and NumPy arrays alike."""
        return dualnumbers.namespace

    def jvp(self, f: Any, x: tuple[Any, ...], u: tuple[Any, ...]) -> Any:
        """One forward sweep."""
        return dualnumbers.jvp(f, x, u, has_aux=True)

    def is_missing_rule(self, error: Exception) -> bool:
        """Whether `dualnumbers` lacks a derivative rule."""
        return isinstance(error, dualnumbers.MissingRuleError)

    def stop_gradient(self, leaf: Any) -> Any:
        """The array behind the dual numbers of all levels."""
        return dualnumbers.value(leaf)

    def keeps(self, leaf: Any) -> bool:
        """Whether `leaf` is a plain value, not a dual number."""
        return not isinstance(leaf, dualnumbers.Dual)

    def to_numpy(self, leaf: Any) -> Any:
        """The array behind the dual numbers of all levels."""
        return np.asarray(dualnumbers.value(leaf))
