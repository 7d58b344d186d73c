"""Functions of sets have derivatives, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError
from conftest import MODES

pytest.importorskip("jax")
import jax
import jax.numpy as jnp

from adhelpers_plugins.jax.steps.sets import FIRST_TO_KEEP_ARGUMENTS

BACKEND = adhelpers.backend("jax", x64=True)
X, T = np.array([1.4, 0.7, 3.0, 0.7]), np.array([1.0, 2.0, 3.0, 4.0])
SETS: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "unique": (jnp.unique, [2.0, 1.0, 3.0]),
    "of a product": (lambda x: jnp.unique(2.0 * x), [4.0, 2.0, 6.0]),
    "more of unique": (
        lambda x: jnp.unique(x, return_index=True, return_inverse=True, return_counts=True)[0],
        [2, 1, 3],
    ),
    "rows": (lambda x: jnp.unique(jnp.reshape(x, (2, 2)), axis=0).ravel(), [1.0, 2.0, 3.0, 4.0]),
    "unique_values": (jnp.unique_values, [2.0, 1.0, 3.0]),
    "unique_counts": (lambda x: jnp.unique_counts(x).values, [2.0, 1.0, 3.0]),
    "setdiff1d": (lambda x: jnp.setdiff1d(x, jnp.asarray([3.0])), [2.0, 1.0]),
    "setxor1d": (lambda x: jnp.setxor1d(x, 2.0 * x + 0.1), [2.0, 1.0, 4.0, 2.0, 3.0, 6.0]),
    "union1d of a size": (lambda x: jnp.union1d(x, 2.0 * x, size=5), [2.0, 1.0, 2.0, 3.0, 6.0]),
}


forgets = jax.__version_info__ < FIRST_TO_KEEP_ARGUMENTS
in_newer_versions = pytest.mark.skipif(forgets, reason="sets are refused on this version of JAX")


@pytest.mark.skipif(not forgets, reason="this version of JAX knows what it was called with")
@pytest.mark.parametrize("name", SETS)
def test_there_are_no_derivatives_of_sets_on_older_versions(name: str) -> None:
    if name == "union1d of a size":
        np.testing.assert_allclose(adhelpers.jacobian_vector_product(SETS[name][0], BACKEND, X, T), SETS[name][1])
        return
    with pytest.raises(UnsupportedOperationError, match=r"install JAX 0\.5\.2 or newer, give a size"):
        adhelpers.jacobian_vector_product(SETS[name][0], BACKEND, X, T)


@in_newer_versions
@pytest.mark.parametrize("name", SETS)
def test_sets_have_derivatives(name: str) -> None:
    """Those of where each value first stands."""
    f, expected = SETS[name]
    np.testing.assert_allclose(adhelpers.jacobian_vector_product(f, BACKEND, X, T), expected)
    J = adhelpers.jacobian(f, BACKEND, X, mode="reverse")
    np.testing.assert_allclose(np.asarray(J) @ T, expected)


@in_newer_versions
def test_a_second_derivative_of_a_set() -> None:
    H = adhelpers.hessian(lambda x: jnp.sum(jnp.unique(x) ** 3), BACKEND, X)
    np.testing.assert_allclose(H, np.diag([6 * 1.4, 6 * 0.7, 18.0, 0.0]))


@in_newer_versions
@pytest.mark.parametrize("mode", MODES)
def test_sets_within_a_derivative(mode: str) -> None:
    """Of what the outer one knows, and of what it does not."""

    def f(x: Any) -> Any:
        return jnp.sum(jnp.setxor1d(x, 2.0 * x + 0.1) ** 2) + jnp.sum(jnp.unique(x)) * x[0]

    expected = np.diag([10.0, 10.0, 10.0, 0.0])  # 0.7 stands there twice, and the first one counts
    expected[0] += [1.0, 1.0, 1.0, 0.0]
    expected[:, 0] += [1.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(adhelpers.hessian(f, BACKEND, X, mode=mode), expected)

    def slope(t: Any) -> Any:
        return t**2 * jnp.sum(adhelpers.gradient(lambda x: jnp.sum(jnp.unique(x) ** 2), BACKEND, X))

    for operation in (adhelpers.derivative, adhelpers.second_derivative):
        factor = 6.0 if operation is adhelpers.derivative else 2.0
        np.testing.assert_allclose(operation(slope, BACKEND, 3.0), factor * 2.0 * (1.4 + 0.7 + 3.0))


def test_a_union_of_unknown_size_is_refused() -> None:
    with pytest.raises(UnsupportedOperationError, match="concatenate"):
        adhelpers.jacobian(lambda x: jnp.union1d(x, 2.0 * x), BACKEND, X)


def test_sets_of_constants_are_left_alone() -> None:
    labels = np.array([3, 1, 3])
    functions: tuple[Callable[[Any], Any], ...] = (
        lambda x: x[:2] * jnp.unique(labels) + (np if forgets else jnp).unique(np.asarray([2.0, 2.0])),
        lambda x: x[:2] * jnp.union1d(labels, labels),
    )
    for f in functions:
        np.testing.assert_allclose(adhelpers.jacobian(f, BACKEND, X), [[1.0, 0, 0, 0], [0, 3.0, 0, 0]])


def test_none_is_here_that_jax_has_mended() -> None:
    with BACKEND.scope():
        for f in (jnp.unique, lambda x: jnp.union1d(x, x)):
            lost = jax.jvp(f, (jnp.asarray(X),), (jnp.asarray(T),))[1]
            assert not lost.any(), "sets may leave the steps that are mended"
