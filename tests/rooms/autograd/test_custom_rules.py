"""Rules of `adhelpers.custom_rule` in autograd's own transformations and in the operations, against closed forms."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, gradient, jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd
import autograd.core
import autograd.numpy as anp
from autograd.differential_operators import make_jvp_reversemode
from autograd.extend import defvjp, primitive
from autograd_functions import complexes, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend
from conftest import MODES

BACKEND = AutogradBackend()
WORDS = ["".join(word) for n in (1, 2, 3) for word in itertools.product("FR", repeat=n)]

# One step of differentiation by a number, by autograd and by the operations.
RAW = {
    "F": lambda f: lambda x: autograd.make_jvp(f)(x)(np.ones(()))[1],
    "R": lambda f: lambda x: autograd.make_vjp(f)(x)[0](np.ones(())),
}
OWN = {
    "F": lambda f: lambda x: jacobian_vector_product(f, BACKEND, x, np.ones(())),
    "R": lambda f: lambda x: vector_jacobian_product(f, BACKEND, x, np.ones(())),
}
MIXED = {"F": OWN["F"], "R": RAW["R"]}


def scaled_tanh(jvp: float | None, vjp: float | None) -> Any:
    """A rule for tanh that knows `x` by `y` alone, and gives so many times the right derivative."""

    @adhelpers.custom_rule
    def tanh(x: Any) -> Any:
        assert isinstance(x, np.ndarray)  # no box: what is computed here is not differentiated
        return np.tanh(x)

    if jvp is not None:
        tanh.defjvp(lambda x, y, u: jvp * (1.0 - y**2) * u)
    if vjp is not None:
        tanh.defvjp(lambda x, y, v: vjp * (1.0 - y**2) * v)
    return tanh


# -- orders and modes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scales", [(2.0, 3.0), (2.0, None), (None, 3.0)])
@pytest.mark.parametrize("steps", [RAW, OWN, MIXED], ids=["autograd", "operations", "both"])
@pytest.mark.parametrize("word", WORDS)
def test_each_product_is_used_for_what_it_is_to_any_order(
    word: str, steps: dict[str, Any], scales: tuple[float | None, float | None]
) -> None:
    jvp, vjp = scales
    factors = {"F": jvp or vjp, "R": vjp or jvp}
    y = np.tanh(0.4)
    derivative = [1.0 - y**2, -2.0 * y * (1.0 - y**2), (6.0 * y**2 - 2.0) * (1.0 - y**2)][len(word) - 1]
    f: Callable[[Any], Any] = scaled_tanh(jvp, vjp)
    for letter in word:
        f = steps[letter](f)
    expected = derivative * np.prod([factors[letter] for letter in word])
    np.testing.assert_allclose(f(np.asarray(0.4)), expected, rtol=1e-14)


def test_autograds_own_transformations() -> None:
    tanh, x, w = scaled_tanh(1.0, 1.0), numbers(3), numbers(3, seed=1)
    first = 1.0 - np.tanh(x) ** 2
    second = -2.0 * np.tanh(x) * first

    def f(x: Any) -> Any:
        return anp.sum(w * tanh(x))

    np.testing.assert_allclose(autograd.grad(f)(x), w * first)
    np.testing.assert_allclose(autograd.elementwise_grad(tanh)(x), first)
    np.testing.assert_allclose(autograd.jacobian(tanh)(x), np.diag(first))
    np.testing.assert_allclose(autograd.hessian(f)(x), np.diag(w * second))
    np.testing.assert_allclose(autograd.hessian_vector_product(f)(x, x), w * second * x)
    np.testing.assert_allclose(autograd.make_hvp(f)(x)[0](x), w * second * x)
    np.testing.assert_allclose(autograd.deriv(tanh)(x), first)
    np.testing.assert_allclose(make_jvp_reversemode(tanh)(x)(w), first * w)
    np.testing.assert_allclose(autograd.value_and_grad(f)(x)[0], w @ np.tanh(x))


@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, None), (None, 1.0)])
def test_the_operations(scales: tuple[float | None, float | None]) -> None:
    tanh, x, w = scaled_tanh(*scales), numbers(3), numbers(3, seed=1)
    first = 1.0 - np.tanh(x) ** 2
    second = np.diag(-2.0 * w * np.tanh(x) * first)

    def f(x: Any) -> Any:
        return (w * tanh(x)).sum()

    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(adhelpers.jacobian(tanh, BACKEND, x, mode=mode), np.diag(first))
        J = adhelpers.batched_jacobian(tanh, BACKEND, np.stack([x, w], axis=1), mode=mode)
        np.testing.assert_allclose(J[:, :, 0], np.diag(first))
        np.testing.assert_allclose(J[:, :, 1], np.diag(1.0 - np.tanh(w) ** 2))
    for mode in MODES:
        np.testing.assert_allclose(adhelpers.hessian(f, BACKEND, x, mode=mode), second)
    np.testing.assert_allclose(adhelpers.laplacian(f, BACKEND, x), np.trace(second))
    linear = adhelpers.linearize(tanh, BACKEND, x)
    np.testing.assert_allclose(linear.push(w), first * w)
    np.testing.assert_allclose(linear.pull(w), first * w)
    prepared = adhelpers.prepare(adhelpers.hessian, f, BACKEND, x)
    np.testing.assert_allclose(prepared(x), second)


@pytest.mark.parametrize("seen_as", [float, np.float64])
def test_numbers_that_autograd_differentiates(seen_as: type) -> None:
    tanh = scaled_tanh(None, 1.0)
    received = autograd.grad(autograd.grad(tanh))(seen_as(0.4))
    np.testing.assert_allclose(received, -2.0 * np.tanh(0.4) * (1.0 - np.tanh(0.4) ** 2))


# -- structures, dtypes, complex numbers ----------------------------------------------------------------


def structured(which: str) -> Any:
    """Of a and b: a dict of a * b, and of the sum of a alone."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return {"product": x["a"] * x["b"][0], "sum": x["a"].sum()}

    if "F" in which:

        @f.defjvp
        def _(x: Any, y: Any, u: Any) -> Any:
            return {"product": u["a"] * x["b"][0] + x["a"] * u["b"][0], "sum": u["a"].sum()}

    if "R" in which:

        @f.defvjp
        def _(x: Any, y: Any, v: Any) -> Any:
            return {"a": v["product"] * x["b"][0] + v["sum"], "b": [v["product"] * x["a"]]}

    return f


