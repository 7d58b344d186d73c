"""Fourier transforms."""

from __future__ import annotations

from namespace_cases.case import case, complexes, real

NORMS = ("backward", "forward", "ortho")


def transform(name, *arrays, **options):
    return case(f"fft.{name}", lambda xp, x: getattr(xp.fft, name)(x, **options), *arrays)


CASES = [
    *(transform(name, x, norm=norm) for name in ("fft", "ifft") for norm in NORMS for x in (complexes(5), real(4))),
    *(
        transform(name, x, n=n, axis=axis, norm=norm)
        for name in ("fft", "ifft")
        for x in (complexes(3, 4), real(3, 4))
        for n, axis, norm in ((2, -1, "forward"), (6, 1, "backward"), (5, 0, "ortho"), (1, -2, "backward"))
    ),
    *(transform(name, real(n), norm=norm) for name in ("rfft", "ihfft") for norm in NORMS for n in (1, 2, 5, 6)),
    *(
        transform(name, real(3, 4), n=n, axis=axis, norm=norm)
        for name in ("rfft", "ihfft")
        for n, axis, norm in ((3, -1, "forward"), (7, 1, "backward"), (4, 0, "ortho"), (2, -2, "backward"))
    ),
    *(transform(name, complexes(n), norm=norm) for name in ("irfft", "hfft") for norm in NORMS for n in (2, 3, 4)),
    *(
        transform(name, x, n=n, axis=axis, norm=norm)
        for name in ("irfft", "hfft")
        for x in (complexes(3, 4), real(3, 4))
        for n, axis, norm in (
            (1, -1, "backward"),
            (3, -1, "forward"),
            (6, 1, "backward"),
            (7, 1, "ortho"),
            (9, -1, "forward"),
            (4, 0, "ortho"),
            (5, -2, "backward"),
        )
    ),
    *(
        transform(name, x, s=s, axes=axes, norm=norm)
        for name in ("fftn", "ifftn", "rfftn", "irfftn")
        for x in ((real(2, 3, 4),) if name == "rfftn" else (complexes(2, 3, 4), real(2, 3, 4)))
        for s, axes, norm in (
            (None, None, "backward"),
            (None, (0, 2), "ortho"),
            (None, (-1, -3), "forward"),
            ((3, 5), (0, 1), "backward"),
            ((4, 3), (-1, 0), "forward"),
            ((2, 2, 2), (0, 1, 2), "ortho"),
        )
    ),
    *(
        transform(name, x, axes=axes)
        for name in ("fftshift", "ifftshift")
        for x, axes in (
            (real(5), None),
            (complexes(3, 4), None),
            (real(3, 4), 0),
            (real(3, 4), (-1,)),
            (real(3, 5), (0, 1)),
        )
    ),
]
