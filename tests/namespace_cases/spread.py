"""Products along axes, variances and standard deviations."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, real, spread

CASES = [
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("prod", "var", "std")
        for x, all_options in (
            (spread(2, 3), ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}, {"axis": (0, 1)})),
            (spread(2, 3, 4), ({"axis": (0, 2)}, {"axis": (-1, 0)}, {"axis": (-2, -1)}, {"axis": (2, 0)})),
            (spread(2, 3, 4), ({"axis": (-1, -3), "keepdims": True}, {"axis": -2}, {"axis": 1}, {"axis": (1,)})),
            (complexes(2, 4), ({}, {"axis": 1}, {"axis": (1, 0), "keepdims": True})),
        )
        for options in all_options
    ),
    case("prod", lambda xp, x: xp.prod(x), real()),
    case("prod", lambda xp, x: xp.prod(x, axis=()), real(3)),
    *(
        case(name, lambda xp, x, name=name, axis=axis: getattr(xp, name)(x, axis=axis), x)
        for name in ("prod", "cumulative_prod")
        for x in (
            np.array([[0.5, 0.0, 2.0, -1.5, 3.0], [0.0, 1.5, -0.5, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0, 2.0]]),
            np.array([[0.0, 0.0, 1.0 + 2.0j], [1.0j, 0.0, 2.0 - 1.0j]]),
            np.zeros((2, 3)),
            np.zeros((1, 1)),
        )
        for axis in (0, -1)
    ),
    case("prod", lambda xp, x: xp.prod(x, axis=1, dtype=xp.float64), real(2, 3)),
    case("prod", lambda xp, x: 1j * xp.prod(x, axis=0, dtype=xp.complex128), real(2, 3)),
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("var", "std")
        for x in (spread(3, 4), complexes(3, 4))
        for options in (
            {"correction": 1},
            {"correction": 1.0, "axis": 0},
            {"correction": 0.5, "axis": -1, "keepdims": True},
            {"correction": 2, "axis": (0, -1)},
        )
    ),
    case("var", lambda xp, x: xp.var(x, axis=0), real(1, 3)),
    case("std", lambda xp, x: xp.std(x, axis=0), real(1, 3)),
    case("std", lambda xp, x: xp.std(x), real()),
    case("cumulative_prod", lambda xp, x: xp.cumulative_prod(x), real(7)),
    case("cumulative_prod", lambda xp, x: xp.cumulative_prod(x, dtype=xp.complex128), complexes(4)),
    *(
        case(
            "cumulative_prod",
            lambda xp, x, axis=axis, start=start: xp.cumulative_prod(x, axis=axis, include_initial=start),
            x,
        )
        for axis in (0, 1, -1, -2)
        for start in (False, True)
        for x in (real(2, 3), complexes(4, 2))
    ),
]
