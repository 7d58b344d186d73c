"""Functions of single elements that autograd has with both rules."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import above_one, case, complexes, elementwise, positive, real, spread

TRIGONOMETRIC = ("asin", "acos", "atan", "asinh", "atanh", "sin", "cos", "tan", "sinh", "cosh", "tanh")

CASES = [
    # Elementwise, of one argument.
    *(
        elementwise(name, x)
        for name in (*TRIGONOMETRIC, "exp", "expm1", "log1p", "square", "negative", "conj", "real", "imag")
        for x in (real(2, 3), complexes(8) / 2, real())
    ),
    *(
        elementwise(name, x)
        for name in ("log", "log2", "log10", "sqrt", "reciprocal")
        for x in (positive(2, 3), complexes(8), positive())
    ),
    *(elementwise("acosh", x) for x in (above_one(2, 3), complexes(8))),
    *(elementwise("abs", x) for x in (spread(2, 4), complexes(8))),
    # Elementwise, of two.
    *(
        elementwise(name, x, y)
        for name in ("add", "subtract", "multiply", "divide")
        for x, y in (
            (real(2, 3), positive(3, seed=1)),
            (real(1), positive(2, 3, seed=1)),
            (real(), complexes(4, seed=1)),
            (complexes(4), positive(3, 1, seed=1)),
            (complexes(2, 2), complexes(2, seed=1)),
        )
    ),
    *(
        elementwise(name, x, y)
        for name in ("atan2", "logaddexp", "maximum", "minimum")
        for x, y in ((real(2, 3), real(2, 3, seed=1)), (real(3), real(2, 1, seed=1)), (real(), real(2, seed=1)))
    ),
    *(
        elementwise("pow", x, y)
        for x, y in (
            (positive(2, 3), real(3, seed=1)),
            (positive(), real(2, seed=1)),
            (complexes(4), complexes(4, seed=1)),
            (complexes(4), real(seed=1)),
            (positive(3), complexes(3, seed=1)),
        )
    ),
    case("pow", lambda xp, x: xp.pow(x, 3), real(4)),
    case("pow", lambda xp, x: xp.pow(x, np.array([0.0, 1.0, 2.0, -1.0])), real(4)),
    case("pow", lambda xp, x: xp.pow(2.0, x), real(4)),
    case("maximum", lambda xp, x: xp.maximum(x, 0.1) + xp.minimum(0.2, x), spread(5)),
]
