"""Products of matrices and vectors."""

from __future__ import annotations

from namespace_cases.case import case, complexes, elementwise, real

CASES = [
    *(
        elementwise("matmul", x, y)
        for x, y in (
            (real(2, 3), real(3, 4, seed=1)),
            (real(3), real(3, 4, seed=1)),
            (real(2, 3), real(3, seed=1)),
            (real(3), real(3, seed=1)),
            (real(4, 2, 3), real(3, seed=1)),
            (real(3), real(2, 3, 2, seed=1)),
            (real(2, 1, 2, 3), real(4, 3, 1, seed=1)),
            (complexes(2, 2), real(2, 2, seed=1)),
            (complexes(4), complexes(4, seed=1)),
        )
    ),
    *(
        case("tensordot", lambda xp, x, y, axes=axes: xp.tensordot(x, y, axes=axes), x, y)
        for axes, x, y in (
            (0, real(2), real(2, 2, seed=1)),
            (1, real(2, 3), real(3, 2, seed=1)),
            (2, real(2, 2, 3), real(2, 3, 2, seed=1)),
            (((0, 2), (1, 0)), real(2, 2, 3), real(3, 2, 2, seed=1)),
            (((-1, 0), (0, -1)), real(2, 2, 3), real(3, 2, 2, seed=1)),
            (((1,), (1,)), complexes(2, 2), real(3, 2, seed=1)),
        )
    ),
    *(
        case("vecdot", lambda xp, x, y, axis=axis: xp.vecdot(x, y, axis=axis), x, y)
        for axis, x, y in (
            (-1, real(2, 3), real(2, 3, seed=1)),
            (-1, real(3), real(2, 3, seed=1)),
            (-2, real(2, 3), real(2, 3, seed=1)),
            (-1, complexes(2, 2), complexes(2, seed=1)),
        )
    ),
]
