"""The Fourier transforms of the array namespace for autograd, held to differences of the same functions over NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from test_autograd_namespace import (
    STRICT,
    case,
    check,
    check_second_order,
    check_single_precision,
    check_without_the_tape,
    complexes,
    real,
)

from adhelpers_plugins.autograd import fft

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


@pytest.mark.parametrize("use", CASES)
def test_value_and_both_products(use):
    check(use.over, use.arrays)


@pytest.mark.parametrize("use", CASES)
def test_without_the_tape(use):
    check_without_the_tape(use)


@pytest.mark.parametrize("use", CASES)
def test_second_order(use):
    check_second_order(use)


@pytest.mark.parametrize("use", CASES)
def test_single_precision_stays_single(use):
    check_single_precision(use)


def test_frequencies_are_numpys():
    np.testing.assert_array_equal(fft.fftfreq(5, d=0.5), np.fft.fftfreq(5, d=0.5))
    np.testing.assert_array_equal(fft.rfftfreq(5, d=0.5), np.fft.rfftfreq(5, d=0.5))


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_lengths_go_with_axes(name):
    for options in ({"s": (2, 2)}, {"s": (2,), "axes": (0, 1)}):
        with pytest.raises(ValueError, match="axes|argument"):
            adhelpers.jacobian_vector_product(
                lambda x, options=options: getattr(fft, name)(x, **options), STRICT, np.ones((2, 2)), np.ones((2, 2))
            )
