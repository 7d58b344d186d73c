"""Backends that are wrong by R2: leaves."""

from __future__ import annotations

from typing import Any

import numpy as np

from adhelpers.extend import LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Pulled, Pushed, Tampered, isbox
from wrong_backends.registry import wrong


class Space:
    """A namespace of the array API, but for what a subclass changes."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)


class WithoutWhere(Space):
    def __getattr__(self, name: str) -> Any:
        if name == "where":
            raise AttributeError(name)
        return super().__getattr__(name)


class WithoutDevices(Space):
    def eye(self, *args: Any, k: int = 0, dtype: Any = None) -> Any:
        return self._xp.eye(*args, k=k, dtype=dtype)


class TransposedRows(Space):
    def stack(self, arrays: Any, *, axis: int = -1) -> Any:
        return self._xp.stack(arrays, axis=axis)


@wrong("R2")
class HasNoWhere(AutogradBackend):
    """Its namespace lacks a function that core calls."""

    def array_namespace(self, *arrays: Any) -> Any:
        return WithoutWhere(super().array_namespace(*arrays))


@wrong("R2")
class TracersLackFunctions(AutogradBackend):
    """The namespace of plain arrays has all that core calls, that of tracers has not."""

    def array_namespace(self, *arrays: Any) -> Any:
        namespace = super().array_namespace(*arrays)
        return WithoutWhere(namespace) if any(map(isbox, arrays)) else namespace


@wrong("R2")
class HasNoDevices(AutogradBackend):
    """A function of its namespace has another signature."""

    def array_namespace(self, *arrays: Any) -> Any:
        return WithoutDevices(super().array_namespace(*arrays))


@wrong("R2")
class StacksAtTheEnd(AutogradBackend):
    """A function of its namespace does something else by default."""

    def array_namespace(self, *arrays: Any) -> Any:
        return TransposedRows(super().array_namespace(*arrays))


@wrong("R2")
class TakesMaskedArrays(AutogradBackend):
    """Whose mask is lost."""

    def is_array(self, leaf: Any) -> bool:
        return isinstance(leaf, np.ma.MaskedArray) or super().is_array(leaf)


@wrong("R2")
class TakesNumbersForArrays(AutogradBackend):
    """A Python float is no array."""

    def is_array(self, leaf: Any) -> bool:
        return isinstance(leaf, float) or super().is_array(leaf)


@wrong("R2")
class TakesListsForArrays(AutogradBackend):
    """As numpy.asarray would."""

    def is_array(self, leaf: Any) -> bool:
        return isinstance(leaf, list) or super().is_array(leaf)


@wrong("R2")
class TakesForeignArrays(AutogradBackend):
    """What exports its memory counts as an array."""

    def is_array(self, leaf: Any) -> bool:
        return (hasattr(leaf, "__dlpack__") and not isinstance(leaf, np.ndarray)) or super().is_array(leaf)


@wrong("R2")
class TakesIntegers(AutogradBackend):
    """Integers are lifted to floats."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.astype(float) if array.dtype.kind in "ib" else array


@wrong("R2")
class EveryDtypeIsInexact(AutogradBackend):
    """Its namespace finds every dtype differentiable."""

    def array_namespace(self, *arrays: Any) -> Any:
        return _Credulous(super().array_namespace(*arrays))


class _Credulous:
    def __init__(self, namespace: Any) -> None:
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._namespace, name)

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        return "real floating" in kind or self._namespace.isdtype(dtype, kind)


@wrong("R2")
class KeepsByteOrder(AutogradBackend):
    """A big-endian array stays one."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return np.array(leaf) if isinstance(leaf, np.ndarray) else super().asarray(leaf, like)


@wrong("R2")
class ReadsBytesAsTheyCome(AutogradBackend):
    """The bytes of a big-endian array are taken for the machine's."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if isinstance(leaf, np.ndarray):
            return np.array(leaf.view(leaf.dtype.newbyteorder("=")))
        return super().asarray(leaf, like)


@wrong("R2")
class IgnoresStrides(AutogradBackend):
    """Elements are lifted in the order in which they lie in memory."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.ravel(order="K").reshape(array.shape)

    def is_array(self, leaf: Any) -> bool:
        contiguous = type(leaf) is not np.ndarray or leaf.flags.c_contiguous
        return contiguous and super().is_array(leaf)


@wrong("R2")
class RefusesReadOnly(AutogradBackend):
    """An array that cannot be written to cannot be read either."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        self._refuse((*x, *u))
        return super().jvp(f, x, u)

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        self._refuse(x)
        return super().vjp(f, x)

    @staticmethod
    def _refuse(leaves: Leaves) -> None:
        if any(isinstance(leaf, np.ndarray) and not leaf.flags.writeable for leaf in leaves):
            msg = "read-only"
            raise ValueError(msg)


@wrong("R2")
class LiftsToDefaultDtype(AutogradBackend):
    """A number takes float64, whatever its partner has."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return super().asarray(leaf, like if isinstance(leaf, complex) else None)


@wrong("R2")
class LiftsImaginaryPartsAway(AutogradBackend):
    """A complex number loses half of itself."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return super().asarray(leaf.real if isinstance(leaf, complex) else leaf, like)


@wrong("R2")
class LiftsToOneDimension(AutogradBackend):
    """0-d arrays become vectors."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return np.atleast_1d(super().asarray(leaf, like))


@wrong("R2")
class LiftsToSinglePrecision(AutogradBackend):
    """NumPy's float64 is narrowed on the way in."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.astype(np.float32) if array.dtype == np.float64 else array


@wrong("R2")
class ReturnsNumbers(Tampered):
    """A 0-d derivative is a Python float."""

    def pulled(self, cotangent: Any) -> Any:
        return float(cotangent) if cotangent.shape == () and not isbox(cotangent) else cotangent


@wrong("R2")
class LiftsIntegers(FiniteDifferenceBackend):
    """Integers pass for floats, with NumPy alone."""

    def is_array(self, leaf: object) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.astype(float) if array.dtype.kind in "ib" else array
