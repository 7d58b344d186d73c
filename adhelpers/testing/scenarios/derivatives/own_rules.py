"""Functions that bring their own derivative: `custom_rule` and `implicit` (R21).

Most rules here are not the derivatives of their functions, so that it shows which of the two was followed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adhelpers import (
    ArgumentError,
    Capability,
    CustomRule,
    ShapeMismatchError,
    UnsupportedOperationError,
    custom_rule,
    hessian,
    implicit,
    jacobian,
    linearize,
    prepare,
)
from adhelpers.testing.models import complex_numbers, like, numbers
from adhelpers.testing.operations import MODES, bound, call, differentiate, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject, share_memory

SCENARIOS = Catalogue()
RULES = Capability.RULES
M = numbers(3, 3, seed=7)
"""The matrix that the rules give as derivative: neither symmetric nor the derivative of any function here."""


def followed(subject: Subject, rule: CustomRule[Any, Any], *args: Any) -> Function:
    """The function with the rule, as an operation receives it."""
    return lambda xp, x: rule.on(subject.backend, x, *args)


def marked(subject: Subject, *, jvp: bool, vjp: bool) -> CustomRule[Any, Any]:
    """Squares, with a rule that gives ``M diag(x)`` as the derivative."""
    xp = subject.namespace(subject.one())
    rule = custom_rule(lambda x: x**2)
    if jvp:
        rule.defjvp(lambda x, y, u: like(xp, M, x) @ (x * u))
    if vjp:
        rule.defvjp(lambda x, y, v: x * (like(xp, M.T, x) @ v))
    return rule


def growing(subject: Subject, *, jvp: bool) -> CustomRule[Any, Any]:
    """Exponentials of twice x, with a rule that gives `y` as the derivative of every order."""
    xp = subject.namespace(subject.one())
    rule = custom_rule(lambda x: xp.exp(2.0 * x))
    (rule.defjvp if jvp else rule.defvjp)(lambda x, y, u: y * u)
    return rule


def bending(subject: Subject, *, jvp: bool) -> CustomRule[Any, Any]:
    """Squares, with a rule that gives ``5 x`` as the derivative."""
    rule = custom_rule(lambda x: x**2)
    (rule.defjvp if jvp else rule.defvjp)(lambda x, y, u: 5.0 * x * u)
    return rule


GIVEN = {"jvp": {"jvp": True, "vjp": False}, "vjp": {"jvp": False, "vjp": True}, "both": {"jvp": True, "vjp": True}}
"""The functions of a rule that are given."""


def _product(name: str, given: str, subject: Subject) -> None:
    """A product follows the rule, with either or both of its functions."""
    x, u = numbers(3), numbers(3, seed=1)
    rule = marked(subject, **GIVEN[given])
    received = subject.value_and_product(name, followed(subject, rule), subject.arrays(x), subject.arrays(u))
    expected = M @ (x * u) if name == "jvp" else x * (M.T @ u)
    subject.expect_close(received, (x**2, expected))


for _name, _mode in MODES.items():
    for _given in GIVEN:
        SCENARIOS.add(f"rules/{_name}-by-{_given}", "R21", [RULES, _mode], since=2)(partial(_product, _name, _given))


def _sweep(mode: Any, subject: Subject) -> None:
    """Each column or row of a Jacobian follows the rule."""
    x = numbers(3)
    rule = marked(subject, jvp=True, vjp=True)
    received = call(jacobian, subject, followed(subject, rule), subject.arrays(x), mode=mode)
    subject.expect_close(received, M * x)


for _mode_name in ("forward", "reverse"):
    SCENARIOS.add(f"rules/jacobian-{_mode_name}", "R21", [RULES], since=2)(partial(_sweep, _mode_name))


@SCENARIOS.add("rules/linearized", "R21", [RULES, Capability.FORWARD], since=2)
def _linearized(subject: Subject) -> None:
    """The products of a linear map follow the rule."""
    x, u = numbers(3), numbers(3, seed=1)
    lin = call(linearize, subject, followed(subject, marked(subject, jvp=True, vjp=False)), subject.arrays(x))
    subject.expect_close(lin.push(subject.arrays(u)), M @ (x * u), what="push")
    subject.expect_close(lin.pull(subject.arrays(u)), x * (M.T @ u), what="pull")


@SCENARIOS.add("rules/prepared", "R21", [RULES, Capability.COMPILE], since=2)
def _prepared(subject: Subject) -> None:
    """Compiled code follows the rule."""
    x = numbers(3)
    rule = marked(subject, jvp=False, vjp=True)
    prepared = prepare(jacobian, bound(subject, followed(subject, rule)), subject.backend, subject.arrays(x))
    for point in (x, 2.0 * x):
        subject.expect_close(prepared(subject.arrays(point)), M * point)


# -- higher orders ------------------------------------------------------------------------------


X, C = np.array([[0.3, 0.7, -0.4]]), np.array([[1.5, -0.5, 0.8]])


def _derivative(subject: Subject, operations: tuple[str, ...], f: Function) -> Any:
    """The derivative of an elementwise function along C, by one operation of another."""
    for operation in reversed(operations[1:]):
        inner = f

        def f(xp: Any, x: Any, operation: str = operation, inner: Function = inner) -> Any:
            return differentiate(subject, operation, inner, x, like(xp, C, x))

    return differentiate(subject, operations[0], f, subject.arrays(X), subject.arrays(C))


def _order(operations: tuple[str, ...], jvp: bool, subject: Subject) -> None:
    """Higher derivatives follow the rule, in which y depends on x by the rule itself."""
    received = _derivative(subject, operations, followed(subject, growing(subject, jvp=jvp)))
    depth = len(operations)
    subject.expect_close(received, np.exp(2.0 * X) * C**depth, depth=depth)


def _bent(operations: tuple[str, ...], jvp: bool, subject: Subject) -> None:
    """Higher derivatives follow a rule that depends on x directly."""
    received = _derivative(subject, operations, followed(subject, bending(subject, jvp=jvp)))
    subject.expect_close(received, 5.0 * C**2, depth=2)


for _pair in ((a, b) for a in ("jvp", "vjp") for b in ("jvp", "vjp")):
    for _jvp in (True, False):
        _of = "jvp" if _jvp else "vjp"
        SCENARIOS.add(f"rules/{'-of-'.join(_pair)}-in-x-by-{_of}", "R21", {RULES} | nested(*_pair), since=2)(
            partial(_bent, _pair, _jvp)
        )


for _operations in (
    *((a, b) for a in ("jvp", "vjp") for b in ("jvp", "vjp")),
    ("jvp", "jvp", "jvp"),
    ("vjp", "vjp", "vjp"),
    ("vjp", "jvp", "jvp"),
    ("jvp", "vjp", "jvp"),
):
    for _jvp in (True, False):
        _of = "jvp" if _jvp else "vjp"
        SCENARIOS.add(f"rules/{'-of-'.join(_operations)}-by-{_of}", "R21", {RULES} | nested(*_operations), since=2)(
            partial(_order, _operations, _jvp)
        )


@SCENARIOS.add("rules/operation-inside", "R21", {RULES} | nested("jvp"), since=2)
def _operation_inside(subject: Subject) -> None:
    """An operation inside a rule sees the vector vary, so that the product by the rule is linear in it."""
    rule = custom_rule(lambda x: x**3)
    rule.defjvp(lambda x, y, u: subject.product("jvp", lambda xp, x: x**3, x, u))
    x, u = numbers(3), numbers(3, seed=1)

    def f(xp: Any, u: Any) -> Any:
        at = like(xp, x, u)
        return subject.product("jvp", followed(subject, rule), at, u, differentiate_u=True)

    subject.expect_close(subject.jvp(f, subject.arrays(u), subject.arrays(u)), 3.0 * x**2 * u, depth=2)


# -- structures, arguments, dtypes ----------------------------------------------------------------


@SCENARIOS.add("rules/structures", "R21", [RULES, Capability.FORWARD, Capability.REVERSE], since=2)
def _structures(subject: Subject) -> None:
    """Structures on both sides, and an output that does not depend on one of the leaves."""
    rule = custom_rule(lambda x: {"y": [x["a"] * x["b"], 2.0 * x["b"]]})
    rule.defjvp(lambda x, y, u: {"y": [7.0 * (u["a"] * x["b"] + x["a"] * u["b"]), 3.0 * u["b"]]})
    a, b, s, t = (numbers(3, seed=k) for k in range(4))
    f = followed(subject, rule)
    x = subject.arrays({"a": a, "b": b})
    pushed = subject.jvp(f, x, subject.arrays({"a": s, "b": t}))
    subject.expect_close(pushed, {"y": [7.0 * (s * b + a * t), 3.0 * t]})
    pulled = subject.vjp(f, x, subject.arrays({"y": [s, t]}))
    subject.expect_close(pulled, {"a": 7.0 * b * s, "b": 7.0 * a * s + 3.0 * t})


@SCENARIOS.add("rules/arguments", "R21", [RULES, Capability.FORWARD], since=2)
def _arguments(subject: Subject) -> None:
    """Further arguments of any kind reach the function and its rule."""
    rule = custom_rule(lambda x, w, power, name: w * x**power)
    rule.defjvp(lambda x, y, u, w, power, name: (7.0 if name == "seven" else 0.0) * w * power * u)
    x, w, u = (numbers(3, seed=k) for k in range(3))
    f = followed(subject, rule, subject.arrays(w), 2, "seven")
    subject.expect_close(subject.jvp(f, subject.arrays(x), subject.arrays(u)), 14.0 * w * u)


def _varying(name: str, how: str, subject: Subject) -> None:
    """To differentiate by an array without a rule is an error: a further argument, or an array in a closure."""
    x = subject.arrays(numbers(3))

    def f(xp: Any, w: Any) -> Any:
        if how == "argument":
            of_both = custom_rule(lambda x, w: x * w)
            of_both.defjvp(lambda x, y, u, w: u * w)
            return of_both.on(subject.backend, x, w)
        closing = custom_rule(lambda x: x * w)
        closing.defjvp(lambda x, y, u: u * w)
        return closing.on(subject.backend, x)

    w = subject.arrays(numbers(3, seed=1))
    subject.expect_error(ArgumentError, lambda: subject.product(name, f, w, w))


for _name, _mode in MODES.items():
    for _how in ("argument", "closure"):
        SCENARIOS.add(f"rules/{_how}-varies/{_name}", "R21", [RULES, _mode], since=2)(partial(_varying, _name, _how))


@SCENARIOS.add("rules/float32", "R21", [RULES, Capability.FLOAT32, Capability.FORWARD, Capability.REVERSE], since=2)
def _float32(subject: Subject) -> None:
    """Single precision stays single."""
    x, u = numbers(3).astype(np.float32), numbers(3, seed=1).astype(np.float32)
    f = followed(subject, marked(subject, jvp=True, vjp=True))
    single = M.astype(np.float32)
    subject.expect_close(subject.jvp(f, subject.arrays(x), subject.arrays(u)), single @ (x * u), precision=np.float32)
    subject.expect_close(subject.vjp(f, subject.arrays(x), subject.arrays(u)), x * (single.T @ u), precision=np.float32)


def _complex(name: str, given: str, subject: Subject) -> None:
    """A rule that is not complex-linear, under Re(sum(a * b)) without conjugates."""
    z, u = complex_numbers(3), complex_numbers(3, seed=5)
    rule = custom_rule(lambda z: z**2)

    def conj(z: Any) -> Any:
        return subject.namespace(z).conj(z)

    if given == "jvp":  # the derivative of z^2 conj(z)
        rule.defjvp(lambda z, y, u: 2.0 * z * conj(z) * u + z**2 * conj(u))
    else:
        rule.defvjp(lambda z, y, v: 2.0 * z * conj(z) * v + conj(z**2 * v))
    received = subject.product(name, followed(subject, rule), subject.arrays(z), subject.arrays(u))
    if name == "jvp":
        subject.expect_close(received, 2.0 * np.abs(z) ** 2 * u + z**2 * np.conj(u))
    else:
        subject.expect_close(received, 2.0 * np.abs(z) ** 2 * u + np.conj(z**2 * u))


for _name, _mode in MODES.items():
    for _given in ("jvp", "vjp"):
        SCENARIOS.add(f"rules/complex-{_name}-by-{_given}", "R21", [RULES, Capability.COMPLEX, _mode], since=2)(
            partial(_complex, _name, _given)
        )


# -- memory, errors, values ---------------------------------------------------------------------


@SCENARIOS.add("rules/of-x-itself", "R21", [RULES, Capability.FORWARD], since=2)
def _identity(subject: Subject) -> None:
    """If a rule returns its argument unchanged, the results share no memory."""
    rule = custom_rule(lambda x: x)
    rule.defjvp(lambda x, y, u: u)
    x, u = subject.arrays(numbers(64)), subject.arrays(numbers(64, seed=1))
    results = subject.value_and_product("jvp", followed(subject, rule), x, u)
    arrays = [subject.backend.to_numpy(leaf) for leaf in (x, u, *results)]
    shared = any(share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    subject.expect(not shared, "results that share memory with x, u or one another", "separate memory")
    subject.expect_close(results, (numbers(64), numbers(64, seed=1)))


class _OwnError(Exception):
    """An error of a rule's author."""


