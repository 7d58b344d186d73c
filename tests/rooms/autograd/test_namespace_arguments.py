"""Arguments that cannot be right are loud."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from namespace_cases.case import real

import adhelpers
from adhelpers import ArgumentError, ArgumentTypeError

pytest.importorskip("autograd")
from adhelpers_plugins.autograd import namespace


@pytest.mark.parametrize(
    "f",
    [
        lambda x: namespace.arange(x[0], x[1], 0.1),
        lambda x: namespace.bitwise_and(x, 1),
        lambda x: namespace.from_dlpack(x),
        lambda x: namespace.asarray(np.array([x[0], x[1]], dtype=object)),
        lambda x: namespace.meshgrid(x, indexing="yx"),
        lambda x: namespace.diff(x, n=-1),
        lambda x: namespace.prod(x, axis=1),
        lambda x: namespace.sum(x, 0),
        lambda x: namespace.std(x, ddof=1),
        lambda x: namespace.where(x, x, x, x),
        lambda x: namespace.matrix_transpose(x),
        lambda x: namespace.cumulative_prod(namespace.reshape(x, (3, 1))),
        lambda x: namespace.linalg.cross(x[:2], x[:2]),
        lambda x: namespace.linalg.outer(x[None], x),
        lambda x: namespace.linalg.matrix_norm(x[None], ord="l2"),
        lambda x: namespace.linalg.qr(x[None], mode="raw"),
        lambda x: namespace.flip(x, axis=1),
        lambda x: namespace.take(x, np.array([0]), axis=1),
        lambda x: namespace.max(x, axis=1),
        lambda x: namespace.permute_dims(x, (0, 0)),
        lambda x: namespace.permute_dims(x, (1,)),
        lambda x: namespace.cumulative_sum(namespace.reshape(x, (3, 1))),
        lambda x: namespace.take(namespace.reshape(x, (3, 1)), np.array([0])),
    ],
)
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
def test_bad_calls_raise(f, operation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError, IndexError, AttributeError)):
            operation(f, "autograd", real(3), real(3))


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: namespace.arange(x[0], x[1], 0.1), ArgumentTypeError, "use linspace"),
        (lambda x: namespace.asarray(np.array([x[0], x[1]], dtype=object)), ArgumentTypeError, "numbers in lists"),
        (lambda x: namespace.asarray(x, device="gpu"), ArgumentError, "device 'cpu', not 'gpu'"),
        (lambda x: namespace.cumulative_sum(x[None]), ArgumentError, "cumulative_sum needs an axis"),
        (lambda x: namespace.take(x[None], np.array([0])), ArgumentError, "take needs an axis"),
        (lambda x: namespace.diff(x, n=-1), ArgumentError, "cannot be -1"),
        (lambda x: namespace.matrix_transpose(x), ArgumentError, "two dimensions, not 1"),
        (lambda x: namespace.meshgrid(x, indexing="yx"), ArgumentError, "'xy' or 'ij', not 'yx'"),
        (lambda x: namespace.vecdot(x, x[:2]), ArgumentError, "not of 3 and 2"),
        (lambda x: namespace.linalg.cross(x[:2], x[:2]), ArgumentError, "not of 2 and 2"),
        (lambda x: namespace.linalg.outer(x[None], x), ArgumentError, "not arrays of 2 and 1"),
        (lambda x: namespace.linalg.qr(x[None], mode="raw"), ArgumentError, "not 'raw'"),
        (lambda x: namespace.linalg.matrix_norm(x[None], ord="l2"), ArgumentError, "order 'l2'"),
        (lambda x: namespace.fft.hfft(x, norm="both"), ArgumentError, "not 'both'"),
        (lambda x: namespace.fft.fft(x, n=0), ArgumentError, "at least one number, not 0"),
        (lambda x: namespace.fft.fftn(x, s=(2,)), ArgumentError, "need axes"),
        (lambda x: namespace.fft.fftn(x[None], s=(2,), axes=(0, 1)), ArgumentError, "but 2 axes"),
    ],
)
def test_what_is_checked_here_is_an_error_of_ours(f, error, message):
    """Each is a ValueError or TypeError too, as NumPy's is."""
    with pytest.raises(error, match=message):
        adhelpers.vector_jacobian_product(f, "autograd", real(3), real(3))
