"""Backends that are deliberately wrong, each in one way, and the rule that each of them breaks.

They prove the conformance suite: it must reject every one. Each docstring says what is wrong. Most are right but
for that, being autograd; those over finite differences need NumPy alone.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat.numpy
import numpy as np

from adhelpers import ADBackend, Capability
from adhelpers.errors import DTypeError
from adhelpers.plugins.functions import LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference.backend import FiniteDifferenceBackend

Pushed = tuple[Leaves, Leaves, Leaves]
Pulled = tuple[Leaves, Pullback, Leaves]

try:
    from autograd.tracer import getval, isbox, trace_stack

    from adhelpers_plugins.autograd.backend import AutogradBackend, TapePullback, _copies, _like
    from adhelpers_plugins.autograd.dual import push_through
    from adhelpers_plugins.autograd.tape import PullNode, PushNode, Tape
except ImportError:
    AUTOGRAD = False

    class AutogradBackend(FiniteDifferenceBackend):  # type: ignore[no-redef]
        """Stands in where autograd is not installed, so that subclasses can be written; no test uses them."""

        def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
            raise NotImplementedError

    Tape = object  # type: ignore[assignment, misc]
else:
    AUTOGRAD = True


@dataclass(frozen=True)
class Wrong:
    """A wrong backend, and the rule that must reject it."""

    rule: str
    backend: type[ADBackend]


WRONG: list[Wrong] = []


def wrong(rule: str) -> Callable[[type[ADBackend]], type[ADBackend]]:
    """Enter a backend under the rule that it breaks."""

    def enter(cls: type[ADBackend]) -> type[ADBackend]:
        WRONG.append(Wrong(rule, cls))
        return cls

    return enter


# -- bases, all of them right ------------------------------------------------------------------------------------


class ForwardOnly(AutogradBackend):
    """Its reverse mode is derived."""

    vjp = ADBackend.vjp


class ReverseOnly(AutogradBackend):
    """Its forward mode is derived."""

    jvp = ADBackend.jvp
    jvp_sweep = ADBackend.jvp_sweep


class Tampered(AutogradBackend):
    """Lets a subclass change each array on its way out of a product."""

    def pushed(self, tangent: Any) -> Any:
        return tangent

    def pulled(self, cotangent: Any) -> Any:
        return cotangent

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(map(self.pushed, tangents)), aux

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda cotangents: tuple(map(self.pulled, pullback(cotangents))), aux


class Reread(AutogradBackend):
    """Lets a subclass change every tree before it is flattened."""

    def reread(self, tree: Any) -> Any:
        return tree

    def flatten(self, tree: Any) -> Any:
        return super().flatten(tree if self.is_array(tree) else self.reread(tree))


class Compiling(AutogradBackend):
    """Lets a subclass run what is prepared in its own way; `known` is what was learnt of one function."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        known: dict[Any, Any] = {}
        return lambda *arrays: self.run(function, known, arrays)

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*arrays)


CORRECT: tuple[type[ADBackend], ...] = (AutogradBackend, ForwardOnly, ReverseOnly, Tampered, Reread, Compiling)
"""Those that the others are made of; finite differences have their own test of conformance."""


