"""`assert_rule_correct`: check a derivative rule."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

import adhelpers
from adhelpers import ADBackend, AdhelpersError, Capability, CustomRule
from adhelpers.comparison.task import require_seed
from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import describe, flatten
from adhelpers.testing.correctness import differences
from adhelpers.testing.correctness.differences import Estimate, Values
from adhelpers.testing.correctness.given import chosen, require_double
from adhelpers.testing.correctness.relation import relation
from adhelpers.trees.leafwise import require_tuple


def assert_rule_correct(
    rule: CustomRule[Any, Any],
    x: Any,
    *,
    args: tuple[Any, ...] = (),
    backends: Sequence[str | ADBackend] | None = None,
    seed: int = 0,
) -> None:
    """Fail unless the rule of a function is its derivative, on every framework.

    The reference is the function itself: differences of its values, by each element. At `x` and at a point close to it
    they check the functions of the rule and both products. Second derivatives in all four compositions are then
    compared with differences of these products. The functions of the rule must also be linear in their vector, keep
    single precision, and not write to their arguments.

    Parameters
    ----------
    rule
        A function made by `adhelpers.custom_rule` or `adhelpers.implicit`.
    x
        A point where the function is smooth: float64 or complex128 NumPy arrays in the structure that the function
        takes, with a few dozen elements in all. Choose different sizes, and numbers without a pattern.
    args
        Further arguments. Each framework receives the NumPy arrays among them as its own arrays, and in single
        precision if `x` is.
    backends
        Names or instances; by default all installed backends that follow rules.
    seed
        The seed of the random directions.

    Raises
    ------
    ArgumentError
        `x` has no elements, there is no backend to check the rule on, or `seed` is negative.
    ArgumentTypeError
        `rule` is a function without a rule, `args` is not a tuple, `backends` are not names or instances, or `seed` is
        not an integer.
    DTypeError
        A leaf of `x` is not in double precision.
    BackendNotFoundError, BackendLoadError
        A named backend cannot be used.
    AssertionError
        The rule is wrong. The message has a line for each fault, with its backend.

    Warns
    -----
    UserWarning
        Some entries of a derivative are not checked, because they are lost in the rounding of ``f(x)``.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> from adhelpers.testing import assert_rule_correct
    >>> @adhelpers.custom_rule
    ... def square(x):
    ...     return x**2
    >>> @square.defjvp
    ... def _(x, y, u):
    ...     return x * u
    >>> assert_rule_correct(square, numpy.asarray([1.0, 2.0]), backends=["finite-difference"])
    Traceback (most recent call last):
    ...
    AssertionError: the rule of square is wrong
      finite-difference: the JVP rule gives 0.5 times the derivative
    """
    __tracebackhide__ = True
    if not isinstance(rule, CustomRule):
        msg = (
            "assert_rule_correct takes a function made by adhelpers.custom_rule or implicit, but "
            f"{describe(rule)} was given; give the function a rule first"
        )
        raise ArgumentTypeError(msg)
    require_tuple(args)
    require_double(x)
    require_seed(seed)
    found: list[str] = []
    unseen: list[str] = []
    for backend in chosen(backends):
        double = backend.double_precision()
        with double.scope(), np.errstate(all="ignore"):
            examination = _Examination(rule, double, x, args, np.random.default_rng(seed))
            found += [f"{backend.name}: {words}" for words in dict.fromkeys(examination.faults())]
            unseen += [f"{backend.name}: whether {subject} the derivative" for subject in examination.open]
    if found:
        raise AssertionError("\n  ".join([f"the rule of {rule.name} is wrong", *found]))
    if unseen:
        msg = (
            f"differences are too inexact for some entries of {rule.name}, which are not checked, as rounding of f(x) "
            "hides them; choose an x where f(x) is smaller, or derivatives are larger"
        )
        warnings.warn("\n  ".join([msg, *unseen]), stacklevel=2)


_MOVES = (2.0**-6, 2.0**-9, 2.0**-12)
"""How far a second point is from the first, in units of the size of x or 1: the first step to where f is smooth."""


class _Examination:
    """The checks on one backend. Later checks need the earlier ones."""

    def __init__(
        self, rule: CustomRule[Any, Any], backend: ADBackend, x: Any, args: tuple[Any, ...], random: np.random.Generator
    ) -> None:
        self.rule, self.backend, self.random = rule, backend, random
        leaves, self.treedef = flatten(x)
        self.x: Values = tuple(map(np.asarray, leaves))
        self.given = args
        self.open: list[str] = []
        """What has entries of which differences know too little."""
        self.args = tuple(map(self._with_own_arrays, args))
        self.value = self._value(self.x)
        self.u, self.t = (tuple(map(self._random, self.x)) for _ in range(2))
        self.v = tuple(map(self._random, self.value))
        # Differences cannot judge a function that changes between calls, or is rough.
        self.columns = [differences.along(self._value, self.x, e) for e in self._basis()]

    def faults(self) -> Iterator[str]:
        """The faults, in words."""
        if not self._is_smooth():
            yield "differences of the function do not converge: choose an x where it is smooth, or solve more exactly"
            return
        found = self._of_first_order() or [*self._close_by()]
        if not self._is_inexact():
            found = found or [*_told(self._second_order())]
        yield from found or _told(self._single_precision(), "in single precision, ")

    def _is_smooth(self) -> bool:
        return all(np.all(np.isfinite(error)) for column in self.columns for error in column.errors)

    def _is_inexact(self) -> bool:
        """Whether differences of what the backend computes are too inexact, as those of differences are."""
        return bool(self.backend.relative_step(float(np.finfo(np.float64).eps)))

    # -- first order --------------------------------------------------------------------------------

    def _of_first_order(self) -> list[str]:
        return [*_told(self._of_functions())] or ([] if self._is_inexact() else [*_told(self._of_operations())])

    def _close_by(self) -> Iterator[str]:
        """The faults at a point close to x: a rule may be right at x alone, for example by numbers computed for it."""
        signs = [np.where(self.random.random(leaf.shape) < 0.5, -1.0, 1.0) for leaf in self.x]
        for step in _MOVES:
            # Away from zero, where a logarithm or a root ends.
            moved = (
                leaf + step * np.maximum(np.abs(leaf), 1.0) * np.where(leaf == 0, sign, np.sign(leaf))
                for leaf, sign in zip(self.x, signs, strict=True)
            )
            x = [new.astype(leaf.dtype) for new, leaf in zip(moved, self.x, strict=True)]
            try:
                there = _Examination(self.rule, self.backend, self.treedef.unflatten(x), self.given, self.random)
            except Exception:  # noqa: BLE001  # f need not be defined there
                continue
            if there._is_smooth():
                yield from (f"at another x, close to it, {fault}" for fault in there._of_first_order())
                return

    def _of_functions(self) -> Iterator[str]:
        """The functions of the rule themselves."""
        rule, x = self.rule.application(self.backend, self._lifted(self.x), *self.args).given()
        y = rule.call(*x)
        for name, given, function, vectors, expected in (
            ("JVP", self.rule.has_jvp, rule.jvp, self.u, self._pushed(self.u)),
            ("VJP", self.rule.has_vjp, rule.vjp, self.v, self._pulled(self.v)),
        ):
            if not given:
                continue
            other = tuple(map(self._random, vectors))
            a, b, both = (self._leaves(one) for one in (vectors, other, tuple(map(_mixed, vectors, other))))
            before = [self.backend.to_numpy(leaf).copy() for leaf in (*x, *y, *a)]
            results = [self._numbers(function(x, y, vector)) for vector in (a, b, both)]
            after = [self.backend.to_numpy(leaf) for leaf in (*x, *y, *a)]
            if not all(map(_same, before, after)):
                yield f"the {name} rule writes to its arguments: copy them first"
            yield from self._judged(f"the {name} rule gives", results[0], expected)
            if not _close(results[2], tuple(map(_mixed, results[0], results[1]))):
                yield f"the {name} rule is not linear in its vector"

    def _of_operations(self) -> Iterator[str]:
        yield from self._judged("jacobian_vector_product gives", self._push(self.x, self.u), self._pushed(self.u))
        yield from self._judged("vector_jacobian_product gives", self._pull(self.x, self.v), self._pulled(self.v))

    def _pushed(self, u: Values) -> Estimate:
        """The derivative times `u`, by differences."""
        numbers = _real(u)
        values, errors = (
            tuple(
                np.asarray(sum((n * part[i] for n, part in zip(numbers, parts, strict=True)), np.zeros(y.shape)))
                for i, y in enumerate(self.value)
            )
            for parts, numbers in (
                ([column.values for column in self.columns], numbers),
                ([column.errors for column in self.columns], np.abs(numbers)),
            )
        )
        return Estimate(values, errors)

    def _pulled(self, v: Values) -> Estimate:
        """The transposed derivative times `v`."""
        values = self._from_real([_paired(v, column.values) for column in self.columns])
        sizes = tuple(map(np.abs, v))
        errors = self._from_real([_paired(sizes, column.errors) for column in self.columns])
        return Estimate(values, tuple(map(np.abs, errors)))

    # -- second order -------------------------------------------------------------------------------

    def _second_order(self) -> Iterator[str]:
        """Derivatives of both products, each forward and in reverse, against differences of the products."""
        for name, product, numbers in (("forward", self._push_lifted, self.u), ("reverse", self._pull_lifted, self.v)):
            yield from self._twice(name, partial(_swapped, product, numbers))

    def _twice(self, name: str, first: Callable[[Any], Any]) -> Iterator[str]:
        backend, x, t = self.backend, self._lifted(self.x), self._lifted(self.t)
        bent = differences.along(lambda at: self._numbers(first(self._lifted(at))), self.x, self.t)
        outer = self._numbers(adhelpers.jacobian_vector_product(first, backend, x, t))
        yield from self._judged(f"differentiated twice, forward over {name}, it gives", outer, bent)
        w = tuple(map(self._random, bent.values))
        _, treedef = backend.flatten(first(x))
        pulled = adhelpers.vector_jacobian_product(first, backend, x, treedef.unflatten(self._leaves(w)))
        received, expected, error = (
            (np.array([_paired(a, b)]),)
            for a, b in (
                (self._numbers(pulled), self.t),
                (w, bent.values),
                (tuple(map(np.abs, w)), bent.errors),
            )
        )
        subject = f"differentiated twice, reverse over {name}, it gives"
        yield from self._judged(subject, received, Estimate(expected, error))

    # -- single precision ---------------------------------------------------------------------------

    def _single_precision(self) -> Iterator[str]:
        if Capability.FLOAT32 not in self.backend.capabilities:
            return
        x, u, v = (tuple(map(_narrowed, leaves)) for leaves in (self.x, self.u, self.v))
        args = tuple(map(self._with_own_arrays, self.given, itertools.repeat(_narrowed)))
        rule, leaves = self.rule.application(self.backend, self._lifted(x), *args).given()
        y = rule.call(*leaves)
        checks = [("the value", y, self.value)]
        if self.rule.has_jvp:
            checks.append(("the JVP rule", rule.jvp(leaves, y, self._leaves(u)), self._pushed(self.u).values))
        if self.rule.has_vjp:
            checks.append(("the VJP rule", rule.vjp(leaves, y, self._leaves(v)), self._pulled(self.v).values))
        for name, received, expected in checks:
            for got, wanted in zip(self._numbers(received), expected, strict=True):
                single = _narrowed(wanted)
                if got.dtype != single.dtype:
                    yield f"in single precision, {name} gives dtype {got.dtype}, not {single.dtype}"
                elif not np.allclose(got, single, rtol=1e-2, atol=1e-2 * float(np.max(np.abs(single), initial=0.0))):
                    yield f"in single precision, {name} differs from its result in double precision"

    # -- between NumPy's leaves and the backend's structures ------------------------------------------

    def _value(self, x: Values) -> Values:
        return self._numbers(self.rule.on(self.backend, self._lifted(x), *self.args))

    def _push(self, x: Values, u: Values) -> Values:
        return self._numbers(self._push_lifted(self._lifted(x), u))

    def _pull(self, x: Values, v: Values) -> Values:
        return self._numbers(self._pull_lifted(self._lifted(x), v))

    def _push_lifted(self, x: Any, u: Values) -> Any:
        return adhelpers.jacobian_vector_product(self._called, self.backend, x, self._lifted(u), args=self.args)

    def _pull_lifted(self, x: Any, v: Values) -> Any:
        _, treedef = self.backend.flatten(self.rule.on(self.backend, self._lifted(self.x), *self.args))
        cotangent = treedef.unflatten(self._leaves(v))
        return adhelpers.vector_jacobian_product(self._called, self.backend, x, cotangent, args=self.args)

    def _called(self, x: Any, *args: Any) -> Any:
        return self.rule.on(self.backend, x, *args)

    def _leaves(self, arrays: Values) -> tuple[Any, ...]:
        return tuple(map(self.backend.asarray, arrays))

    def _lifted(self, arrays: Values) -> Any:
        return self.treedef.unflatten(self._leaves(arrays))

    def _numbers(self, tree: Any) -> Values:
        return tuple([np.asarray(self.backend.to_numpy(leaf)) for leaf in self.backend.flatten(tree)[0]])

    def _with_own_arrays(self, arg: Any, convert: Callable[[np.ndarray], np.ndarray] = np.asarray) -> Any:
        leaves, treedef = flatten(arg)
        own = [self.backend.asarray(convert(leaf)) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
        return treedef.unflatten(own)

    # -- directions -----------------------------------------------------------------------------------

    def _random(self, like: np.ndarray) -> np.ndarray:
        drawn = self.random.standard_normal(like.shape)
        if np.iscomplexobj(like):
            drawn = drawn + 1j * self.random.standard_normal(like.shape)
        return np.asarray(drawn)

    def _basis(self) -> Iterator[Values]:
        """The basis vectors of `x` over the real numbers; for a complex leaf all e, then all ie."""
        for i, leaf in enumerate(self.x):
            for unit in (1.0, 1.0j) if np.iscomplexobj(leaf) else (1.0,):
                for k in range(leaf.size):
                    direction = [np.zeros_like(other) for other in self.x]
                    direction[i].reshape(-1)[k] = unit
                    yield tuple(direction)

    def _from_real(self, numbers: Sequence[float]) -> Values:
        """A cotangent of `x` from its pairing with each of the basis: Re(c) pairs with e, -Im(c) with ie."""
        remaining = iter(numbers)
        parts = []
        for leaf in self.x:
            part = np.array([next(remaining) for _ in range(leaf.size)]).reshape(leaf.shape)
            if np.iscomplexobj(leaf):
                part = part.astype(np.complex128)
                part.imag = -np.array([next(remaining) for _ in range(leaf.size)]).reshape(leaf.shape)
            parts.append(part)
        return tuple(parts)

    def _judged(self, subject: str, received: Values, expected: Estimate) -> Iterator[str]:
        fault = expected.judge(received)
        if fault == "?":
            self.open.append(subject)
        if fault in ("", "?"):
            return
        known = relation(received, expected.values)
        yield f"{subject} {known} the derivative" if known else f"{subject} another derivative: {fault}"


def _told(faults: Iterator[str], prefix: str = "") -> Iterator[str]:
    """The faults, and the error if the library refuses the rule."""
    try:
        yield from faults
    except AdhelpersError as error:
        yield f"{prefix}{error}"


def _real(vector: Values) -> np.ndarray:
    """The coefficients of a vector in the basis."""
    parts: list[np.ndarray] = []
    for leaf in vector:
        parts += [leaf.real.ravel(), leaf.imag.ravel()] if np.iscomplexobj(leaf) else [leaf.ravel()]
    return np.concatenate(parts) if parts else np.zeros(0)


def _paired(a: Values, b: Values) -> float:
    """Re(sum(a * b)) over all leaves."""
    return float(sum(np.real(np.sum(one * other)) for one, other in zip(a, b, strict=True)))


def _mixed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(2.0 * a - 3.0 * b)


def _narrowed(array: np.ndarray) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.inexact):
        return array  # an index, or a flag
    return array.astype(np.complex64 if np.iscomplexobj(array) else np.float32)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def _close(a: Values, b: Values) -> bool:
    return all(
        np.allclose(one, other, rtol=0.0, atol=1e-8 * max(1e-3, float(np.max(np.abs(other), initial=0.0))))
        for one, other in zip(a, b, strict=True)
    )


def _swapped(product: Callable[[Any, Values], Any], numbers: Values, x: Any) -> Any:
    return product(x, numbers)
