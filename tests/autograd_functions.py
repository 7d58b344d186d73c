"""Numbers, functions and primitives of a user for the tests of autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.extend import defjvp, defvjp, primitive

PRODUCTS = pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def complexes(*shape: int, seed: int = 0) -> np.ndarray:
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 100)


class Counted:
    """A function between flat tuples, as a backend gets it, that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.calls = 0

    def __call__(self, *leaves: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        self.calls += 1
        return self.f(*leaves), ()


def diamond(x: Any) -> Any:
    left = anp.sin(x)
    return left * (left + x)


@primitive
def mystery(x: Any) -> Any:
    """No rule at all."""
    return np.asarray(x) * 2.0


@primitive
def forward_only(x: Any) -> Any:
    return np.sin(x)


defjvp(forward_only, lambda g, ans, x: g * anp.cos(x))


@primitive
def broken_rules(x: Any) -> Any:
    return np.asarray(x) * 2.0


def _broken(*args: Any) -> Any:
    return {}["weights"]


defvjp(broken_rules, _broken)
defjvp(broken_rules, _broken)
