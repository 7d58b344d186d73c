"""Backends that are wrong by R10: errors in f, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from adhelpers.extend import Capability, LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pulled, Pushed
from wrong_backends.registry import wrong


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
    """Where f fails, x stands in for its result."""

    def guarded(self, f: LeafFunction) -> LeafFunction:
        def guarded(*leaves: Any) -> Any:
            try:
                return f(*leaves)
            except Exception:  # noqa: BLE001
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


@wrong("R10")
class CompiledErrorsAreWrapped(Compiling):
    """An error of f comes as another one of the same type."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        try:
            return function(*arrays)
        except ArithmeticError as error:
            raise ArithmeticError("while tracing") from error
