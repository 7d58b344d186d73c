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
    with BACKEND.scope():
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
    close(
        wrap(g)(jnp.asarray(X)) if wrap is jax.vmap else jnp.stack([wrap(g)(x) for x in jnp.asarray(X)]),
        expected(X) * SLOPES[0](X),
    )


@pytest.mark.skipif(not hasattr(jax, "set_mesh"), reason="a JAX whose arrays have no mesh in their types")
@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_over_devices(kind: str) -> None:
    axis_type = getattr(jax.sharding.AxisType, kind)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(axis_type,))
    f = BELLS["j and v"]
    with jax.set_mesh(mesh):
        x = jax.device_put(jnp.asarray(X), jax.NamedSharding(mesh, jax.P("i")))
        g = f if kind == "Explicit" else jax.shard_map(f, mesh=mesh, in_specs=jax.P("i"), out_specs=jax.P("i"))
        close(jax.jit(jax.grad(lambda x: jnp.sum(g(x))))(x), SLOPES[1](X))
        close(jax.jit(jax.hessian(lambda x: jnp.sum(g(x))))(x), np.diag(SLOPES[2](X)))
        close(jax.jit(jax.vmap(jax.grad(f)))(x), SLOPES[1](X))


def test_named_axes() -> None:
    @adhelpers.custom_rule
    def centred(x: Any) -> Any:
        return x - lax.pmean(x, "k")

    centred.defjvp(lambda x, y, u: u - lax.pmean(u, "k"))
    centred.defvjp(lambda x, y, v: v - lax.pmean(v, "k"))
    g = jax.vmap(centred, axis_name="k")
    for wrap in (lambda f: f, jax.jit):
        close(wrap(g)(jnp.asarray(X)), X - X.mean())
        for mode in (jax.jacfwd, jax.jacrev):
            close(wrap(mode(g))(jnp.asarray(X)), np.eye(3) - 1 / 3)


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


def test_the_transpose_of_a_derivative_is_the_other_product() -> None:
    """Through a loop that JAX cannot transpose."""

    def times(a: Any, v: Any) -> Any:
        return lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, c[1] * a), (0, v))[1]

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return jnp.sin(x)

    f.defjvp(lambda x, y, u: 2.0 * times(jnp.cos(x), u))
    f.defvjp(lambda x, y, v: 3.0 * times(jnp.cos(x), v))
    x, u = jnp.asarray(X), jnp.asarray(C)
    close(jax.grad(lambda u: jnp.sum(jax.jvp(f, (x,), (u,))[1]))(u), 3 * np.cos(X))
    map_ = adhelpers.linearize(f, BACKEND, X)
    close(map_.push(C), 2 * C * np.cos(X))
    close(map_.pull(C), 3 * C * np.cos(X))


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
        close(adhelpers.hessian(loss, BACKEND, X, mode=order), np.diag(SLOPES[2](X)))
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


@adhelpers.custom_rule
def scaled_sine(x: Any, c: Any) -> Any:
    return c * jnp.sin(x)


scaled_sine.defjvp(lambda x, y, u, c: c * jnp.cos(x) * u)


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


# -- implicit functions ---------------------------------------------------------------------------------------------


def conjugate_gradients(matvec: Any, b: Any) -> Any:
    def step(state: Any) -> Any:
        x, r, p, k = state
        q = matvec(p)
        rr = jnp.sum(r * r)
        alpha = rr / jnp.sum(p * q)
        new = r - alpha * q
        return x + alpha * p, new, new + jnp.sum(new * new) / rr * p, k + 1

    def goes_on(state: Any) -> Any:
        return (jnp.sum(state[1] ** 2) > 1e-30 * jnp.sum(b * b)) & (state[3] < 20)

    return lax.while_loop(goes_on, step, (jnp.zeros_like(b), b, b, 0))[0]


