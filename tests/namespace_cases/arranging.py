"""Elements that are arranged: differences, grids, rows, numbers at equal distances."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, real

CASES = [
    *(
        case("diff", lambda xp, x, options=options: xp.diff(x, **options), x)
        for x in (real(4, 5), complexes(4, 2))
        for options in ({}, {"axis": 0}, {"axis": -2, "n": 2}, {"n": 3, "axis": 0}, {"n": 0}, {"n": 9})
    ),
    case("diff", lambda xp, x, y: xp.diff(x, prepend=y), real(2, 3), real(2, 1, seed=1)),
    case("diff", lambda xp, x, y: xp.diff(x, append=y, n=2), real(2, 3), real(2, 2, seed=1)),
    case("diff", lambda xp, x, y: xp.diff(x, axis=0, prepend=y, append=2.0 * y), real(2, 3), real(1, 3, seed=1)),
    case("diff", lambda xp, x: xp.diff(x, axis=0, prepend=np.ones((1, 3)), append=x[:1]), real(2, 3)),
    case("diff", lambda xp, y: xp.diff(np.ones((2, 3)), prepend=y), real(2, 1)),
    case("diff", lambda xp, x: xp.diff(x, append=x[0, 0]), real(2, 3)),
    case("broadcast_arrays", lambda xp, x, y: xp.stack(xp.broadcast_arrays(x, y)), real(2, 1), real(3, seed=1)),
    case("broadcast_arrays", lambda xp, x: xp.broadcast_arrays(x, np.ones((2, 1, 1)))[0], complexes(4)),
    *(
        case("meshgrid", lambda xp, *x, indexing=indexing: xp.stack(xp.meshgrid(*x, indexing=indexing)), *arrays)
        for indexing in ("xy", "ij")
        for arrays in ((real(3),), (real(3), real(2, seed=1)), (real(2), real(3, seed=1), real(2, seed=2)))
    ),
    case("meshgrid", lambda xp, x: xp.meshgrid(x, np.array([1.0, 2.0]))[0], real(3)),
    *(
        case("unstack", lambda xp, x, axis=axis: xp.concat(xp.unstack(x, axis=axis)[1:]), real(2, 3, 2))
        for axis in (0, 1, -1)
    ),
    case("unstack", lambda xp, x: xp.unstack(x)[1], real(3)),
    case("linspace", lambda xp, x: xp.linspace(x[0], x[1], 5), real(2)),
    case("linspace", lambda xp, x: xp.linspace(x[0], 2.0, 4, endpoint=False), real(2)),
    case("linspace", lambda xp, x: 1j * xp.linspace(0.5, x[0], 4, dtype=xp.complex128), real(2)),
    case("linspace", lambda xp, x: xp.linspace(x[0], x[1], 3), complexes(4)),
]
