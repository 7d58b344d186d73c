"""Frequencies, and lengths that have no axes."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from adhelpers_plugins.autograd import fft
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)


def test_frequencies_are_numpys():
    np.testing.assert_array_equal(fft.fftfreq(5, d=0.5), np.fft.fftfreq(5, d=0.5))
    np.testing.assert_array_equal(fft.rfftfreq(5, d=0.5), np.fft.rfftfreq(5, d=0.5))


@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_lengths_go_with_axes(name):
    for options in ({"s": (2, 2)}, {"s": (2,), "axes": (0, 1)}):
        with pytest.raises(adhelpers.ArgumentError, match="axes"):
            adhelpers.jacobian_vector_product(
                lambda x, options=options: getattr(fft, name)(x, **options), STRICT, np.ones((2, 2)), np.ones((2, 2))
            )
