"""Structures, dtypes, functions of values, and errors of functions with rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jax_rules import BACKEND, BELLS, C, X, close

import adhelpers

pytest.importorskip("jax")
import jax
import jax.numpy as jnp
from jax import lax

# -- structures, shapes and dtypes -------------------------------------------------------------------------------------


@adhelpers.custom_rule
def scaled(x: Any) -> Any:
    return {"product": x["a"] * x["b"], "alone": jnp.sin(x["a"])}


@scaled.defvjp
def _(x: Any, y: Any, v: Any) -> Any:
    return {
        "a": jnp.sum(v["product"] * x["b"]) + v["alone"] * jnp.cos(x["a"]),
        "b": v["product"] * x["a"],
        "unused": 0.0 * x["unused"],
    }


def test_structures() -> None:
    x = {"a": jnp.asarray(2.0), "b": jnp.asarray(X), "unused": jnp.ones((2, 2))}
    for jacobian in (jax.jacfwd, jax.jacrev, lambda f: jax.jit(jax.jacrev(f))):
        J = jacobian(scaled)(x)
        close(J["product"]["a"], X)
        close(J["product"]["b"], 2.0 * np.eye(3))
        close(J["alone"]["a"], math.cos(2.0))
        close(J["alone"]["b"], np.zeros(3))
        close(J["product"]["unused"], np.zeros((3, 2, 2)))
    H = jax.hessian(lambda x: jnp.sum(scaled(x)["product"] ** 2) / 2)(x)
    close(H["a"]["b"], 4.0 * X)
    close(H["a"]["a"], np.sum(X**2))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_single_precision_stays(wrap: Any) -> None:
    x = jnp.asarray(0.5, dtype=jnp.float32)
    for f in BELLS.values():
        for g in (f, jax.grad(f), jax.jacfwd(f), jax.grad(jax.grad(f)), jax.jacfwd(jax.jacfwd(f))):
            result = wrap(g)(x)
            assert (result.dtype, result.shape) == (jnp.float32, ())


@pytest.mark.parametrize("given", ["jvp", "vjp"])
def test_complex(given: str) -> None:
    @adhelpers.custom_rule
    def cube(z: Any) -> Any:
        return z**3

    @adhelpers.custom_rule
    def size(z: Any) -> Any:  # not holomorphic
        return jnp.abs(z) ** 2

    if given == "jvp":
        cube.defjvp(lambda z, y, u: 3 * z**2 * u)
        size.defjvp(lambda z, y, u: 2 * jnp.real(jnp.conj(z) * u))
    else:
        cube.defvjp(lambda z, y, v: 3 * z**2 * v)
        size.defvjp(lambda z, y, v: 2 * jnp.conj(z) * v)
    z = 1.0 + 2.0j
    close(jax.grad(cube, holomorphic=True)(z), 3 * z**2)
    close(jax.grad(jax.grad(cube, holomorphic=True), holomorphic=True)(z), 6 * z)
    close(jax.jit(jax.jacfwd(cube, holomorphic=True))(z), 3 * z**2)
    close(jax.grad(size)(z), 2 * np.conj(z))
    close(adhelpers.vector_jacobian_product(cube, BACKEND, z, 1.0 + 1.0j), 3 * z**2 * (1 + 1j))
    close(adhelpers.jacobian_vector_product(size, BACKEND, z, 1.0 + 1.0j), 2 * (1.0 + 2.0))
    close(adhelpers.vector_jacobian_product(size, BACKEND, z, 1.0), 2 * np.conj(z))


# -- functions of values -----------------------------------------------------------------------------------------------


@adhelpers.custom_rule(shapes=lambda x, *_: {"s": x, "c": x})
def on_host(x: Any, error: type[Exception] | None = None) -> Any:
    assert type(x) is np.ndarray
    if error is not None:
        raise error("of the user's")
    result = {"c": np.cos(x), "s": np.sin(x)}
    x[...] = 7.0  # a copy
    return result


@on_host.defvjp
def _(x: Any, y: Any, v: Any, *_: Any) -> Any:
    return y["c"] * v["s"] - y["s"] * v["c"]


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_functions_of_values(wrap: Any) -> None:
    x = jnp.asarray(X)
    close(wrap(on_host)(x)["s"], np.sin(X))
    close(x, X)
    close(wrap(jax.jacrev(on_host))(x)["s"], np.diag(np.cos(X)))
    close(wrap(jax.jacfwd(on_host))(x)["c"], np.diag(-np.sin(X)))
    close(wrap(jax.hessian(lambda x: jnp.sum(on_host(x)["s"])))(x), np.diag(-np.sin(X)))
    close(wrap(jax.vmap(jax.grad(lambda x: on_host(x)["s"])))(x), np.cos(X))
    close(adhelpers.hessian(lambda x: jnp.sum(on_host(x)["s"]), BACKEND, X), np.diag(-np.sin(X)))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("order", "<>")
def test_functions_of_values_in_any_byte_order(wrap: Any, order: str) -> None:
    @adhelpers.custom_rule(shapes=lambda x: x)
    def sine(x: Any) -> Any:
        return np.sin(x).astype(x.dtype.newbyteorder(order))

    sine.defjvp(lambda x, y, u: jnp.cos(x) * u)
    x = jnp.asarray(X)
    close(wrap(sine)(x), np.sin(X))
    close(wrap(jax.jacrev(sine))(x), np.diag(np.cos(X)))


@pytest.mark.parametrize("outer", [lambda f: jax.jit(f), lambda f: jax.jit(jax.grad(lambda x: f(x).sum()))])
def test_a_function_of_values_without_shapes_says_what_to_type(outer: Any) -> None:
    f = adhelpers.custom_rule(np.sin)
    f.defjvp(lambda x, y, u: jnp.cos(x) * u)
    close(jax.grad(lambda x: f(x).sum())(jnp.asarray(X)), np.cos(X))
    with pytest.raises(adhelpers.ArgumentError, match=r"sin needs the values .* shapes=lambda x"):
        outer(f)(jnp.asarray(X))


def test_a_function_of_values_that_belies_its_shapes() -> None:
    @adhelpers.custom_rule(shapes=lambda x: x)
    def wrong(x: Any) -> Any:
        return np.zeros(2)

    wrong.defjvp(lambda x, y, u: u)
    with pytest.raises(Exception, match="wrong returned an array of shape .*2.* its shapes.x. say .*3"):
        jax.block_until_ready(jax.jit(wrong)(jnp.asarray(X)))


# -- purity and errors -------------------------------------------------------------------------------------------------


class MineError(Exception):
    """The user's own."""