def _errors(name: str, subject: Subject) -> None:
    """An error of a function of the rule passes through unchanged; a result that does not fit is refused."""

    def failing(x: Any, y: Any, u: Any) -> Any:
        raise _OwnError

    x = subject.arrays(numbers(3))
    for result, expected in ((failing, _OwnError), (lambda x, y, u: u[:2], ShapeMismatchError)):
        rule = custom_rule(lambda x: 2.0 * x)
        (rule.defjvp if name == "jvp" else rule.defvjp)(result)
        subject.expect_error(expected, partial(subject.product, name, followed(subject, rule), x, x))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"rules/errors/{_name}", "R21", [RULES, _mode], since=2)(partial(_errors, _name))


def _by_numpy(subject: Subject) -> CustomRule[Any, Any]:
    """Sines by NumPy, with a rule that gives seven times `x` as the derivative."""
    rule = custom_rule(np.sin, shapes=lambda x: x)
    rule.defjvp(lambda x, y, u: 7.0 * x * u)
    return rule


def _opaque(name: str, subject: Subject) -> None:
    """A function that computes by NumPy is called with NumPy's arrays."""
    x, u = numbers(3), numbers(3, seed=1)
    f = followed(subject, _by_numpy(subject))
    received = subject.value_and_product(name, f, subject.arrays(x), subject.arrays(u))
    subject.expect_close(received, (np.sin(x), 7.0 * x * u))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"rules/by-numpy/{_name}", "R21", [RULES, _mode], since=2)(partial(_opaque, _name))


