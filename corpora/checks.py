"""What is tried on a case, and what can come of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

import adhelpers
from adhelpers import UnsupportedOperationError
from adhelpers.testing.correctness import differences
from adhelpers.testing.correctness.differences import Estimate, Values
from corpora.case import Arrays, Case

Verdict = Literal["right", "unjudged", "refused", "raises", "wrong"]
"""From the best to the worst.

*unjudged*: differences tell too little, as at a kink. *refused*: `UnsupportedOperationError`. *raises*: another error.
"""

SECOND_ORDER = ("forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")
LARGEST = 700
"""How many entries the sides of a Jacobian may have, and what is differentiated twice."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check."""

    check: str
    verdict: Verdict
    words: str = ""


class Examination:
    """All checks of a case, one after the other; later ones rest on earlier ones."""

    def __init__(self, case: Case) -> None:
        self.case, self.backend = case, case.backend
        self.x = case.numpy(case.x)
        self.value = case.over_numpy(self.x)
        self.random = np.random.default_rng(len(case.operator) + 1000 * case.sample)
        self.t, self.other = (tuple(map(self._like, self.x)) for _ in range(2))
        self.c = tuple(map(self._like, self.value))
        self.pushed = self._estimate(self.t)

    def outcomes(self) -> Iterator[Outcome]:
        """Products, sweeps, and second derivatives."""
        pushed = self.judged("jvp", lambda: self._jvp(self.t), self.pushed, self._kink)
        pulled = self.judged("vjp", self._vjp_pairings, self._pairings(), self._kink)
        yield from (pushed, pulled)
        if {pushed.verdict, pulled.verdict} <= {"refused", "raises"}:
            return  # whatever rests on products will say so too
        if self.case.exact is None:  # of a number, sweeps are products
            yield from self._jacobians()
        if pulled.verdict == "right" and sum(leaf.size for leaf in self.x) <= LARGEST:
            yield from self._second_order()

    # -- first order -----------------------------------------------------------------------------------------

    def _like(self, array: np.ndarray) -> np.ndarray:
        drawn = self.random.standard_normal(array.shape)
        if np.iscomplexobj(array):
            drawn = drawn + 1j * self.random.standard_normal(array.shape)
        return np.asarray(drawn).astype(array.dtype)

    def _estimate(self, t: Values) -> Estimate:
        if self.case.exact is not None:
            return Estimate((self.case.exact(1) * t[0],), (np.zeros_like(t[0]),))
        return differences.along(self.case.over_numpy, self.x, t)

    def _kink(self) -> bool:
        return self.case.exact is None and differences.has_kink(self.case.over_numpy, self.x, self.t)

    def f(self, x: Arrays) -> Arrays:
        """Of the tuple of leaves."""
        return self.case.f(*x)

    def _jvp(self, t: Values) -> Values:
        lifted = self.case.lifted
        return self.case.numpy(adhelpers.jacobian_vector_product(self.f, self.backend, lifted(self.x), lifted(t)))

    def _vjp(self, x: Values) -> Values:
        lifted = self.case.lifted
        return self.case.numpy(adhelpers.vector_jacobian_product(self.f, self.backend, lifted(x), lifted(self.c)))

    def _pairings(self) -> Estimate:
        """Re(sum(c * J t)) for some directions t."""
        estimates = [self.pushed, self._estimate(self.other)]
        values = [paired(self.c, estimate.values) for estimate in estimates]
        errors = [paired(tuple(map(np.abs, self.c)), estimate.errors) for estimate in estimates]
        return Estimate((np.array(values),), (np.array(errors),))

    def _vjp_pairings(self) -> Values:
        pulled = self._vjp(self.x)
        return (np.array([paired(pulled, t) for t in (self.t, self.other)]),)

    # -- sweeps ----------------------------------------------------------------------------------------------

    def _jacobians(self) -> Iterator[Outcome]:
        inputs, outputs = (sum(leaf.size for leaf in leaves) for leaves in (self.x, self.value))
        if not 0 < inputs <= LARGEST or not 0 < outputs <= LARGEST:
            return
        options: dict[str, Any] = {}
        if any(map(np.iscomplexobj, self.x)):
            if not all(map(np.iscomplexobj, (*self.x, *self.value))) or not self._is_holomorphic():
                return
            options["holomorphic"] = True
        for mode in ("forward", "reverse"):  # automatic mode is one of the two
            yield self.judged(f"jacobian-{mode}", partial(self._times, mode, options), self.pushed, self._kink)

    def _is_holomorphic(self) -> bool:
        turned = self._estimate(tuple(1j * t for t in self.t))
        return all(
            np.allclose(a, 1j * b, rtol=1e-5, atol=1e-8) for a, b in zip(turned.values, self.pushed.values, strict=True)
        )

    def _times(self, mode: Any, options: dict[str, Any]) -> Values:
        """The Jacobian by sweeps, times the direction."""
        x = self.case.lifted(self.x)
        rows = adhelpers.jacobian(self.f, self.backend, x, mode=mode, **options)
        results = []
        for y, row in zip(self.value, rows, strict=True):
            total = np.zeros(y.shape, y.dtype)
            for block, t in zip(self.case.numpy(row), self.t, strict=True):
                if block.shape != (*y.shape, *t.shape):
                    return (block,)
                total = total + np.tensordot(block, t, axes=t.ndim)
            results.append(np.asarray(total))
        return tuple(results)

    # -- second order ------------------------------------------------------------------------------------------

    def _second_order(self) -> Iterator[Outcome]:
        try:
            if self.case.exact is not None:
                bent = self.case.exact(2) * self.c[0] * self.t[0]
                slopes = Estimate((bent,), (np.zeros_like(bent),))
            else:
                slopes = differences.along(self._vjp, self.x, self.t)
        except Exception:  # noqa: BLE001  # beside x the function may not be defined
            return

        def kink() -> bool:
            return self.case.exact is None and differences.has_kink(self._vjp, self.x, self.t)

        for mode in SECOND_ORDER:
            yield self.judged(f"hvp-{mode}", partial(self._hvp, mode), slopes, kink)

    def _hvp(self, mode: Any) -> Values:
        c = self.case.lifted(self.c)

        def number(x: Arrays) -> Any:
            ys = self.case.f(*x)
            xp = self.backend.array_namespace(*ys)
            terms = [
                xp.sum(xp.real(y * a)) if np.iscomplexobj(v) else xp.sum(y * a)
                for y, a, v in zip(ys, c, self.value, strict=True)
            ]
            return sum(terms[1:], terms[0])

        lifted = self.case.lifted
        operands: Any = (number, self.backend, lifted(self.x), lifted(self.t))
        return self.case.numpy(adhelpers.hessian_vector_product(*operands, mode=mode))

    # -- verdicts ----------------------------------------------------------------------------------------------

    def judged(
        self, check: str, compute: Callable[[], Values], estimate: Estimate, kink: Callable[[], bool] = lambda: False
    ) -> Outcome:
        """What comes of it, where `estimate` is right unless there is a kink."""
        try:
            received = compute()
        except UnsupportedOperationError as error:
            return Outcome(check, "refused", first_line(_root(error)))
        except Exception as error:  # noqa: BLE001  # whatever a framework raises
            return Outcome(check, "raises", f"{type(error).__name__}: {first_line(error)}")
        fault = estimate.judge(received)
        if fault in ("", "?"):
            return Outcome(
                check, "right" if fault == "" else "unjudged", "differences tell too little" * (fault == "?")
            )
        if kink():
            return Outcome(check, "unjudged", "a kink, or nearly one")
        return Outcome(check, "wrong", fault)


def paired(a: Values, b: Values) -> float:
    """Re(sum(a * b)) over all leaves."""
    with np.errstate(all="ignore"):
        return float(sum(np.real(np.sum(one * other)) for one, other in zip(a, b, strict=True)))


def _root(error: BaseException) -> BaseException:
    """What the framework itself said, of which the refusal tells."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def first_line(error: BaseException) -> str:
    """As much of the message as a list has room for."""
    return " ".join(str(error).split())[:160]


def examine(case: Case, more: Callable[[Examination], Iterator[Outcome]] | None = None) -> list[Outcome]:
    """What came of every check of a case, and of those that its corpus has more."""
    with warnings.catch_warnings(), case.backend.scope(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        examination = Examination(case)
        found = list(examination.outcomes())
        return found + list(more(examination)) if more is not None else found