@pytest.mark.parametrize("where", ["call", "jvp", "vjp"])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_errors_of_the_users_pass(where: str, wrap: Any) -> None:
    def raises(*_: Any) -> Any:
        raise MineError

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return raises() if where == "call" else jnp.sin(x)

    f.defjvp(raises if where == "jvp" else lambda x, y, u: u)
    f.defvjp(raises if where == "vjp" else lambda x, y, v: v)
    for mode in {"call": (jax.jacfwd, jax.jacrev), "jvp": (jax.jacfwd,), "vjp": (jax.jacrev,)}[where]:
        with pytest.raises(MineError):
            wrap(mode(f))(jnp.asarray(X))
    with pytest.raises(MineError):
        adhelpers.jacobian(wrap(f), BACKEND, X, mode="reverse" if where == "vjp" else "forward")


def test_an_error_on_values_passes() -> None:
    with pytest.raises(MineError):
        jax.grad(lambda x: jnp.sum(on_host(x, MineError)["s"]))(jnp.asarray(X))


WRONG: dict[str, tuple[Callable[..., Any], type[Exception]]] = {
    "shape": (lambda x, y, v: jnp.sum(v), adhelpers.ShapeMismatchError),
    "structure": (lambda x, y, v: {"a": v}, adhelpers.StructureMismatchError),
    "dtype": (lambda x, y, v: jnp.asarray(v, dtype=jnp.float32), adhelpers.DTypeError),
}


@pytest.mark.parametrize(("product", "error"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_a_wrong_result_is_refused_by_name(product: Any, error: Any, wrap: Any) -> None:
    @adhelpers.custom_rule
    def mistaken(x: Any) -> Any:
        return jnp.sin(x)

    mistaken.defjvp(product)
    mistaken.defvjp(product)
    for mode in (jax.jacfwd, jax.jacrev):
        with pytest.raises(error, match="rule of mistaken"):
            wrap(mode(mistaken))(jnp.asarray(X))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_what_it_is_given_may_be_returned(wrap: Any) -> None:
    @adhelpers.custom_rule
    def same(x: Any) -> Any:
        return {"first": x, "again": x}

    same.defjvp(lambda x, y, u: {"first": u, "again": u})
    same.defvjp(lambda x, y, v: v["first"] + v["again"])
    for mode in (jax.jacfwd, jax.jacrev):
        close(wrap(mode(same))(jnp.asarray(X))["again"], np.eye(3))


def test_what_a_call_computes_is_not_differentiated() -> None:
    """By ``while_loop`` there is no reverse mode, and JAX's digamma is wrong twice: neither matters in a call."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, jnp.cbrt(c[1])), (0, x))[1]

    f.defvjp(lambda x, y, v: v / (3 * y**2))
    close(jax.jacrev(f)(jnp.asarray(C)), np.diag(C ** (-2 / 3) / 3))
    close(adhelpers.jacobian(f, BACKEND, C, mode="reverse"), np.diag(C ** (-2 / 3) / 3))


def test_wrong_rules_of_jaxs_are_replaced_in_products() -> None:
    mpmath = pytest.importorskip("mpmath")

    @adhelpers.custom_rule
    def log_gamma(x: Any) -> Any:
        return jax.scipy.special.gammaln(x)

    log_gamma.defjvp(lambda x, y, u: jax.scipy.special.digamma(x) * u)
    x = np.array([-14.5, -33.3, 2.0])
    first, second = ([float(mpmath.psi(n, mpmath.mpf(t))) for t in x] for n in (0, 1))
    for wrap in (lambda f: f, jax.jit):
        loss = wrap(lambda x: jnp.sum(log_gamma(x)))
        np.testing.assert_allclose(adhelpers.gradient(loss, BACKEND, x), first, rtol=1e-10)
        H = adhelpers.hessian(loss, BACKEND, x)
        np.testing.assert_allclose(H, np.diag(second), rtol=1e-10, atol=1e-12)
