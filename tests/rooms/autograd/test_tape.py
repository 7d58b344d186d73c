"""One trace, on which tangents and cotangents are replayed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.extend import defjvp, defvjp, primitive
from autograd_functions import PRODUCTS, Counted, broken_rules, diamond, mystery, numbers

from adhelpers_plugins.autograd.backend import AutogradBackend

BACKEND = AutogradBackend()


# -- calls of f -----------------------------------------------------------------------------------------


def test_f_runs_once_however_many_vectors_are_replayed():
    x, stack = (numbers(3),), (numbers(7, 3),)
    f = Counted(lambda x: (anp.sin(x) * x,))
    slope = np.cos(x[0]) * x[0] + np.sin(x[0])

    _, pushed, _ = BACKEND.jvp_sweep(f, x, stack)
    assert f.calls == 1
    np.testing.assert_allclose(pushed[0], slope * stack[0])

    _, pullback, _ = BACKEND.vjp(f, x)
    (pulled,) = BACKEND.vjp_sweep(pullback, stack)
    assert f.calls == 2
    np.testing.assert_allclose(pulled, slope * stack[0])

    BACKEND.jvp(f, x, x)
    assert f.calls == 3


@pytest.mark.parametrize(("product", "u"), [(jacobian_vector_product, (4, 3)), (vector_jacobian_product, (3,))])
def test_one_shot_products_call_f_once(product, u):
    calls = []
    product(lambda x: calls.append(0) or anp.sum(x**2, axis=0), "autograd", numbers(4, 3), numbers(*u))
    assert len(calls) == 1


def test_a_reverse_batched_jacobian_calls_f_once():
    calls = []
    adhelpers.batched_jacobian(lambda x: calls.append(0) or x[:2] * x[1:], "autograd", numbers(3, 5), mode="reverse")
    assert len(calls) == 1


# -- the shape of the graph -----------------------------------------------------------------------------


def test_several_arguments_and_outputs():
    a, b, c = numbers(3), numbers(3, seed=1), numbers(seed=2)
    f = Counted(lambda a, b, c: (a * b, c * anp.sum(a), b - c))
    t = numbers(3, seed=3), numbers(3, seed=4), numbers(seed=5)
    u = numbers(3, seed=6), numbers(seed=7), numbers(3, seed=8)
    outputs, pushed, _ = BACKEND.jvp(f, (a, b, c), t)
    _, pullback, _ = BACKEND.vjp(f, (a, b, c))
    for result, expected in (
        (outputs, (a * b, c * a.sum(), b - c)),
        (pushed, (t[0] * b + a * t[1], t[2] * a.sum() + c * t[0].sum(), t[1] - t[2])),
        (pullback(u), (u[0] * b + u[1] * c, u[0] * a + u[2], u[1] * a.sum() - u[2].sum())),
    ):
        for actual, wanted in zip(result, expected, strict=True):
            np.testing.assert_allclose(actual, wanted)


# Graph, its derivative in direction t and the pull-back of u, by hand; x has two elements.
GRAPHS: dict[str, tuple[Callable[..., Any], ...]] = {
    "a diamond": (
        lambda x: (diamond(x),),
        lambda x, t: ((2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)) * t,),
        lambda x, u: (2 * np.sin(x) * np.cos(x) + np.cos(x) * x + np.sin(x)) * u,
    ),
    "one box as both arguments": (lambda x: (x * x,), lambda x, t: (2 * x * t,), lambda x, u: 2 * x * u),
    "one box three times": (lambda x: (x + x + x,), lambda x, t: (3 * t,), lambda x, u: 3 * u),
    "the argument itself": (lambda x: (x,), lambda x, t: (t,), lambda x, u: u),
    "one output twice": (
        lambda x: itertools.repeat(x**2, 2),
        lambda x, t: (2 * x * t, 2 * x * t),
        lambda x, u, w: 2 * x * (u + w),
    ),
    "an output and what follows from it": (
        lambda x: (x**2, x, (x**2) ** 2),
        lambda x, t: (2 * x * t, t, 4 * x**3 * t),
        lambda x, u, v, w: 2 * x * u + v + 4 * x**3 * w,
    ),
    "indexed twice": (
        lambda x: (x[0] + x[0], x[1:] * x[1:]),
        lambda x, t: (2 * t[0], 2 * x[1:] * t[1:]),
        lambda x, u, w: np.array([2 * u, 2 * x[1] * w[0]]),
    ),
    "the argument and its elements": (
        lambda x: (x, x[0], x[0], x),
        lambda x, t: (t, t[0], t[0], t),
        lambda x, u, v, w, z: u + z + np.array([v + w, 0.0]),
    ),
    "a constant": (lambda x: (np.ones(3),), lambda x, t: (np.zeros(3),), lambda x, u: np.zeros(2)),
    "a number": (lambda x: (np.float64(2.0),), lambda x, t: (np.zeros(()),), lambda x, u: np.zeros(2)),
    "no output": (lambda x: (), lambda x, t: (), lambda x: np.zeros(2)),
    "what has no derivative": (
        lambda x: (anp.floor(x), anp.sign(x)),
        lambda x, t: (np.zeros(2), np.zeros(2)),
        lambda x, u, w: np.zeros(2),
    ),
    "a constant beside": (
        lambda x: (np.ones(3), anp.exp(x)),
        lambda x, t: (np.zeros(3), np.exp(x) * t),
        lambda x, u, w: np.exp(x) * w,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name):
    f, push, pull = GRAPHS[name]
    f = Counted(lambda x, f=f: tuple(f(x)))
    x, t = numbers(2), numbers(2, seed=1)
    outputs, pushed, _ = BACKEND.jvp(f, (x,), (t,))
    _, pullback, _ = BACKEND.vjp(f, (x,))
    u = tuple(numbers(*y.shape, seed=2 + i) for i, y in enumerate(outputs))
    (pulled,) = pullback(u)
    for actual, expected, y in zip((*pushed, pulled), (*push(x, t), pull(x, *u)), (*outputs, x), strict=True):
        assert (type(actual), actual.shape, actual.dtype) == (np.ndarray, y.shape, y.dtype)
        np.testing.assert_allclose(actual, expected, atol=1e-15)


def test_an_argument_that_nothing_depends_on_has_zeros():
    f = Counted(lambda x, y: (2.0 * x,))
    _, pullback, _ = BACKEND.vjp(f, (numbers(2), np.ones((3, 1), dtype=np.float32)))
    _, pulled = pullback((np.ones(2),))
    assert (pulled.shape, pulled.dtype, pulled.any()) == ((3, 1), np.float32, False)


def test_branches_that_lead_nowhere_need_no_rules():
    """Only what the outputs depend on is replayed."""

    def f(x: Any) -> Any:
        mystery(x)
        return x**2

    x = numbers(3)
    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", x, x), 2 * x**2)
    np.testing.assert_allclose(vector_jacobian_product(f, "autograd", x, x), 2 * x**2)


@PRODUCTS
def test_branches_that_lead_nowhere_are_not_differentiated_by_a_users_rule(product):
    def f(x: Any) -> Any:
        broken_rules(x) * 2.0
        return x**2

    x = numbers(3)
    np.testing.assert_allclose(product(f, "autograd", x, x), 2 * x**2)


@primitive
def halved(x: Any) -> Any:
    return 0.5 * np.asarray(x)


defvjp(halved, lambda ans, x: lambda g: 0.5 * g)
defjvp(halved, lambda g, ans, x: 0.5 * g)


@PRODUCTS
def test_deep_traces_of_a_users_primitive_do_not_reach_the_recursion_limit(product):
    def f(x: Any) -> Any:
        for _ in range(2 * sys.getrecursionlimit()):
            x = halved(x)
        return x + 0.0 * x

    assert product(f, "autograd", np.ones(2), np.ones(2)).shape == (2,)


@PRODUCTS
def test_deep_traces_do_not_reach_the_recursion_limit(product):
    depth = 5000
    assert depth > sys.getrecursionlimit()

    def f(x: Any) -> Any:
        for _ in range(depth):
            x = x * 1.0001
        return x

    np.testing.assert_allclose(product(f, "autograd", numbers(2), np.ones(2)), 1.0001**depth)


# -- the pullback ---------------------------------------------------------------------------------------


def test_a_pullback_is_not_changed_by_being_called():
    x = numbers(3)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (diamond(x), x + x + x, x[0] + x[0])), (x,))
    cotangents = numbers(3, seed=1), numbers(3, seed=2), numbers(seed=3)
    (first,) = pullback(cotangents)
    kept = first.copy()
    for scale in (0.0, -2.0, 1.0):
        (again,) = pullback(tuple(np.asarray(scale * u) for u in cotangents))
        np.testing.assert_allclose(again, scale * kept)
        again[:] = np.nan
    np.testing.assert_array_equal(first, kept)


def test_a_pullback_is_differentiable_in_its_cotangents():
    x, w = numbers(3), numbers(3, seed=1)
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (anp.exp(x),)), (x,))
    pushed = jacobian_vector_product(lambda u: pullback((u,))[0] ** 2, "autograd", w, np.ones(3))
    np.testing.assert_allclose(pushed, 2 * np.exp(2 * x) * w)


@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_sum_may_be_indexed_besides(shape):
    """autograd adds gradients of items in place, onto what may be a NumPy scalar."""
    x = numbers(*shape)
    pulled = vector_jacobian_product(lambda x: x * x + x[None], "autograd", x, np.ones((1, *shape)))
    np.testing.assert_allclose(pulled, 2 * x + 1)

    def gradient(x: Any) -> Any:
        return vector_jacobian_product(lambda x: x * x * x + x[None], "autograd", x, np.ones((1, *shape)))

    np.testing.assert_allclose(vector_jacobian_product(gradient, "autograd", x, np.ones(shape)), 6 * x)
    np.testing.assert_allclose(jacobian_vector_product(gradient, "autograd", x, np.ones(shape)), 6 * x)


def test_an_output_twice_may_be_indexed_besides():
    _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x, x, x[None])), (np.asarray(0.5),))
    (pulled,) = pullback((np.asarray(1.0), np.asarray(2.0), np.ones(1)))
    assert pulled == 4.0


def test_a_pullback_outlives_changes_of_the_outputs():
    """The rule of exp holds its result."""
    x = numbers(3)
    (y,), pullback, _ = BACKEND.vjp(Counted(lambda x: (anp.exp(x),)), (x,))
    y[:] = np.nan
    np.testing.assert_allclose(pullback((np.ones(3),))[0], np.exp(x))


def test_sweeps_inside_another_trace():
    x, stack = numbers(3), numbers(4, 3, seed=1)

    def pulled(x: Any) -> Any:
        _, pullback, _ = BACKEND.vjp(Counted(lambda x: (x**3,)), (x,))
        return BACKEND.vjp_sweep(pullback, (stack,))[0]

    def pushed(x: Any) -> Any:
        return BACKEND.jvp_sweep(Counted(lambda x: (x**3,)), (x,), (stack,))[1][0]

    for sweep in (pulled, pushed):
        np.testing.assert_allclose(jacobian_vector_product(sweep, "autograd", x, np.ones(3)), 6 * x * stack)
        np.testing.assert_allclose(
            vector_jacobian_product(sweep, "autograd", x, np.ones((4, 3))), np.sum(6 * x * stack, axis=0)
        )


def test_sweeps_of_what_is_constant_and_of_single_precision():
    x, stack = np.ones(3, dtype=np.float32), numbers(2, 3).astype(np.float32)
    _, pushed, _ = BACKEND.jvp_sweep(Counted(lambda x: (np.ones(2), anp.mean(x))), (x,), (stack,))
    assert [(p.shape, p.dtype) for p in pushed] == [((2, 2), np.float64), ((2,), np.float32)]
    assert not pushed[0].any()
    np.testing.assert_allclose(pushed[1], stack.mean(axis=1), rtol=1e-6)


# -- arrays of the caller's, which the rules use later -------------------------------------------------------

SMALL, LARGE = 3, 20_000


@primitive
def weighted(x: Any, weights: Any) -> Any:
    return np.asarray(x) * weights


defvjp(weighted, lambda ans, x, weights: lambda g: g * weights)
defjvp(weighted, lambda g, ans, x, weights: g * weights)


def with_one_workspace(multiply: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Six times `x`, by weights of 1, 2 and 3 in the same array."""

    def f(x: Any) -> Any:
        weights, y = np.empty(x.shape), 0.0 * x
        for k in range(3):
            weights[:] = k + 1.0
            y = y + multiply(x, weights)
        return y

    return f


