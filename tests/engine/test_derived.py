"""Products that core derives where a backend has only one mode, or lacks a rule."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from toys import ForwardToy, NumpyBackend, ReverseToy

from adhelpers import (
    UnsupportedOperationError,
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)
from adhelpers.engine import derived, seeds
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

X = {"a": np.array([1.0, -2.0]), "b": np.array([[3.0], [0.5]])}
U = {"a": np.array([0.5, 1.5]), "b": np.array([[2.0], [-1.0]])}


def f(x: Any) -> Any:
    return [x["a"] * x["b"][:, 0], 3.0 * x["a"] ** 2]


def test_a_vjp_comes_from_a_sweep_of_jvps() -> None:
    cotangent = [np.array([1.0, 2.0]), np.array([-1.0, 4.0])]
    v = vector_jacobian_product(f, ForwardToy(), X, cotangent)
    np.testing.assert_allclose(v["a"], cotangent[0] * X["b"][:, 0] + 6 * X["a"] * cotangent[1], rtol=1e-14)
    np.testing.assert_allclose(v["b"][:, 0], cotangent[0] * X["a"], rtol=1e-14)


def test_a_jvp_comes_from_two_vjps() -> None:
    v = jacobian_vector_product(f, ReverseToy(), X, U)
    np.testing.assert_allclose(v[0], U["a"] * X["b"][:, 0] + X["a"] * U["b"][:, 0], rtol=1e-14)
    np.testing.assert_allclose(v[1], 6 * X["a"] * U["a"], rtol=1e-14)


def test_a_complex_vjp_comes_from_two_real_bases() -> None:
    z, c = np.array([1 + 2j, -0.5 + 1j]), np.array([2 - 1j, 1j])
    v = vector_jacobian_product(lambda z: z * np.conj(z) + 1j * z, ForwardToy(), z, c)
    # J t = (conj(z) + i) t + z conj(t), whose transpose without conjugation is (conj(z) + i) c + conj(z c).
    np.testing.assert_allclose(v, (np.conj(z) + 1j) * c + np.conj(z * c), rtol=1e-14)


class LateToy(ReverseToy):
    """It says that it lacks a rule when something is pulled back."""

    def vjp(self, f: Any, x: Any) -> Any:
        outputs, _, aux = super().vjp(f, x)

        def pullback(cotangents: Any) -> Any:
            raise NotImplementedError("no rule for cube")

        return outputs, pullback, aux

    def is_missing_rule(self, error: Exception) -> bool:
        return isinstance(error, NotImplementedError)


def test_a_pullback_that_stands_in_and_lacks_a_rule_too_names_both() -> None:
    backend = LateToy()
    point = Tree.read(backend, np.ones(2), "x")
    cubes = LeafwiseFunction(lambda x: x**3, point, (), has_aux=False)
    _, pullback, _ = derived.vjp_by("forward", backend, cubes, point.leaves)
    both = "lacks a forward rule .*, and a vector-Jacobian product cannot stand in .no rule for cube"
    with pytest.raises(UnsupportedOperationError, match=both):
        pullback((np.ones(2),))


def test_a_long_basis_is_pushed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "SWEEP_BYTES", 3 * 7 * 8)
    lengths = []

    class Watched(ForwardToy):
        def jvp_sweep(self, f: Any, x: Any, tangents: Any) -> Any:
            lengths.append(tangents[0].shape[0])
            return super().jvp_sweep(f, x, tangents)

    x = np.arange(7.0)
    np.testing.assert_allclose(vector_jacobian_product(lambda x: x**2, Watched(), x, x), 2 * x**2)
    assert lengths == [3, 3, 1]


def test_derived_products_of_empty_arrays() -> None:
    x = {"none": np.zeros((0, 2)), "some": np.ones(2)}
    v = vector_jacobian_product(lambda x: x["some"] ** 2, ForwardToy(), x, np.ones(2))
    assert v["none"].shape == (0, 2)
    np.testing.assert_allclose(v["some"], [2.0, 2.0])


@pytest.mark.parametrize("toy", [ForwardToy, ReverseToy])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_a_batched_jacobian_takes_the_mode_that_there_is(toy: Any, mode: Any) -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    jacobian = batched_jacobian(lambda x: np.stack([x[0] * x[1], x[1] ** 2, x[0]]), toy(), x, mode=mode)
    one, zero = np.ones(3), np.zeros(3)
    np.testing.assert_allclose(jacobian, [[x[1], x[0]], [zero, 2 * x[1]], [one, zero]], rtol=1e-14)


def test_a_batched_jacobian_does_not_derive_the_other_product() -> None:
    ForwardToy.calls = 0
    batched_jacobian(lambda x: x**2, ForwardToy(), np.ones((2, 50)), mode="reverse")
    assert ForwardToy.calls == 3  # two columns and the check, where a derived pullback takes 100


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: vector_jacobian_product(f, backend, X, [X["a"], X["a"]]),
        lambda backend: batched_jacobian(lambda x: x**2, backend, np.ones((2, 2)), mode="reverse"),
    ],
)
def test_fallback_false_raises_at_once(call: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match=r"'forward-toy' lacks a reverse rule.*with fallback=True"):
        call(ForwardToy(fallback=False))


def test_a_fallback_is_logged_once_for_a_function(caplog: pytest.LogCaptureFixture) -> None:
    def once(x: Any) -> Any:
        return f(x)

    with caplog.at_level(logging.INFO, logger="adhelpers"):
        for _ in range(3):
            jacobian_vector_product(once, ReverseToy(), X, U)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "'reverse-toy' lacks a forward rule" in record.getMessage()


def test_no_rule_at_all_names_the_backend_and_the_way_out() -> None:
    class Neither(NumpyBackend):
        name = "neither"

    for call in (jacobian_vector_product, vector_jacobian_product):
        with pytest.raises(UnsupportedOperationError, match=r"'neither' lacks a .* rule .*finite-difference"):
            call(lambda x: x, Neither(), X["a"], X["a"])


def test_a_nested_operation_without_rule_counts_as_a_missing_rule() -> None:
    class Reverse(ReverseToy):
        name = "outer"

    def g(x: Any) -> Any:
        return 0.0 * x + vector_jacobian_product(lambda z: z**2, ForwardToy(fallback=False), np.ones(2), np.ones(2))

    with pytest.raises(UnsupportedOperationError, match="'outer' lacks a reverse rule"):
        vector_jacobian_product(g, Reverse(), np.ones(2), np.ones(2))
