"""Prepared operations on every backend: the same results, checks and errors as the operations themselves."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from prepared_calls import BATCH, PRODUCTS, U, X, cube, lifted, same

from adhelpers import ADBackend, batched_jacobian, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers import value_and_batched_jacobian as value_and_batched
from adhelpers import value_and_jacobian_vector_product as value_and_jvp
from adhelpers import value_and_vector_jacobian_product as value_and_vjp
from adhelpers import vector_jacobian_product as vjp
from adhelpers.errors import (
    BatchMixingError,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
)
from conftest import assert_close

Pair = namedtuple("Pair", ["one", "other"])  # noqa: PYI024  # what users have


# -- every backend ------------------------------------------------------------------------------------------------


@PRODUCTS
def test_products_are_those_of_the_operations(backend: ADBackend, product: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(product, cube, backend, x, u)
    for a, b in ((X, U), (U, X), (2 * X, U), (np.ones(2), np.ones(2)), (np.zeros(0), np.zeros(0)), (X, U)):
        assert_close(backend, call(*lifted(backend, a, b)), 3 * a**2 * b)
    assert_close(backend, call(X, U), 3 * X**2 * U)  # NumPy's arrays are converted, as ever


@pytest.mark.parametrize("operation", [value_and_jvp, value_and_vjp])
def test_values_come_with_products(backend: ADBackend, operation: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(operation, cube, backend, x, u)
    for _ in range(2):
        assert_close(backend, call(x, u), (X**3, 3 * X**2 * U))


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_batched_jacobians(backend: ADBackend, mode: Any) -> None:
    (x,) = lifted(backend, BATCH)
    call = prepare(batched_jacobian, cube, backend, x, mode=mode)
    for a in (BATCH, 2 * BATCH, BATCH[:, :1], BATCH[:, :0], BATCH[:0]):
        expected = 3 * a**2 * np.eye(len(a))[:, :, None]
        assert_close(backend, call(*lifted(backend, a)), expected)
    y, jacobian = prepare(value_and_batched, cube, backend, x, batch_axis=0)(x)
    assert_close(backend, y, BATCH**3)
    assert_close(backend, jacobian, 3 * (BATCH**2)[:, :, None] * np.eye(3))


CONTAINERS: dict[str, Any] = {
    "dict": {"b": X, "a": (U, None, [X])},
    "ordered": OrderedDict(z=X, a=U),
    "named": Pair(X, {}),
    "list": [X, 2.0],
    "empty": (),
    "none": None,
    "nothing but containers": [(), {}],
}


@PRODUCTS
@pytest.mark.parametrize("tree", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_and_aux(backend: ADBackend, product: Any, tree: Any) -> None:
    def f(x: Any) -> Any:
        return {"y": x, "n": None}, {"x": x, "a": ("text", 3, None, {})}

    u = tree if product is jvp else {"y": tree, "n": None}
    call = prepare(product, f, backend, tree, u, has_aux=True)
    for _ in range(3):  # a compiler's own fast way comes with the second
        same(backend, call(tree, u), product(f, backend, tree, u, has_aux=True))


def test_numbers_for_x_and_u(backend: ADBackend) -> None:
    (x,) = lifted(backend, X)
    call = prepare(vjp, lambda x: (x**2).sum(), backend, x, 1.0)
    for u in (1.0, 2.0, np.float64(3.0), np.asarray(4.0)):
        assert_close(backend, call(x, u), 2 * X * float(u))
    call = prepare(jvp, lambda x: x["a"] ** 2, backend, {"a": x}, {"a": x})
    assert_close(backend, call({"a": x}, {"a": x}), 2 * X * X)


@PRODUCTS
def test_later_calls_are_checked_too(backend: ADBackend, product: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(product, cube, backend, x, u)
    for _ in range(2):
        call(x, u)
        with pytest.raises(ShapeMismatchError, match=r"u has shape \(2,\)"):
            call(x, *lifted(backend, U[:2]))
        with pytest.raises(DTypeError, match="u has dtype"):
            call(x, *lifted(backend, U.astype(np.float32)))
        with pytest.raises(StructureMismatchError):
            call(x, [u])
        with pytest.raises(DTypeError, match="only floating and complex"):
            call(np.arange(3), u)
    assert_close(backend, call(x, u), 3 * X**2 * U)


def test_complex_points(framework: ADBackend) -> None:
    z, w = lifted(framework, X + 1j * U, U - 2j * X)
    for product, expected in ((jvp, 2 * (X + 1j * U) * (U - 2j * X)), (vjp, 2 * (X + 1j * U) * (U - 2j * X))):
        call = prepare(product, lambda z: z**2, framework, z, w)
        for _ in range(2):
            assert_close(framework, call(z, w), expected)
    (batch,) = lifted(framework, BATCH * 1j)
    call = prepare(batched_jacobian, lambda z: z**2, framework, batch, holomorphic=True)
    assert_close(framework, call(batch), 2 * BATCH * 1j * np.eye(2)[:, :, None])


@pytest.mark.parametrize("check_batch", [True, "always"])
def test_mixing_is_found_at_preparation_and_with_a_new_shape(backend: ADBackend, check_batch: Any) -> None:
    def f(x: Any) -> Any:
        return x * x.sum() if x.shape[1] == 3 else x

    good, bad = lifted(backend, BATCH[:, :2], BATCH)
    with pytest.raises(BatchMixingError):
        prepare(batched_jacobian, f, backend, bad, check_batch=check_batch)
    call = prepare(batched_jacobian, f, backend, good, check_batch=check_batch)
    for _ in range(2):
        with pytest.raises(BatchMixingError):
            call(bad)
        assert call(good).shape == (2, 2, 2)
    assert prepare(batched_jacobian, f, backend, bad, check_batch=False)(bad).shape == (2, 2, 3)


def test_errors_of_f_pass_through(backend: ADBackend) -> None:
    error = RuntimeError("mine")

    def f(x: Any) -> Any:
        if x.shape == (2,):
            raise error
        return x**3

    x, u, short = lifted(backend, X, U, X[:2])
    call = prepare(jvp, f, backend, x, u)
    for _ in range(2):
        with pytest.raises(RuntimeError) as raised:
            call(short, short)
        assert raised.value is error
        assert_close(backend, call(x, u), 3 * X**2 * U)
    with pytest.raises(RuntimeError):
        prepare(jvp, f, backend, short, short)


def test_operations_nest(framework: ADBackend) -> None:
    x, u = lifted(framework, X, U)
    call = prepare(jvp, cube, framework, x, u)
    for outer in (jvp, vjp):
        assert_close(framework, outer(lambda x: call(x, u), framework, x, u), 6 * X * U * U)
        assert_close(framework, outer(call, framework, x, u, args=(u,)), 6 * X * U * U)
        twice = prepare(outer, call, framework, x, u, args=(u,))
        assert_close(framework, twice(x, u, u), 6 * X * U * U)
        # u is constant to an outer derivative, but for those who want it otherwise
        assert_close(framework, outer(lambda x: call(x, x), framework, x, u), 6 * X * X * U)
    moving = prepare(jvp, cube, framework, x, u, differentiate_u=True)
    assert_close(framework, vjp(lambda x: moving(x, x), framework, x, u), 9 * X * X * U)


# -- what it says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("jvp", cube, "finite-difference", X, U), {}, "such as adhelpers.gradient, but a str was"),
        ((cube, cube, "finite-difference", X, U), {}, "but cube was given"),
        ((batched_jacobian, cube, "finite-difference", BATCH, U), {}, "batched_jacobian takes no u"),
        ((jvp, 3, "finite-difference", X, U), {}, "f must be callable"),
        ((jvp, cube, "finite-difference", X, U), {"args": X}, r"args=\(argument,\)"),
        ((jvp, cube, "finite-difference", X, U), {"has_ux": True}, "has_ux"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        prepare(*arguments, **options)
