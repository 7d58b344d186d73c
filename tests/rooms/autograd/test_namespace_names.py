"""Every name of the array API standard is in the namespace for autograd, and tested; nothing else is in it."""

from __future__ import annotations

from types import ModuleType

import pytest
from namespace_cases import CASES, constants

pytest.importorskip("autograd")
from namespace_values import (
    DTYPES,
)

from adhelpers_plugins.autograd import fft, linalg, namespace

CONSTANTS = "e inf nan newaxis pi"

FROM_NOTHING = "arange broadcast_shapes empty empty_like eye from_dlpack ones zeros"
OF_DTYPES = "can_cast finfo iinfo isdtype result_type"
OF_INTEGERS = "bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor"
NOT_OF_TRACED_ARRAYS = {*" ".join((CONSTANTS, DTYPES, FROM_NOTHING, OF_DTYPES, OF_INTEGERS)).split()}

ELEMENTWISE = """
abs acos acosh add asin asinh atan atan2 atanh ceil clip conj copysign cos cosh divide equal exp expm1 floor
floor_divide greater greater_equal hypot imag isfinite isin isinf isnan less less_equal log log10 log1p log2 logaddexp
logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow
real reciprocal remainder round sign signbit sin sinh sqrt square subtract tan tanh trunc
"""
OTHERS = """
all any argmax argmin argsort asarray astype broadcast_arrays broadcast_to concat count_nonzero cumulative_prod
cumulative_sum diff expand_dims flip full full_like linspace matmul matrix_transpose max mean meshgrid min moveaxis
nonzero ones_like permute_dims prod repeat reshape roll searchsorted sort squeeze stack std sum take
take_along_axis tensordot tile tril triu unique_all unique_counts unique_inverse unique_values unstack var vecdot
where zeros_like
"""
LINALG = """
cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose
outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
"""
FFT = "fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn"

MAIN = NOT_OF_TRACED_ARRAYS | {*ELEMENTWISE.split()} | {*OTHERS.split()}


def names_of(module: ModuleType) -> set[str]:
    """What can be called through the module."""
    return {name for name in vars(module) if not name.startswith("_")} - {"annotations", "Any"}


def test_the_names_are_those_of_the_standard():
    assert names_of(namespace) - {"linalg", "fft"} == MAIN
    assert names_of(linalg) == {*LINALG.split()}
    assert names_of(fft) == {*FFT.split()}


def test_every_name_is_tested():
    tested = {param.values[0].name for param in CASES}
    tested |= set(constants.CONSTANTS)
    assert tested >= MAIN - NOT_OF_TRACED_ARRAYS
    assert {f"linalg.{name}" for name in LINALG.split()} - {"linalg.matrix_rank"} <= tested
    assert {f"fft.{name}" for name in FFT.split()} - {"fft.fftfreq", "fft.rfftfreq"} <= tested


@pytest.mark.parametrize(("module", "name"), [(namespace, "einsum"), (linalg, "norm"), (fft, "fft2")])
def test_a_missing_name_says_what_to_do(module, name):
    path = name if module is namespace else f"{module.__name__.rpartition('.')[2]}.{name}"
    with pytest.raises(AttributeError, match=rf"{path}.*autograd\.numpy\.{path}"):
        getattr(module, name)
    assert not hasattr(module, name)
