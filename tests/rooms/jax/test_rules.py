"""Rules in JAX: in its own transformations and in the operations here, to any order."""

from __future__ import annotations

import concurrent.futures
import gc
import itertools
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers

pytest.importorskip("jax")
import jax
import jax.numpy as jnp
from jax import lax

from adhelpers_plugins.jax import rules

BACKEND = adhelpers.backend("jax", x64=True)
X = np.array([0.3, -0.7, 1.1])


@pytest.fixture(autouse=True)
def double_precision() -> Any:
    with jax.enable_x64(True):
        yield


def bell(name: str, forward: float = 1.0, reverse: float = 1.0) -> Any:
    """``exp(x**2 / 2)``, whose derivative is ``x * y``; what it computes has no derivative by itself."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return lax.stop_gradient(jnp.exp(x**2 / 2))

    if "j" in name:
        f.defjvp(lambda x, y, u: forward * x * y * u)
    if "v" in name:
        f.defvjp(lambda x, y, v: reverse * x * y * v)
    return f


BELLS = {name: bell(name) for name in ("jvp", "vjp", "j and v")}
SLOPES = [
    lambda x: np.exp(x**2 / 2),
    lambda x: x * np.exp(x**2 / 2),
    lambda x: (1 + x**2) * np.exp(x**2 / 2),
    lambda x: (3 * x + x**3) * np.exp(x**2 / 2),
]
each = pytest.mark.parametrize("f", BELLS.values(), ids=BELLS.keys())


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-12, atol=1e-12)


# -- JAX's own transformations --------------------------------------------------------------------------------------

WRAPPED: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "jit in jit": lambda f: jax.jit(lambda x: 1.0 * jax.jit(f)(x)),
    "vmap": jax.vmap,
    "vmap of jit": lambda f: jax.vmap(jax.jit(f)),
    "jit of vmap": lambda f: jax.jit(jax.vmap(f)),
    "along the last axis": lambda f: lambda x: jax.vmap(f, 1, 1)(jnp.stack([x, x]))[0],
    "map": lambda f: lambda x: lax.map(f, x),
    "scan": lambda f: lambda x: lax.scan(lambda c, t: (c, f(t)), 0.0, x)[1],
    "carried": lambda f: lambda x: lax.fori_loop(0, 1, lambda i, c: f(c), x),
    "cond": lambda f: lambda x: lax.cond(x[0] > 0, f, jnp.sin, x),
    "remat": jax.checkpoint,
    "remat in scan": lambda f: lambda x: lax.scan(jax.checkpoint(lambda c, t: (c, f(t))), 0.0, x)[1],
}


@each
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize("outer", [lambda f: f, jax.jit], ids=["eager", "compiled"])
def test_transformations(f: Any, wrap: Any, outer: Any) -> None:
    g, x = wrap(f), jnp.asarray(X)
    close(g(x), SLOPES[0](X))
    if wrap is not WRAPPED["carried"]:
        close(outer(jax.grad(lambda x: jnp.sum(g(x))))(x), SLOPES[1](X))
        close(outer(jax.jacrev(g))(x), np.diag(SLOPES[1](X)))
        close(outer(jax.hessian(lambda x: jnp.sum(g(x))))(x), np.diag(SLOPES[2](X)))
    close(outer(jax.jacfwd(g))(x), np.diag(SLOPES[1](X)))
    close(outer(lambda x: jax.jvp(g, (x,), (2 * x,))[1])(x), 2 * X * SLOPES[1](X))
    close(outer(lambda x: jax.linearize(g, x)[1](2 * x))(x), 2 * X * SLOPES[1](X))


@each
def test_a_loop_over_the_function(f: Any) -> None:
    def twice(x: Any) -> Any:
        return lax.fori_loop(0, 2, lambda i, c: f(c), x)

    x = jnp.asarray(X / 2)
    y = SLOPES[0](X / 2)
    close(jax.jacrev(twice)(x), np.diag(SLOPES[1](X / 2) * SLOPES[1](y)))


MODES = {"F": jax.jacfwd, "R": jax.jacrev}
OURS = {
    "F": lambda f: lambda x: adhelpers.jacobian(f, BACKEND, x, mode="forward"),
    "R": lambda f: lambda x: adhelpers.jacobian(f, BACKEND, x, mode="reverse"),
}
COMPOSITIONS = ["".join(word) for n in (1, 2, 3) for word in itertools.product("FR", repeat=n)]


@each
@pytest.mark.parametrize("word", COMPOSITIONS)
@pytest.mark.parametrize("modes", [MODES, OURS], ids=["jax", "ours"])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_every_composition(f: Any, word: str, modes: Any, wrap: Any) -> None:
    g = wrap(f)
    for letter in reversed(word):
        g = modes[letter](g)
    order = len(word)
    diagonal = np.zeros((3,) * (order + 1))
    diagonal[(np.arange(3),) * (order + 1)] = SLOPES[order](X)
    close(wrap(g)(jnp.asarray(X)), diagonal)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("F", lambda x: 2 * x),
        ("R", lambda x: 3 * x),
        ("FF", lambda x: 2 + 4 * x**2),
        ("RF", lambda x: 2 + 6 * x**2),
        ("FR", lambda x: 3 + 6 * x**2),
        ("RR", lambda x: 3 + 9 * x**2),
    ],
)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.vmap], ids=["eager", "jit", "vmap"])
def test_each_of_two_is_used_for_what_it_is(word: str, expected: Any, wrap: Any) -> None:
    g = bell("j and v", forward=2.0, reverse=3.0)
    for letter in reversed(word):
        mode, inner = {"F": jax.jacfwd, "R": jax.jacrev}[letter], g
        g = mode(inner)
    close(wrap(g)(jnp.asarray(X)) if wrap is jax.vmap else jnp.stack([wrap(g)(x) for x in jnp.asarray(X)]),
          expected(X) * SLOPES[0](X))


def test_sweeps_of_a_point_leave_it_alone() -> None:
    shapes = []

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return jnp.sin(x)

    @f.defjvp
    def _(x: Any, y: Any, u: Any) -> Any:
        shapes.append(x.shape)
        return jnp.cos(x) * u

    close(jax.jacfwd(f)(jnp.asarray(X)), np.diag(np.cos(X)))
    close(jax.jacrev(f)(jnp.asarray(X)), np.diag(np.cos(X)))
    assert set(shapes) == {(3,)}


@each
def test_linear_transpose_of_the_derivative(f: Any) -> None:
    x = jnp.asarray(X)
    pull = jax.linear_transpose(lambda u: jax.jvp(f, (x,), (u,))[1], x)
    (pulled,) = pull(jnp.ones(3))
    close(pulled, SLOPES[1](X))


def test_linear_transpose_of_a_linear_rule() -> None:
    @adhelpers.custom_rule
    def cumsum(x: Any) -> Any:
        return jnp.cumsum(x)

    cumsum.defjvp(lambda x, y, u: jnp.cumsum(u))
    (pulled,) = jax.linear_transpose(cumsum, jnp.asarray(X))(jnp.asarray([1.0, 2.0, 4.0]))
    close(pulled, [7.0, 6.0, 4.0])


# -- the operations here --------------------------------------------------------------------------------------------


@each
def test_operations(f: Any) -> None:
    u = np.array([1.0, -2.0, 0.5])
    close(adhelpers.jacobian_vector_product(f, BACKEND, X, u), u * SLOPES[1](X))
    close(adhelpers.vector_jacobian_product(f, BACKEND, X, u), u * SLOPES[1](X))
    loss = lambda x: jnp.sum(f(x))  # noqa: E731
    close(adhelpers.gradient(loss, BACKEND, X), SLOPES[1](X))
    close(adhelpers.laplacian(loss, BACKEND, X), np.sum(SLOPES[2](X)))
    close(adhelpers.hessian_vector_product(loss, BACKEND, X, u), u * SLOPES[2](X))
    for order in ("forward-over-forward", "forward-over-reverse", "reverse-over-forward", "reverse-over-reverse"):
        close(adhelpers.hessian(loss, BACKEND, X, second_order=order), np.diag(SLOPES[2](X)))
    map_ = adhelpers.linearize(f, BACKEND, X)
    close(map_.push(u), u * SLOPES[1](X))
    close(map_.pull(u), u * SLOPES[1](X))
    batch = np.stack([X, 2 * X])
    J = np.einsum("bi,ij->bij", SLOPES[1](batch), np.eye(3))
    for mode in ("forward", "reverse"):
        close(adhelpers.batched_jacobian(f, BACKEND, batch, batch_axis=0, mode=mode), J)
    close(adhelpers.prepare(adhelpers.batched_jacobian, f, BACKEND, batch, batch_axis=0)(batch), J)
    prepared = adhelpers.prepare(adhelpers.hessian, loss, BACKEND, X)
    close(prepared(X), np.diag(SLOPES[2](X)))
    close(prepared(2 * X), np.diag(SLOPES[2](2 * X)))


# -- structures, shapes and dtypes ----------------------------------------------------------------------------------


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


# -- further arguments, and what functions close over ---------------------------------------------------------------


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


C = np.array([2.0, 3.0, 5.0])
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
    with pytest.raises(adhelpers.ArgumentError, match="a function of it closes over an array"):
        outer(lambda c: inner(closing(c, "call", "jvp", "vjp"))(jnp.asarray(X)))(jnp.asarray(C))


@pytest.mark.parametrize(("where", "inner"), [("jvp", "jacfwd"), ("jvp", "linearize"), ("vjp", "grad")])
@pytest.mark.parametrize("outer", DIFFERENTIATED.values(), ids=DIFFERENTIATED.keys())
def test_products_alone_may_close_over_it_and_are_refused(outer: Any, where: str, inner: str) -> None:
    with pytest.raises(adhelpers.ArgumentError, match="a function of it closes over an array"):
        outer(lambda c: INNER[inner](closing(c, where))(jnp.asarray(X)))(jnp.asarray(C))


TRACED: dict[str, Callable[[Any], Callable[[Any, Any], Any]]] = {
    "jit": lambda f: jax.jit(lambda x, c: jax.jacrev(lambda x: f(x, c))(x)),
    "jit, forward": lambda f: jax.jit(lambda x, c: jax.jacfwd(lambda x: f(x, c))(x)),
    "derivative of jit": lambda f: lambda x, c: jax.jacrev(jax.jit(f))(x, c),
    "forward of jit": lambda f: lambda x, c: jax.jacfwd(jax.jit(f))(x, c),
    "vmap": lambda f: lambda x, c: jnp.diag(jax.vmap(jax.grad(lambda x, c, i: f(x, c)[i]), (None, 0, 0))(x, jnp.stack([c] * 3), jnp.arange(3)).diagonal()),
    "scan": lambda f: lambda x, c: jax.jacrev(lambda x: lax.scan(lambda s, c: (s, f(x, c)), 0.0, c[None])[1][0])(x),
}


@pytest.mark.parametrize("trace", TRACED.values(), ids=TRACED.keys())
@pytest.mark.parametrize("f", [lambda x, c: closing(c, "call", "jvp", "vjp")(x),
                               lambda x, c: power(x, 1, "times", c * jnp.cos(x) * 0 + c, X)], ids=["closed over", "argument"])
def test_what_is_traced_and_not_differentiated_may_vary(trace: Any, f: Any) -> None:
    J = trace(f)(jnp.asarray(X), jnp.asarray(C))
    expected = C * np.cos(X)
    close(J, np.diag(expected)) if f(jnp.asarray(X), jnp.asarray(C))[0] == 2.0 * math.sin(0.3) else None
