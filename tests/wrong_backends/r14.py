"""Backends that are wrong by R14: missing rules, and pullbacks."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import Capability, LeafFunction, Leaves, Pullback
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, ForwardOnly, Pulled, getval
from wrong_backends.registry import wrong


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
