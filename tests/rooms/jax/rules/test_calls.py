"""Rules in JAX's own transformations and in the operations here, to any order."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jax_rules import BACKEND, BELLS, SLOPES, C, X, bell, close, each

import adhelpers

pytest.importorskip("jax")
import jax
import jax.numpy as jnp
from jax import lax

# -- JAX's own transformations -----------------------------------------------------------------------------------------


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


# -- the operations here -----------------------------------------------------------------------------------------------


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


# -- implicit functions ------------------------------------------------------------------------------------------------


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
