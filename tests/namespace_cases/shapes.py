"""Casts, limits, and arrays of other shapes."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import MASK, case, complexes, elementwise, real, spread

CASES = [
    case("astype", lambda xp, x: 1j * xp.astype(x, xp.complex128), real(3)),
    case("astype", lambda xp, x: xp.astype(x, xp.float64, copy=False), real(3)),
    case("asarray", lambda xp, x: xp.asarray(x), real(3)),
    case("asarray", lambda xp, x: xp.asarray([x[0], 2.0, x[1] * x[0]]), real(3)),
    case("asarray", lambda xp, x: xp.asarray([[x[0], 2.0], [x[2], x[0]]], dtype=xp.complex128) * 1j, real(3)),
    *(
        case("broadcast_to", lambda xp, x, shape=shape: xp.broadcast_to(x, shape), x)
        for x, shape in (
            (real(3), (2, 3)),
            (real(2, 1), (4, 2, 3)),
            (real(), (2, 2)),
            (real(1), (1,)),
            (complexes(1, 4), (3, 4)),
        )
    ),
    case("clip", lambda xp, x: xp.clip(x, -0.31, 0.52), spread(9)),
    case("clip", lambda xp, x: xp.clip(x, min=-0.31), spread(9)),
    case("clip", lambda xp, x: xp.clip(x, max=0.52), spread(9)),
    case("clip", lambda xp, x: xp.clip(x), spread(9)),
    case("clip", lambda xp, x, low: xp.clip(x, low, 0.7), spread(4, 2), real(2, seed=3)),
    *(
        case("concat", lambda xp, x, y, axis=axis: xp.concat([x, y, 2.0 * x], axis=axis), x, y)
        for axis, x, y in (
            (0, real(2, 3), real(1, 3, seed=1)),
            (-1, real(2, 3), real(2, 1, seed=1)),
            (-2, real(2, 3), real(1, 3, seed=1)),
            (None, real(2, 3), real(4, 1, seed=1)),
            (1, real(2, 2), complexes(2, 2, seed=1)),
        )
    ),
    case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=1), real(2, 3)),
    case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=-1), real(2, 3)),
    *(
        case("flip", lambda xp, x, axis=axis: xp.flip(x, axis=axis), real(2, 3, 4))
        for axis in (None, 0, -1, (0, -1), (1,), ())
    ),
    case("matrix_transpose", lambda xp, x: xp.matrix_transpose(x), real(2, 3, 4)),
    case("moveaxis", lambda xp, x: xp.moveaxis(x, 0, -1), real(2, 3, 4)),
    case("moveaxis", lambda xp, x: xp.moveaxis(x, (0, -1), (1, 0)), real(2, 3, 4)),
    *(
        case("permute_dims", lambda xp, x, axes=axes: xp.permute_dims(x, axes), real(*shape))
        for axes, shape in (
            ((1, 0), (2, 3)),
            ((2, 0, 1), (2, 3, 4)),
            ((-1, 0, 1), (2, 3, 4)),
            ((-1, 0, 1), (2, 2, 2)),
        )
    ),
    case("reshape", lambda xp, x: xp.reshape(x, (3, -1)), real(2, 3)),
    case("reshape", lambda xp, x: xp.reshape(x, shape=(6,)), real(2, 3)),
    case("reshape", lambda xp, x: xp.reshape(x, (3, 2), copy=True), real(2, 3)),
    *(
        case("roll", lambda xp, x, shift=shift, axis=axis: xp.roll(x, shift, axis=axis), real(2, 3))
        for shift, axis in ((1, None), (-2, 1), (1, -2), ((1, 2), (0, -1)), (1, (0, 1)))
    ),
    case("squeeze", lambda xp, x: xp.squeeze(x, axis=1), real(2, 1, 3, 1)),
    case("squeeze", lambda xp, x: xp.squeeze(x, axis=(1, -1)), real(2, 1, 3, 1)),
    *(
        case("stack", lambda xp, x, y, axis=axis: xp.stack([x, y, x * y], axis=axis), real(2, 3), real(2, 3, seed=1))
        for axis in (0, 1, -1)
    ),
    case("stack", lambda xp, x, y: xp.stack([x, y]), real(2), complexes(2)),
    *(
        case("take", lambda xp, x, axis=axis: xp.take(x, np.array([2, 0, 2, -1]), axis=axis), real(3, 3))
        for axis in (0, 1, -1, -2)
    ),
    case("take", lambda xp, x: xp.take(x, np.array([[1, 1], [0, 2]]), axis=0), real(3, 2)),
    case("take", lambda xp, x: xp.take(x, np.array([1, 1, 0])), complexes(4)),
    *(
        case(name, lambda xp, x, name=name, k=k: getattr(xp, name)(x, k=k), real(2, 3, 3))
        for name in ("tril", "triu")
        for k in (-1, 0, 1)
    ),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(2, 3), real(2, 3, seed=1)),
    case("where", lambda xp, x: xp.where(MASK, x, 0.5), real(2, 3)),
    case("where", lambda xp, x: xp.where(MASK, 0.5, x), real(2, 3)),
    case("where", lambda xp, x: xp.where(x > 0.0, x**2, x), spread(6)),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(), real(3, seed=1)),
    case("where", lambda xp, x, y: xp.where(MASK[0], x, y), real(3), real(2, 3, seed=1)),
    case("where", lambda xp, x, y: xp.where(MASK, x, y), real(2, 3), complexes(2, 1, seed=1)),
    case("where", lambda xp, x, y: xp.where(MASK[0], x, y), real(2, 3), real(3, seed=1)),
    case("full_like", lambda xp, x: x * xp.full_like(x, x[0]), real(3)),
    case("full", lambda xp, x: x * xp.full((3,), x[0]), real(3)),
    case("full_like", lambda xp, x: xp.full_like(x, x[0] ** 2, dtype=xp.complex128) * 1j, real(3)),
    case("full", lambda xp, x: xp.full(2, x[1], dtype=xp.complex128) * 1j, real(3)),
    *(elementwise("sign", x) for x in (spread(4), complexes(8))),
]