TIMES_WEIGHTS = pytest.mark.parametrize(
    "multiply",
    [
        lambda x, weights: x * weights,
        lambda x, weights: anp.einsum("i,i->i", x, weights),
        lambda x, weights: halved(2.0 * x) * weights,
        weighted,
    ],
)


@TIMES_WEIGHTS
@PRODUCTS
def test_a_workspace_may_be_written_to_again(product, multiply):
    x = numbers(SMALL)
    np.testing.assert_allclose(product(with_one_workspace(multiply), "autograd", x, x), 6 * x)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_workspace_of_a_jacobian_may_be_written_to_again(mode):
    f = with_one_workspace(lambda x, weights: x * weights)
    np.testing.assert_allclose(adhelpers.jacobian(f, "autograd", numbers(SMALL), mode=mode), 6 * np.eye(SMALL))


@PRODUCTS
def test_indices_and_conditions_may_be_written_to_again(product):
    def f(x: Any) -> Any:
        where, index, numbers_, y = np.empty(2, dtype=bool), np.empty(2, dtype=int), [0.0, 0.0], 0.0 * x
        for k in range(2):
            where[:], index[:], numbers_[:] = k == 0, k, (k, k)
            y = y + anp.where(where, x, 0.0) + x[index] + x[(index,)] + anp.multiply(x, numbers_)
        return y

    x = numbers(2)
    full = np.full((2, 2), 2.0) + 2 * np.eye(2)  # symmetric
    np.testing.assert_allclose(product(f, "autograd", x, x), full @ x)


