"""The simple relation that a wrong derivative may have to the right one, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adhelpers.testing.correctness.differences import Values


def relation(received: Values, expected: Values) -> str | None:
    """How the received result differs from the derivative, if that is a simple relation."""
    if [a.shape for a in received] != [b.shape for b in expected]:
        return None
    if not any(np.any(a) for a in received):
        return "zero, and not"
    trials: list[tuple[str, Callable[[np.ndarray], Any]]] = [
        ("the negative of", np.negative),
        ("the complex conjugate of", np.conj),
    ]
    size = sum(float(np.sum(np.abs(b) ** 2)) for b in expected)
    factor = sum(float(np.real(np.sum(np.conj(b) * a))) for a, b in zip(received, expected, strict=True)) / (
        size or 1.0
    )
    trials.append((f"{factor:.7g} times", lambda b: factor * b))
    for words, transform in trials:
        if _close_to(received, tuple(np.asarray(transform(b)) for b in expected)):
            return words
    if len(received) > 1 and _close_to(tuple(reversed(received)), expected):
        return "the leaves in another order of"
    return None


def _close_to(a: Values, b: Values) -> bool:
    sizes = [float(np.max(np.abs(other), initial=0.0)) for other in b]
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-6 * size)
        for one, other, size in zip(a, b, sizes, strict=True)
    )
