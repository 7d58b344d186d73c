"""Linear maps that are prepared: what they give, and that nothing is run again."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ADBackend,
    ArgumentTypeError,
    PreparationMismatchError,
    array_namespace,
    linearize,
    linearize_gradient,
    prepare,
)
from conftest import assert_close, lifted

A, U = np.array([0.3, 1.2, -0.7]), np.array([1.0, -2.0, 0.5])


def f(x: Any, scale: Any = 1.0) -> Any:
    xp = array_namespace(x["a"])
    return [scale * xp.sin(x["a"]) * x["b"], xp.sum(x["b"])]


def point(backend: ADBackend, factor: float = 1.0) -> Any:
    return lifted(backend, {"a": factor * A, "b": A[::-1].copy()})


def expected(factor: float, scale: float) -> tuple[Any, Any, Any]:
    """The value, what the tangent U of both leaves is pushed to, and what cotangents are pulled back to."""
    a, b = factor * A, A[::-1]
    value = [scale * np.sin(a) * b, np.asarray(b.sum())]
    pushed = [scale * (np.cos(a) * b + np.sin(a)) * U, np.asarray(U.sum())]
    pulled = {"a": scale * np.cos(a) * b * U, "b": scale * np.sin(a) * U + 2.0}
    return value, pushed, pulled


def test_any_backend_and_another_point(backend: ADBackend) -> None:
    prepared = prepare(linearize, f, backend, point(backend), args=(2.0,))
    for factor in (1.0, 3.0):
        lin = prepared(point(backend, factor), 2.0)
        assert type(lin) is adhelpers.Linearization
        value, pushed, pulled = expected(factor, 2.0)
        u = lifted(backend, {"a": U, "b": U})
        v = lifted(backend, [U, np.asarray(2.0)])
        assert_close(backend, lin.value, value)
        for _ in range(2):
            assert_close(backend, lin.push(u), pushed)
            assert_close(backend, lin.pull(v), pulled)
        many = lin.push_many(lifted(backend, {"a": np.stack([U, -U]), "b": np.stack([U, -U])}))
        assert_close(backend, many, [np.stack([leaf, -leaf]) for leaf in pushed])
        many = lin.pull_many(lifted(backend, [np.stack([U, -U]), np.array([2.0, -2.0])]))
        assert_close(backend, many, {key: np.stack([leaf, -leaf]) for key, leaf in pulled.items()})


def test_the_hessian(backend: ADBackend) -> None:
    def energy(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(x**4), {"name": "quartic", "twice": 2.0 * x}

    prepared = prepare(linearize_gradient, energy, backend, lifted(backend, A), has_aux=True)
    hessian = prepared(lifted(backend, 2.0 * A))
    assert_close(backend, hessian.value, np.asarray(np.sum(16.0 * A**4)))
    assert_close(backend, hessian.gradient, 32.0 * A**3)
    assert hessian.aux["name"] == "quartic"
    assert_close(backend, hessian.aux["twice"], 4.0 * A)
    assert_close(backend, hessian.push(lifted(backend, U)), 48.0 * A**2 * U, depth=2)
    received = hessian.push_many(lifted(backend, np.stack([U, -U])))
    assert_close(backend, received, np.stack([48.0 * A**2 * U, -48.0 * A**2 * U]), depth=2)


def test_compiled_code_runs_f_no_more_nor_is_it_compiled_again(caplog: pytest.LogCaptureFixture) -> None:
    jax = pytest.importorskip("jax")
    calls: list[int] = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return jax.numpy.sin(x) * x

    backend = adhelpers.backend("jax", x64=True)
    prepared = prepare(linearize, counted, backend, A)
    lin = prepared(A)
    lin.push(U), lin.pull(U)
    before = len(calls)
    with jax.log_compiles(), caplog.at_level(logging.WARNING, "jax"):
        for factor in (2.0, 3.0):
            lin = prepared(factor * A)
            a = factor * A
            np.testing.assert_allclose(lin.push(U), (np.cos(a) * a + np.sin(a)) * U, rtol=1e-13)
            np.testing.assert_allclose(lin.pull(U), (np.cos(a) * a + np.sin(a)) * U, rtol=1e-13)
    assert len(calls) == before
    assert not [record for record in caplog.records if "Compiling" in record.getMessage()]


def test_code_keeps_no_point() -> None:
    jax = pytest.importorskip("jax")
    backend = adhelpers.backend("jax")
    x = jax.numpy.arange(3.0)
    first = weakref.ref(x)  # for which code is made
    prepared = prepare(linearize, lambda x: jax.numpy.sin(x) * x, backend, x)
    lin = prepared(x)
    lin.push(x), lin.pull(x)
    del lin, x
    gc.collect()
    assert first() is None
    assert prepared(jax.numpy.ones(3)).value.shape == (3,)


def test_derivatives_of_it_and_inside_of_jit() -> None:
    jax = pytest.importorskip("jax")
    backend = adhelpers.backend("jax", x64=True)
    with backend.scope():
        x = jax.numpy.asarray(A)
        prepared = prepare(linearize, jax.numpy.sin, backend, x)

        def slope(x: Any) -> Any:
            return prepared(x).push(jax.numpy.ones(3)).sum()

        np.testing.assert_allclose(np.asarray(jax.grad(slope)(x)), -np.sin(A), rtol=1e-13)
        np.testing.assert_allclose(np.asarray(jax.jit(slope)(x)), np.cos(A).sum(), rtol=1e-13)


def test_a_missing_forward_rule() -> None:
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, v: (3.0 * x**2 * v,))
    backend = adhelpers.backend("jax", x64=True)
    lin = prepare(linearize, cube, backend, A)(A)
    np.testing.assert_allclose(np.asarray(lin.push(U)), 3.0 * A**2 * U, rtol=1e-13)
    np.testing.assert_allclose(np.asarray(lin.pull(U)), 3.0 * A**2 * U, rtol=1e-13)


def test_no_rule_at_all() -> None:
    jax = pytest.importorskip("jax")
    backend = adhelpers.backend("jax", x64=True)

    def f(x: Any) -> Any:
        return jax.numpy.ones(1).at[jax.numpy.asarray([0, 0, 0])].multiply(x)

    with pytest.raises(adhelpers.UnsupportedOperationError, match="finite-difference"):
        prepare(linearize, f, backend, A)(A)


def test_strict_calls_and_what_is_no_option() -> None:
    x = point(adhelpers.backend("finite-difference"))
    strict = prepare(linearize, f, "finite-difference", x, strict=True)
    with pytest.raises(PreparationMismatchError):
        strict({"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(ArgumentTypeError, match="linearize takes no u"):
        prepare(linearize, f, "finite-difference", x, x)
    with pytest.raises(ArgumentTypeError, match="its options are has_aux"):
        prepare(linearize, f, "finite-difference", x, mode="forward")


def test_it_says_what_it_is(backend: ADBackend) -> None:
    prepared = prepare(linearize, f, backend, point(backend))
    assert repr(prepared) == f"<prepared linearize of f by {backend!r}>"
    assert prepared.report().calls[0].operation == "linearize"