@SCENARIOS.add("undeclared-rules/by-numpy", "R21", nested("jvp"), lacks=RULES, since=2)
def _undeclared(subject: Subject) -> None:
    """A backend without rules refuses a function that only a rule can differentiate, or takes differences of it."""
    x, u = numbers(3), numbers(3, seed=1)
    f = followed(subject, _by_numpy(subject))
    if subject.step() > 0.0:
        subject.expect_close(subject.jvp(f, subject.arrays(x), subject.arrays(u)), np.cos(x) * u)
        return
    subject.expect_error(UnsupportedOperationError, lambda: subject.jvp(f, subject.arrays(x), subject.arrays(u)))


# -- implicit functions ---------------------------------------------------------------------------


def _root(subject: Subject, linear_solve: Any = "dense") -> CustomRule[Any, Any]:
    """Cube roots by a solver, with the derivative from the conditions alone."""
    return implicit(lambda x, y: y**3 - x, linear_solve=linear_solve)(
        lambda x: subject.backend.asarray(np.cbrt(subject.backend.to_numpy(x)), x)
    )


def _by_division(matvec: Callable[[Any], Any], b: Any) -> Any:
    """The solution of a diagonal system, by products only."""
    return b / matvec(0.0 * b + 1.0)


def _implicit(name: str, linear_solve: Any, subject: Subject) -> None:
    """The solution of a solver is differentiated by its conditions."""
    x, u = np.array([0.5, 8.0, 2.0]), numbers(3, seed=1)
    slope = 1.0 / (3.0 * np.cbrt(x) ** 2)
    rule = _root(subject, linear_solve)
    subject.expect_close(
        subject.product(name, followed(subject, rule), subject.arrays(x), subject.arrays(u)), slope * u
    )


for _name, _mode in MODES.items():
    for _words, _solve in (("dense", "dense"), ("by-products", _by_division)):
        SCENARIOS.add(f"rules/implicit-{_words}/{_name}", "R21", {RULES} | nested(_name), since=2)(
            partial(_implicit, _name, _solve)
        )


@SCENARIOS.add("rules/implicit-hessian", "R21", {RULES} | nested("jvp", "vjp"), since=2)
def _implicit_hessian(subject: Subject) -> None:
    """Second derivatives of a solution also come from its conditions."""
    x = np.array([0.5, 8.0, 2.0])

    def f(xp: Any, x: Any) -> Any:
        return xp.sum(_root(subject).on(subject.backend, x))

    received = call(hessian, subject, f, subject.arrays(x))
    subject.expect_close(received, np.diag(-2.0 / 9.0 * np.cbrt(x) ** -5.0), depth=2)