def test_a_large_workspace_that_is_written_to_again_is_read_at_once_or_refused():
    f, x = with_one_workspace(lambda x, weights: x * weights), numbers(LARGE)
    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", x, x), 6 * x)
    with pytest.raises(adhelpers.ArgumentError, match="VJP of multiply .* was changed"):
        vector_jacobian_product(f, "autograd", x, x)


@PRODUCTS
def test_a_users_rule_is_not_given_a_large_workspace_that_was_written_to_again(product):
    with pytest.raises(adhelpers.ArgumentError, match="of weighted .* was changed"):
        product(with_one_workspace(weighted), "autograd", numbers(LARGE), numbers(LARGE))


def test_a_linear_map_stays_that_of_its_arrays():
    x, weights = numbers(SMALL), numbers(SMALL, seed=1)
    before = weights.copy()
    derivative = adhelpers.linearize(lambda x: anp.sin(x) * weights, "autograd", x)
    expected = np.cos(x) * before
    weights *= 10
    x *= 10
    np.testing.assert_allclose(derivative.push(np.ones(SMALL)), expected)
    np.testing.assert_allclose(derivative.pull(np.ones(SMALL)), expected)


def test_a_linear_map_of_a_large_array_that_was_changed_raises():
    weights = np.asfortranarray(numbers(2, LARGE))
    derivative = adhelpers.linearize(lambda x: weights @ x, "autograd", numbers(LARGE))
    kept = weights.copy()
    np.testing.assert_allclose(derivative.pull(np.ones(2)), kept.sum(axis=0))
    weights *= 10
    for product, size in ((derivative.pull, 2), (derivative.push, LARGE)):
        with pytest.raises(adhelpers.ArgumentError, match="of matmul .* was changed"):
            product(np.ones(size))
    weights[:] = kept
    np.testing.assert_allclose(derivative.push(np.ones(LARGE)), kept.sum(axis=1))
