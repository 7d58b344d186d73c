"""Stand-ins for wrong rules: wherever the function applies them, and nowhere else."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib.util
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError

pytest.importorskip("jax")
pytest.importorskip("mpmath")
import jax
import jax.numpy as jnp
import jax.scipy.special as js
import mpmath
from jax import lax

try:
    from jax import shard_map
except ImportError:  # an older JAX
    from jax.experimental.shard_map import shard_map

from adhelpers_plugins.jax.mending import mended, traces

BACKEND = adhelpers.backend("jax", x64=True)
X = np.array([-14.5, -33.3, 2.0])
SLOPES = np.array([float(mpmath.psi(1, mpmath.mpf(x))) for x in X])


@jax.custom_vjp
def pulled(x: Any) -> Any:
    return js.digamma(x)


pulled.defvjp(lambda x: (js.digamma(x), x), lambda x, u: (jnp.cos(x) * u,))

along_i = jax.sharding.PartitionSpec("i")
one_device = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("i",))
sharded = shard_map(js.digamma, mesh=one_device, in_specs=along_i, out_specs=along_i)

WAYS: dict[str, Callable[[Any], Any]] = {
    "shard_map": sharded,
    "shard_map in jit": jax.jit(lambda x: 1.0 * sharded(x)),
    "axis name": jax.vmap(lambda x: js.digamma(x) + 0.0 * lax.axis_index("k"), axis_name="k"),
    "jit": jax.jit(js.digamma),
    "jit in jit": jax.jit(lambda x: jax.jit(js.digamma)(x)),
    "vmap": jax.vmap(js.digamma),
    "vmap of jit": jax.vmap(jax.jit(js.digamma)),
    "map": lambda x: lax.map(js.digamma, x),
    "scan": lambda x: lax.scan(lambda c, t: (c + js.digamma(t), js.digamma(t)), jnp.zeros((), x.dtype), x)[1],
    "cond": lambda x: lax.cond(x[2] > 0, js.digamma, jnp.sin, x),
    "switch": lambda x: lax.switch(1, [jnp.sin, jax.jit(js.digamma)], x),
    "fori_loop": lambda x: lax.fori_loop(0, 1, lambda i, c: js.digamma(c), x),
    "checkpoint": jax.checkpoint(js.digamma),
    "linear solve": lambda x: lax.custom_linear_solve(
        lambda z: 2.0 * z, 2.0 * js.digamma(x), lambda mv, b: b / 2, transpose_solve=lambda mv, b: b / 2
    ),
    "elements": lambda x: jnp.stack([js.digamma(t) for t in x]),
}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("way", WAYS)
def test_inner_functions_have_stand_ins_too(way: str, mode: Any) -> None:
    J = adhelpers.jacobian(WAYS[way], BACKEND, X, mode=mode)
    np.testing.assert_allclose(J, np.diag(SLOPES), rtol=1e-10)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_functions_of_two_numbers_across_devices(mode: Any) -> None:
    """One of which may be the same on all of them."""
    x = np.array([0.0, 3.0])
    for f, slopes in (
        (lambda x: x**2.0, 2.0 * x),
        (lambda x: 2.0**x, np.log(2.0) * 2.0**x),
        (lambda x: jnp.hypot(x, 4.0), x / np.hypot(x, 4.0)),
    ):
        across = shard_map(f, mesh=one_device, in_specs=along_i, out_specs=along_i)
        np.testing.assert_allclose(adhelpers.jacobian(across, BACKEND, x, mode=mode), np.diag(slopes), rtol=1e-12)


@pytest.mark.parametrize("way", ["jit", "scan", "checkpoint"])
def test_prepared_and_twice(way: str) -> None:
    f = WAYS[way]
    prepared = adhelpers.prepare(adhelpers.jacobian, f, BACKEND, X)
    np.testing.assert_allclose(prepared(X), np.diag(SLOPES), rtol=1e-10)
    second = np.diag([float(mpmath.psi(2, mpmath.mpf(x))) for x in X])
    H = adhelpers.hessian(jax.jit(lambda x: jnp.sum(f(x))), BACKEND, X)
    np.testing.assert_allclose(H, second, rtol=1e-9, atol=1e-9)


def test_samples_of_a_batch() -> None:
    x = np.array([[-14.5, 2.0], [-33.3, -9.25]])
    prepared = adhelpers.prepare(adhelpers.batched_jacobian, js.digamma, BACKEND, x, batch_axis=0)
    slopes = np.vectorize(lambda t: float(mpmath.psi(1, mpmath.mpf(t))))(x)
    for J in (prepared(x), adhelpers.batched_jacobian(js.digamma, BACKEND, x, batch_axis=0)):
        np.testing.assert_allclose(np.asarray(J), np.einsum("bi,ij->bij", slopes, np.eye(2)), rtol=1e-9)


def test_jaxs_own_transformations_around() -> None:
    def slope(x: Any) -> Any:
        return adhelpers.derivative(js.gammaln, BACKEND, x)

    with BACKEND.scope():
        x = jnp.asarray(X)
        np.testing.assert_allclose(jax.vmap(jax.grad(slope))(x), SLOPES, rtol=1e-10)
        np.testing.assert_allclose(jax.jit(jax.vmap(jax.jacfwd(slope)))(x), SLOPES, rtol=1e-10)


def test_a_rule_of_the_users_stands() -> None:
    pulled_back = adhelpers.vector_jacobian_product(pulled, BACKEND, X, np.ones(3))
    np.testing.assert_allclose(pulled_back, np.cos(X))


def test_users_jax_is_as_it_was() -> None:
    with BACKEND.scope():
        before = float(jax.grad(js.digamma)(-14.5))
        assert float(adhelpers.derivative(js.digamma, BACKEND, -14.5)) == pytest.approx(SLOPES[0])
        assert float(jax.grad(js.digamma)(-14.5)) == before
        assert float(jax.grad(jax.jit(js.digamma))(-14.5)) == pytest.approx(before)


def test_nothing_is_traced_anew_that_needs_no_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(jaxpr: Any) -> None:
        pytest.fail("it was traced")

    monkeypatch.setattr(mended, "_retraced", refused)
    f = jax.jit(lambda x: jnp.where(x > 0, jnp.sin(x), lax.fori_loop(0, 3, lambda i, c: c * x, x)))
    for _ in range(2):
        adhelpers.jacobian_vector_product(f, BACKEND, X, X)


def test_an_inner_function_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced, original = [], mended._retraced
    monkeypatch.setattr(mended, "_retraced", lambda jaxpr: traced.append(0) or original(jaxpr))
    f = jax.jit(lambda x: 3.0 * js.digamma(x))
    for _ in range(3):
        np.testing.assert_allclose(adhelpers.jacobian_vector_product(f, BACKEND, X, np.ones(3)), 3.0 * SLOPES)
    assert len(traced) == 1


def test_a_function_is_not_kept() -> None:
    def make() -> weakref.ref[Any]:
        def f(x: Any) -> Any:
            return jax.jit(lambda t: js.digamma(t) * 2.0)(x)

        adhelpers.jacobian(f, BACKEND, X)
        return weakref.ref(f)

    reference = make()
    gc.collect()
    assert reference() is None


def test_threads() -> None:
    points = [-14.5 - k for k in range(16)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        received = list(pool.map(lambda x: float(adhelpers.derivative(js.digamma, BACKEND, x)), points))
    np.testing.assert_allclose(received, [float(mpmath.psi(1, mpmath.mpf(x))) for x in points], rtol=1e-10)


def test_errors_pass_and_leave_nothing_behind() -> None:
    error = ValueError("mine")

    def f(x: Any) -> Any:
        js.digamma(x)
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        adhelpers.derivative(f, BACKEND, -14.5)
    assert caught.value is error
    assert traces.trace_ctx.is_top_level()


def test_no_tracer_leaks() -> None:
    with jax.checking_leaks():
        J = adhelpers.jacobian(lambda x: jax.jit(js.digamma)(x) * js.i0(x), BACKEND, np.array([1.0, -2.5]))
    assert J.shape == (2, 2)


def test_this_version_of_jax_is_known() -> None:
    """Otherwise functions with a wrong rule are refused."""
    assert traces.KNOWN


def test_a_jax_that_traces_in_another_way_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr("jax._src.core.set_current_trace")
    spec = importlib.util.spec_from_file_location("traces_anew", traces.__file__)
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert not anew.KNOWN
    assert f"JAX {jax.__version__} traces in a way that" in caplog.text


@pytest.mark.parametrize("way", WAYS)
def test_there_wrong_rules_are_refused(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "KNOWN", False)
    with pytest.raises(UnsupportedOperationError, match="gives wrong derivatives of a function that f calls"):
        adhelpers.vector_jacobian_product(WAYS[way], BACKEND, X, np.ones(3))


def test_there_all_else_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs the numbers too, which JAX has in a derivative alone."""
    monkeypatch.setattr(traces, "KNOWN", False)
    x = np.array([0.5, 2.0, -1.0])
    error = ValueError("mine")

    def by_numbers(x: Any) -> Any:
        return x**3 if x[1] > 1.0 else x

    def failing(x: Any) -> Any:
        raise error

    for f in (lambda x: x**3, jax.jit(lambda x: x**3), by_numbers, lambda x: x ** jnp.full(3, 3.0)):
        pushed = adhelpers.jacobian_vector_product(f, BACKEND, x, np.ones(3))
        np.testing.assert_allclose(pushed, 3.0 * x**2)
    J = adhelpers.batched_jacobian(lambda x: jnp.cumsum(x, axis=1), BACKEND, x[None], batch_axis=0)
    np.testing.assert_allclose(J[0], np.tril(np.ones((3, 3))))
    H = adhelpers.hessian(lambda x: jnp.sum(x**3), BACKEND, x)
    np.testing.assert_allclose(H, np.diag(6.0 * x))
    with pytest.raises(ValueError, match="mine") as caught:
        adhelpers.derivative(failing, BACKEND, 1.0)
    assert caught.value is error


