"""Which of its two maps a backend has to give, and what core makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from toys import ForwardToy, ReverseToy

from adhelpers import linearize, linearize_gradient

X, U = np.array([0.3, 1.2, -0.7]), np.array([1.0, -2.0, 0.5])


def turned(x: Any) -> Any:
    return x[[1, 2, 0]] * x


PUSHED = U[[1, 2, 0]] * X + X[[1, 2, 0]] * U
PULLED = U * X[[1, 2, 0]] + (U * X)[[2, 0, 1]]


def test_forward_mode_alone() -> None:
    lin = linearize(turned, ForwardToy(), X)
    np.testing.assert_allclose(lin.value, turned(X))
    np.testing.assert_allclose(lin.push(U), PUSHED)
    np.testing.assert_allclose(lin.pull(U), PULLED)
    np.testing.assert_allclose(lin.pull_many(np.stack([U, 2.0 * U])), np.stack([PULLED, 2.0 * PULLED]))
    np.testing.assert_allclose(lin.push_many(np.stack([U, 2.0 * U])), np.stack([PUSHED, 2.0 * PUSHED]))


def test_reverse_mode_alone() -> None:
    lin = linearize(turned, ReverseToy(), X)
    np.testing.assert_allclose(lin.push(U), PUSHED)
    np.testing.assert_allclose(lin.pull(U), PULLED)
    np.testing.assert_allclose(lin.push_many(np.stack([U, 2.0 * U])), np.stack([PUSHED, 2.0 * PUSHED]))
    hessian = linearize_gradient(lambda x: (x**3).sum(), ReverseToy(), X)
    np.testing.assert_allclose(hessian.push(U), 6.0 * X * U)