@pytest.mark.parametrize("which", ["F", "R", "FR"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_structures_keep_their_precision(which: str, dtype: str) -> None:
    f = structured(which)
    a, b, c, d = (numbers(3, seed=seed).astype(dtype) for seed in range(4))
    x, u = {"a": a, "b": [b]}, {"a": c, "b": [d]}
    pushed = jacobian_vector_product(f, BACKEND, x, u)
    np.testing.assert_allclose(pushed["product"], a * d + b * c, rtol=1e-6)
    np.testing.assert_allclose(pushed["sum"], c.sum(), rtol=1e-5)
    v = {"product": d, "sum": c.sum()}
    pulled = vector_jacobian_product(f, BACKEND, x, v)
    np.testing.assert_allclose(pulled["a"], d * b + c.sum(), rtol=1e-5)
    np.testing.assert_allclose(pulled["b"][0], d * a, rtol=1e-6)
    assert {leaf.dtype for leaf in (*pushed.values(), pulled["a"], pulled["b"][0])} == {np.dtype(dtype)}
    assert (pushed["sum"].shape, pushed["product"].shape) == ((), (3,))

    only_sum = gradient(lambda x: f(x)["sum"], BACKEND, x)  # which does not depend on b
    np.testing.assert_array_equal(only_sum["a"], np.ones(3))
    np.testing.assert_array_equal(only_sum["b"][0], np.zeros(3))
    some = jacobian_vector_product(lambda a: f({"a": a, "b": [b]}), BACKEND, a, c)  # b is no box
    np.testing.assert_allclose(some["product"], c * b, rtol=1e-6)
    H = adhelpers.hessian(lambda x: f(x)["product"].sum(), BACKEND, x)
    np.testing.assert_array_equal(H["a"]["b"][0], np.eye(3))
    np.testing.assert_array_equal(H["a"]["a"], np.zeros((3, 3)))


@pytest.mark.parametrize("which", ["F", "R", "FR"])
@pytest.mark.parametrize("steps", [RAW, OWN, MIXED], ids=["autograd", "operations", "both"])
@pytest.mark.parametrize("word", WORDS)
def test_several_results_to_any_order(word: str, steps: dict[str, Any], which: str) -> None:
    @adhelpers.custom_rule
    def pair(x: Any) -> Any:
        return np.sin(x), [np.exp(x)]

    if "F" in which:
        pair.defjvp(lambda x, y, u: (anp.cos(x) * u, [y[1][0] * u]))
    if "R" in which:
        pair.defvjp(lambda x, y, v: anp.cos(x) * v[0] + y[1][0] * v[1][0])

    def f(x: Any) -> Any:
        sine, (exponential,) = pair(x)
        return sine * exponential

    for letter in word:
        f = steps[letter](f)
    n = len(word)
    np.testing.assert_allclose(f(np.asarray(0.3)), 2.0 ** (n / 2) * np.exp(0.3) * np.sin(0.3 + n * np.pi / 4.0))


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_dicts_that_autograd_differentiates(which: str) -> None:
    f = structured(which)
    x = {"a": numbers(3), "b": [numbers(3, seed=1)]}
    received = autograd.grad(lambda x: anp.sum(f(x)["product"]))(x)
    np.testing.assert_allclose(received["a"], x["b"][0])
    np.testing.assert_allclose(received["b"][0], x["a"])


def test_a_cotangent_of_higher_precision_is_brought_down() -> None:
    """autograd's own rule of mean gives float64 for float32."""
    tanh, x = scaled_tanh(1.0, 1.0), numbers(3).astype("float32")
    received = autograd.grad(lambda x: anp.mean(tanh(x)))(x)
    np.testing.assert_allclose(received, (1.0 - np.tanh(x) ** 2) / 3.0, rtol=1e-6)


C = 1.0 - 2.0j


def square_of_modulus(which: str) -> Any:
    """C times the square of the modulus, which is not holomorphic, and the cube, which is."""

    @adhelpers.custom_rule
    def f(z: Any) -> Any:
        return C * z * np.conj(z), z**3

    if "F" in which:

        @f.defjvp
        def _(z: Any, y: Any, u: Any) -> Any:
            return C * (u * anp.conj(z) + z * anp.conj(u)), 3.0 * z**2 * u

    if "R" in which:

        @f.defvjp
        def _(z: Any, y: Any, v: Any) -> Any:
            return C * v[0] * anp.conj(z) + anp.conj(C * v[0] * z) + 3.0 * z**2 * v[1]

    return f


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_complex_numbers_without_conjugates(which: str) -> None:
    f, z, u, v, w = square_of_modulus(which), *(complexes(3, seed=seed) for seed in range(4))
    pushed = (C * (u * z.conj() + z * u.conj()), 3.0 * z**2 * u)
    pulled = C * v * z.conj() + (C * v * z).conj() + 3.0 * z**2 * w
    for received, expected in zip(jacobian_vector_product(f, BACKEND, z, u), pushed, strict=True):
        np.testing.assert_allclose(received, expected)
    np.testing.assert_allclose(vector_jacobian_product(f, BACKEND, z, (v, w)), pulled)
    for i in (0, 1):
        np.testing.assert_allclose(autograd.make_jvp(lambda z, i=i: f(z)[i])(z)(u)[1], pushed[i])
    received = autograd.make_vjp(lambda z: f(z)[0])(z)[0](v) + autograd.make_vjp(lambda z: f(z)[1])(z)[0](w)
    np.testing.assert_allclose(received, pulled)
    holomorphic = adhelpers.jacobian(lambda z: f(z)[1], BACKEND, z, holomorphic=True)
    np.testing.assert_allclose(holomorphic, np.diag(3.0 * z**2))


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_second_derivatives_of_complex_numbers(which: str) -> None:
    f, z, u, v, w = square_of_modulus(which), *(complexes(3, seed=seed) for seed in range(4))

    def pushed(z: Any) -> Any:
        return jacobian_vector_product(f, BACKEND, z, u)

    def pulled(z: Any) -> Any:
        return vector_jacobian_product(f, BACKEND, z, (v, w))

    again = jacobian_vector_product(pushed, BACKEND, z, w)
    np.testing.assert_allclose(again[0], C * (u * w.conj() + w * u.conj()))
    np.testing.assert_allclose(again[1], 6.0 * z * u * w)
    np.testing.assert_allclose(
        jacobian_vector_product(pulled, BACKEND, z, u), C * v * u.conj() + (C * v * u).conj() + 6.0 * z * u * w
    )
    # Re(q * d pulled(z) . t) = Re(t * what comes back)
    q = complexes(3, seed=4)
    np.testing.assert_allclose(
        vector_jacobian_product(pulled, BACKEND, z, q), (C * v * q).conj() + C * v * q.conj() + 6.0 * z * q * w
    )
    np.testing.assert_allclose(
        vector_jacobian_product(pushed, BACKEND, z, (v, q)), C * v * u.conj() + (C * v * u).conj() + 6.0 * z * u * q
    )


@pytest.fixture
def traces_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """autograd itself leaves its count of traces wrong after an error."""
    trace_stack = autograd.tracer.trace_stack
    monkeypatch.setattr(trace_stack, "top", trace_stack.top)


# -- further arguments, and closures --------------------------------------------------------------------


@adhelpers.custom_rule
def power(x: Any, n: int, kind: str, scale: Any) -> Any:
    assert kind == "scaled"
    return scale * x**n


@power.defjvp
def _(x: Any, y: Any, u: Any, n: int, kind: str, scale: Any) -> Any:
    assert kind == "scaled"
    return n * scale * x ** (n - 1) * u


def test_further_arguments() -> None:
    x, scale = numbers(3), numbers(3, seed=1)
    for scales in (scale, [scale][0]):
        received = gradient(lambda x: anp.sum(power(x, 3, "scaled", scales)), BACKEND, x)  # noqa: B023
        np.testing.assert_allclose(received, 3.0 * scale * x**2)
    np.testing.assert_allclose(
        autograd.hessian(lambda x: anp.sum(power(x, 3, "scaled", scale)))(x), np.diag(6 * scale * x)
    )


TRACERS = [
    lambda f, x: autograd.grad(f)(x),
    lambda f, x: autograd.make_jvp(f)(x)(x),
    lambda f, x: gradient(f, BACKEND, x),
    lambda f, x: jacobian_vector_product(f, BACKEND, x, x),
    lambda f, x: adhelpers.hessian(f, BACKEND, x),
    lambda f, x: autograd.grad(lambda w: anp.sum(autograd.grad(f)(w)))(x),
]


@pytest.mark.usefixtures("traces_left_open")
@pytest.mark.parametrize("differentiate", TRACERS, ids=map(str, range(len(TRACERS))))
@pytest.mark.parametrize("with_x", [True, False])
def test_an_argument_that_is_differentiated_is_refused(differentiate: Any, with_x: bool) -> None:
    with pytest.raises(ArgumentError, match="power has a derivative rule for x alone"):
        differentiate(lambda w: anp.sum(power(w if with_x else np.ones(3), 2, "scaled", w)), numbers(3))


@pytest.mark.usefixtures("traces_left_open")
def test_an_argument_that_is_differentiated_in_a_dict_of_autograds_is_refused() -> None:
    @adhelpers.custom_rule
    def times(x: Any, p: Any) -> Any:
        return x * p["w"]

    times.defjvp(lambda x, y, u, p: u * p["w"])
    with pytest.raises(ArgumentError, match="times has a derivative rule for x alone"):
        autograd.grad(lambda p: anp.sum(times(np.ones(3), p)))({"w": np.ones(3)})


@pytest.mark.usefixtures("traces_left_open")
@pytest.mark.parametrize("differentiate", TRACERS, ids=map(str, range(len(TRACERS))))
@pytest.mark.parametrize("which", ["call", "call-alone", "jvp", "vjp", "jvp-both", "vjp-both"])
def test_a_closure_over_what_is_differentiated_is_refused(differentiate: Any, which: str) -> None:
    def f(w: Any) -> Any:
        @adhelpers.custom_rule
        def times(x: Any) -> Any:
            return x * w if which.startswith("call") else 2.0 * x

        if which != "vjp":
            times.defjvp(lambda x, y, u: anp.sin(w) * u)
        if which != "jvp":
            times.defvjp(lambda x, y, v: anp.sin(w) * v)
        return anp.sum(times(np.ones(3) if which == "call-alone" else w * w))

    with pytest.raises(ArgumentError, match="times has a derivative rule, but one of its functions closes over"):
        differentiate(f, numbers(3))


# -- implicit functions ---------------------------------------------------------------------------------


def conjugate_gradients(matvec: Callable[[Any], Any], b: Any) -> Any:
    x, r, p = 0.0 * b, b, b
    while (size := anp.sum(r * r)) > 1e-30 * anp.sum(b * b):
        q = matvec(p)
        alpha = size / anp.sum(p * q)
        x, r = x + alpha * p, r - alpha * q
        p = r + anp.sum(r * r) / size * p
    return x


A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]])


