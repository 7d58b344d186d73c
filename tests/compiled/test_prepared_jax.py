"""Compiled by JAX, by `prepare` or by ``jit=True``."""

from __future__ import annotations

import threading
from array import array
from collections import Counter, UserDict
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from prepared_calls import U, X, cube, lifted

import adhelpers
from adhelpers import PreparationMismatchError, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers import vector_jacobian_product as vjp
from adhelpers.errors import (
    DTypeError,
    UnsupportedOperationError,
)
from conftest import make

# -- JAX: compiled, by prepare or by jit=True -----------------------------------------------------------------------


@pytest.fixture(params=["prepare", "jit"])
def compiling(request: pytest.FixtureRequest, jax: ModuleType) -> Callable[..., Any]:
    """An operation on a function, compiled in either way, as a function of ``(x, u, *args)``."""

    def of(
        operation: Any, f: Any, x: Any, u: Any, *args: Any, fallback: bool = True, x64: bool = False, **o: Any
    ) -> Any:
        if request.param == "prepare":
            return prepare(operation, f, adhelpers.backend("jax", fallback=fallback, x64=x64), x, u, args=args, **o)
        backend = adhelpers.backend("jax", jit=True, fallback=fallback, x64=x64)
        operation(f, backend, x, u, args=args, **o)
        return lambda x, u, *args: operation(f, backend, x, u, args=args, **o)

    return of


def test_f_is_traced_once_for_each_kind_of_call(jax: ModuleType, compiling: Any) -> None:
    calls = []

    def f(x: Any, n: int) -> Any:
        calls.append(n)
        return x**n

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = compiling(jvp, f, x, u, 3)
    for arguments in ((x, u, 3), (u, x, 3), (u, x, 2), (x, u, 3), (x[:2], u[:2], 3), (x, x, 2), (x[:2], u[:2], 3)):
        call(*arguments)
    assert calls == [3, 2, 3]


def test_64_bits_are_never_narrowed(jax: ModuleType, compiling: Any) -> None:
    x = jax.numpy.asarray(X)
    call = compiling(jvp, lambda x, a: x * a, x, x, x)
    for _ in range(2):
        call(x, x, x)
        for x_or_u in ((X, x), (x, X), (X, X)):
            with pytest.raises(DTypeError, match="float64 was given, which JAX would narrow"):
                call(*x_or_u, x)
    with pytest.raises(DTypeError, match=r"args\[0\] cannot be converted: .* int64"):
        call(x, x, np.array([2**40]))
    assert call(x, x, np.array([2, 3, 4])).dtype == np.float32
    call = compiling(jvp, lambda x, a: x * a, X, U, X, x64=True)
    for x, u in ((X, U), (U, X), lifted(make("jax"), X, U), lifted(make("jax"), X, U)):
        received = call(x, u, X)
        assert received.dtype == np.float64
        np.testing.assert_allclose(received, np.asarray(u) * X)
    assert not jax.config.jax_enable_x64


def test_inside_transformations(jax: ModuleType, compiling: Any) -> None:
    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = compiling(jvp, cube, x, u)
    expected = 3 * X**2 * U
    np.testing.assert_allclose(jax.jit(call)(x, u), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(call)(x[None], u[None])[0], expected, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda x: call(x, u).sum())(x), 6 * X * U, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda x: call(x, x).sum())(x), 6 * X * X, rtol=1e-5)
    np.testing.assert_allclose(call(x, u), expected, rtol=1e-5)


def test_a_strict_call_may_be_traced(jax: ModuleType) -> None:
    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = prepare(jvp, cube, "jax", x, u, strict=True)
    np.testing.assert_allclose(jax.jit(call)(x, u), 3 * X**2 * U, rtol=1e-5)
    with pytest.raises(PreparationMismatchError):
        jax.jit(call)(x[:2], u[:2])


def test_missing_rules_fall_back(jax: ModuleType, compiling: Any) -> None:
    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, g: (g * jax.numpy.cos(x),))

    def doubled(x: Any) -> Any:  # a loop of unknown length has no reverse rule
        return jax.lax.while_loop(lambda state: state[1] < 3, lambda state: (2 * state[0], state[1] + 1), (x, 0))[0]

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    np.testing.assert_allclose(compiling(jvp, sine, x, u)(x, u), np.cos(X) * U, rtol=1e-5)
    np.testing.assert_allclose(compiling(vjp, doubled, x, u)(x, u), 8 * U, rtol=1e-5)
    for product, f in ((jvp, sine), (vjp, doubled)):
        with pytest.raises(UnsupportedOperationError, match="fallback=True"):
            compiling(product, f, x, u, fallback=False)


