"""Further arguments of functions with rules, and arrays that they close over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jax_rules import BACKEND, BELLS, SLOPES, C, X, close, scaled_sine

import adhelpers

pytest.importorskip("jax")
import jax
import jax.numpy as jnp
from jax import lax


@adhelpers.custom_rule
def power(x: Any, n: int, word: str, scale: Any, host: Any) -> Any:
    assert word == "times"
    return lax.stop_gradient(scale * host * x**n)


@power.defjvp
def _(x: Any, y: Any, u: Any, n: int, word: str, scale: Any, host: Any) -> Any:
    return scale * host * n * x ** (n - 1) * u


def closing(c: Any, *where: str) -> Any:
    """``c * sin(x)``, of which the named functions close over `c`, and all others over its value."""
    value = jnp.asarray([2.0, 3.0, 5.0])
    of = {name: c if name in where else value for name in ("call", "jvp", "vjp")}

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return of["call"] * jnp.sin(x)

    f.defjvp(lambda x, y, u: of["jvp"] * jnp.cos(x) * u)
    f.defvjp(lambda x, y, v: of["vjp"] * jnp.cos(x) * v)
    return f


DIFFERENTIATED: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: jax.grad(lambda c: jnp.sum(f(c))),
    "jacfwd": jax.jacfwd,
    "jvp": lambda f: lambda c: jax.jvp(f, (c,), (c,)),
    "linearize": lambda f: lambda c: jax.linearize(f, c),
    "grad of jit": lambda f: jax.grad(lambda c: jnp.sum(jax.jit(f)(c))),
    "jacfwd of jit": lambda f: jax.jacfwd(jax.jit(f)),
    "jit of grad": lambda f: jax.jit(jax.grad(lambda c: jnp.sum(f(c)))),
    "vmap of grad": lambda f: lambda c: jax.vmap(jax.grad(lambda c: jnp.sum(f(c))))(jnp.stack([c, c])),
    "grad of vmap": lambda f: jax.grad(lambda c: jnp.sum(jax.vmap(f)(jnp.stack([c, c])))),
    "grad of scan": lambda f: jax.grad(lambda c: lax.scan(lambda s, _: (s + jnp.sum(f(c)), None), 0.0, length=2)[0]),
    "grad of remat": lambda f: jax.grad(lambda c: jnp.sum(jax.checkpoint(f)(c))),
    "ours": lambda f: lambda c: adhelpers.jacobian(f, BACKEND, c),
}
INNER: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "values": lambda f: f,
    "grad": lambda f: jax.grad(lambda x: jnp.sum(f(x))),
    "jacfwd": jax.jacfwd,
    "linearize": lambda f: lambda x: jax.linearize(f, x)[1](x),
    "hessian": lambda f: jax.hessian(lambda x: jnp.sum(f(x))),
}


@pytest.mark.parametrize("outer", DIFFERENTIATED.values(), ids=DIFFERENTIATED.keys())
@pytest.mark.parametrize("inner", INNER.values(), ids=INNER.keys())
def test_an_argument_that_is_differentiated_is_refused(outer: Any, inner: Any) -> None:
    @adhelpers.custom_rule
    def f(x: Any, c: Any) -> Any:
        return c * jnp.sin(x)

    f.defjvp(lambda x, y, u, c: c * jnp.cos(x) * u)
    with pytest.raises(adhelpers.ArgumentError, match="f has a derivative rule for x alone"):
        outer(lambda c: inner(lambda x: f(x, c))(jnp.asarray(X)))(jnp.asarray(C))


@pytest.mark.parametrize("outer", DIFFERENTIATED.values(), ids=DIFFERENTIATED.keys())
@pytest.mark.parametrize("inner", INNER.values(), ids=INNER.keys())
def test_a_function_that_closes_over_what_is_differentiated_is_refused(outer: Any, inner: Any) -> None:
    with pytest.raises(adhelpers.ArgumentError, match="one of its functions closes over an array"):
        outer(lambda c: inner(closing(c, "call", "jvp", "vjp"))(jnp.asarray(X)))(jnp.asarray(C))


@pytest.mark.parametrize(("where", "inner"), [("jvp", "jacfwd"), ("jvp", "linearize"), ("vjp", "grad")])
@pytest.mark.parametrize("outer", DIFFERENTIATED.values(), ids=DIFFERENTIATED.keys())
def test_products_alone_may_close_over_it_and_are_refused(outer: Any, where: str, inner: str) -> None:
    with pytest.raises(adhelpers.ArgumentError, match="one of its functions closes over an array"):
        outer(lambda c: INNER[inner](closing(c, where))(jnp.asarray(X)))(jnp.asarray(C))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_products_may_not_close_over_the_very_array_that_is_given(mode: Any, wrap: Any) -> None:
    with pytest.raises(adhelpers.ArgumentError, match="one of its functions closes over an array"):
        wrap(mode(lambda c: closing(c, "jvp", "vjp")(c)))(jnp.asarray(C))


TRACED: dict[str, Callable[[Any], Callable[[Any, Any], Any]]] = {
    "jit": lambda f: jax.jit(jax.jacrev(f)),
    "jit, forward": lambda f: jax.jit(jax.jacfwd(f)),
    "derivative of jit": lambda f: jax.jacrev(jax.jit(f)),
    "forward of jit": lambda f: jax.jacfwd(jax.jit(f)),
    "x is known": lambda f: lambda x, c: jax.jit(lambda c: jax.jacrev(lambda x: f(x, c))(x))(c),
    "vmap": lambda f: lambda x, c: jax.vmap(jax.jacrev(f), (None, 0))(x, jnp.stack([c, c]))[1],
    "vmap, forward": lambda f: lambda x, c: jax.vmap(jax.jacfwd(f), (None, 0))(x, jnp.stack([c, c]))[1],
    "of both": lambda f: lambda x, c: jnp.diag(jax.vmap(jax.grad(lambda x, c: f(x, c)))(x, c)),
    "derivative of scan": lambda f: (
        lambda x, c: jax.jacrev(lambda x: lax.scan(lambda s, c: (s, f(x, c)), 0.0, c[None]))(x)[1][0]
    ),
    "ours, prepared": lambda f: lambda x, c: adhelpers.prepare(adhelpers.jacobian, f, BACKEND, x, args=(c,))(x, c),
}
VARYING: dict[str, Callable[[Any, Any], Any]] = {
    "closed over": lambda x, c: closing(c, "call", "jvp", "vjp")(x),
    "argument": lambda x, c: scaled_sine(x, c),
}


@pytest.mark.parametrize("trace", TRACED.values(), ids=TRACED.keys())
@pytest.mark.parametrize("f", VARYING.values(), ids=VARYING.keys())
def test_what_is_traced_and_not_differentiated_may_vary(trace: Any, f: Any) -> None:
    close(trace(f)(jnp.asarray(X), jnp.asarray(C)), np.diag(C * np.cos(X)))


def test_numpys_arrays_in_compiled_code() -> None:
    """There all that JAX computes is traced, whatever it is given."""
    f = BELLS["j and v"]
    close(jax.jit(lambda z: z + f(X))(jnp.asarray(1.0)), 1 + SLOPES[0](X))
    close(jax.jit(lambda z: jax.jacrev(f)(X) * z)(jnp.asarray(1.0)), np.diag(SLOPES[1](X)))
    close(jax.jit(jax.grad(lambda z: jnp.sum(z * f(X))))(jnp.asarray(1.0)), np.sum(SLOPES[0](X)))
    close(jax.jit(lambda c: closing(c, "call")(X))(jnp.asarray(C)), C * np.sin(X))
    for wrap in (lambda f: f, jax.jit):
        with pytest.raises(adhelpers.ArgumentError, match="closes over an array"):
            wrap(jax.grad(lambda c: jnp.sum(closing(c, "call")(X))))(jnp.asarray(C))


def test_arguments_of_every_kind() -> None:
    @adhelpers.custom_rule
    def power(x: Any, n: int, word: str, index: Any, host: Any) -> Any:
        assert word == "times"
        return lax.stop_gradient(jnp.asarray(host)[index] * x**n)

    @power.defjvp
    def _(x: Any, y: Any, u: Any, n: int, word: str, index: Any, host: Any) -> Any:
        return jnp.asarray(host)[index] * n * x ** (n - 1) * u

    host, x, index = np.array([2.0, 5.0, 7.0]), jnp.asarray(X), jnp.asarray(1)
    for wrap in (lambda f: f, jax.jit):
        g = wrap(lambda x, index: jnp.sum(power(x, 3, "times", index, host)))
        close(jax.grad(g)(x, index), 15 * X**2)
        close(jax.hessian(g)(x, index), np.diag(30 * X))
    close(jax.jit(lambda i: jax.grad(lambda x: jnp.sum(power(x, 3, "times", i, host)))(x))(index), 15 * X**2)
    indices = jnp.asarray([0, 1, 2])
    close(jax.vmap(jax.grad(lambda x, i: power(x, 3, "times", i, host)))(x, indices), 3 * host * X**2)
    close(jax.vmap(lambda i: jax.grad(lambda x: jnp.sum(power(x, 3, "times", i, host)))(x))(indices)[2], 21 * X**2)


def test_an_array_of_an_inner_vmap_is_an_argument_or_refused() -> None:
    """Its trace is over when JAX transposes, and of what is closed over nothing is left then."""
    x, c = jnp.asarray(X), jnp.asarray(C)
    for outer in (jax.jacfwd, jax.jacrev):
        close(outer(lambda x: jax.vmap(lambda c: scaled_sine(x, c))(c[None])[0])(x), np.diag(C * np.cos(X)))
    with pytest.raises(adhelpers.ArgumentError, match="pass the array in x"):
        jax.jacrev(lambda x: jax.vmap(lambda c: closing(c, "call", "jvp", "vjp")(x))(c[None])[0])(x)
