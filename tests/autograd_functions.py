"""Numbers, functions and primitives of a user for the tests of autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
import autograd
import autograd.numpy as anp
from autograd.extend import defjvp, defvjp, primitive

PRODUCTS = pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def complexes(*shape: int, seed: int = 0) -> np.ndarray:
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 100)


def raw_pairings(f: Callable[[Any], Any], x: np.ndarray, t: np.ndarray, u: np.ndarray) -> dict[str, float]:
    """Re(sum(u * J t)) by autograd alone, by mode: no number where a rule is missing, fails or has another shape."""

    def paired(a: np.ndarray, compute: Callable[[], np.ndarray]) -> float:
        try:
            with np.errstate(all="ignore"):
                b = compute()
                return float(np.sum(np.real(a * b))) if np.shape(b) == np.shape(a) else np.nan
        except Exception:  # noqa: BLE001  # each rule fails in its own way
            return np.nan

    return {
        "F": paired(u, lambda: autograd.make_jvp(f)(x)(t)[1]),
        "R": paired(t, lambda: autograd.make_vjp(f, x)[0](u)),
    }


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
