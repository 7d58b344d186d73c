"""Backends that are wrong by R21: rules that functions bring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adhelpers.extend import ADBackend, LeafFunction, Leaves, Rule
from wrong_backends.bases import AutogradBackend, Pulled, Pushed, isbox
from wrong_backends.registry import wrong


class Altered(AutogradBackend):
    """Lets a subclass change the rule that it follows."""

    def altered(self, rule: Rule) -> Rule:
        return rule

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        return super().apply_rule(self.altered(rule), x)


@wrong("R21")
class FollowsNoRules(AutogradBackend):
    """It differentiates what the function computes."""

    apply_rule = ADBackend.apply_rule


@wrong("R21")
class PushesByTheTranspose(Altered):
    """Tangents go through the VJP rule."""

    def altered(self, rule: Rule) -> Rule:
        return replace(rule, jvp=rule.vjp)


@wrong("R21")
class PullsByTheDerivative(Altered):
    """Cotangents go through the JVP rule."""

    def altered(self, rule: Rule) -> Rule:
        return replace(rule, vjp=rule.jvp)


@wrong("R21")
class LosesConjugates(Altered):
    """Pulled back is the conjugate, as some frameworks have it."""

    def altered(self, rule: Rule) -> Rule:
        return replace(rule, vjp=lambda x, y, v: tuple(map(self._conjugate, rule.vjp(x, y, v))))

    def _conjugate(self, leaf: Any) -> Any:
        return self.array_namespace(leaf).conj(leaf)


@wrong("R21")
class TakesTheResultForAConstant(Altered):
    """In second derivatives y does not vary."""

    def altered(self, rule: Rule) -> Rule:
        def constant(y: Leaves) -> Leaves:
            return tuple(map(self.stop_gradient, y))

        return replace(
            rule, jvp=lambda x, y, u: rule.jvp(x, constant(y), u), vjp=lambda x, y, v: rule.vjp(x, constant(y), v)
        )


@wrong("R21")
class TakesThePointForAConstant(Altered):
    """In second derivatives x does not vary."""

    def altered(self, rule: Rule) -> Rule:
        def constant(x: Leaves) -> Leaves:
            return tuple(map(self.stop_gradient, x))

        return replace(
            rule, jvp=lambda x, y, u: rule.jvp(constant(x), y, u), vjp=lambda x, y, v: rule.vjp(constant(x), y, v)
        )


@wrong("R21")
class FollowsThemOnce(Altered):
    """What a rule computes is differentiated by nobody."""

    def altered(self, rule: Rule) -> Rule:
        def once(leaves: Leaves) -> Leaves:
            return tuple(map(self.stop_gradient, leaves))

        return replace(rule, jvp=lambda x, y, u: once(rule.jvp(x, y, u)), vjp=lambda x, y, v: once(rule.vjp(x, y, v)))


@wrong("R21")
class ForgetsASecondLeaf(Altered):
    """Only the first leaf of x gets its cotangent."""

    def altered(self, rule: Rule) -> Rule:
        def first(cotangents: Leaves) -> Leaves:
            return (cotangents[0], *(0.0 * leaf for leaf in cotangents[1:]))

        return replace(rule, vjp=lambda x, y, v: first(rule.vjp(x, y, v)))


@wrong("R21")
class LetsConstantsVary(AutogradBackend):
    """The derivative by a further argument is lost."""

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        count = len(x) - rule.constants
        return super().apply_rule(rule, (*x[:count], *map(self.stop_gradient, x[count:])))


@wrong("R21")
class LosesWhatItClosesOver(AutogradBackend):
    """The derivative by what a function closes over is lost."""

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        constant = replace(rule, call=lambda *x: tuple(map(self.stop_gradient, rule.call(*x))))
        return super().apply_rule(constant, x)


@wrong("R21")
class ComputesThemInDoublePrecision(Altered):
    """Rules of single precision give double."""

    def altered(self, rule: Rule) -> Rule:
        def doubled(leaves: Leaves) -> Leaves:
            return tuple([leaf if isbox(leaf) else np.asarray(leaf, np.float64) for leaf in leaves])

        return replace(rule, jvp=lambda x, y, u: doubled(rule.jvp(x, y, u)), call=lambda *x: doubled(rule.call(*x)))


@wrong("R21")
class HandsOutWhatItWasGiven(AutogradBackend):
    """What a rule returns as it is lies in the memory of u."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple([self._given(t, u) for t in tangents]), aux

    def _given(self, tangent: Any, u: Leaves) -> Any:
        same = (given for given in u if not isbox(tangent) and not isbox(given) and np.array_equal(tangent, given))
        return next(same, tangent)


@wrong("R21")
class SwallowsErrorsOfRules(Altered):
    """An error of a user's rule becomes zero."""

    def altered(self, rule: Rule) -> Rule:
        def guarded(product: Any) -> Any:
            def product_or_zero(x: Leaves, y: Leaves, vector: Leaves) -> Leaves:
                try:
                    result: Leaves = product(x, y, vector)
                except Exception:  # noqa: BLE001  # which is what is wrong here
                    return tuple([0.0 * leaf for leaf in vector])
                return result

            return product_or_zero

        return replace(rule, jvp=guarded(rule.jvp), vjp=guarded(rule.vjp))


@wrong("R21")
class DifferentiatesThroughSolvers(AutogradBackend):
    """It follows rules only where the function computes by NumPy."""

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        return super().apply_rule(rule, x) if rule.host is not None else rule.call(*x)


@wrong("R21")
class RefusesNumPy(AutogradBackend):
    """What computes by NumPy is called with boxes."""

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        return super().apply_rule(rule, x) if rule.host is None else rule.host(*x)


@wrong("R21")
class FollowsThemForwardAlone(AutogradBackend):
    """In reverse mode it differentiates what the function computes."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        object.__setattr__(self, "_reverse", True)
        try:
            return super().vjp(f, x)
        finally:
            object.__setattr__(self, "_reverse", False)

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        if getattr(self, "_reverse", False):
            return rule.call(*x)
        return super().apply_rule(rule, x)
