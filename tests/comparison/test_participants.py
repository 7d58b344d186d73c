"""One operation of one backend, from NumPy data to NumPy data."""

from __future__ import annotations

from typing import Any

import numpy as np
from comparing import X, quickly


def test_x_is_not_changed_by_a_function_that_works_in_place() -> None:
    def in_place(x: Any) -> Any:
        x *= 2.0
        return x

    x = X.copy()
    quickly(in_place, x, backends=["finite-difference"])
    np.testing.assert_array_equal(x, X)