def rebuilt(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with each of its lists, tuples and dicts changed, the innermost first."""
    if isinstance(tree, dict):
        tree = type(tree)((key, rebuilt(value, change)) for key, value in tree.items())
    elif type(tree) in (list, tuple):
        tree = type(tree)(rebuilt(value, change) for value in tree)
    return change(tree)


# -- R1: structure -----------------------------------------------------------------------------------------------


@wrong("R1")
class LosesATangent(AutogradBackend):
    """The last output has no tangent."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents[:-1] if len(tangents) > 1 else tangents, aux


@wrong("R1")
class LosesACotangent(AutogradBackend):
    """The last leaf of x gets no cotangent."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(c)[: max(1, len(x) - 1)], aux


@wrong("R1")
class SwapsTangents(AutogradBackend):
    """Tangents come in the opposite order where their shapes allow it."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents[::-1] if len({t.shape for t in tangents}) == 1 else tangents, aux


@wrong("R1")
class SwapsCotangents(AutogradBackend):
    """Cotangents come in the opposite order where their shapes allow it."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(c)[:: -1 if len({leaf.shape for leaf in x}) == 1 else 1], aux


@wrong("R1")
class SwapsOutputs(AutogradBackend):
    """Values come in the opposite order where their shapes allow it, tangents in the right one."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs[::-1] if len({y.shape for y in outputs}) == 1 else outputs, tangents, aux


@wrong("R1")
class TuplesBecomeLists(Reread):
    """A list for a tuple, to f and in results, and a list matches a tuple."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: list(node) if type(node) is tuple else node)


@wrong("R1")
class ListsBecomeTuples(Reread):
    """The other way round."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(node) if type(node) is list else node)


@wrong("R1")
class NamesAreLost(Reread):
    """A plain tuple for a named one."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(node) if hasattr(node, "_fields") else node)


@wrong("R1")
class OrderedDictsBecomeDicts(Reread):
    """A plain dict for an OrderedDict."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: dict(node) if type(node) is OrderedDict else node)


@wrong("R1")
class KeysDoNotCount(Reread):
    """Dicts match by position, whatever their keys."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: list(node.values()) if isinstance(node, dict) else node)


@wrong("R1")
class NoneIsDropped(Reread):
    """None in a tuple disappears."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(n for n in node if n is not None) if type(node) is tuple else node)


@wrong("R1")
class SurplusKeysAreIgnored(Reread):
    """Of a dict only the first two keys are read."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: type(node)(list(node.items())[:2]) if isinstance(node, dict) else node)


@wrong("R1")
class ListsForTuples(FiniteDifferenceBackend):
    """A list for a tuple, with NumPy alone."""

    def flatten(self, tree: Any) -> Any:
        return super().flatten(rebuilt(tree, lambda node: list(node) if type(node) is tuple else node))


# -- R2: leaves --------------------------------------------------------------------------------------------------


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


# -- R3: no silent casts -----------------------------------------------------------------------------------------


@wrong("R3")
class FillsItsPartner(AutogradBackend):
    """A number becomes an array of its partner's shape."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if like is not None and isinstance(leaf, float):
            return np.full(like.shape, leaf, dtype=like.dtype)
        return super().asarray(leaf, like)


@wrong("R3")
class CastsToItsPartner(AutogradBackend):
    """A float32 array is no array of its own: it is lifted, to its partner's dtype."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype != np.float32

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array if like is None else array.astype(like.dtype)


@wrong("R3")
class ReadsEverythingInDoublePrecision(AutogradBackend):
    """Precisions match, for there is only one."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(leaf.astype(float) if getattr(leaf, "dtype", None) == "f4" else leaf for leaf in leaves), treedef


@wrong("R3")
class ReadsEverythingFlat(AutogradBackend):
    """Shapes match if sizes do."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(leaf.reshape(-1) if type(leaf) is np.ndarray else leaf for leaf in leaves), treedef


@wrong("R3")
class DropsImaginaryPartsOfU(AutogradBackend):
    """A complex u fits a real x."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype != np.complex128

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = super().asarray(leaf, like)
        return array.real.copy() if like is not None and like.dtype.kind == "f" else array


@wrong("R3")
class FillsWithDifferences(FiniteDifferenceBackend):
    """A number becomes an array of its partner's shape, with NumPy alone."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if like is not None and isinstance(leaf, float):
            return np.full(like.shape, leaf, dtype=like.dtype)
        return super().asarray(leaf, like)


# -- R4: results -------------------------------------------------------------------------------------------------


@wrong("R4")
class ScalarsBecomeVectors(Tampered):
    """A 0-d tangent has one dimension."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.reshape(1) if tangent.shape == () else tangent


@wrong("R4")
class ScalarGradientsBecomeVectors(Tampered):
    """A 0-d cotangent has one dimension."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.reshape(1) if cotangent.shape == () else cotangent


@wrong("R4")
class ScalarsForArrays(Tampered):
    """A 0-d tangent is one of NumPy's scalars."""

    def pushed(self, tangent: Any) -> Any:
        return tangent[()] if tangent.shape == () and not isbox(tangent) else tangent


@wrong("R4")
class WidensTangents(Tampered):
    """float32 in, float64 out."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.astype(float) if tangent.dtype == np.float32 else tangent


@wrong("R4")
class WidensCotangents(Tampered):
    """The same in reverse."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(float) if cotangent.dtype == np.float32 else cotangent


@wrong("R4")
class WidensNumbers(Tampered):
    """A 0-d array of float32 is widened as NumPy 1 did."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.astype(float) if tangent.shape == () and tangent.dtype == np.float32 else tangent


@wrong("R4")
class WidensComplexNumbers(Tampered):
    """complex64 becomes complex128."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(complex) if cotangent.dtype == np.complex64 else cotangent


@wrong("R4")
class TangentsInThePrecisionOfX(AutogradBackend):
    """And not in that of f(x)."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        single = {leaf.dtype.name for leaf in x} == {"float32"}
        return outputs, tuple(t.astype(np.float32) if single else t for t in tangents), aux


@wrong("R4")
class CotangentsInThePrecisionOfU(AutogradBackend):
    """And not in that of x."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def widened(cotangents: Leaves) -> Leaves:
            double = {c.dtype.name for c in cotangents} == {"float64"}
            return tuple(v.astype(float) if double and v.dtype == "f4" else v for v in pullback(cotangents))

        return outputs, widened, aux


@wrong("R4")
class OnePrecisionForAllLeaves(AutogradBackend):
    """Cotangents share the widest dtype among them, as those of a vector of all parameters would."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        widest = np.result_type(*(leaf.dtype for leaf in x))
        return outputs, lambda c: tuple(v if isbox(v) else v.astype(widest) for v in pullback(c)), aux


@wrong("R4")
class WidensSweeps(AutogradBackend):
    """A sweep is in double precision."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t.astype(float) if t.dtype == "f4" else t for t in swept), aux


@wrong("R4")
class WidensValues(AutogradBackend):
    """The value is in double precision, the product is not."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(y.astype(float) if y.dtype == "f4" else y for y in outputs), tangents, aux


@wrong("R4")
class LiesElsewhereEachTime(AutogradBackend):
    """No two arrays lie on one device."""

    def device(self, leaf: Any) -> object:
        return object()


@wrong("R4")
class ClaimsBrainFloats(AutogradBackend):
    """A dtype that its namespace does not have."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities | {Capability.BFLOAT16}


@wrong("R4")
class RefusesSinglePrecision(AutogradBackend):
    """It declares float32, but does not take it."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        if any(leaf.dtype == np.float32 for leaf in x):
            raise DTypeError("no float32")
        return super().vjp(f, x)


@wrong("R4")
class KeepsSinglePrecisionQuiet(AutogradBackend):
    """It does not declare float32, but takes it."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.FLOAT32}


@wrong("R4")
class DifferencesInDoublePrecision(FiniteDifferenceBackend):
    """float32 in, float64 out, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t.astype(float) if t.dtype == "f4" else t for t in tangents), aux


# -- R5: 64 bits, and settings -----------------------------------------------------------------------------------


@wrong("R5")
class NarrowsUnlessAsked(AutogradBackend):
    """float64 silently becomes float32 as users get it; in double precision all is well."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        with np.errstate(over="ignore"):
            return tuple(
                leaf.astype("f4") if getattr(leaf, "dtype", None) == "f8" else leaf for leaf in leaves
            ), treedef

    def double_precision(self) -> Any:
        return AutogradBackend()


@wrong("R5")
class ComputesInSinglePrecision(AutogradBackend):
    """Inside; what comes out has the right dtype."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t.astype(np.float32).astype(t.dtype) if t.dtype == "f8" else t for t in tangents), aux


@wrong("R5")
class SilencesNumpy(AutogradBackend):
    """Floating point errors are off for the rest of the program."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.seterr(all="ignore")
        return super().jvp(f, x, u)


@wrong("R5")
class SilencesNumpyInItsScope(AutogradBackend):
    """The same, but in the context that it enters around each operation, and never leaves."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        np.seterr(all="ignore")
        return contextlib.nullcontext()


@wrong("R5")
class SilencesWarnings(AutogradBackend):
    """Warnings are off for the rest of the program."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        warnings.simplefilter("ignore")
        return super().vjp(f, x)


@wrong("R5")
class ConsumesRandomness(AutogradBackend):
    """The caller's random numbers differ after a call."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        np.random.random()  # noqa: NPY002
        return super().vjp(f, x)


@wrong("R5")
class SeedsRandomness(AutogradBackend):
    """The caller's random numbers are the same ones after each call."""

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        np.random.seed(0)  # noqa: NPY002
        return contextlib.nullcontext()


@wrong("R5")
class PrintsFewerDigits(AutogradBackend):
    """NumPy prints as it likes after a call."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.set_printoptions(precision=3)
        return super().jvp(f, x, u)


@wrong("R5")
class DeepensRecursion(AutogradBackend):
    """For deep traces; and so it stays."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        sys.setrecursionlimit(max(10_000, sys.getrecursionlimit()))
        return super().vjp(f, x)


@wrong("R5")
class StopsCollectingGarbage(AutogradBackend):
    """For speed; and so it stays."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        gc.disable()
        return super().jvp(f, x, u)


@wrong("R5")
class SilencesNumpyForDifferences(FiniteDifferenceBackend):
    """Floating point errors are off for the rest of the program, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        np.seterr(all="ignore")
        return super().jvp(f, x, u)


# -- R6: zeros ---------------------------------------------------------------------------------------------------


class OwnZeros(Tampered):
    """Lets a subclass choose what stands for the derivative where there is no dependence."""

    def zero(self, zeros: Any) -> Any:
        return zeros

    def pushed(self, tangent: Any) -> Any:
        return tangent if isbox(tangent) or np.any(tangent) else self.zero(tangent)

    pulled = pushed


@wrong("R6")
class NoneForZeros(OwnZeros):
    """What does not depend on x has None for a derivative."""

    def zero(self, zeros: Any) -> Any:
        return None


@wrong("R6")
class NumberForZeros(OwnZeros):
    """Zeros are the Python number."""

    def zero(self, zeros: Any) -> Any:
        return 0.0


@wrong("R6")
class IntegerZeros(OwnZeros):
    """Zeros are integers."""

    def zero(self, zeros: Any) -> Any:
        return zeros.astype(int)


@wrong("R6")
class RealZeros(OwnZeros):
    """Zeros are real even if their partner is complex."""

    def zero(self, zeros: Any) -> Any:
        return zeros.real.copy()


@wrong("R6")
class ShapelessZeros(OwnZeros):
    """Zeros have no dimensions."""

    def zero(self, zeros: Any) -> Any:
        return np.zeros((), zeros.dtype)


@wrong("R6")
class AlmostZeros(OwnZeros):
    """Zeros are tiny numbers."""

    def zero(self, zeros: Any) -> Any:
        return zeros + 1e-300


@wrong("R6")
class WarnsOfZeros(OwnZeros):
    """As autograd itself does."""

    def zero(self, zeros: Any) -> Any:
        warnings.warn("output seems independent of input", stacklevel=1)
        return zeros


@wrong("R6")
class AlmostZeroSweeps(AutogradBackend):
    """A sweep of what does not depend on x gives tiny numbers."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t + 1e-300 for t in swept), aux


@wrong("R6")
class AlmostZeroDifferences(FiniteDifferenceBackend):
    """Zeros are tiny numbers, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(t + np.asarray(1e-30, t.dtype) for t in tangents), aux


# -- R7: products ------------------------------------------------------------------------------------------------


@wrong("R7")
class DoublesTangents(Tampered):
    """A factor of two, forward."""

    def pushed(self, tangent: Any) -> Any:
        return 2.0 * tangent


@wrong("R7")
class DoublesCotangents(Tampered):
    """A factor of two, in reverse."""

    def pulled(self, cotangent: Any) -> Any:
        return 2.0 * cotangent


@wrong("R7")
class TransposedForward(AutogradBackend):
    """The vector is pulled back where the Jacobian is square."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, pullback, aux = super().vjp(f, x)
        square = [y.shape for y in outputs] == [leaf.shape for leaf in x]
        return (outputs, pullback(u), aux) if square else super().jvp(f, x, u)


@wrong("R7")
class TransposedReverse(AutogradBackend):
    """The vector is pushed forward where the Jacobian is square."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        square = [y.shape for y in outputs] == [leaf.shape for leaf in x]
        push = super().jvp
        return outputs, (lambda c: push(f, x, c)[1]) if square else pullback, aux


@wrong("R7")
class ForgetsLaterLeaves(AutogradBackend):
    """The derivative by the first leaf alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, x, (u[0], *(0.0 * leaf for leaf in u[1:])))


@wrong("R7")
class TangentsByIdentity(AutogradBackend):
    """One array that is two leaves of x has one tangent, the latter."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        tangents = {id(leaf): tangent for leaf, tangent in zip(x, u, strict=True)}
        return super().jvp(f, x, tuple(tangents[id(leaf)] for leaf in x))


@wrong("R7")
class CotangentsByIdentity(AutogradBackend):
    """One array that is two leaves of x has one cotangent, their sum, as with PyTorch's .grad."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def summed(cotangents: Leaves) -> Leaves:
            total: dict[int, Any] = {}
            for leaf, pulled in zip(x, pullback(cotangents), strict=True):
                total[id(leaf)] = total[id(leaf)] + pulled if id(leaf) in total else pulled
            return tuple(total[id(leaf)] + 0 * leaf for leaf in x)

        return outputs, summed, aux


@wrong("R7")
class ForgetsRepeatedOutputs(AutogradBackend):
    """Of one array that is two outputs only the last cotangent counts."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        last: dict[int, int] = {}

        def watched(*leaves: Any) -> Any:
            outputs, aux = f(*leaves)
            last.update((id(y), k) for k, y in enumerate(outputs))
            return outputs, aux

        outputs, pullback, aux = super().vjp(watched, x)
        kept = set(last.values())
        return outputs, lambda c: pullback(tuple(v if k in kept else 0 * v for k, v in enumerate(c))), aux


@wrong("R7")
class EveryFunctionIsHolomorphic(AutogradBackend):
    """The JVP is made complex-linear, so that the conjugate in a derivative is dropped."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        stacked = tuple(self.array_namespace(*parts).stack(parts) for parts in zip(*_parts(self, u), strict=True))
        outputs, pushed, aux = super().jvp_sweep(f, x, stacked)
        real, imaginary = (tuple(p[k] for p in pushed) for k in range(2))
        linear = tuple(r + 1j * i if r.dtype.kind == "c" else r for r, i in zip(real, imaginary, strict=True))
        return outputs, linear, aux


def _parts(backend: ADBackend, leaves: Leaves) -> tuple[Leaves, Leaves]:
    """Real and imaginary parts, in the dtypes of the leaves."""
    xp = backend.array_namespace(*leaves)
    return tuple(xp.real(u) + 0 * u for u in leaves), tuple(xp.imag(u) + 0 * u for u in leaves)


@wrong("R7")
class EveryGradientIsHolomorphic(AutogradBackend):
    """The VJP is made complex-linear, so that the conjugate in a derivative is dropped."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def linear(cotangents: Leaves) -> Leaves:
            real, imaginary = map(pullback, _parts(self, cotangents))
            return tuple(r + 1j * i if r.dtype.kind == "c" else r for r, i in zip(real, imaginary, strict=True))

        return outputs, linear, aux


@wrong("R7")
class ConjugatesAsTorchDoes(AutogradBackend):
    """The VJP conjugates the cotangent and the result."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        conj = lambda leaves: tuple(self.array_namespace(leaf).conj(leaf) for leaf in leaves)  # noqa: E731
        return outputs, lambda c: conj(pullback(conj(c))), aux


@wrong("R7")
class ConjugatesTangents(Tampered):
    """The tangent is the conjugate of what it should be."""

    def pushed(self, tangent: Any) -> Any:
        return self.array_namespace(tangent).conj(tangent)


@wrong("R7")
class ConjugatesCotangents(Tampered):
    """The gradient and not its conjugate, as if the pairing were the inner product."""

    def pulled(self, cotangent: Any) -> Any:
        return self.array_namespace(cotangent).conj(cotangent)


@wrong("R7")
class DropsImaginaryTangents(Tampered):
    """The tangent of a complex output is real."""

    def pushed(self, tangent: Any) -> Any:
        return tangent.real + 0 * tangent


@wrong("R7")
class DropsImaginaryCotangents(Tampered):
    """The cotangent of a complex input is real."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.real + 0 * cotangent


@wrong("R7")
class RoundsCotangents(Tampered):
    """To float32 and back."""

    def pulled(self, cotangent: Any) -> Any:
        return cotangent.astype(np.float32).astype(float) if cotangent.dtype == np.float64 else cotangent


@wrong("R7")
class ClipsCotangents(Tampered):
    """As one does in training."""

    def pulled(self, cotangent: Any) -> Any:
        real = cotangent.dtype.kind == "f" and not isbox(cotangent)
        return np.clip(cotangent, -1e4, 1e4) if real else cotangent


@wrong("R7")
class ValueOfAnotherPoint(AutogradBackend):
    """The value is the one at x + u, as far as the derivative tells."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(y + t for y, t in zip(outputs, tangents, strict=True)), tangents, aux


@wrong("R7")
class ValueInSinglePrecision(AutogradBackend):
    """The value that comes with a pullback has half its digits."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return tuple(y.astype("f4").astype("f8") if y.dtype == "f8" else y for y in outputs), pullback, aux


@wrong("R7")
class DividesByTheLengthOfU(AutogradBackend):
    """The derivative along a unit vector, times the length: not a number for u = 0."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        length = np.sqrt(sum(np.sum(np.abs(getval(leaf)) ** 2) for leaf in u))
        with np.errstate(invalid="ignore"):
            outputs, tangents, aux = super().jvp(f, x, tuple((leaf / length).astype(leaf.dtype) for leaf in u))
            return outputs, tuple((t * length).astype(t.dtype) for t in tangents), aux


@wrong("R7")
class TakesSmallDirectionsForZero(AutogradBackend):
    """A cotangent below 1e-12 counts as none."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(tuple(leaf * (np.abs(getval(leaf)) > 1e-12) for leaf in c)), aux


@wrong("R7")
class RefusesNumbers(AutogradBackend):
    """A 0-d array has no length, and so no derivative."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        for leaf in x:
            len(getval(leaf))
        return super().jvp(f, x, u)


@wrong("R7")
class RefusesComplexNumbers(AutogradBackend):
    """It declares complex numbers, but does not take them."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if any(leaf.dtype.kind == "c" for leaf in x):
            raise DTypeError("no complex numbers")
        return super().jvp(f, x, u)


@wrong("R7")
class KeepsComplexNumbersQuiet(AutogradBackend):
    """It does not declare complex numbers, but takes them."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.COMPLEX}


@wrong("R7")
class ClaimsToBeExact(FiniteDifferenceBackend):
    """Differences of order 2 that owe all digits."""

    def relative_error(self, epsilon: float) -> float:
        return epsilon


@wrong("R7")
class ClaimsToBeExactToOrder4(ClaimsToBeExact):
    """Differences of order 4 that owe all digits."""

    order = 4

    def __init__(self, fallback: bool = True) -> None:
        super().__init__(order=4, fallback=fallback)


@wrong("R7")
class OwesNothing(FiniteDifferenceBackend):
    """A product that is twice what it should be, by a backend that owes no digit and so is never judged."""

    def relative_error(self, epsilon: float) -> float:
        return 1.0

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(2 * t for t in tangents), aux


@wrong("R7")
class DoublesDifferences(FiniteDifferenceBackend):
    """A factor of two, with NumPy alone."""

    def _difference(self, f: LeafFunction, x: Leaves, u: Leaves, outputs: Leaves) -> Leaves:
        return tuple(2 * t for t in super()._difference(f, x, u, outputs))


@wrong("R7")
class MovesAlongRealParts(FiniteDifferenceBackend):
    """The imaginary part of u is dropped, with NumPy alone."""

    def _difference(self, f: LeafFunction, x: Leaves, u: Leaves, outputs: Leaves) -> Leaves:
        return super()._difference(f, x, tuple(t.real + 0 * t for t in u), outputs)


# -- R8: purity --------------------------------------------------------------------------------------------------


@wrong("R8")
class AsarrayAliases(AutogradBackend):
    """A lifted array is the caller's own."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return leaf if self.is_array(leaf) else super().asarray(leaf, like)


@wrong("R8")
class ValuesAreTheirInputs(AutogradBackend):
    """Where f returns x, so does the product."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, nodes, aux = push_through(f, x, u)
        pushed = [None if node is None else node.tangent for node in nodes]
        return outputs, _all_like(outputs, pushed), _copies(aux)


def _all_like(partners: Leaves, derivatives: Sequence[Any]) -> Leaves:
    taken: set[int] = set()
    return tuple(_like(partner, derivative, taken) for partner, derivative in zip(partners, derivatives, strict=True))


@wrong("R8")
class TangentsAreTheirDirections(AutogradBackend):
    """Where f returns x, its tangent is u itself."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(_itself(t, u) for t in tangents), aux


@wrong("R8")
class CotangentsAreTheirDirections(AutogradBackend):
    """Where f returns x, the pullback returns what it was given."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: tuple(_itself(v, c) for v in pullback(c)), aux


def _itself(array: Any, candidates: Leaves) -> Any:
    """One of the candidates, if it has the value of the array."""
    return next((c for c in candidates if not isbox(array) and not isbox(c) and np.array_equal(array, c)), array)


@wrong("R8")
class EqualTangentsAreOne(AutogradBackend):
    """Where two tangents are equal, they are the same array."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(_itself(t, tangents) for t in tangents), aux


@wrong("R8")
class EqualCotangentsAreOne(AutogradBackend):
    """Where two cotangents are equal, as those of a sum are, they are the same array."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def shared(cotangents: Leaves) -> Leaves:
            pulled = pullback(cotangents)
            return tuple(_itself(v, pulled) for v in pulled)

        return outputs, shared, aux


@wrong("R8")
class ElementsAreOne(Tampered):
    """Where the elements of a cotangent are equal, as those of a sum are, they are one number in memory."""

    def pulled(self, cotangent: Any) -> Any:
        if isbox(cotangent) or cotangent.size < 2 or np.ptp(np.abs(cotangent)) > 0:
            return cotangent
        return np.lib.stride_tricks.as_strided(cotangent, strides=(0,) * cotangent.ndim)


@wrong("R8")
class OneBufferForAllPulls(AutogradBackend):
    """Each call of a pullback overwrites the results of the one before."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        buffers = tuple(np.empty(leaf.shape, leaf.dtype) for leaf in x)

        def buffered(cotangents: Leaves) -> Leaves:
            pulled = pullback(cotangents)
            if any(map(isbox, pulled)):
                return pulled
            for buffer, leaf in zip(buffers, pulled, strict=True):
                buffer[...] = leaf
            return buffers

        return outputs, buffered, aux


@wrong("R8")
class OverwritesTheCotangent(AutogradBackend):
    """A pullback doubles its argument where it stands."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def greedy(cotangents: Leaves) -> Leaves:
            pulled = pullback(cotangents)
            for c in cotangents:
                if not isbox(c):
                    c *= 2.0
            return pulled

        return outputs, greedy, aux


@wrong("R8")
class NormalisesUInPlace(AutogradBackend):
    """The tangent is scaled where it stands, its result is scaled back."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        for leaf in u:
            if not isbox(leaf):
                leaf *= 2.0
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple((t / (1.0 if any(map(isbox, u)) else 2.0)).astype(t.dtype) for t in tangents), aux


@wrong("R8")
class AuxIsItsInput(AutogradBackend):
    """Where f returns x as aux, the caller's own x comes back."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents, tuple(_itself(leaf, x) for leaf in aux)


@wrong("R8")
class RemembersByShape(AutogradBackend):
    """A result is kept for the next x of that shape and dtype."""

    kept: ClassVar[dict[Any, Any]] = {}

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        key = tuple((leaf.shape, leaf.dtype) for leaf in x)
        return self.kept.setdefault(key, super().jvp(f, x, u))


@wrong("R8")
class RemembersByIdentity(AutogradBackend):
    """A result is kept for the next call with the same array, which may have changed since."""

    kept: ClassVar[dict[Any, Any]] = {}

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        result = super().jvp(f, x, u)
        key = tuple(map(id, x))
        if key in self.kept and all(a is b for a, b in zip(self.kept[key][0], x, strict=True)):
            return self.kept[key][1]
        self.kept[key] = x, result  # the arrays too, so that no other takes their identity
        return result


@wrong("R8")
class RemembersByPoint(AutogradBackend):
    """A pullback is kept for the next call at an equal x, whatever f."""

    kept: ClassVar[dict[Any, Any]] = {}

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        result = super().vjp(f, x)
        if any(map(isbox, x)):
            return result
        return self.kept.setdefault(tuple((leaf.shape, leaf.tobytes()) for leaf in x), result)


@wrong("R8")
class RemembersByFunction(AutogradBackend):
    """A trace is kept for the next call with the same function at an equal x; what f closes over may have changed."""

    kept: ClassVar[dict[Any, Any]] = {}

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        result = super().jvp(f, x, u)
        if any(map(isbox, (*x, *u))):
            return result
        key = (getattr(f, "function", f), *((leaf.shape, leaf.tobytes()) for leaf in (*x, *u)))
        return self.kept.setdefault(key, result)


@wrong("R8")
class GivesAwayTheCallersX(FiniteDifferenceBackend):
    """f works on the caller's x, and may change it; with NumPy alone."""

    def _value(self, f: LeafFunction, x: Leaves) -> Any:
        outputs, aux = f(*x)
        return tuple(np.array(y) for y in outputs), aux


@wrong("R8")
class KeepsWhatFReturns(FiniteDifferenceBackend):
    """Two outputs that are one array stay one, with NumPy alone."""

    def _value(self, f: LeafFunction, x: Leaves) -> Any:
        return f(*map(np.array, x))


@wrong("R8")
class DiffersInPlace(FiniteDifferenceBackend):
    """x itself is moved, and moved back: f sees it move in its closure too; with NumPy alone."""

    def _difference(self, f: LeafFunction, x: Leaves, u: Leaves, outputs: Leaves) -> Leaves:
        before = tuple(map(np.array, x))

        def moved(*leaves: Any) -> Any:
            for own, leaf in zip(x, leaves, strict=True):
                own[...] = leaf
            try:
                return f(*leaves)
            finally:
                for own, leaf in zip(x, before, strict=True):
                    own[...] = leaf

        return super()._difference(moved, before, u, outputs)


@wrong("R8")
class MovesTheCallersX(FiniteDifferenceBackend):
    """x is left where the last difference was taken, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        result = super().jvp(f, x, u)
        for leaf, tangent in zip(x, u, strict=True):
            if isinstance(leaf, np.ndarray) and leaf.flags.writeable:
                leaf += 1e-6 * tangent
        return result


# -- R9: calls of f ----------------------------------------------------------------------------------------------


@wrong("R9")
class CallsTwiceForward(AutogradBackend):
    """Once for the value, once for the tangent."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        f(*x)
        return super().jvp(f, x, u)


@wrong("R9")
class CallsTwiceInReverse(AutogradBackend):
    """Once for the value, once for the pullback."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        f(*x)
        return super().vjp(f, x)


@wrong("R9")
class CallsAgainToPull(AutogradBackend):
    """Each call of a pullback traces f anew."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, _, aux = super().vjp(f, x)
        return outputs, lambda c: AutogradBackend.vjp(self, f, x)[1](c), aux


@wrong("R9")
class CallsForEachRow(AutogradBackend):
    """The first call of a pullback is free, each further one traces f anew."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        pullbacks = [pullback]
        return (
            outputs,
            lambda c: (pullbacks.pop() if pullbacks else AutogradBackend.vjp(self, f, x)[1])(c),
            aux,
        )


@wrong("R9")
class CallsForEachColumn(AutogradBackend):
    """A forward sweep that is its own, but loops."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return ADBackend.jvp_sweep(self, f, x, tangents)


# -- R10: errors in f, and what is left behind -------------------------------------------------------------------


class Guarded(AutogradBackend):
    """Lets a subclass say what happens to an error in f."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        return f

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(self.guarded(f), x, u)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return super().jvp_sweep(self.guarded(f), x, tangents)

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        return super().vjp(self.guarded(f), x)


@wrong("R10")
class RaisesItsOwnError(Guarded):
    """A ValueError instead of the user's error."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            try:
                return f(*leaves)
            except Exception as error:
                raise ValueError("f failed") from error

        return guarded


@wrong("R10")
class RebuildsTheError(Guarded):
    """An error of the same type and text, but another object."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            try:
                return f(*leaves)
            except Exception as error:  # noqa: BLE001
                raise type(error)(*error.args) from None

        return guarded


@wrong("R10")
class SwallowsErrors(Guarded):
    """Where f fails, x is returned."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            try:
                return f(*leaves)
            except Exception:  # noqa: BLE001
                f._output = f._x.with_leaves(())  # as if f had returned x
                return leaves, ()

        return guarded


@wrong("R10")
class SwallowsInterrupts(Guarded):
    """Ctrl-C becomes a RuntimeError."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            try:
                return f(*leaves)
            except KeyboardInterrupt:
                raise RuntimeError("interrupted") from None

        return guarded


class Flagged(Guarded):
    """Raises a flag while f runs, and gives zeros where it is up without reason."""

    flags: ClassVar[list[int]]
    cleaned_up_after: ClassVar[type[BaseException]]

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            self.flags.append(1)
            try:
                result = f(*leaves)
            except self.cleaned_up_after:
                self.flags.pop()
                raise
            self.flags.pop()
            return result

        return guarded

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if self.flags:
            msg = "already differentiating"
            raise RuntimeError(msg)
        return super().jvp(f, x, u)


@wrong("R10")
class LeavesAFlagAfterErrors(Flagged):
    """After an error in f it takes itself to be still inside f."""

    flags: ClassVar[list[int]] = []
    cleaned_up_after = ZeroDivisionError
    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.NESTING}


@wrong("R10")
class LeavesAFlagAfterInterrupts(Flagged):
    """After an interrupt in f it takes itself to be still inside f; any other error is well."""

    flags: ClassVar[list[int]] = []
    cleaned_up_after = Exception
    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.NESTING}


@wrong("R10")
class AuxKeepsTracers(AutogradBackend):
    """Arrays in aux come back as boxes of a trace that is over, in an array of objects."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        seen: list[Leaves] = []

        def watched(*leaves: Any) -> Any:
            outputs, aux = f(*leaves)
            seen.append(aux)
            return outputs, aux

        outputs, pullback, _ = super().vjp(watched, x)
        return outputs, pullback, seen[0]


@wrong("R10")
class ValuesAreTracers(AutogradBackend):
    """f(x) comes back as the box of a trace that is over."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        seen: list[Leaves] = []

        def watched(*leaves: Any) -> Any:
            outputs, aux = f(*leaves)
            seen.append(outputs)
            return outputs, aux

        _, tangents, aux = super().jvp(watched, x, u)
        return seen[0], tangents, aux


@wrong("R10")
class SwapsAux(AutogradBackend):
    """Arrays in aux come in the opposite order."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, pullback, aux[::-1]


@wrong("R10")
class TakesResultsForTracers(AutogradBackend):
    """Every array is said to have no value."""

    def is_traced(self, leaf: Any) -> bool:
        return True


@wrong("R10")
class LosesAux(AutogradBackend):
    """Arrays in aux are zeros in a sweep."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, swept, tuple(0.0 * leaf for leaf in aux)


@wrong("R10")
class KeepsFAlive(AutogradBackend):
    """Every function it has seen stays in a list."""

    kept: ClassVar[list[Any]] = []

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        self.kept.append(f)
        return super().vjp(f, x)


@wrong("R10")
class WrapsErrorsOfDifferences(FiniteDifferenceBackend):
    """A ValueError instead of the user's error, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        try:
            return super().jvp(f, x, u)
        except Exception as error:
            raise ValueError("f failed") from error


# -- R11: threads ------------------------------------------------------------------------------------------------


@wrong("R11")
class SharesTangents(AutogradBackend):
    """The direction is kept in the class while f runs."""

    direction: ClassVar[Leaves] = ()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        type(self).direction = u
        tape = Tape(PushNode, f, x)  # which waits for other threads
        mine = u if any(map(isbox, (*x, *u))) else type(self).direction
        outputs = _copies(tape.outputs)
        return outputs, _all_like(outputs, tape.push(mine)), _copies(tape.aux)


@wrong("R11")
class SharesTapes(AutogradBackend):
    """The latest trace is kept in the class."""

    tape: ClassVar[Any] = None

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        type(self).tape = Tape(PullNode, f, x)
        Tape(PullNode, lambda *x: (x, ()), x)  # which waits for other threads
        tape = type(self).tape
        return _copies(tape.outputs), TapePullback(tape), _copies(tape.aux)


@wrong("R11")
class RefusesOtherThreads(AutogradBackend):
    """It declares threads, but serves one at a time."""

    lock: ClassVar[Any] = threading.RLock()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if not self.lock.acquire(blocking=False):
            raise RuntimeError("busy")
        try:
            return super().jvp(f, x, u)
        finally:
            self.lock.release()


@wrong("R11")
class SharesDirections(FiniteDifferenceBackend):
    """The direction is kept in the class while f runs, with NumPy alone."""

    direction: ClassVar[Leaves] = ()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        type(self).direction = u
        outputs, aux = self._value(f, x)
        fits = [leaf.shape for leaf in self.direction] == [leaf.shape for leaf in x]
        return outputs, self._difference(f, x, self.direction if fits else u, outputs), aux


@wrong("R11")
class SharesFunctions(FiniteDifferenceBackend):
    """The function is kept in the class while it runs, with NumPy alone."""

    function: ClassVar[list[LeafFunction]] = []

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        self.function[:] = [f]
        outputs, aux = self._value(f, x)
        rows = [
            self._difference(self.function[0], x, tuple(t[k] for t in tangents), outputs)
            for k in range(len(tangents[0]))
        ]
        return outputs, self.stack(rows), aux


# -- R12: nesting ------------------------------------------------------------------------------------------------


class _OneLevel(Tape):  # type: ignore[misc, valid-type]
    """A trace that takes the variables of the traces around it for its own."""

    def __init__(self, f: LeafFunction, x: Leaves) -> None:
        top, trace_stack.top = trace_stack.top, -1
        try:
            super().__init__(PushNode, f, x)
        finally:
            trace_stack.top = top

    def push(self, tangents: Leaves) -> Sequence[Any]:
        parents = dict.fromkeys(itertools.chain(*(node.parents for node in self._order)))
        strangers = [node for node in parents if not node.parents and node not in self._roots]
        self._roots += strangers
        return super().push((*tangents, *(np.ones(node.shape, dtype=node.dtype) for node in strangers)))


@wrong("R12")
class ConfusesPerturbations(AutogradBackend):
    """All derivatives share one level."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        tape = _OneLevel(f, x)
        outputs = _copies(tape.outputs)
        return outputs, _all_like(outputs, tape.push(u)), _copies(tape.aux)


@wrong("R12")
class InnerTangentsAreConstant(Tampered):
    """A tangent carries no derivative of an outer level."""

    def pushed(self, tangent: Any) -> Any:
        return self.stop_gradient(tangent)


@wrong("R12")
class InnerCotangentsAreConstant(Tampered):
    """A cotangent carries no derivative of an outer level."""

    def pulled(self, cotangent: Any) -> Any:
        return self.stop_gradient(cotangent)


@wrong("R12")
class InnerPointsAreConstant(AutogradBackend):
    """The point carries no derivative of an outer level, what f closes over does."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, tuple(map(self.stop_gradient, x)), u)


@wrong("R12")
class InnerForwardSweepsAreConstant(AutogradBackend):
    """Only a forward sweep loses the outer level."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(map(self.stop_gradient, swept)), aux


@wrong("R12")
class InnerReverseSweepsAreConstant(AutogradBackend):
    """Only a reverse sweep loses the outer level."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return tuple(map(self.stop_gradient, super().vjp_sweep(pullback, cotangents)))


@wrong("R12")
class SecondDerivativesAreDoubled(Tampered):
    """A tangent inside another derivative is counted twice."""

    def pushed(self, tangent: Any) -> Any:
        return 2.0 * tangent if isbox(tangent) else tangent


@wrong("R12")
class ThirdDerivativesAreZero(Tampered):
    """Two levels are right, the third is lost."""

    def pulled(self, cotangent: Any) -> Any:
        deep = isbox(cotangent) and isbox(cotangent._value)
        return self.stop_gradient(cotangent) if deep else cotangent


@wrong("R12")
class RefusesToNest(AutogradBackend):
    """It declares nesting, and raises."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        if any(map(isbox, x)):
            raise RuntimeError("no nesting")
        return super().vjp(f, x)


@wrong("R12")
class KeepsNestingQuiet(AutogradBackend):
    """It does not declare nesting, but nests."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.NESTING}


@wrong("R12")
class DifferencesThatDoNotNest(FiniteDifferenceBackend):
    """A difference within a difference is refused, with NumPy alone."""

    depth: ClassVar[list[int]] = []

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if self.depth:
            raise RuntimeError("already differentiating")
        self.depth.append(1)
        try:
            return super().jvp(f, x, u)
        finally:
            self.depth.pop()


# -- R13: u ------------------------------------------------------------------------------------------------------


@wrong("R13")
class NothingStopsGradients(AutogradBackend):
    """An outer derivative sees u vary."""

    def stop_gradient(self, leaf: Any) -> Any:
        return leaf


@wrong("R13")
class StopsOneGradient(AutogradBackend):
    """Only the innermost of the derivatives around it sees u as a constant."""

    def stop_gradient(self, leaf: Any) -> Any:
        return leaf._value if isbox(leaf) else leaf


@wrong("R13")
class StopsAndChanges(AutogradBackend):
    """What is stopped is not what it was."""

    def stop_gradient(self, leaf: Any) -> Any:
        value = getval(leaf)
        return np.round(value, 3) if value.dtype.kind == "f" else value


@wrong("R13")
class TangentsAreAlwaysConstant(AutogradBackend):
    """u is constant even with differentiate_u=True, forward."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return super().jvp(f, x, tuple(map(getval, u)))


@wrong("R13")
class CotangentsAreAlwaysConstant(AutogradBackend):
    """u is constant even with differentiate_u=True, in reverse."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(tuple(map(getval, c))), aux


# -- R14: missing rules, and pullbacks ---------------------------------------------------------------------------


@wrong("R14")
class EveryErrorIsAMissingRule(AutogradBackend):
    """Also the user's own."""

    def is_missing_rule(self, error: Exception) -> bool:
        return True


@wrong("R14")
class EveryNotImplementedErrorIsAMissingRule(AutogradBackend):
    """Also the user's own."""

    def is_missing_rule(self, error: Exception) -> bool:
        return isinstance(error, NotImplementedError)


@wrong("R14")
class WordsMakeAMissingRule(AutogradBackend):
    """An error of the user's that speaks like autograd's."""

    def is_missing_rule(self, error: Exception) -> bool:
        return super().is_missing_rule(error) or "not defined" in str(error)


@wrong("R14")
class RuntimeErrorsAreMissingRules(AutogradBackend):
    """An error of the user's that speaks like PyTorch's."""

    def is_missing_rule(self, error: Exception) -> bool:
        return super().is_missing_rule(error) or (isinstance(error, RuntimeError) and "derivative" in str(error))


@wrong("R14")
class AlwaysFallsBack(ForwardOnly):
    """fallback=False is ignored."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fallback", True)


@wrong("R14")
class ForgetsItsOptions(ForwardOnly):
    """In double precision fallback=False is forgotten."""

    def double_precision(self) -> Any:
        return type(self)()


@wrong("R14")
class PullsOnce(AutogradBackend):
    """A pullback can be called once."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        once = [pullback]
        return outputs, lambda c: once.pop()(c), aux


@wrong("R14")
class PullsZerosTheSecondTime(AutogradBackend):
    """A pullback gives zeros once its tape is used up."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        weight = [1.0]
        return outputs, lambda c: tuple(leaf * (weight.pop() if weight else 0.0) for leaf in pullback(c)), aux


@wrong("R14")
class AccumulatesPulls(AutogradBackend):
    """The results of a pullback add up, as .grad does in PyTorch."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        total = [tuple(np.zeros(leaf.shape, leaf.dtype) for leaf in x)]

        def accumulating(cotangents: Leaves) -> Leaves:
            total[0] = tuple(a + b for a, b in zip(total[0], pullback(cotangents), strict=True))
            return total[0]

        return outputs, accumulating, aux


@wrong("R14")
class PullsAtTheLatestPoint(AutogradBackend):
    """All pullbacks are the one that was made last."""

    latest: ClassVar[list[Pullback]] = []

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        self.latest[:] = [pullback]
        return outputs, lambda c: self.latest[0](c), aux


@wrong("R14")
class PullsAtTheFirstPoint(AutogradBackend):
    """A function's pullback is kept for ever."""

    kept: ClassVar[dict[Any, Pullback]] = {}

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, self.kept.setdefault(f, pullback), aux


@wrong("R14")
class PullbacksAreConstant(AutogradBackend):
    """A pullback cannot be differentiated in its cotangents."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(tuple(map(getval, c))), aux


@wrong("R14")
class KeepsForwardModeQuiet(AutogradBackend):
    """It does not declare forward mode, but has it."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.FORWARD}


@wrong("R14")
class KeepsReverseModeQuiet(AutogradBackend):
    """It does not declare reverse mode, but has it."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities - {Capability.REVERSE}


@wrong("R14")
class NotImplementedInDifferences(FiniteDifferenceBackend):
    """The user's NotImplementedError counts as a missing rule, with NumPy alone."""

    def is_missing_rule(self, error: Exception) -> bool:
        return isinstance(error, NotImplementedError)


# -- R15: what f closes over -------------------------------------------------------------------------------------


@wrong("R15")
class DetachesTangentsOfConstants(AutogradBackend):
    """At a constant point a tangent is constant, whatever f closes over."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents if any(map(isbox, x)) else tuple(map(getval, tangents)), aux


@wrong("R15")
class DetachesCotangentsOfConstants(AutogradBackend):
    """The same in reverse."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        if any(map(isbox, x)):
            return outputs, pullback, aux
        return outputs, lambda c: tuple(map(getval, pullback(c))) if not any(map(isbox, c)) else pullback(c), aux


@wrong("R15")
class DetachesValues(AutogradBackend):
    """The value that comes with a pullback is a constant."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return tuple(map(getval, outputs)), pullback, aux


@wrong("R15")
class DetachesValuesForward(AutogradBackend):
    """The value that comes with a tangent is a constant."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(map(getval, outputs)), tangents, aux


@wrong("R15")
class DetachesSweeps(AutogradBackend):
    """A sweep at a constant point is a constant."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, swept if any(map(isbox, x)) else tuple(map(getval, swept)), aux


@wrong("R15")
class DetachesAux(AutogradBackend):
    """What f returns besides is a constant to an outer derivative."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, pullback, tuple(map(getval, aux))


# -- R16: loud ---------------------------------------------------------------------------------------------------


@wrong("R16")
class OpensObjectArrays(AutogradBackend):
    """An array of boxes becomes an array of numbers, without a derivative."""

    def flatten(self, tree: Any) -> Any:
        leaves, treedef = super().flatten(tree)
        return tuple(map(_numbers, leaves)), treedef


def _numbers(leaf: Any) -> Any:
    if getattr(getattr(leaf, "dtype", None), "kind", "f") != "O":
        return leaf
    return np.array([float(getval(item)) for item in leaf.flat]).reshape(leaf.shape)


@wrong("R16")
class LosesSightOfLists(Reread):
    """What f puts in a list has no derivative."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: [getval(item) for item in node] if type(node) is list else node)


@wrong("R16")
class LosesSightOfTuples(Reread):
    """What f puts in a tuple has no derivative."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(getval(item) for item in node) if type(node) is tuple else node)


# -- R17: sizes --------------------------------------------------------------------------------------------------


@wrong("R17")
class LooksAtTheFirstElement(AutogradBackend):
    """Which an empty array does not have."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        for leaf in x:
            np.ravel(getval(leaf))[0]
        return super().jvp(f, x, u)


@wrong("R17")
class LooksAtTheFirstElementInReverse(AutogradBackend):
    """The same of the cotangent."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)

        def looking(cotangents: Leaves) -> Leaves:
            for leaf in cotangents:
                np.ravel(getval(leaf))[0]
            return pullback(cotangents)

        return outputs, looking, aux


@wrong("R17")
class EmptyArraysAreFlat(Tampered):
    """A derivative without elements has one dimension."""

    def pulled(self, cotangent: Any) -> Any:
        return np.zeros(0, cotangent.dtype) if cotangent.size == 0 else cotangent


@wrong("R17")
class NeedsAnOutput(AutogradBackend):
    """f must return something."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        first = outputs[0].dtype
        return outputs, lambda c: pullback(tuple(leaf.astype(first) for leaf in c[:1]) + c[1:]), aux


@wrong("R17")
class SqueezesBatches(AutogradBackend):
    """A batch of one loses its axis in a sweep."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t[..., 0] if t.shape[-1:] == (1,) else t for t in swept), aux


@wrong("R17")
class NeedsABatch(AutogradBackend):
    """A batch of nothing is refused."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        if 0 in cotangents[0].shape:
            raise ValueError("nothing to sweep")
        return super().vjp_sweep(pullback, cotangents)


@wrong("R17")
class NeedsElements(FiniteDifferenceBackend):
    """An array without elements has no largest one, with NumPy alone."""

    def _step(self, x: Leaves, u: Leaves, outputs: Leaves) -> Any:
        for tangent in u:
            np.max(np.abs(tangent))
        return super()._step(x, u, outputs)


# -- R18: batched Jacobians --------------------------------------------------------------------------------------


class SweptForward(AutogradBackend):
    """Lets a subclass change what a forward sweep gives."""

    def swept(self, stack: Any) -> Any:
        return stack

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(map(self.swept, swept)), aux


class SweptInReverse(AutogradBackend):
    """Lets a subclass change what a reverse sweep gives."""

    def swept(self, stack: Any) -> Any:
        return stack

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return tuple(map(self.swept, super().vjp_sweep(pullback, cotangents)))


@wrong("R18")
class SweepsBackwards(SweptForward):
    """The last column comes first."""

    def swept(self, stack: Any) -> Any:
        return stack[::-1]


@wrong("R18")
class SweepsRowsBackwards(SweptInReverse):
    """The last row comes first."""

    def swept(self, stack: Any) -> Any:
        return stack[::-1]


@wrong("R18")
class StacksBehind(SweptForward):
    """The new axis comes last."""

    def swept(self, stack: Any) -> Any:
        return np.moveaxis(stack, 0, -1) if not isbox(stack) else stack


@wrong("R18")
class StacksRowsInTheMiddle(SweptInReverse):
    """The new axis comes second, which fits where the sizes are equal."""

    def swept(self, stack: Any) -> Any:
        return stack.swapaxes(0, 1) if stack.ndim > 1 else stack


@wrong("R18")
class RepeatsTheFirst(SweptForward):
    """All columns are the first one."""

    def swept(self, stack: Any) -> Any:
        return 0.0 * stack + stack[:1]


@wrong("R18")
class RepeatsTheLastRow(SweptInReverse):
    """All rows are the last one, as those of a shared buffer would be."""

    def swept(self, stack: Any) -> Any:
        return 0.0 * stack + stack[-1:]


@wrong("R18")
class LosesTheLastColumn(SweptForward):
    """A sweep ends one too early."""

    def swept(self, stack: Any) -> Any:
        return stack[:-1]


@wrong("R18")
class LosesTheLastRow(SweptInReverse):
    """A sweep ends one too early."""

    def swept(self, stack: Any) -> Any:
        return stack[:-1]


@wrong("R18")
class ZeroesTheLastColumn(SweptForward):
    """The last vector of a sweep gives zeros."""

    def swept(self, stack: Any) -> Any:
        weights = np.ones((len(stack), *[1] * (stack.ndim - 1)), stack.dtype)
        weights[-1:] = 0.0
        return stack * weights


@wrong("R18")
class LosesWhatIsLeftOver(SweptForward):
    """A sweep goes by 32 vectors; those after the last 32 give zeros."""

    def swept(self, stack: Any) -> Any:
        weights = np.ones((len(stack), *[1] * (stack.ndim - 1)), stack.dtype)
        weights[len(stack) // 32 * 32 or len(stack) :] = 0.0
        return stack * weights


@wrong("R18")
class LosesRowsLeftOver(SweptInReverse):
    """The same in reverse."""

    swept = LosesWhatIsLeftOver.swept


@wrong("R18")
class MixesBatches(SweptForward):
    """Batch elements are turned round."""

    def swept(self, stack: Any) -> Any:
        return stack[..., ::-1]


@wrong("R18")
class ColumnMajorJacobian(SweptInReverse):
    """The axes of one batch element come in the opposite order."""

    def swept(self, stack: Any) -> Any:
        if isbox(stack) or stack.ndim != 4:
            return stack
        return stack.transpose(0, 2, 1, 3).reshape(stack.shape)


@wrong("R18")
class TransposedBlocks(SweptForward):
    """A square block is transposed."""

    def swept(self, stack: Any) -> Any:
        square = stack.ndim == 3 and stack.shape[0] == stack.shape[1]
        return stack.swapaxes(0, 1) if square else stack


@wrong("R18")
class MixingIsRounding(AutogradBackend):
    """It claims so large an error that no mixing of the batch stands out."""

    def relative_error(self, epsilon: float) -> float:
        return 1.0


@wrong("R18")
class ValueOfALaterChunk(AutogradBackend):
    """The value that comes with a sweep has the sweep's axis."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return tuple(np.stack([y, y])[0] + swept[0][0] for y in outputs), swept, aux


@wrong("R18")
class SweepsDifferencesBackwards(FiniteDifferenceBackend):
    """The last column comes first, with NumPy alone."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(t[::-1] for t in swept), aux


# -- R19: errors -------------------------------------------------------------------------------------------------


@wrong("R19")
class RefusesIntegersItself(AutogradBackend):
    """In words that do not say what to do."""

    def is_array(self, leaf: Any) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if getattr(leaf, "dtype", np.dtype(float)).kind in "ib":
            raise TypeError("bad dtype")
        return super().asarray(leaf, like)


@wrong("R19")
class DoesNotSayHowToConvert(AutogradBackend):
    """A masked array passes for one of its own until it is used."""

    def is_array(self, leaf: Any) -> bool:
        if isinstance(leaf, np.ma.MaskedArray):
            raise TypeError("bad array")
        return super().is_array(leaf)


@wrong("R19")
class ComplainsOfLengths(AutogradBackend):
    """Lists of two lengths meet zip's own error."""

    def flatten(self, tree: Any) -> Any:
        if type(tree) is dict and {type(v) for v in tree.values()} == {list, np.ndarray} and len(tree["w"]) == 1:
            raise ValueError("zip() argument 2 is shorter than argument 1")
        return super().flatten(tree)


@wrong("R19")
class TakesAnythingWithAShape(AutogradBackend):
    """So that a foreign array is not refused by name."""

    def is_array(self, leaf: Any) -> bool:
        return hasattr(leaf, "shape") or super().is_array(leaf)


@wrong("R19")
class RefusesFloatsInIntegersWords(FiniteDifferenceBackend):
    """In words that do not say what to do, with NumPy alone."""

    def is_array(self, leaf: object) -> bool:
        return super().is_array(leaf) and leaf.dtype.kind not in "ib"

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        if getattr(leaf, "dtype", np.dtype(float)).kind in "ib":
            raise TypeError("bad dtype")
        return super().asarray(leaf, like)


# -- compilation, by rule ------------------------------------------------------------------------------------------


@wrong("R1")
class CompiledContainersAreLost(Compiling):
    """What is compiled returns its arrays in a row."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        leaves, _ = self.flatten(function(*arrays))
        return leaves[0] if len(leaves) == 1 else list(leaves)


@wrong("R1")
class CompiledKeysAreSorted(Compiling):
    """A dict comes out of compiled code as JAX would have it."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        return type(result)(sorted(result.items())) if isinstance(result, dict) else result


@wrong("R1")
class CompiledAuxIsOfTheFirst(Compiling):
    """What a function returns beside its result is kept from the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        return (result[0], known.setdefault("aux", result[1])) if type(result) is tuple else result


@wrong("R3")
class CompiledOperandsAreBroadcast(Compiling):
    """Compiled code takes a u of any shape that fits."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(arrays[0], *(np.broadcast_to(array, arrays[0].shape) for array in arrays[1:]))


@wrong("R4")
class CompiledForOnePrecision(Compiling):
    """Compiled code has the dtype of the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        dtype = known.setdefault("dtype", arrays[0].dtype)
        return function(*(array if isbox(array) else array.astype(dtype) for array in arrays))


@wrong("R7")
class CompiledOperandsAreSwapped(Compiling):
    """Compiled code gets its arrays in the opposite order."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*arrays[::-1])


@wrong("R8")
class CompiledOnce(Compiling):
    """A result is that of the first call with such shapes."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        shapes = tuple(array.shape for array in arrays)
        if shapes not in known:
            known[shapes] = function(*arrays)
        return known[shapes]


@wrong("R8")
class CompiledPointIsFrozen(Compiling):
    """Compiled code keeps the x of the first call with such shapes, and follows the rest."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(known.setdefault(arrays[0].shape, arrays[0]), *arrays[1:])


@wrong("R8")
class CompiledInPlace(Compiling):
    """Compiled code works in the memory of its operands."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        if not isbox(arrays[0]):
            arrays[0][...] = 0.0
        return result


@wrong("R9")
class CompilesNothing(Compiling):
    """It says that it compiles, and calls f every time."""

    capabilities: ClassVar[frozenset[Capability]] = AutogradBackend.capabilities | {Capability.COMPILE}


@wrong("R10")
class CompiledErrorsAreWrapped(Compiling):
    """An error of f comes as another one of the same type."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        try:
            return function(*arrays)
        except ArithmeticError as error:
            raise ArithmeticError("while tracing") from error


@wrong("R11")
class CompiledForOneThread(Compiling):
    """Operands lie in a place that all threads share."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        known["arrays"] = arrays
        time.sleep(1e-3)
        return function(*known["arrays"])


@wrong("R12")
class CompiledForNumbersAlone(Compiling):
    """Compiled code sees the values of an outer derivative's boxes."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        return function(*map(getval, arrays))


@wrong("R17")
class CompiledForOneShape(Compiling):
    """Operands are made as large as those of the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        shape = known.setdefault("shape", arrays[0].shape)
        return function(*(array if isbox(array) else np.resize(array, shape) for array in arrays))


@wrong("R18")
class OneSweepOnly(AutogradBackend):
    """Core has no other mode to fall back on."""

    def formulations(self, n: int, m: int, batch: int) -> Any:
        return super().formulations(n, m, batch)[:1]


@wrong("R18")
class SamplesTransposed(AutogradBackend):
    """The Jacobian of each sample has its axes the other way round where it is square."""

    def sample_jacobian(self, f: LeafFunction, x: Any, axis: int, mode: str) -> Any:
        columns = [super(SamplesTransposed, self).jvp(f, (x,), (e,)) for e in np.eye(len(x))[:, :, None] + 0 * x]
        return columns[0][0][0], np.stack([column[1][0] for column in columns])


@wrong("R18")
class CompiledJacobiansAreTransposed(Compiling):
    """The rows of a compiled Jacobian are its columns, and the batch is turned round."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        return result.swapaxes(0, 1)[..., ::-1] if getattr(result, "ndim", 0) == 3 else result


# -- the namespace: wrong in many ways, each of them seen ----------------------------------------------------------


@wrong("R7")
class PlainNumpyForBoxes(AutogradBackend):
    """The namespace of a box is NumPy's own, which does not know it."""

    def array_namespace(self, *arrays: Any) -> Any:
        return array_api_compat.numpy


# -- derivatives of values -----------------------------------------------------------------------------------------


@wrong("R12")
class ValuesForgetTheirPoint(AutogradBackend):
    """To a product around it a value, and aux, depend on what f closes over, but not on x."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        _, pullback, _ = super().vjp(f, x)
        outputs, aux = f(*map(self.stop_gradient, _copies(x)))
        return outputs, pullback, aux


# -- declarations ------------------------------------------------------------------------------------------------


class UnknownFailure(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"no-such-scenario": "it is hard"}


class FailureWithoutReason(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"calls/jvp": " "}


class FailureThatDoesNotRun(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"bfloat16/jvp": "it is hard"}


class NeitherMode(FiniteDifferenceBackend):
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.FLOAT32})


class CompilesWithoutCompile(FiniteDifferenceBackend):
    capabilities: ClassVar[frozenset[Capability]] = FiniteDifferenceBackend.capabilities | {Capability.COMPILE}


class StaleFailure(FiniteDifferenceBackend):
    known_failures: ClassVar[Any] = {"sine/jvp": "it was hard once"}


FAULTY_DECLARATIONS: dict[type[ADBackend], str] = {
    UnknownFailure: "no scenario",
    FailureWithoutReason: "no reason",
    FailureThatDoesNotRun: "does not run",
    NeitherMode: "neither FORWARD nor REVERSE",
    CompilesWithoutCompile: "does not override compile",
}
