"""One operation of one backend, from NumPy data to NumPy data."""

from __future__ import annotations

from typing import Any

import numpy as np
from comparing import X, quickly

import adhelpers
from adhelpers.comparison.participants import Participant, median_seconds, read


def test_x_is_not_changed_by_a_function_that_works_in_place() -> None:
    def in_place(x: Any) -> Any:
        x *= 2.0
        return x

    x = X.copy()
    quickly(in_place, x, backends=["finite-difference"])
    np.testing.assert_array_equal(x, X)


def participant(f: Any) -> Participant:
    return Participant("differences", adhelpers.backend("finite-difference"), f)


def test_data_are_built_as_they_were_read() -> None:
    tree = {"a": np.ones(2, np.float32), "b": (np.ones(()), 3.0)}
    outcome = read(tree, "x")
    assert list(outcome.leaves) == ["x['a']", "x['b'][0]", "x['b'][1]"]
    doubled = outcome.rebuild({path: 2.0 * leaf.astype(float) for path, leaf in outcome.leaves.items()})
    assert doubled["a"].dtype == np.float32  # each leaf keeps its own
    assert [np.sum(doubled["a"]), *doubled["b"]] == [4.0, 2.0, 6.0]


def test_shapes_are_remembered_without_memory() -> None:
    shaped = read(np.broadcast_to(1.0, (10**4, 10**4)), "x")
    (leaf,) = shaped.without_data().leaves.values()
    assert (leaf.shape, leaf.dtype, leaf.strides) == ((10**4, 10**4), np.float64, (0, 0))


def test_value_and_derivatives_have_the_paths_of_their_structures() -> None:
    model = participant(lambda x: {"y": x["a"] ** 3})
    x, u = {"a": X}, {"a": np.ones_like(X)}
    assert list(model.value(x).leaves) == ["f(x)['y']"]
    pushed = model.derivative("jvp", x, u)()
    np.testing.assert_allclose(pushed.leaves["f(x)['y']"], 3 * X**2, rtol=1e-6)
    pulled = model.derivative("vjp", x, {"y": np.ones_like(X)})()
    np.testing.assert_allclose(pulled.leaves["x['a']"], 3 * X**2, rtol=1e-6)
    jacobian = participant(lambda x: x**3).derivative("batched_jacobian", X, None)()
    expected = np.einsum("mn,nb->mnb", np.eye(2), 3 * X**2)
    np.testing.assert_allclose(jacobian.leaves["J"], expected, rtol=1e-6, atol=1e-8)


def test_calls_are_repeated_within_a_budget() -> None:
    """Two calls in which an operation may learn, and twenty-one timed ones at most; of a slow call one is enough."""
    calls: list[None] = []
    assert 0.0 <= median_seconds(lambda: calls.append(None), budget=1e9) < 1.0
    assert len(calls) == 2 + 21
    calls.clear()
    median_seconds(lambda: calls.append(None), budget=0.0)
    assert len(calls) <= 3


def test_values_of_one_buffer_are_told_apart() -> None:
    buffer = np.zeros(2)

    def f(x: Any) -> Any:
        buffer[:] = x[:2]
        return buffer

    first, second = (participant(f).value(np.full(2, number)) for number in (1.0, 2.0))
    np.testing.assert_array_equal([*first.leaves.values(), *second.leaves.values()], [[1.0, 1.0], [2.0, 2.0]])
