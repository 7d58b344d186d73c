"""Sums, means, extremes, and running sums."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, real, spread

CASES = [
    *(
        case(name, lambda xp, x, name=name, options=options: getattr(xp, name)(x, **options), x)
        for name in ("sum", "mean", "max", "min")
        for x, all_options in (
            (spread(2, 3), ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}, {"axis": (0, 1)})),
            (spread(2, 3, 4), ({"axis": (0, 2)}, {"axis": (-1, 0)}, {"axis": (-2, -1)}, {"axis": (2, 0)})),
            (spread(2, 3, 4), ({"axis": (-1, -3), "keepdims": True}, {"axis": -2}, {"axis": 1})),
            (spread(2, 3, 2), ({"axis": (-3, 1)}, {"axis": (-3, -2)}, {"axis": ()}, {"axis": np.int64(-2)})),
            (spread(), ({},)),
        )
        for options in all_options
    ),
    *(
        case(name, lambda xp, x, name=name, axis=axis: getattr(xp, name)(x, axis=axis), complexes(2, 4))
        for name in ("sum", "mean")
        for axis in (None, 0, (0, 1), -1)
    ),
    case("sum", lambda xp, x: xp.sum(x, axis=1, dtype=xp.float64), real(2, 3)),
    case("sum", lambda xp, x: 1j * xp.sum(x, axis=1, dtype=xp.complex128), real(2, 3)),
    case("cumulative_sum", lambda xp, x: xp.cumulative_sum(x), real(4)),
    *(
        case(
            "cumulative_sum",
            lambda xp, x, axis=axis, start=start: xp.cumulative_sum(x, axis=axis, include_initial=start),
            x,
        )
        for axis in (0, 1, -1, -2)
        for start in (False, True)
        for x in (real(2, 3), complexes(4, 2))
    ),
    case("cumulative_sum", lambda xp, x: xp.cumulative_sum(x, axis=0, dtype=xp.complex128), real(3, 2)),
]
