"""Names without a derivative: the arrays and the options to call them with."""

from __future__ import annotations

import numpy as np

COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


X = np.array([[0.5, -1.5, np.inf], [2.5, 0.0, -0.7]])
Y = np.array([[0.5, 1.0, 2.0], [-2.5, 0.0, np.nan]])

CONSTANTS = {
    **{name: ((X,), [{}]) for name in ("ceil", "floor", "round", "trunc", "isfinite", "isinf", "isnan", "logical_not")},
    **{name: ((Y,), [{}]) for name in ("isnan", "zeros_like", "ones_like", "signbit", "nonzero")},
    "argsort": ((X,), [{}, {"axis": 0}, {"descending": True, "stable": False}]),
    "isin": ((X, Y), [{}, {"invert": True}]),
    "count_nonzero": ((X,), [{}, {"axis": 0}, {"axis": (-1,), "keepdims": True}]),
    "searchsorted": ((np.sort(X[0]), X[1]), [{}, {"side": "right"}, {"sorter": np.array([0, 2, 1])}]),
    "floor_divide": ((np.where(np.isinf(X), 3.1, X), np.array([0.3, -0.7, 2.0])), [{}]),
    **{name: ((X,), [{}, {"axis": 0}, {"axis": -1, "keepdims": True}]) for name in ("argmax", "argmin", "all", "any")},
    **{name: ((X, Y), [{}]) for name in (*COMPARISONS, "logical_and", "logical_or", "logical_xor", "result_type")},
}
