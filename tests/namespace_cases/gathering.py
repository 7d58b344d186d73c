"""Elements that are picked: sorted, repeated, taken, each value once."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, real, spread

CASES = [
    *(
        case("sort", lambda xp, x, options=options: xp.sort(x, **options), x)
        for x, options in (
            (spread(5), {}),
            (spread(3, 4), {}),
            (spread(3, 4), {"axis": 0}),
            (spread(3, 4), {"axis": -2, "descending": True}),
            (spread(2, 3, 4), {"axis": 1, "descending": True, "stable": False}),
            (complexes(4), {}),
        )
    ),
    *(
        case("repeat", lambda xp, x, n=n, axis=axis: xp.repeat(x, n, axis=axis), x)
        for x, n, axis in (
            (real(2, 3), 2, None),
            (real(2, 3), 3, 0),
            (real(2, 3), 2, -1),
            (real(2, 3, 2), 2, -2),
            (real(2, 3), np.array([2, 0, 1]), 1),
            (real(2, 3), np.array([2, 0, 1]), -1),
            (real(1, 3), 4, 0),
            (complexes(4), np.array([0, 1, 2, 3]), None),
            (real(3), 0, 0),
            (real(), 3, None),
        )
    ),
    *(
        case("tile", lambda xp, x, n=n: xp.tile(x, n), x)
        for x, n in (
            (real(3), (2,)),
            (real(2, 3), (2,)),
            (real(2, 3), (2, 3)),
            (real(2, 3), (3, 1)),
            (real(2, 3), (2, 1, 3)),
            (real(2, 3, 2), (1, 2)),
            (complexes(2, 2), (2, 2)),
            (real(2, 3), (0, 2)),
            (real(), (2, 2)),
            (real(3), ()),
        )
    ),
    *(
        case("take_along_axis", lambda xp, x, i=i, axis=axis: xp.take_along_axis(x, i, axis=axis), x)
        for x, i, axis in (
            (real(3, 4), np.array([[0, 1], [2, 2], [-1, 0]]), -1),
            (real(3, 4), np.array([[0, 1, 2, 0]]), 0),
            (real(3, 4), np.array([[0, 1, 2, 0], [1, 1, 1, 1]]), -2),
            (complexes(4), np.array([3, 3, 0]), 0),
            (real(1, 4), np.array([[0], [3]]), 1),
        )
    ),
    case("take_along_axis", lambda xp, x: xp.take_along_axis(x, xp.argsort(x, axis=0), axis=0), spread(3, 4)),
    case("unique_values", lambda xp, x: xp.unique_values(x), spread(2, 3)),
    case("unique_all", lambda xp, x: x[0, 1] * xp.unique_all(x).values, spread(2, 3)),
    case("unique_counts", lambda xp, x: xp.unique_counts(x).values, spread(2, 3)),
    case("unique_inverse", lambda xp, x: xp.unique_inverse(x).values, complexes(4)),
]
