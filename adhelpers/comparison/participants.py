"""Evaluate an operation of one backend on NumPy data, with NumPy data as result."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adhelpers.comparison.deviations import Leaves
from adhelpers.comparison.operations import OPERATIONS, error_of, partner_of, path_of
from adhelpers.operations.prepare import prepare
from adhelpers.operations.value import value
from adhelpers.plugins.containers import TreeDef, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.objects import is_numpy
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.matching import leaf_paths
from adhelpers.trees.tree import Tree


@dataclass(frozen=True)
class Outcome:
    """A result as NumPy arrays by path, with its structure."""

    leaves: Leaves
    treedef: TreeDef

    @property
    def size(self) -> int:
        """The number of elements."""
        return sum(leaf.size for leaf in self.leaves.values())

    def rebuild(self, leaves: Leaves) -> Any:
        """The structure with other leaves, each in the dtype of the leaf here."""
        return self.treedef.unflatten(
            [leaves[path].astype(mine.dtype, copy=False) for path, mine in self.leaves.items()]
        )

    def without_data(self) -> Outcome:
        """The same structure with leaves that take no memory."""
        return Outcome(
            {p: np.broadcast_to(np.zeros((), a.dtype), a.shape) for p, a in self.leaves.items()}, self.treedef
        )


def read(tree: Any, name: str) -> Outcome:
    """NumPy data in any structure."""
    leaves, treedef = flatten(tree)
    return Outcome(dict(zip(leaf_paths(treedef, name), map(np.asarray, leaves), strict=True)), treedef)


@dataclass(frozen=True)
class Participant:
    """A backend with its label, and the function to differentiate.

    Attributes
    ----------
    host
        The backend whose arrays `f` takes; None for this backend.
    """

    label: str
    backend: ADBackend
    f: Callable[[Any], Any]
    host: ADBackend | None = None

    @property
    def arrays(self) -> ADBackend:
        """The backend whose arrays `f` gets."""
        return self.backend if self.host is None else self.host

    def error(self, operation: str) -> Callable[[float], float]:
        """The allowed relative error of its results of an operation, as a function of epsilon."""
        return error_of(operation, lambda epsilon: max(epsilon, self.backend.relative_error(epsilon)))

    @property
    def exact(self) -> bool:
        """Whether it computes without finite differences."""
        unit = float(np.finfo(np.float64).eps)
        return self.error("jvp")(unit) <= unit

    def scaled_to_x(self) -> Participant:
        """The same with steps in units of `x`, if it takes differences."""
        return replace(self, backend=self.backend.scaled_to_x())

    def convert(self, tree: Any) -> Any:
        """NumPy data as arrays of the framework; call it in the backend's scope."""
        point = Tree.read(self.arrays, tree, "x")
        return point.rebuild(point.leaves)

    def value(self, x: Any) -> Outcome:
        """``f(x)``."""
        with self.arrays.scope():
            point = Tree.read(self.arrays, x, "x")
            # f may work in place. Arrays other than NumPy's are conversions that nobody else holds.
            own = [np.array(leaf) if is_numpy(leaf) else leaf for leaf in point.leaves]
            flat = LeafwiseFunction(self.f, point, (), has_aux=False)
            outputs, _ = flat(*own)
            found = self._outcome(flat.rebuild(outputs), "value")
            # f may return the same buffer each time, but values at several points are compared.
            return replace(found, leaves={path: leaf.copy() for path, leaf in found.leaves.items()})

    def derivative(self, operation: str, x: Any, u: Any, **options: Any) -> Callable[[], Outcome]:
        """A function that evaluates the operation on converted data, and waits for the result."""
        with self.arrays.scope():
            x = self.convert(x)
            u = None if u is None else self.convert(u)

        def evaluate() -> Outcome:
            with self.arrays.scope():
                operands = (x,) if partner_of(operation) is None else (x, u)
                return self._outcome(OPERATIONS[operation](self.f, self.backend, *operands, **options), operation)

        return evaluate

    def prepared(self, operation: str, x: Any, u: Any = None, **options: Any) -> Callable[[], Outcome]:
        """The same, or ``f(x)``, prepared here by `adhelpers.prepare`."""
        with self.arrays.scope():
            operands = (self.convert(x),) if u is None else (self.convert(x), self.convert(u))
            call = prepare(OPERATIONS.get(operation, value), self.f, self.backend, *operands, **options)

        def evaluate() -> Outcome:
            with self.arrays.scope():
                return self._outcome(call(*operands), operation)

        return evaluate

    def _outcome(self, result: Any, operation: str) -> Outcome:
        leaves, treedef = self.arrays.flatten(result)
        arrays = [np.asarray(self.arrays.to_numpy(leaf), order="C") for leaf in leaves]
        return Outcome(dict(zip(leaf_paths(treedef, path_of(operation)), arrays, strict=True)), treedef)


def median_seconds(call: Callable[[], Any], budget: float = 0.05) -> float:
    """The median time of a few repeated calls, fewer if they are slow, after two warm-up calls."""
    start = time.perf_counter()
    for _ in range(2):
        if time.perf_counter() - start < 10 * budget:
            call()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 21):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if sum(times) > 20 * budget:
            break
    return statistics.median(times)
