"""Linear maps at a point as SciPy's `LinearOperator`, on raveled NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers.engine.rounding import Tolerance
from adhelpers.errors import ArgumentError, DTypeError
from adhelpers.plugins.containers import SINGLE
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array
from adhelpers.plugins.objects import complex_of_numpy
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import LeafName, Tree

try:
    from scipy.sparse.linalg import LinearOperator
except ImportError as error:
    msg = "operator() needs SciPy, which cannot be imported; type: pip install scipy"
    raise ImportError(msg) from error

Map = Callable[[Any], Any]
"""A map from a structure to a structure."""


class Side:
    """The structure on one side of a map, and its vectors, which hold the numbers of all leaves in order."""

    __slots__ = ("_backend", "_kinds", "_tree", "dtype", "size")

    def __init__(self, backend: ADBackend, tree: Tree) -> None:
        self._backend = backend
        self._tree = tree
        if any(map(backend.is_traced, tree.leaves)):
            msg = (
                f"{tree.name} has no values inside a transformation or compiled code, but SciPy's solvers need values; "
                "call operator() outside of it, or use push and pull"
            )
            raise ArgumentError(msg)
        arrays = [_numbers(backend, leaf, LeafName(tree.name, tree.treedef, i)) for i, leaf in enumerate(tree.leaves)]
        self._kinds = [(array.shape, array.dtype, array.size) for array in arrays]
        self.size = sum(array.size for array in arrays)
        self.dtype = np.result_type(*arrays) if arrays else np.dtype(np.float64)

    def structure(self, vectors: Any) -> Any:
        """Convert vectors, on the last axis, to a structure; an axis in front of it gives stacked leaves."""
        count, asarray = vectors.shape[:-1], self._backend.asarray
        start, leaves = 0, []
        for leaf, (shape, dtype, size) in zip(self._tree.leaves, self._kinds, strict=True):
            part = vectors if size == self.size else vectors[..., start : start + size]
            part = part.reshape((*count, *shape))
            if dtype.kind != "c" and np.iscomplexobj(part):  # its imaginary parts have no effect
                part = part.real
            leaves.append(asarray(np.asarray(part, dtype=dtype, order="C"), leaf))
            start += size
        return self._tree.rebuild(tuple(leaves))

    def vectors(self, structure: Any, count: tuple[int, ...] = ()) -> Any:
        """Convert a structure to vectors; `count` is the axis in front, if any."""
        leaves = (structure,) if self._tree.treedef is SINGLE else self._backend.flatten(structure)[0]
        parts = [np.asarray(self._backend.to_numpy(leaf)).reshape(*count, -1) for leaf in leaves]
        if len(parts) != 1:
            return np.concatenate([np.zeros((*count, 0), self.dtype), *parts], axis=-1)
        return parts[0] if parts[0].flags.writeable else parts[0].copy()


def _numbers(backend: ADBackend, leaf: Array, name: LeafName) -> Any:
    try:
        array = backend.to_numpy(leaf)
    except TypeError:  # NumPy itself lacks the dtype
        array = None
    if array is None or array.dtype.kind not in "fc":
        msg = f"{name} has dtype {leaf.dtype}, which SciPy's solvers do not know; convert it to float32 or float64"
        raise DTypeError(msg)
    return array


class DerivativeOperator(LinearOperator):  # type: ignore[misc]  # SciPy is not typed
    """The derivative at a point for SciPy's solvers; ``lin.operator()`` makes it.

    Its vectors hold the numbers of all leaves, in the order of the leaves. A product with several vectors is one sweep.
    The adjoint is the conjugate transpose, as everywhere in SciPy.
    """

    def __init__(
        self, domain: Side, image: Side, scope: Callable[[], Any], maps: tuple[Map, Map], many: tuple[Map, Map]
    ) -> None:
        super().__init__(np.result_type(domain.dtype, image.dtype), (image.size, domain.size))
        self._domain = domain
        self._image = image
        self._scope = scope
        self._maps = maps
        self._many = many

    def _matvec(self, vector: Any) -> Any:
        return self._pushed(np.asarray(vector).reshape(-1), self._maps[0])

    def _matmat(self, matrix: Any) -> Any:
        return self._pushed(np.asarray(matrix).T, self._many[0]).T

    def _rmatvec(self, vector: Any) -> Any:
        return self._pulled(np.asarray(vector).reshape(-1), self._maps[1])

    def _rmatmat(self, matrix: Any) -> Any:
        return self._pulled(np.asarray(matrix).T, self._many[1]).T

    def _pushed(self, vectors: Any, push: Map) -> Any:
        if 0 in (vectors.size, self._image.size):  # without leaves there is nothing to count vectors by
            return np.zeros((*vectors.shape[:-1], self._image.size), self._image.dtype)
        if np.iscomplexobj(vectors) and self._domain.dtype.kind != "c":  # because a real tangent cannot be complex
            return _joined(self._pushed(vectors.real, push), self._pushed(vectors.imag, push))
        with self._scope():
            return self._image.vectors(push(self._domain.structure(vectors)), vectors.shape[:-1])

    def _pulled(self, vectors: Any, pull: Map) -> Any:
        """The adjoint. With the transpose A^T of R7, without conjugates, it is conj(A^T conj(v))."""
        if 0 in (vectors.size, self._domain.size):
            return np.zeros((*vectors.shape[:-1], self._domain.size), self._domain.dtype)
        if np.iscomplexobj(vectors) and self._image.dtype.kind != "c":
            return _joined(self._pulled(vectors.real, pull), self._pulled(vectors.imag, pull))
        conjugates = np.conj(vectors)
        result = self._transposed(conjugates, pull)
        if self._image.dtype.kind == "c" and self._domain.dtype.kind != "c":
            # A real x receives Re(A^T v) from v, and Im(A^T v) from -iv.
            result = _joined(result, self._transposed(-1j * conjugates, pull))
        return np.conj(result)

    def _transposed(self, vectors: Any, pull: Map) -> Any:
        with self._scope():
            return self._domain.vectors(pull(self._image.structure(vectors)), vectors.shape[:-1])


def _joined(a: Any, b: Any) -> Any:
    """Add a and ib, part by part: a product with i would make NaN of infinity."""
    return complex_of_numpy(a.real - b.imag, a.imag + b.real)


def operator_of(
    backend: ADBackend, x: Tree, y: Tree, maps: tuple[Map, Map], many: tuple[Map, Map]
) -> DerivativeOperator:
    """The operator from vectors of `x` to vectors of `y`: `maps` push and pull one structure, `many` a stack."""
    with backend.scope():
        domain = Side(backend, x)
        image = domain if y is x else Side(backend, y)
        if domain.dtype.kind == "c":
            _require_linear(backend, domain, x, y, maps[0])
    return DerivativeOperator(domain, image, backend.scope, maps, many)


def _require_linear(backend: ADBackend, domain: Side, x: Tree, y: Tree, push: Map) -> None:
    """Refuse a complex map that does not commute with i: it has no matrix."""
    random = np.random.default_rng(0)
    vector = random.standard_normal(domain.size) + 1j * random.standard_normal(domain.size)
    tolerance = Tolerance(backend, x.leaves, y.leaves)
    if all(is_complex(backend, leaf) for leaf in (*x.leaves, *y.leaves)):
        straight, turned = (backend.flatten(push(domain.structure(unit * vector)))[0] for unit in (1.0, 1j))
        # Number by number, because a large one must not hide a small one.
        if tolerance.allows_all(turned, tuple([1j * leaf for leaf in straight])):
            return
    msg = (
        "f is not complex-differentiable at x: its derivative is linear over the real numbers only, so it is not a "
        "complex LinearOperator; give x as two arrays, its real and its imaginary part"
    )
    raise DTypeError(msg)