def conjugate_gradients_in_python(matvec: Any, b: Any) -> Any:
    x, r, p = 0.0 * b, b, b
    for _ in range(3):
        q = matvec(p)
        rr = jnp.sum(r * r)
        alpha = jnp.where(rr > 0, rr / jnp.where(rr > 0, jnp.sum(p * q), 1.0), 0.0)
        new = r - alpha * q
        x, r, p = x + alpha * p, new, new + jnp.where(rr > 0, jnp.sum(new * new) / jnp.where(rr > 0, rr, 1.0), 0.0) * p
    return x


SOLVERS: dict[str, Any] = {
    "dense": "dense",
    "while": conjugate_gradients,
    "for": conjugate_gradients_in_python,
    "jax": lambda matvec, b: jax.scipy.sparse.linalg.cg(matvec, b, tol=1e-14)[0],
}
MIXED = np.array([[2.0, 0.3, 0.0], [0.3, 1.5, -0.2], [0.0, -0.2, 1.0]])


def roots(solve: Any) -> Any:
    """``y**3 == M @ x``."""

    @adhelpers.implicit(lambda x, y: y**3 - MIXED @ x, linear_solve=solve)
    def root(x: Any) -> Any:
        return lax.stop_gradient(jnp.cbrt(jnp.asarray(MIXED) @ x))

    return root


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS.keys())
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_implicit_functions(solve: Any, wrap: Any) -> None:
    z = MIXED @ np.array([1.0, 2.0, 3.0])
    f, x = roots(solve), jnp.asarray([1.0, 2.0, 3.0])
    first = np.einsum("i,ij->ij", z ** (-2 / 3) / 3, MIXED)
    second = np.einsum("i,ij,ik->ijk", -2 / 9 * z ** (-5 / 3), MIXED, MIXED)
    third = np.einsum("i,ij,ik,il->ijkl", 10 / 27 * z ** (-8 / 3), MIXED, MIXED, MIXED)
    for mode in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(wrap(mode(f))(x), first, rtol=1e-9, atol=1e-11)
    for outer, inner in itertools.product((jax.jacfwd, jax.jacrev), repeat=2):
        np.testing.assert_allclose(wrap(outer(inner(f)))(x), second, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(wrap(jax.jacrev(jax.jacfwd(jax.jacrev(f))))(x), third, rtol=1e-9, atol=1e-10)
    xs = jnp.stack([x, 2 * x])
    np.testing.assert_allclose(wrap(jax.vmap(jax.jacrev(f)))(xs)[0], first, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(adhelpers.jacobian(wrap(f), BACKEND, x, mode="reverse"), first, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS.keys())
def test_hessian_products_at_many_points(solve: Any) -> None:
    f, rng = roots(solve), np.random.default_rng(0)
    product = jax.jit(lambda x, u: jax.jvp(jax.grad(lambda x: jnp.sum(f(x) ** 2)), (x,), (u,))[1])
    for x, u in rng.uniform(0.5, 2.0, size=(10, 2, 3)):
        z = MIXED @ x
        expected = MIXED.T @ (-2 / 9 * z ** (-4 / 3) * (MIXED @ u))  # of sum(z**(2/3))
        np.testing.assert_allclose(product(jnp.asarray(x), jnp.asarray(u)), expected, rtol=1e-8)
        ours = adhelpers.hessian_vector_product(lambda x: jnp.sum(f(x) ** 2), BACKEND, x, u)
        np.testing.assert_allclose(ours, expected, rtol=1e-8)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_conditions_of_an_optimum(wrap: Any) -> None:
    """The minimum of ``cosh(y) - x y`` is at ``arsinh(x)``."""

    def inner(y: Any, x: Any) -> Any:
        return jnp.sum(jnp.cosh(y) - x * y)

    @adhelpers.implicit(lambda x, y: adhelpers.gradient(inner, "jax", y, args=(x,)))
    def minimum(x: Any) -> Any:
        return lax.fori_loop(0, 30, lambda i, y: y - (jnp.sinh(y) - x) / jnp.cosh(y), jnp.zeros_like(x))

    x = jnp.asarray(X)
    close(wrap(jax.jacrev(minimum))(x), np.diag(1 / np.sqrt(1 + X**2)))
    close(wrap(jax.hessian(lambda x: jnp.sum(minimum(x))))(x), np.diag(-X / (1 + X**2) ** 1.5))


# -- functions of values --------------------------------------------------------------------------------------------


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


# -- purity and errors ----------------------------------------------------------------------------------------------


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


# -- threads and memory ---------------------------------------------------------------------------------------------


def test_threads() -> None:
    f = BELLS["j and v"]

    def work(k: int) -> Any:
        with BACKEND.scope():
            x = jnp.asarray(X * (1 + k / 10))
            return [np.asarray(jax.hessian(lambda x: jnp.sum(f(x)))(x)) for _ in range(3)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for k, results in enumerate(pool.map(work, range(8))):
            for H in results:
                close(H, np.diag(SLOPES[2](X * (1 + k / 10))))


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_nothing_is_kept_of_a_rule_or_of_its_arrays(wrap: Any) -> None:
    def use() -> Any:
        f, c = bell("j and v"), jnp.asarray(C)
        g = wrap(lambda x: jnp.sum(f(x) * c))
        jax.block_until_ready(jax.hessian(g)(jnp.asarray(X)))
        return weakref.ref(f)

    seen = use()
    jax.clear_caches()
    gc.collect()
    assert seen() is None


def test_no_tracer_outlives_its_trace() -> None:
    with jax.checking_leaks():
        jax.block_until_ready(jax.jit(BELLS["j and v"])(jnp.asarray(X)))
        jax.block_until_ready(jax.jit(scaled_sine)(jnp.asarray(X), jnp.asarray(C)))


def test_newer_versions_of_jax_take_our_linear_maps() -> None:
    """Found by a try: what JAX does not take is not in its table, or every pullback through a rule would fail."""
    ad = pytest.importorskip("jax._src.interpreters.ad")
    if jax.__version_info__ >= (0, 10):
        assert rules._STEP in ad.primitive_linearizations
    before = dict(ad.primitive_linearizations)
    assert not rules._takes(((), None, None))
    assert ad.primitive_linearizations == before


@each
@pytest.mark.parametrize("compiled", [False, True])
def test_versions_of_jax_without_a_table_of_linear_maps(monkeypatch: Any, f: Any, compiled: bool) -> None:
    """They find by a trace what stands in it."""
    ad = pytest.importorskip("jax._src.interpreters.ad")
    monkeypatch.delitem(ad.primitive_linearizations, rules._STEP, raising=False)
    wrap = jax.jit if compiled else lambda f: f
    close(wrap(jax.vmap(jax.grad(f)))(X), SLOPES[1](X))
    close(wrap(jax.vmap(jax.jacfwd(jax.grad(f))))(X), SLOPES[2](X))
    close(wrap(jax.vmap(jax.grad(jax.grad(jax.grad(f)))))(X), SLOPES[3](X))
    y, push = jax.linearize(f, X)
    close(push(jnp.ones(3)), SLOPES[1](X))
    close(y, SLOPES[0](X))
    with pytest.raises(adhelpers.ArgumentError, match="closes over"):
        jax.grad(lambda c: scaled_by(c)(X).sum())(2.0)


def scaled_by(c: Any) -> Any:
    f = adhelpers.custom_rule(lambda x: c * x)
    f.defvjp(lambda x, y, v: c * v)
    return f


def test_there_is_one_primitive() -> None:
    before = len(jax.interpreters.ad.primitive_jvps)
    jax.grad(bell("jvp"))(0.5)
    assert len(jax.interpreters.ad.primitive_jvps) == before
    assert rules._STEP in jax.interpreters.ad.primitive_jvps
