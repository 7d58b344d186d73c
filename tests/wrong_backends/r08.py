"""Backends that are wrong by R8: purity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Linearized, Pulled, Pushed, Tampered, getval, isbox
from wrong_backends.registry import wrong


@wrong("R8")
class AsarrayAliases(AutogradBackend):
    """A lifted array is the caller's own."""

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        return leaf if self.is_array(leaf) else super().asarray(leaf, like)


@wrong("R8")
class CopiesAreTheirOriginals(AutogradBackend):
    """A copy is the array itself, which f then writes to."""

    def copy(self, leaf: Any) -> Any:
        return leaf


@wrong("R8")
class CopiesAreViews(AutogradBackend):
    """A copy is another array over the same memory."""

    def copy(self, leaf: Any) -> Any:
        return leaf if isbox(leaf) else np.asarray(leaf)[...]


@wrong("R8")
class ValuesAreTheirInputs(AutogradBackend):
    """Where f returns x, so does the product."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return tuple(_itself(y, x) for y in outputs), tangents, aux


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


class Intercepted(FiniteDifferenceBackend):
    """Lets a subclass come between f and what takes differences of it: along one direction, or along many."""

    def intercepted(self, differences: Callable[..., Pushed], f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return differences(f, x, u)

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return self.intercepted(super().jvp, f, x, u)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return self.intercepted(super().jvp_sweep, f, x, tangents)


@wrong("R8")
class GivesAwayTheCallersX(Intercepted):
    """f works on the caller's x, and may change it; with NumPy alone."""

    def intercepted(self, differences: Callable[..., Pushed], f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        callers = [x]  # for the first call, which is at x itself
        return differences(lambda *copies: f(*(callers.pop() if callers else copies)), x, u)


@wrong("R8")
class KeepsWhatFReturns(Intercepted):
    """Two outputs that are one array stay one, with NumPy alone."""

    def intercepted(self, differences: Callable[..., Pushed], f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        returned: list[tuple[Leaves, Leaves]] = []

        def watched(*leaves: Any) -> tuple[Leaves, Leaves]:
            returned.append(f(*leaves))
            return returned[-1]

        _, tangents, _ = differences(watched, x, u)
        outputs, aux = returned[0]
        return outputs, tangents, aux


@wrong("R8")
class DiffersInPlace(Intercepted):
    """x itself is moved, and moved back: f sees it move in its closure too; with NumPy alone."""

    def intercepted(self, differences: Callable[..., Pushed], f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        before = tuple(map(np.array, x))

        def moved(*leaves: Any) -> Any:
            for own, leaf in zip(x, leaves, strict=True):
                own[...] = leaf
            try:
                return f(*leaves)
            finally:
                for own, leaf in zip(x, before, strict=True):
                    own[...] = leaf

        return differences(moved, before, u)


@wrong("R8")
class MovesTheCallersX(FiniteDifferenceBackend):
    """x is left where the last difference was taken, with NumPy alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        result = super().jvp(f, x, u)
        for leaf, tangent in zip(x, u, strict=True):
            if isinstance(leaf, np.ndarray) and leaf.flags.writeable:
                leaf += 1e-6 * tangent
        return result


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


@wrong("R8")
class SweepsReturnTheirVectors(AutogradBackend):
    """Where f returns x, a sweep returns the stack that it was given."""

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, swept, aux = super().jvp_sweep(f, x, tangents)
        return outputs, tuple(_itself(stack, tangents) for stack in swept), aux


@wrong("R8")
class SweptRowsAreTheirVectors(AutogradBackend):
    """The same in reverse."""

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        return tuple(_itself(stack, cotangents) for stack in super().vjp_sweep(pullback, cotangents))


# -- memory that f uses again ------------------------------------------------------------------------------------------


class Referring(FiniteDifferenceBackend):
    """Differences whose operands may be kept by reference, as a subclass does; with NumPy alone."""

    def copied(self, leaf: Any) -> Any:
        """What is kept of a value of f while f is called again."""
        return np.array(leaf)

    def result(self, leaf: Any) -> Any:
        """What becomes of f(x)."""
        return np.array(leaf)

    def aside(self, leaf: Any) -> Any:
        """What becomes of aux."""
        return np.array(leaf)

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, aux = f(*map(np.array, x))
        outputs, aux = tuple(map(self.result, outputs)), tuple(map(self.aside, aux))
        (column,) = self.differences(f, x, [u], outputs)
        return outputs, column, aux

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        outputs, aux = f(*map(np.array, x))
        outputs, aux = tuple(map(self.result, outputs)), tuple(map(self.aside, aux))
        rows = [tuple(t[k, ...] for t in tangents) for k in range(len(tangents[0]))]
        return outputs, self.stack(self.differences(f, x, rows, outputs)), aux

    def differences(self, f: LeafFunction, x: Leaves, rows: list[Leaves], outputs: Leaves) -> list[Leaves]:
        """Each row's difference when its values are known."""
        return [_quotient(*self.around(f, x, row, outputs)) for row in rows]

    def around(self, f: LeafFunction, x: Leaves, u: Leaves, outputs: Leaves) -> tuple[Leaves, Leaves, float]:
        h = _step(x, u, outputs)
        above, below = (
            tuple(map(self.copied, f(*(_moved(leaf, s * h, t) for leaf, t in zip(x, u, strict=True)))[0]))
            for s in (1.0, -1.0)
        )
        return above, below, h


def _step(x: Leaves, u: Leaves, outputs: Leaves) -> float:
    epsilon = max(np.finfo(leaf.dtype).eps for leaf in (*x, *outputs))
    speeds = (np.abs(t) / np.maximum(np.abs(leaf), 1.0) for leaf, t in zip(x, u, strict=True))
    fastest = max((float(np.max(speed, initial=0.0)) for speed in speeds), default=0.0) or 1.0
    return float(2.0 ** np.round(np.log2(epsilon ** (1 / 3) / fastest)))


def _moved(leaf: Any, step: float, tangent: Any) -> Any:
    return np.asarray(leaf + (step * tangent).astype(leaf.dtype))


def _quotient(above: Leaves, below: Leaves, h: float) -> Leaves:
    return tuple(np.asarray((a - b) / (2.0 * h)).astype(a.dtype) for a, b in zip(above, below, strict=True))


@wrong("R8")
class DifferencesOfOneBuffer(Referring):
    """Where f returns the same memory each time, a difference is zero."""

    def copied(self, leaf: Any) -> Any:
        return leaf


@wrong("R8")
class SweepsOfOneBuffer(Referring):
    """A sweep keeps the values of f by reference until it has called f for all vectors."""

    def copied(self, leaf: Any) -> Any:
        return leaf

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return FiniteDifferenceBackend.jvp(self, _copying(f), x, u)

    def differences(self, f: LeafFunction, x: Leaves, rows: list[Leaves], outputs: Leaves) -> list[Leaves]:
        kept = [self.around(f, x, row, outputs) for row in rows]
        return [_quotient(*each) for each in kept]


def _copying(f: LeafFunction) -> LeafFunction:
    def copying(*leaves: Any) -> tuple[Leaves, Leaves]:
        outputs, aux = f(*leaves)
        return tuple(map(np.array, outputs)), tuple(map(np.array, aux))

    return copying


@wrong("R8")
class ValuesAreTheBuffer(Referring):
    """f(x) is the memory that f returned, which the next call of f overwrites."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        returned: list[Leaves] = []

        def watched(*leaves: Any) -> tuple[Leaves, Leaves]:
            outputs, aux = f(*leaves)
            returned.append(outputs)
            return outputs, aux

        outputs, tangents, aux = super().jvp(watched, x, u)
        for own, value in zip(returned[0], outputs, strict=True):
            if any(own is other for later in returned[1:] for other in later):
                own[...] = value
                return returned[0], tangents, aux
        return outputs, tangents, aux


@wrong("R8")
class AuxIsTheBuffer(Referring):
    """Aux is the memory that f returned, which the next call of f overwrites."""

    def aside(self, leaf: Any) -> Any:
        return leaf


@wrong("R8")
class PullbacksOfOneBuffer(Referring):
    """A pullback of differences, whose values of f are kept by reference until it is called."""

    known_failures: ClassVar[Mapping[str, str]] = {
        **FiniteDifferenceBackend.known_failures,
        "calls/vjp": "wrong behaviour: differences need f at two points for each entry",
        "calls/batched-reverse": "wrong behaviour: differences need f at two points for each entry",
    }

    def copied(self, leaf: Any) -> Any:
        return leaf

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return FiniteDifferenceBackend.jvp(self, _copying(f), x, u)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        return FiniteDifferenceBackend.jvp_sweep(self, _copying(f), x, tangents)

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, aux = _copying(f)(*map(np.array, x))
        # Imaginary parts are moved too: of Re(sum(c * dy)) the gradient by them is minus the imaginary part.
        units = [[1.0, -1.0j] if leaf.dtype.kind == "c" else [1.0] for leaf in x]
        kept = [
            [(index, unit, self.around(f, x, _along(x, k, index, unit), outputs)) for unit in units[k]]
            for k, leaf in enumerate(x)
            for index in np.ndindex(leaf.shape)
        ]
        places = [k for k, leaf in enumerate(x) for _ in np.ndindex(leaf.shape)]

        def pullback(cotangents: Leaves) -> Leaves:
            pulled = tuple(map(np.zeros_like, x))
            for k, moves in zip(places, kept, strict=True):
                for index, unit, values in moves:
                    columns = zip(cotangents, _quotient(*values), strict=True)
                    slope = sum(float(np.real(np.sum(c * column))) for c, column in columns)
                    pulled[k][index] += slope * np.asarray(unit).astype(pulled[k].dtype)
            return pulled

        return outputs, pullback, aux


def _along(x: Leaves, k: int, index: tuple[int, ...], unit: complex) -> Leaves:
    """The direction of one entry, of its imaginary part where the unit is imaginary."""
    direction = tuple(map(np.zeros_like, x))
    direction[k][index] = np.conj(unit)
    return direction


# -- views ------------------------------------------------------------------------------------------------------------


class Deaf(np.ndarray):
    """An array that does not hear of what is written to its views: they are copies."""

    def __getitem__(self, index: Any) -> Any:
        return np.array(super().__getitem__(index), subok=True)

    def transpose(self, *axes: Any) -> Any:
        return np.array(super().transpose(*axes), subok=True)


@wrong("R8")
class DifferencesLoseViews(Intercepted):
    """f(x) follows what f writes to a view, and its derivative does not; with NumPy alone."""

    def is_array(self, leaf: object) -> bool:
        return isinstance(leaf, Deaf) or super().is_array(leaf)

    def intercepted(self, differences: Callable[..., Pushed], f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        calls: list[int] = []

        def deafened(*leaves: Any) -> Any:
            calls.append(1)
            outputs, aux = f(*(leaf if len(calls) == 1 else np.asarray(leaf).view(Deaf) for leaf in leaves))
            return tuple(map(np.asarray, outputs)), tuple(map(np.asarray, aux))

        return differences(deafened, x, u)


@wrong("R8")
class SweepsLoseViews(DifferencesLoseViews):
    """The same, of many vectors alone."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        return FiniteDifferenceBackend.jvp(self, f, x, u)


@wrong("R8")
class LinearizesInPlace(AutogradBackend):
    """Each push writes to the memory of the one before."""

    def linearize(self, f: LeafFunction, x: Leaves) -> Linearized:
        outputs, pullback, aux = self.vjp(f, x)
        memory = tuple(np.empty_like(getval(y)) for y in outputs)

        def push(tangents: Leaves) -> Leaves:
            pushed = self.jvp(f, x, tangents)[1]
            if any(map(isbox, pushed)):
                return pushed
            for place, leaf in zip(memory, pushed, strict=True):
                place[...] = leaf
            return memory

        return outputs, push, pullback, aux
