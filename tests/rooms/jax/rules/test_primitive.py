"""The primitive of rules: its linear maps, threads and memory."""

from __future__ import annotations

import concurrent.futures
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from jax_rules import BACKEND, BELLS, SLOPES, C, X, bell, close, each, scaled_sine

import adhelpers

pytest.importorskip("jax")
import jax
import jax.numpy as jnp

from adhelpers_plugins.jax.rules import primitive


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
        assert primitive.STEP in ad.primitive_linearizations
    before = dict(ad.primitive_linearizations)
    assert not primitive._takes(((), None, None))
    assert ad.primitive_linearizations == before


@each
@pytest.mark.parametrize("compiled", [False, True])
def test_versions_of_jax_without_a_table_of_linear_maps(monkeypatch: Any, f: Any, compiled: bool) -> None:
    """They find by a trace what stands in it."""
    ad = pytest.importorskip("jax._src.interpreters.ad")
    monkeypatch.delitem(ad.primitive_linearizations, primitive.STEP, raising=False)
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
    assert primitive.STEP in jax.interpreters.ad.primitive_jvps