DONATING: dict[str, Callable[[Any, Any, Any], tuple[Any, Any]]] = {
    "jvp": lambda f, x, u: (adhelpers.jacobian_vector_product(f, "jax", x, u), jnp.cos(x) * u),
    "vjp": lambda f, x, u: (adhelpers.vector_jacobian_product(f, "jax", x, u), jnp.cos(x) * u),
    "jacobian": lambda f, x, u: (adhelpers.jacobian(f, "jax", x), jnp.diag(jnp.cos(x))),
    "hessian": lambda f, x, u: (adhelpers.hessian(lambda x: f(x).sum(), "jax", x), jnp.diag(-jnp.sin(x))),
    "push": lambda f, x, u: (adhelpers.linearize(f, "jax", x).push(u), jnp.cos(x) * u),
    "pull": lambda f, x, u: (adhelpers.linearize(f, "jax", x).pull(u), jnp.cos(x) * u),
    "prepare": lambda f, x, u: (
        adhelpers.prepare(adhelpers.vector_jacobian_product, f, "jax", x, u)(x, u),
        jnp.cos(x) * u,
    ),
}


@pytest.mark.parametrize("way", DONATING)
def test_a_function_that_takes_its_arguments_memory_leaves_the_callers(way: str) -> None:
    f = jax.jit(lambda x: jnp.sin(x), donate_argnums=0)
    x, u = jnp.asarray([0.5, 1.5]) * 1.0, jnp.asarray([2.0, -1.0]) * 1.0
    received, expected = DONATING[way](f, x, u)
    assert [x.is_deleted(), u.is_deleted()] == [False, False]
    np.testing.assert_allclose(received, expected, rtol=1e-6)
