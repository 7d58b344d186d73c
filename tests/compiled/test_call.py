"""Calls without their arrays: what is a compile-time constant, and what makes a call another one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from prepared_calls import U, X, lifted

import adhelpers
from adhelpers import ADBackend, prepare
from adhelpers import jacobian_vector_product as jvp
from conftest import assert_close

# -- every backend ------------------------------------------------------------------------------------------------


def test_the_order_of_keys_is_that_of_each_call(backend: ADBackend) -> None:
    def f(x: Any, weights: Any) -> Any:
        return {key: value * next(iter(weights.values())) for key, value in x.items()}

    one, other = {"b": X, "a": U}, {"a": U, "b": X}
    v, w = lifted(backend, X, U)
    weights, turned = {"v": v, "w": w}, {"w": w, "v": v}
    call = prepare(jvp, f, backend, one, one, args=(weights,))
    for _ in range(2):
        for x, w in ((one, weights), (other, weights), (one, turned), (other, turned)):
            received = call(x, one, w)
            assert list(received) == list(x)
            assert_close(backend, received["b"], X * (X if w is weights else U))


def test_arguments_may_change(backend: ADBackend) -> None:
    class Box:
        value = 1.0

    def f(x: Any, array: Any, number: Any, word: str, box: Any, numbers: Any) -> Any:
        return x * array * number * len(word) * box.value * sum(numbers)

    x, u = lifted(backend, X, U)
    box, numbers, array = Box(), {1.0}, lifted(backend, X)[0]
    call = prepare(jvp, f, backend, x, u, args=(array, 2.0, "a", box, numbers))

    def check(array: np.ndarray, number: Any, word: str) -> None:
        received = call(x, u, *lifted(backend, array), number, word, box, numbers)
        assert_close(backend, received, U * array * float(number) * len(word) * box.value * sum(numbers))

    check(U, 2.0, "a")
    check(U, 3, "abc")
    check(X, np.float64(0.5), "abc")
    box.value = 7.0  # the same object, and not what it was
    numbers.add(2.0)
    check(X, 2.0, "a")


def test_numbers_that_compare_equal_are_not_the_same(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(
        jvp, lambda x, n: x * np.copysign(1.0, n) * (1.0 if type(n) is float else 2.0), backend, x, u, args=(0.0,)
    )
    for number, factor in ((-0.0, -1.0), (0.0, 1.0), (0, 2.0), (False, 2.0), (np.float64(-0.0), -2.0)):
        assert_close(backend, call(x, u, number), factor * U)


def test_numpy_arguments_are_data(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    xp = backend.array_namespace(x)

    def f(x: Any, weights: Any, zero_d: Any, masked: Any) -> Any:
        return x * xp.asarray(weights) * xp.asarray(zero_d) * float(masked.sum())

    weights, zero_d, masked = X.copy(), np.array(2.0), np.ma.masked_array([1.0, 5.0], [0, 1])
    call = prepare(jvp, f, backend, x, u, args=(weights, zero_d, masked))
    weights += 1.0
    zero_d[...] = 3.0
    masked.mask = [0, 0]
    assert_close(backend, call(x, u, weights, zero_d, masked), U * (X + 1.0) * 3.0 * 6.0)


# -- PyTorch: compiled on request ------------------------------------------------------------------------------------


def test_an_object_among_the_arguments_may_change() -> None:
    jax = pytest.importorskip("jax")

    class Model:
        k = 1.0

        def __call__(self, x: Any) -> Any:
            return self.k * x

    model, x = Model(), jax.numpy.ones(3)
    push = adhelpers.prepare(adhelpers.jacobian_vector_product, lambda x, m: m(x), "jax", x, x, args=(model,))
    model.k = 5.0
    np.testing.assert_allclose(push(x, x, model), 5.0)
