"""Indices and operators."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import MASK, case, complexes, real, spread

CASES = [
    *(
        case("__getitem__", lambda xp, x, index=index: x[index] * x[0, 0], x)
        for x in (real(2, 3), complexes(2, 4)[:, :3])
        for index in (
            1,
            (-1, 2),
            (Ellipsis, None, 1),
            (slice(None, None, -1), slice(2, 0, -1)),
            (slice(0), 0),
            np.array([1, 1, 0]),
            (np.array([0, 1, 1]), np.array([2, 0, 0])),
            (np.array([[0], [1]]), np.array([2, 2, -1])),
            MASK,
            (slice(None), MASK[0]),
            np.zeros((2, 3), dtype=bool),
        )
    ),
    case("__pow__", lambda xp, x: x**2 - (-x) / 3.0 + 2.0**x - 1.0 / (x + 2.0), real(2, 3)),
    case("__matmul__", lambda xp, x: x @ x + np.ones((2, 2)) @ x - abs(x), spread(2, 2)),
]
