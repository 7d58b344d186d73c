"""`assert_rule_correct`: right rules pass on every framework, and broken ones are rejected, in words that say why."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from adhelpers import ADBackend, ArgumentTypeError, array_namespace, custom_rule, gradient, implicit
from adhelpers.testing import assert_rule_correct

X = {"a": np.array([0.3, -0.5, 0.9]), "b": np.array([0.7, 0.1, -0.4])}
Z = np.array([0.3 + 0.2j, -0.5 + 1.1j, 0.4 - 0.6j])
M = np.array([[0.3, -1.2, 0.5], [0.9, 0.4, -0.7], [0.2, 0.8, 1.1]])


def like(constant: np.ndarray, x: Any) -> Any:
    return array_namespace(x).asarray(constant, dtype=x.dtype)


def mixing(x: Any) -> Any:
    xp = array_namespace(x["a"])
    return {"s": xp.exp(x["a"]) * xp.sum(x["b"]), "t": like(M, x["a"]) @ xp.sin(x["b"])}


def push(x: Any, y: Any, u: Any) -> Any:
    xp = array_namespace(x["a"])
    return {"s": y["s"] * u["a"] + xp.exp(x["a"]) * xp.sum(u["b"]), "t": like(M, x["a"]) @ (xp.cos(x["b"]) * u["b"])}


def pull(x: Any, y: Any, v: Any) -> Any:
    xp = array_namespace(x["a"])
    along = like(M.T, x["a"]) @ v["t"]
    return {"a": y["s"] * v["s"], "b": xp.sum(xp.exp(x["a"]) * v["s"]) + xp.cos(x["b"]) * along}


def bent(z: Any) -> Any:
    return z**2 * array_namespace(z).conj(z)


def push_bent(z: Any, y: Any, u: Any) -> Any:
    xp = array_namespace(z)
    return 2.0 * z * xp.conj(z) * u + z**2 * xp.conj(u)


def pull_bent(z: Any, y: Any, v: Any) -> Any:
    xp = array_namespace(z)
    return 2.0 * z * xp.conj(z) * v + xp.conj(z**2 * v)


def made(f: Any, jvp: Any = None, vjp: Any = None) -> Any:
    rule = custom_rule(lambda x: f(x))
    if jvp is not None:
        rule.defjvp(jvp)
    if vjp is not None:
        rule.defvjp(vjp)
    return rule


RIGHT = {
    "a product": (mixing, push, None, X),
    "its transpose": (mixing, None, pull, X),
    "both": (mixing, push, pull, X),
    "both, complex": (bent, push_bent, pull_bent, Z),
    "one, complex": (bent, None, pull_bent, Z),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_rules_pass(backend: ADBackend, name: str) -> None:
    f, jvp, vjp, x = RIGHT[name]
    assert_rule_correct(made(f, jvp, vjp), x, backends=[backend])


def test_implicit_functions_pass(backend: ADBackend) -> None:
    @implicit(lambda x, y: gradient(lambda y: array_namespace(y).sum(y**4 / 4 + y**2 / 2 - x["a"] * y), None, y))
    def minimiser(x: Any) -> Any:
        a = np.asarray(x["a"])  # of y^3 + y = a, by Cardano's formula
        root = np.sqrt(a**2 / 4 + 1 / 27)
        return np.cbrt(a / 2 + root) + np.cbrt(a / 2 - root)

    if backend.name == "finite-difference":
        pytest.skip("the functions of this rule ask for a backend's derivatives")
    assert_rule_correct(minimiser, {"a": np.array([0.4, -1.3])}, backends=[backend])


def each(tree: Any, change: Any) -> Any:
    return {key: change(leaf) for key, leaf in tree.items()} if isinstance(tree, dict) else change(tree)


def wrong_in_single(x: Any, y: Any, u: Any) -> Any:
    factor = 2.0 if "float32" in str(x["a"].dtype) else 1.0
    return each(push(x, y, u), lambda leaf: factor * leaf)


def widening(x: Any, y: Any, u: Any) -> Any:
    xp = array_namespace(x["a"])
    return each(push(x, y, u), lambda leaf: xp.astype(leaf, xp.float64))


def scribbling(x: Any, y: Any, u: Any) -> Any:
    result = push(x, y, u)
    if isinstance(u["b"], np.ndarray):
        u["b"][0] = 7.0
    return result


BROKEN = {
    "scale": (mixing, lambda x, y, u: each(push(x, y, u), lambda v: 2.0 * v), None, X, "gives 2 times the derivative"),
    "sign": (mixing, None, lambda x, y, v: each(pull(x, y, v), lambda u: -u), X, "the negative of the derivative"),
    "transposition": (
        lambda x: like(M, x) @ x,
        lambda x, y, u: like(M, x) @ u,
        lambda x, y, v: like(M, x) @ v,
        M[0],
        "the VJP rule gives another derivative",
    ),
    "nonlinear in u": (
        mixing,
        lambda x, y, u: push(x, y, u) | {"t": u["b"] ** 2},
        None,
        X,
        "the JVP rule is not linear in its vector",
    ),
    "swapped leaves": (
        lambda x: x["a"] * x["b"],
        None,
        lambda x, y, v: {"a": x["a"] * v, "b": x["b"] * v},
        X,
        "the leaves in another order of the derivative",
    ),
    "lost leaf": (mixing, None, lambda x, y, v: pull(x, y, v) | {"a": 0.0 * x["a"]}, X, "the VJP rule gives another"),
    "lost conjugate": (bent, None, lambda z, y, v: array_namespace(z).conj(pull_bent(z, y, v)), Z, "conjugate of"),
    "complex only": (bent, lambda z, y, u: 3.0 * z * array_namespace(z).conj(z) * u, None, Z, "the JVP rule gives"),
    "in single precision": (
        mixing,
        wrong_in_single,
        None,
        X,
        "in single precision, the JVP rule differs from its result",
    ),
    "widened": (mixing, widening, None, X, "in single precision, .* has dtype float64, but"),
    "written to": (mixing, scribbling, None, X, "the JVP rule writes to its arguments"),
    "shape": (mixing, lambda x, y, u: push(x, y, u) | {"t": u["b"][:2]}, None, X, "the JVP rule of .* has shape"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rules_are_rejected_in_words(name: str) -> None:
    f, jvp, vjp, x, words = BROKEN[name]
    with pytest.raises(AssertionError, match=f"is wrong\n  finite-difference: (.*\n)*.*{words}"):
        assert_rule_correct(made(f, jvp, vjp), x, backends=["finite-difference"])


@pytest.mark.skipif(importlib.util.find_spec("autograd") is None, reason="autograd is not installed")
def test_a_result_that_does_not_vary_is_seen_in_second_derivatives() -> None:
    from autograd.tracer import getval

    def lost(x: Any, y: Any, u: Any) -> Any:
        return push(x, each(y, getval), u)

    with pytest.raises(AssertionError, match="autograd: differentiated twice, forward over forward, it gives another"):
        assert_rule_correct(made(mixing, lost), X, backends=["autograd"])


CUBE = np.array([0.3, 1.2, 2.0])
BAKED: dict[str, tuple[Any, Any]] = {
    "JVP": (lambda x, y, u: like(3.0 * CUBE**2, x) * u, None),
    "VJP": (None, lambda x, y, v: like(3.0 * CUBE**2, x) * v),
}


@pytest.mark.parametrize("name", BAKED)
def test_numbers_computed_for_one_point_are_no_rule(name: str, backend: ADBackend) -> None:
    """3 x**2 of this x is right there, but its derivative is 0 and not 6 x."""
    rule = made(lambda x: x**3, *BAKED[name])
    with pytest.raises(AssertionError, match=f"at another x, close to it, the {name} rule gives another derivative"):
        assert_rule_correct(rule, CUBE, backends=[backend])


@pytest.mark.parametrize("x", [np.array([0.0]), np.array([1e-4, -1e-4])], ids=["zero", "tiny"])
def test_a_point_close_by_is_far_enough(x: np.ndarray) -> None:
    """The derivative of exp is 1 at zero alone, and that of the sine differs by the square of x."""
    for f, slope in (("exp", np.exp(x)), ("sin", np.cos(x))):
        rule = made(lambda x, f=f: getattr(array_namespace(x), f)(x), lambda x, y, u, slope=slope: like(slope, x) * u)
        with pytest.raises(AssertionError, match="at another x, close to it"):
            assert_rule_correct(rule, x, backends=["finite-difference"])


def test_a_right_rule_passes_close_to_the_edge_of_its_domain(backend: ADBackend) -> None:
    x = np.array([0.01, 3.0])
    assert_rule_correct(made(lambda x: array_namespace(x).log(x), lambda x, y, u: u / x), x, backends=[backend])
    inside = 1.0 - np.array([0.01, 0.5])
    rule = made(lambda x: array_namespace(x).asin(x), lambda x, y, u: u / (1.0 - x**2) ** 0.5)
    assert_rule_correct(rule, inside, backends=[backend])


def test_a_function_that_refuses_points_close_by_is_examined_at_its_own() -> None:
    def log(x: Any) -> Any:
        if np.asarray(x).max() > 1.07:  # the differences at 1 go to 1.0625
            raise ZeroDivisionError
        return array_namespace(x).log(x)

    assert_rule_correct(made(log, lambda x, y, u: u / x), np.ones(2), backends=["finite-difference"])


def test_a_factor_of_almost_one_has_its_digits() -> None:
    rule = made(lambda x: x**2, lambda x, y, u: 2.0002 * x * u)
    with pytest.raises(AssertionError, match="the JVP rule gives 1.0001 times the derivative"):
        assert_rule_correct(rule, X["a"], backends=["finite-difference"])


def test_a_function_that_is_rough_is_no_reference() -> None:
    rule = made(lambda x: np.random.default_rng().standard_normal(3) + x, lambda x, y, u: u)
    with pytest.raises(AssertionError, match="differences of the function do not converge"):
        assert_rule_correct(rule, X["a"], backends=["finite-difference"])


def test_installed_frameworks_that_know_rules_are_the_default() -> None:
    rule = made(mixing, lambda x, y, u: each(push(x, y, u), lambda v: 2.0 * v))
    with pytest.raises(AssertionError) as raised:
        assert_rule_correct(rule, X)
    told = {line.split(":")[0].strip() for line in str(raised.value).splitlines()[1:]}
    installed = {name for name in ("autograd", "jax", "torch") if importlib.util.find_spec(name) is not None}
    assert told >= installed


def test_arguments_are_as_precise_as_the_point() -> None:
    f = custom_rule(lambda x, w, order: w[order] * x**3)
    f.defjvp(lambda x, y, u, w, order: 3 * w[order] * x**2 * u)
    f.defvjp(lambda x, y, v, w, order: 3 * w[order] * x**2 * v)
    assert_rule_correct(f, X["a"], args=(np.array([1.1, 0.7, 2.3]), np.array([2, 0, 1])))


def test_what_cannot_be_examined_is_refused_in_words() -> None:
    f = custom_rule(lambda x: x**2)
    f.defjvp(lambda x, y, u: 2 * x * u)
    for rule, options, words in (
        (abs, {}, "takes a function made by adhelpers.custom_rule or implicit, but .*; give the function a rule first"),
        (f, {"args": 2.0}, r"args is a float, but must be a tuple; for one argument write args=\(argument,\)"),
        (f, {"seed": 0.5}, "seed is 0.5, but must be an integer from 0 upwards"),
    ):
        with pytest.raises(ArgumentTypeError, match=words):
            assert_rule_correct(rule, X["a"], **options)  # type: ignore[arg-type]


@pytest.mark.skipif(importlib.util.find_spec("autograd") is None, reason="autograd is not installed")
def test_what_is_not_checked_is_told() -> None:
    """Beside an offset of 1e12 differences know no derivative of 1."""

    @custom_rule
    def offset(x: Any) -> Any:
        return 1e12 + x**2

    offset.defjvp(lambda x, y, u: 2.0 * x * u)
    words = r"(?s)too inexact for some entries of offset, .*autograd: whether the JVP rule gives the derivative"
    with pytest.warns(UserWarning, match=words):
        assert_rule_correct(offset, np.array([0.7, 1.3]), backends=["autograd"])


@pytest.mark.skipif(importlib.util.find_spec("autograd") is None, reason="autograd is not installed")
def test_a_wrong_entry_beside_a_large_one_is_found() -> None:
    offsets = np.array([1e10, 0.0])
    half = custom_rule(lambda x: offsets + x**2)
    half.defjvp(lambda x, y, u: 2.0 * x * u * np.array([1.0, 0.5]))
    with pytest.raises(AssertionError, match=r"result 0 at \[1\]"):
        assert_rule_correct(half, np.array([0.7, 1.3]), backends=["autograd"])