def test_aux_belongs_to_the_caller(jax: ModuleType, compiling: Any) -> None:
    def f(x: Any) -> Any:
        return x, {"array": np.zeros(2), "set": {1}, "list": [1], "number": 3}

    x = jax.numpy.asarray(X)
    call = compiling(jvp, f, x, x, has_aux=True)
    for _ in range(3):
        _, aux = call(x, x)
        assert repr(aux) == "{'array': array([0., 0.]), 'set': {1}, 'list': [1], 'number': 3}"
        aux["array"] += 1.0
        aux["set"].add(2)
        aux["list"].append(2)


class Records(list):  # type: ignore[type-arg]
    """A container that JAX does not know, so that it is kept with the code."""


def test_what_is_in_containers_of_aux_belongs_to_the_caller(jax: ModuleType, compiling: Any) -> None:
    def f(x: Any) -> Any:
        objects = np.empty(1, dtype=object)
        objects[0] = ["seen"]
        return x, {
            "records": Records([["seen"]]),
            "counts": Counter(seen=1),
            "user": UserDict(inner=["seen"]),
            "objects": objects,
            "bytes": array("i", [1]),
        }

    x = jax.numpy.asarray(X)
    call = compiling(jvp, f, x, x, has_aux=True)
    for _ in range(3):
        _, aux = call(x, x)
        assert aux["records"] == Records([["seen"]])
        assert type(aux["records"]) is Records
        assert aux["counts"] == Counter(seen=1)
        assert aux["user"] == {"inner": ["seen"]}
        assert aux["objects"][0] == ["seen"]
        assert aux["bytes"].tolist() == [1]
        aux["records"][0].append("again")
        aux["records"].append(1)
        aux["counts"]["seen"] += 1
        aux["user"]["inner"].append("again")
        aux["objects"][0].append("again")
        aux["bytes"].append(2)


def test_other_objects_of_aux_are_those_that_f_returned(jax: ModuleType, compiling: Any) -> None:
    sentinel, lock = object(), threading.Lock()
    x = jax.numpy.asarray(X)
    call = compiling(jvp, lambda x: (x, [sentinel, Records([lock])]), x, x, has_aux=True)
    for _ in range(2):
        _, (first, records) = call(x, x)
        assert first is sentinel
        assert records == [lock]  # which has no copy
        records.clear()


@pytest.mark.parametrize("dtype", [">f4", ">i4", ">u2", ">c8"])
def test_arguments_of_another_byte_order(jax: ModuleType, compiling: Any, dtype: str) -> None:
    """As data, in a structure or as a constant in `x`, for which JAX itself has no arrays."""
    x, data = jax.numpy.asarray(X), np.arange(X.size).reshape(X.shape).astype(dtype)
    call = compiling(jvp, lambda x, a: x * a["a"].real, x, x, {"a": data})
    for factor in (1, 2):
        np.testing.assert_allclose(call(x, x, {"a": (factor * data).astype(dtype)}), X * factor * data.real, rtol=1e-6)
    marked = {"x": x, "c": adhelpers.Constant(data)}
    tangent = {"x": x, "c": None}
    held = compiling(jvp, lambda d: d["x"] * d["c"].real, marked, tangent)
    np.testing.assert_allclose(held(marked, tangent), X * data.real, rtol=1e-6)


def test_equinox_modules(jax: ModuleType, compiling: Any) -> None:
    equinox = pytest.importorskip("equinox")
    x, u = jax.numpy.ones(2), jax.numpy.ones(3)
    layer = equinox.nn.Linear(2, 3, key=jax.random.key(0))
    other = jax.tree.map(lambda leaf: 2.0 * leaf, layer)
    call = compiling(vjp, lambda layer: layer(x) ** 2, layer, u)
    for module in (layer, other):
        received = call(module, u)
        assert type(received) is type(layer)
        np.testing.assert_allclose(received.bias, 2 * module(x), rtol=1e-5)
    call = compiling(jvp, lambda x, layer: layer(x) ** 2, x, x, layer)
    for module in (layer, other):
        np.testing.assert_allclose(call(x, x, module), 2 * module(x) * (module.weight @ x), rtol=1e-5)


# -- PyTorch: compiled on request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [{}, {"a": {}}], ids=repr)
def test_a_hessian_without_leaves(jax: ModuleType, x: Any) -> None:
    two = jax.numpy.asarray(2.0)
    assert adhelpers.prepare(adhelpers.hessian, lambda x: two, "jax", x)(x) == adhelpers.hessian(
        lambda x: two, "jax", x
    )
    y, H = adhelpers.prepare(adhelpers.value_and_hessian, lambda x, a: a, "jax", x, args=(two,))(x, two)
    assert (float(y), H) == (2.0, adhelpers.hessian(lambda x: two, "jax", x))
