"""Linear algebra."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, matrices, real, spread


def of_linalg(name, *arrays, **options):
    return case(f"linalg.{name}", lambda xp, *x: getattr(xp.linalg, name)(*x, **options), *arrays)


def parts(name, *arrays, invariant=lambda xp, *factors: factors, before=lambda xp, x: x, **options):
    """All factors of a factorisation at once, as one array: what autograd has for one is not hidden by another."""

    def together(xp, x):
        factors = invariant(xp, *getattr(xp.linalg, name)(before(xp, x), **options))
        return xp.concat([xp.reshape(f, (-1,)) for f in factors])

    return case(f"linalg.{name}", together, *arrays)


def hermitian(xp, x):
    """A positive definite matrix from any."""
    return xp.conj(xp.matrix_transpose(x)) @ x + 0.5 * xp.eye(x.shape[-1], dtype=x.dtype)


def tall(*shape, seed=0):
    """Singular values far apart, so that vectors are well determined."""
    return 0.3 * real(*shape, seed=seed) + np.eye(*shape[-2:]) * (1.0 + np.arange(shape[-1]))


def tall_complex(*shape):
    return tall(*shape) + 0.3j * real(*shape, seed=9)


def projectors(xp, values, vectors):
    """What does not depend on the phase of the vectors."""
    columns = xp.matrix_transpose(vectors)
    return values, columns[..., :, None] * xp.conj(columns)[..., None, :]


def rank_one_parts(xp, u, s, vh):
    return s, xp.matrix_transpose(u)[..., :, None] * vh[..., None, :]


def rotating(*shape):
    """Some eigenvalues are complex."""
    return tall(*shape) + 0.9 * (np.tri(shape[-1], k=-1) - np.tri(shape[-1], k=-1).T)


def spectral_projectors(xp, values, vectors):
    """What depends on neither the phase nor the length of the vectors."""
    rows = xp.linalg.inv(vectors)
    return values, xp.matrix_transpose(vectors)[..., :, :, None] * rows[..., :, None, :]


CASES = [
    # linalg.
    *(
        case("linalg.matmul", lambda xp, x, y: xp.linalg.matmul(x, y), x, y)
        for x, y in ((real(2, 3), real(3, seed=1)), (real(2, 2, 3), real(3, 2, seed=1)))
    ),
    case("linalg.tensordot", lambda xp, x, y: xp.linalg.tensordot(x, y, axes=1), real(2, 3), real(3, seed=1)),
    case("linalg.vecdot", lambda xp, x, y: xp.linalg.vecdot(x, y), real(2, 3), real(3, seed=1)),
    case("linalg.matrix_transpose", lambda xp, x: xp.linalg.matrix_transpose(x), real(2, 3)),
    *(
        case("linalg.outer", lambda xp, x, y: xp.linalg.outer(x, y), x, y)
        for x, y in ((real(2), real(3, seed=1)), (complexes(2), real(2, seed=1)), (complexes(2), complexes(2, seed=1)))
    ),
    *(
        case(f"linalg.{name}", lambda xp, x, name=name: getattr(xp.linalg, name)(x), x)
        for name in ("det", "inv")
        for x in (matrices(3, 3), matrices(2, 3, 3), matrices(2, 2, 2, 2), matrices(2, 2) + 1j * real(2, 2, seed=1))
    ),
    *(
        case("linalg.solve", lambda xp, a, b: xp.linalg.solve(a, b), a, b)
        for a, b in (
            (matrices(3, 3), real(3, seed=1)),
            (matrices(3, 3), real(3, 2, seed=1)),
            (matrices(2, 3, 3), real(2, 3, 1, seed=1)),
            (matrices(3, 3, 3), real(3, seed=1)),
            (matrices(2, 3, 3), real(3, 2, seed=1)),
            (matrices(3, 3, 3), real(3, 3, seed=1)),
            (matrices(3, 3), real(2, 3, 2, seed=1)),
            (matrices(2, 1, 2, 2), real(3, 2, 2, seed=1)),
            (matrices(2, 2) + 1j * real(2, 2, seed=2), real(2, seed=1)),
            (matrices(2, 2), complexes(2, 2, seed=1)),
        )
    ),
    case("linalg.det", lambda xp, x: xp.linalg.det(x), np.array([[1.0, 2.0], [3.0, -4.0]])),
    *(
        case("linalg.slogdet", lambda xp, x: xp.linalg.slogdet(x).logabsdet, x)
        for x in (matrices(3, 3), -matrices(3, 3), matrices(2, 3, 3), tall_complex(3, 3), tall_complex(2, 2, 2))
    ),
    *(parts("slogdet", x) for x in (-matrices(3, 3), tall_complex(3, 3), tall_complex(2, 2, 2), matrices(2, 1, 2, 2))),
    *(
        of_linalg_power
        for n in (0, 1, 2, 3, 5, 10, -1, -2, -5)
        for of_linalg_power in (
            case("linalg.matrix_power", lambda xp, x, n=n: xp.linalg.matrix_power(x, n), 0.4 * matrices(3, 3)),
            case("linalg.matrix_power", lambda xp, x, n=n: xp.linalg.matrix_power(x, n), 0.4 * tall_complex(2, 2, 2)),
        )
    ),
    *(
        case("linalg.cholesky", lambda xp, x, upper=upper: xp.linalg.cholesky(hermitian(xp, x), upper=upper), x)
        for x in (real(3, 3), real(2, 3, 3), complexes(2, 2), complexes(2, 2, 2), real(1, 1))
        for upper in (False, True)
    ),
    # What NumPy reads of the matrix is what has an influence.
    case("linalg.cholesky", lambda xp, x: xp.linalg.cholesky(x), matrices(3, 3)),
    case("linalg.cholesky", lambda xp, x: xp.linalg.cholesky(x, upper=True), tall_complex(2, 3, 3)),
    *(of_linalg("eigvalsh", x) for x in (tall(3, 3), tall(2, 3, 3), tall_complex(3, 3), tall(1, 1))),
    *(parts("eigh", x) for x in (tall(3, 3), tall(2, 3, 3), tall(2, 1, 2, 2), tall(1, 1))),
    parts("eigh", real(3, 3), before=hermitian),
    parts("eigh", tall_complex(3, 3), invariant=projectors),
    parts("eigh", tall_complex(2, 2, 2), invariant=projectors),
    *(of_linalg("eigvals", x) for x in (rotating(3, 3), rotating(2, 2, 2), tall_complex(3, 3), complexes(1, 1))),
    *(
        parts("eig", x, invariant=spectral_projectors)
        for x in (rotating(3, 3), rotating(2, 2, 2), tall_complex(3, 3), tall_complex(2, 1, 2, 2))
    ),
    *(
        parts("svd", tall(*shape), full_matrices=False)
        for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3), (1, 3), (3, 1), (1, 1), (2, 1, 2, 2))
    ),
    *(parts("svd", tall(*shape)) for shape in ((3, 3), (2, 2, 2))),
    *(
        parts("svd", tall_complex(*shape), full_matrices=False, invariant=rank_one_parts)
        for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3))
    ),
    case("linalg.svd", lambda xp, x: xp.linalg.svd(x).S, tall(2, 4)),
    case("linalg.svd", lambda xp, x: xp.linalg.svd(x).U, tall(2, 4)),
    case("linalg.svd", lambda xp, x: xp.linalg.svd(x).Vh, tall(4, 2)),
    *(of_linalg("svdvals", x) for x in (tall(3, 3), tall(4, 2), tall(2, 2, 3), tall_complex(2, 3), tall(1, 1))),
    *(
        parts("qr", x)
        for x in (
            *(tall(*shape) for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3), (1, 1), (3, 1), (1, 3))),
            *(tall_complex(*shape) for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3))),
        )
    ),
    *(parts("qr", tall(*shape), mode="complete") for shape in ((3, 3), (2, 4), (2, 2, 3))),
    case("linalg.qr", lambda xp, x: xp.linalg.qr(x, mode="complete").R, tall(4, 2)),
    *(
        of_linalg("pinv", x)
        for x in (
            *(tall(*shape) for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3))),
            *(tall_complex(*shape) for shape in ((3, 3), (4, 2), (2, 4))),
        )
    ),
    of_linalg("pinv", tall(4, 2), rtol=1e-6),
    # Two columns of one rank: the rank stays where the matrix is made of its factors.
    case("linalg.pinv", lambda xp, x: xp.linalg.pinv(x[:, None] * x[None, :]), real(3)),
    *(
        of_linalg("vector_norm", x, ord=order, **options)
        for x in (3.0 * spread(2, 4) + 0.1, complexes(2, 4))
        for order in (2, 1, 3, 2.5, 0.5, -1, -2.5, np.inf, -np.inf)
        for options in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (1, 0)})
    ),
    of_linalg("vector_norm", spread(2, 3, 4), axis=(-1, -3), keepdims=True, ord=3),
    of_linalg("vector_norm", spread(2, 3, 4), axis=(0, -1), ord=np.inf),
    of_linalg("vector_norm", spread(2, 3), keepdims=True),
    of_linalg("vector_norm", np.array([0.0, 1.5, -0.5, 0.0]), ord=4),
    of_linalg("vector_norm", np.array([0.0, 1.5, -0.5, 0.0])),
    case("linalg.vector_norm", lambda xp, x: x * xp.linalg.vector_norm(x, ord=0), spread(4)),
    *(
        of_linalg("matrix_norm", x, ord=order, keepdims=keepdims)
        for x in (tall(3, 3), tall(2, 4, 2), tall(2, 3), tall_complex(3, 2))
        for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        for keepdims in (False, True)
    ),
    of_linalg("matrix_norm", tall(2, 2)),
    *(of_linalg("trace", x, offset=k) for x in (real(3, 3), real(2, 3, 4), complexes(2, 2)) for k in (0, 1, -2)),
    case("linalg.trace", lambda xp, x: 1j * xp.linalg.trace(x, dtype=xp.complex128), real(3, 3)),
    *(of_linalg("diagonal", x, offset=k) for x in (real(3, 3), real(2, 3, 4), complexes(2, 2)) for k in (0, 1, -1)),
    of_linalg("diagonal", real(2, 2, 3, 3)),
    *(
        of_linalg("cross", x, y, axis=axis)
        for x, y, axis in (
            (real(3), real(3, seed=1), -1),
            (real(2, 3), real(2, 3, seed=1), -1),
            (real(3, 2), real(3, 2, seed=1), 0),
            (real(2, 1, 3), real(4, 3, seed=1), -1),
            (real(3, 2), real(2, 3, 1, seed=1), -2),
            (complexes(4, 3), complexes(4, 3, seed=1), -1),
        )
    ),
]
