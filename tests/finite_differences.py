"""A point, a direction, and the accuracy that differences must have there."""

from __future__ import annotations

from typing import Any

import numpy as np

POINT = np.array([0.3, -1.2, 2.0])
TANGENT = np.array([1.0, -0.5, 0.2])


def accuracy(dtype: Any, order: int) -> float:
    """What the docstring promises, three times over."""
    return 3.0 * float(np.finfo(dtype).eps) ** (order / (order + 1))