def quadratic(linear_solve: Any) -> Any:
    """The y with A y + y**3 = x, by Newton's method on NumPy's arrays."""

    @adhelpers.implicit(lambda x, y: A @ y + y**3 - x, linear_solve=linear_solve)
    def solve(x: Any) -> Any:
        y = np.zeros(3)
        for _ in range(40):
            y = y - np.linalg.solve(A + np.diag(3.0 * y**2), A @ y + y**3 - x)
        return y

    return solve


SOLVES = {"dense": "dense", "products": conjugate_gradients}


@pytest.mark.parametrize("name", SOLVES)
def test_implicit_functions(name: str) -> None:
    solve, x, w = quadratic(SOLVES[name]), numbers(3), numbers(3, seed=1)
    y = solve(x)
    inverse = np.linalg.inv(A + np.diag(3.0 * y**2))
    # With B = inverse, d2y = -B (6 y dy dy)
    second = -np.einsum("i,i,ij,ik->jk", w @ inverse, 6.0 * y, inverse, inverse)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(adhelpers.jacobian(solve, BACKEND, x, mode=mode), inverse, rtol=1e-9)
    np.testing.assert_allclose(autograd.jacobian(solve)(x), inverse, rtol=1e-9)
    for mode in MODES:
        received = adhelpers.hessian(lambda x: (w * solve(x)).sum(), BACKEND, x, mode=mode)
        np.testing.assert_allclose(received, second, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(autograd.hessian(lambda x: anp.sum(w * solve(x)))(x), second, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("linear_solve", ["dense", lambda matvec, b: b / matvec(anp.ones_like(b))])
@pytest.mark.parametrize("steps", [RAW, OWN, MIXED], ids=["autograd", "operations", "both"])
@pytest.mark.parametrize("word", WORDS)
def test_implicit_functions_to_third_order(word: str, steps: dict[str, Any], linear_solve: Any) -> None:
    @adhelpers.implicit(lambda x, y: y**3 - x, linear_solve=linear_solve)
    def root(x: Any) -> Any:
        return np.cbrt(x)

    f: Callable[[Any], Any] = root
    for letter in word:
        f = steps[letter](f)
    expected = [1.0 / 3.0 / 4.0, -2.0 / 9.0 / 32.0, 10.0 / 27.0 / 256.0][len(word) - 1]
    np.testing.assert_allclose(f(np.asarray(8.0)), expected, rtol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_an_inner_optimum(mode: Any) -> None:
    """Of cosh(y) - x y it is asinh(x)."""

    @adhelpers.implicit(lambda x, y: gradient(lambda y: anp.sum(anp.cosh(y) - x * y), BACKEND, y))
    def best(x: Any) -> Any:
        return np.arcsinh(x)

    x = numbers(2)
    received = adhelpers.hessian(lambda x: best(x).sum(), BACKEND, x, mode=mode)
    np.testing.assert_allclose(received, np.diag(-x / (1.0 + x**2) ** 1.5), rtol=1e-10)


def test_a_solver_of_scipys() -> None:
    optimize = pytest.importorskip("scipy.optimize")

    @adhelpers.implicit(lambda x, y, c: y * anp.exp(y) - c * x, shapes=lambda x, c: x)
    def lambert(x: Any, c: Any) -> Any:
        assert type(x) is np.ndarray
        return optimize.root(lambda y: y * np.exp(y) - c * x, np.ones_like(x), tol=1e-14).x

    x, c = np.array([0.5, 2.0]), 1.5
    w = lambert(x, c)
    np.testing.assert_allclose(autograd.jacobian(lambda x: lambert(x, c))(x), np.diag(w / (x * (1.0 + w))), rtol=1e-10)
    second = -(w**2) * (w + 2.0) / (x**2 * (1.0 + w) ** 3)
    received = adhelpers.hessian(lambda x: lambert(x, c).sum(), BACKEND, x)
    np.testing.assert_allclose(received, np.diag(second), rtol=1e-8, atol=1e-12)


# -- purity ---------------------------------------------------------------------------------------------


def test_nothing_that_was_given_is_changed_or_shared() -> None:
    @adhelpers.custom_rule
    def same(x: Any) -> Any:
        x *= 2.0
        return x

    @same.defjvp
    def _(x: Any, y: Any, u: Any) -> Any:
        x *= 0.0
        y *= 0.0
        u *= 2.0
        return u

    @same.defvjp
    def _(x: Any, y: Any, v: Any) -> Any:
        x *= 0.0
        y *= 0.0
        v *= 2.0
        return v

    x, u = numbers(3), numbers(3, seed=1)
    kept = x.copy(), u.copy()
    for product in (adhelpers.value_and_jacobian_vector_product, adhelpers.value_and_vector_jacobian_product):
        y, v = product(same, BACKEND, x, u)
        np.testing.assert_array_equal(y, 2.0 * kept[0])
        np.testing.assert_array_equal(v, 2.0 * kept[1])
        assert not any(np.shares_memory(a, b) for a, b in itertools.combinations((x, u, y, v), 2))
    y, v = autograd.make_jvp(same)(x)(u)
    pull, z = autograd.make_vjp(same)(x)
    for _ in range(2):
        w = pull(u)
        np.testing.assert_array_equal(w, 2.0 * kept[1])
        assert not any(np.shares_memory(a, b) for a, b in itertools.combinations((x, u, y, v, z, w), 2))
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(u, kept[1])


def test_a_function_may_write_to_what_it_gave_before() -> None:
    kept = np.zeros(3)
    f = adhelpers.custom_rule(lambda x: np.exp(x, out=kept))
    f.defvjp(lambda x, y, v: y * v)
    x = numbers(3)
    for differentiate in (autograd.grad, lambda g: lambda x: gradient(g, BACKEND, x)):
        received = differentiate(lambda x: anp.sum(f(x) * f(2.0 * x)))(x)
        np.testing.assert_allclose(received, 3.0 * np.exp(3.0 * x))


def test_a_rule_may_return_its_argument_and_its_result() -> None:
    @adhelpers.custom_rule
    def exp(x: Any) -> Any:
        return np.exp(x), x

    exp.defjvp(lambda x, y, u: (y[0] * u, u))

    @adhelpers.custom_rule
    def same(x: Any) -> Any:
        return x

    same.defjvp(lambda x, y, u: y)  # which is not linear; it is what a result may not share
    x = numbers(3)
    y, v = adhelpers.value_and_jacobian_vector_product(same, BACKEND, x, x)
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations((x, y, v), 2))
    (y, z), (v, w) = adhelpers.value_and_jacobian_vector_product(exp, BACKEND, x, x)
    assert not any(np.shares_memory(a, b) for a, b in itertools.combinations((x, y, z, v, w), 2))
    np.testing.assert_allclose(v, np.exp(x) * x)


class UnluckyError(Exception):
    pass


@pytest.mark.usefixtures("traces_left_open")
@pytest.mark.parametrize("where", ["f", "jvp", "vjp"])
def test_errors_of_the_users_pass_as_they_are(where: str) -> None:
    error = UnluckyError()

    def at(place: str, value: Any) -> Any:
        if where == place:
            raise error
        return value

    rule = adhelpers.custom_rule(lambda x: at("f", x * 2.0))
    rule.defjvp(lambda x, y, u: at("jvp", u * 2.0))
    rule.defvjp(lambda x, y, v: at("vjp", v * 2.0))
    x = numbers(3)
    if where != "vjp":
        for push in (lambda: jacobian_vector_product(rule, BACKEND, x, x), lambda: autograd.make_jvp(rule)(x)(x)):
            with pytest.raises(UnluckyError) as caught:
                push()
            assert caught.value is error
    if where != "jvp":
        for pull in (
            lambda: vector_jacobian_product(rule, BACKEND, x, x),
            lambda: autograd.grad(lambda x: anp.sum(rule(x)))(x),
        ):
            with pytest.raises(UnluckyError) as caught:
                pull()
            assert caught.value is error


@pytest.mark.usefixtures("traces_left_open")
@pytest.mark.parametrize("which", ["F", "R"])
def test_results_that_do_not_match_are_refused_in_autograds_own_passes(which: str) -> None:
    rule = adhelpers.custom_rule(lambda x: x * 2.0)
    rule.defjvp(lambda x, y, u: u[:2])
    rule.defvjp(lambda x, y, v: [v])
    x = numbers(3)
    if which == "F":
        with pytest.raises(adhelpers.ShapeMismatchError, match="the result of the JVP rule of <lambda> has shape"):
            autograd.make_jvp(rule)(x)(x)
    else:
        with pytest.raises(adhelpers.StructureMismatchError, match="the result of the VJP rule of <lambda> is a list"):
            autograd.grad(lambda x: anp.sum(rule(x)))(x)


# -- what is missing or wrong in autograd ---------------------------------------------------------------


def test_what_a_function_computes_needs_no_rule() -> None:
    @primitive
    def opaque(x: Any) -> Any:
        return np.sinc(x) * 0.0 + np.sin(x)

    @adhelpers.custom_rule
    def sin(x: Any) -> Any:
        return opaque(x)

    sin.defvjp(lambda x, y, v: anp.cos(x) * v)
    x = numbers(3)
    np.testing.assert_allclose(adhelpers.jacobian(sin, BACKEND, x), np.diag(np.cos(x)))
    np.testing.assert_allclose(adhelpers.hessian(lambda x: sin(x).sum(), BACKEND, x), np.diag(-np.sin(x)))


@pytest.mark.parametrize("which", ["jvp", "vjp"])
def test_the_namespace_of_the_point_takes_the_vector_too(which: str) -> None:
    """Where a product is transposed, the vector is a box and the point is none."""

    def times(x: Any, y: Any, vector: Any) -> Any:
        xp, sp = adhelpers.array_namespace(x), adhelpers.special_namespace(x)
        halves = xp.concat([vector[:1], xp.astype(vector, xp.float64)[1:]])
        return xp.where(x > 0.0, halves + 0.0 * sp.gammaln(2.0 + vector), 0.0 * vector)

    relu = adhelpers.custom_rule(lambda x: np.maximum(x, 0.0))
    (relu.defjvp if which == "jvp" else relu.defvjp)(times)
    x = np.asarray([-1.0, 2.0, 0.5])
    slopes = np.diag([0.0, 1.0, 1.0])
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(adhelpers.jacobian(relu, BACKEND, x, mode=mode), slopes)
    np.testing.assert_array_equal(autograd.jacobian(relu)(x), slopes)
    for mode in MODES:
        received = adhelpers.hessian(lambda x: (relu(x) ** 2).sum(), BACKEND, x, mode=mode)
        np.testing.assert_array_equal(received, 2.0 * slopes)


def test_the_namespace_of_the_solution_takes_the_argument_too() -> None:
    def conditions(x: Any, y: Any) -> Any:
        xp = adhelpers.array_namespace(y)
        return xp.stack([y[0] + y[1] - x[0], y[0] - y[1] ** 3 - x[1]])

    @adhelpers.implicit(conditions)
    def solve(x: Any) -> Any:
        low = np.asarray(0.0)
        for _ in range(50):
            low = low - (x[0] - x[1] - low - low**3) / (-1.0 - 3.0 * low**2)
        return np.asarray([x[0] - low, low])

    x = np.asarray([1.3, 0.4])
    slope = 3.0 * solve(x)[1] ** 2
    expected = np.asarray([[slope, 1.0], [1.0, -1.0]]) / (1.0 + slope)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(adhelpers.jacobian(solve, BACKEND, x, mode=mode), expected, rtol=1e-12)
    np.testing.assert_allclose(autograd.jacobian(solve)(x), expected, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_rule_computes_is_replaced_where_autograd_is_wrong(mode: Any) -> None:
    """autograd pulls back wrongly through tile, of a matrix by one number."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return np.sum(x**4)

    f.defvjp(lambda x, y, v: v * 2.0 * anp.sum(anp.reshape(anp.tile(x**3, 2), (2, 2, 2)), axis=1))
    x = numbers(2, 2)
    received = adhelpers.hessian(f, BACKEND, x, mode=mode)
    np.testing.assert_allclose(np.reshape(received, (4, 4)), np.diag(12.0 * x.ravel() ** 2))


def test_a_missing_rule_in_what_a_rule_computes_has_its_usual_substitute() -> None:
    @primitive
    def sin(x: Any) -> Any:
        return np.sin(x)

    defvjp(sin, lambda y, x: lambda g: anp.cos(x) * g)  # in reverse mode alone
    rule = adhelpers.custom_rule(lambda x: 1.0 - np.cos(x))
    rule.defjvp(lambda x, y, u: sin(x) * u)
    x = numbers(3)
    for mode in MODES:
        received = adhelpers.hessian(lambda x: rule(x).sum(), BACKEND, x, mode=mode)
        np.testing.assert_allclose(received, np.diag(np.cos(x)))


# -- threads and memory ---------------------------------------------------------------------------------


def test_threads() -> None:
    tanh, failures = scaled_tanh(None, 1.0), []

    def work(seed: int) -> None:
        x = numbers(4, seed=seed)
        expected = np.diag(-2.0 * np.tanh(x) * (1.0 - np.tanh(x) ** 2))
        for _ in range(20):
            received = adhelpers.hessian(lambda x: tanh(x).sum(), BACKEND, x)
            if not np.allclose(received, expected):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_rule_leaves_nothing_behind() -> None:
    by_ufunc = getattr(autograd.tracer, "trace_primitives_map", {})  # since 1.9
    tables = (autograd.core.primitive_vjps, autograd.core.primitive_jvps, by_ufunc)

    def used() -> Any:
        tanh = scaled_tanh(1.0, 1.0)
        autograd.hessian(lambda x: anp.sum(tanh(x)))(numbers(3))
        adhelpers.hessian(lambda x: tanh(x).sum(), BACKEND, numbers(3))
        return weakref.ref(tanh)

    used()
    sizes = list(map(len, tables))
    kept = used()
    gc.collect()
    assert kept() is None
    assert list(map(len, tables)) == sizes
