"""`Raveled`: converts a user's structure of arrays to one NumPy vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from adhelpers.engine.journal import name_of
from adhelpers.errors import ArgumentError, DeviceMismatchError, DTypeError, ShapeMismatchError
from adhelpers.plugins.containers import SINGLE
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import is_complex, is_number, is_ready
from adhelpers.trees.matching import arrange_like
from adhelpers.trees.tree import LeafName, Tree

FLOAT64 = np.dtype(np.float64)


class Raveled:
    """The structure of `x0`, with the numbers of all leaves in one vector.

    Parameters
    ----------
    backend
        The backend of the arrays in the structure.
    x0
        Real arrays of float64 in any structure, on one device.
    """

    __slots__ = ("backend", "is_vector", "point", "size", "spans")

    def __init__(self, backend: ADBackend, x0: Any) -> None:
        self.backend = backend
        with backend.scope():
            leaves, treedef = backend.flatten(x0)
            if all(map(is_number, leaves)):  # with no array beside them that gives them a precision
                x0 = treedef.unflatten(list(map(np.asarray, leaves)))
            self.point = Tree.read_point(backend, x0, "x0")
            self._require_doubles()
        self.spans: list[slice] = []
        self.size = 0
        for leaf in self.point.leaves:
            end = self.size + int(np.prod(leaf.shape))
            self.spans.append(slice(self.size, end))
            self.size = end
        self.is_vector = self.point.treedef is SINGLE and len(self.point.leaves[0].shape) == 1
        if not self.size:
            msg = "x0 holds no numbers, so there is nothing to solve for; give x0 an array with elements"
            raise ArgumentError(msg)

    def _require_doubles(self) -> None:
        backend, leaves = self.backend, self.point.leaves
        for i, leaf in enumerate(leaves):
            name = LeafName("x0", self.point.treedef, i)
            if is_complex(backend, leaf):
                msg = (
                    f"{name} has dtype {leaf.dtype}, but SciPy's solvers take real numbers; give its real and its "
                    "imaginary part as two arrays, such as {'re': z.real, 'im': z.imag}, and begin f with "
                    "z = x['re'] + 1j * x['im']"
                )
                raise DTypeError(msg)
            if leaf.dtype != backend.array_namespace(leaf).float64:
                msg = (
                    f"{name} has dtype {leaf.dtype}, but SciPy's solvers compute in float64, and lose accuracy if f "
                    f"computes in {leaf.dtype}; convert {name} to float64{_how(backend)}"
                )
                raise DTypeError(msg)
            if backend.device(leaf) != backend.device(leaves[0]):
                msg = (
                    f"{name} lies on {backend.device(leaf)}, but {LeafName('x0', self.point.treedef, 0)} on "
                    f"{backend.device(leaves[0])}; the vector must lie on one device: transfer all of x0 to one"
                )
                raise DeviceMismatchError(msg)

    def vector(self, given: Any, name: str) -> Any:
        """SciPy's argument as a vector of float64, without a copy if it is one."""
        if type(given) is np.ndarray and given.dtype is FLOAT64 and given.flags.c_contiguous:
            array = given
        else:
            try:
                array = np.asarray(given)
            except ValueError as error:
                msg = f"{name} holds lists of different lengths; convert a structure with view.flatten"
                raise ShapeMismatchError(msg) from error
            require_real(array, name)
            array = np.ascontiguousarray(array, dtype=FLOAT64)
        if array.ndim != 1:
            msg = f"{name} has shape {array.shape}, but must be a vector; convert a structure with view.flatten"
            raise ShapeMismatchError(msg)
        return array

    def point_vector(self, given: Any, name: str) -> Any:
        """`vector`, with the length of `x0` required."""
        array = self.vector(given, name)
        if len(array) != self.size:
            msg = f"{name} has {len(array)} numbers, but x0 has {self.size}; give {self.size} numbers"
            raise ShapeMismatchError(msg)
        return array

    def lift(self, vector: Any) -> Array:
        """A vector as an array of the backend, on the device of `x0`."""
        return self.backend.asarray(vector, self.point.leaves[0])

    def split(self, vector: Array) -> Leaves:
        """The leaves from a vector of the backend's, which may be a tracer."""
        xp, leaves = self.backend.array_namespace(vector), self.point.leaves
        return tuple([xp.reshape(vector[s], leaf.shape) for s, leaf in zip(self.spans, leaves, strict=True)])

    def rebuild(self, vector: Any) -> Any:
        """The structure of `x0` with the numbers of a vector: arrays of the backend, on the device of `x0`."""
        numbers = self.point_vector(vector, "vector")
        with self.backend.scope():
            leaves = self.point.leaves
            parts = [numbers[s].reshape(leaf.shape) for s, leaf in zip(self.spans, leaves, strict=True)]
            return self.point.for_function(tuple(map(self.backend.asarray, parts, leaves)))

    def flatten(self, tree: Any) -> Any:
        """The numbers of a tree with the structure of `x0` in a new vector; one number fills a leaf, or all."""
        numbers = np.empty(self.size)
        if isinstance(tree, (int, float, np.generic)):
            require_real(np.asarray(tree), "tree")
            numbers[:] = tree
            return numbers
        leaves, treedef = self.backend.flatten(tree)
        if treedef is not self.point.treedef and treedef != self.point.treedef:
            leaves, _ = self.backend.flatten(arrange_like(tree, "tree", self.point.as_given(), "x0"))
        for i, (leaf, partner, span) in enumerate(zip(leaves, self.point.leaves, self.spans, strict=True)):
            array = self.backend.to_numpy(leaf) if self.backend.is_array(leaf) else np.asarray(leaf)
            name = LeafName("tree", self.point.treedef, i)
            require_real(array, name)
            if array.ndim and array.shape != tuple(partner.shape):
                msg = (
                    f"{name} has shape {array.shape}, but {LeafName('x0', self.point.treedef, i)} has "
                    f"{tuple(partner.shape)}; give it that shape, or one number for all of its elements"
                )
                raise ShapeMismatchError(msg)
            numbers[span] = array.ravel()
        return numbers

    def on_vectors(self, f: Callable[..., Any], argnum: int) -> Callable[..., Any]:
        """`f` as a function ``(vector, *args)`` on arrays of the backend.

        It returns the one number that `f` returns, or all its numbers in a vector.
        """

        def at_position(x: Any, *args: Any) -> Any:
            return f(*args[:argnum], x, *args[argnum:])

        called = at_position if argnum else f
        backend, dtype = self.backend, self.point.leaves[0].dtype

        def of_vector(vector: Array, *args: Any) -> Array:
            if self.is_vector:
                y = called(vector, *args)
                if is_ready(backend, y, vector) and y.dtype == dtype and len(y.shape) < 2:
                    return y
                outputs = Tree.read(backend, y, "f(x)", vector).leaves
            else:
                outputs, _ = LeafwiseFunction(called, self.point, args, has_aux=False)(*self.split(vector))
            return self._raveled(outputs)

        of_vector.__name__ = of_vector.__qualname__ = name_of(f)
        return of_vector

    def _raveled(self, outputs: Leaves) -> Array:
        dtype = self.point.leaves[0].dtype
        for y in outputs:
            if y.dtype != dtype:
                msg = (
                    f"f(x) has dtype {y.dtype}, but SciPy's solvers take real numbers of float64; convert the data "
                    "in f to float64, and for complex results return the real and imaginary parts"
                )
                raise DTypeError(msg)
        if len(outputs) == 1 and len(outputs[0].shape) < 2:
            return outputs[0]
        if not outputs:
            msg = "f(x) holds no numbers; return an array with elements, or a structure of such arrays"
            raise ArgumentError(msg)
        xp = self.backend.array_namespace(*outputs)
        return xp.concat([xp.reshape(y, (-1,)) for y in outputs])


def require_real(array: Any, name: object) -> None:
    """Refuse anything except an array of real numbers."""
    if array.dtype.kind not in "fiub":
        advice = "convert a structure with view.flatten" if array.dtype.hasobject else "convert it to float64"
        msg = f"{name} has dtype {array.dtype}, but SciPy's solvers take real numbers; {advice}"
        raise DTypeError(msg)


def _how(backend: ADBackend) -> str:
    """The backend's option for float64, if it needs one."""
    double = backend.double_precision()
    options = [(o.name, getattr(double, o.name)) for o in fields(double)]
    needed = [f"{name}={value!r}" for name, value in options if getattr(backend, name) != value]
    return f", and use adhelpers.backend({backend.name!r}, {', '.join(needed)})" if needed else ""
