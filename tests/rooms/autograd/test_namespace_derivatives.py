"""Each name of the array namespace is right in both modes, or missing.

The reference is NumPy alone: central differences of fourth order of the same function over NumPy's namespace.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from namespace_cases import CASES
from namespace_cases.case import Case, complexes
from reference_jacobians import as_dual, as_real, close, jacobian, random_like, tuple_as_real

import adhelpers

pytest.importorskip("autograd")
import autograd.numpy as anp
from autograd.core import make_vjp

from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)
"""Each name needs both rules of its own, so that none hides behind the other."""


def check(f: Callable[[tuple[Any, ...]], Any], x: tuple[np.ndarray, ...]) -> None:
    """Value, JVP and VJP against differences, dtypes and shapes included."""
    reference = jacobian(f, x)
    y = np.asarray(f(x))
    t, u = tuple(random_like(leaf, 5) for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(f, STRICT, x, t)
    same, pulled = adhelpers.value_and_vector_jacobian_product(f, STRICT, x, u)
    np.testing.assert_allclose(value, y, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(same, value)
    for result, partner in zip((pushed, *pulled), (y, *x), strict=True):
        assert type(result) is np.ndarray
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    close(as_real(pushed), reference @ tuple_as_real(t))
    close(tuple_as_real(pulled, as_dual), as_dual(u) @ reference)


def check_second_order(use: Case) -> None:
    """The derivatives, in both modes, of one number made of a product of either mode, against its differences."""
    x, pairing = use.arrays, np.float64(1.0)
    u = random_like(use.over(x), 6)
    t, direction = (tuple(random_like(leaf, seed) for leaf in x) for seed in (7, 8))

    def from_vjp(x: tuple[Any, ...]) -> Any:
        pulled = adhelpers.vector_jacobian_product(use.over, STRICT, x, u)
        return sum(anp.sum(anp.real(w * v)) for w, v in zip(t, pulled, strict=True))

    def from_jvp(x: tuple[Any, ...]) -> Any:
        return anp.sum(anp.real(u * adhelpers.jacobian_vector_product(use.over, STRICT, x, t)))

    reference = jacobian(from_vjp, x)[0]
    for f in (from_vjp, from_jvp):
        pulled = adhelpers.vector_jacobian_product(f, STRICT, x, pairing)
        close(tuple_as_real(pulled, as_dual), reference)
        pushed = adhelpers.jacobian_vector_product(f, STRICT, x, direction)
        close(as_real(pushed), np.asarray(reference @ tuple_as_real(direction)))


def check_single_precision(use: Case) -> None:
    """Dtypes stay, and the numbers are those of double precision."""

    def single(x: Any) -> np.ndarray:
        return np.asarray(x, dtype=np.complex64 if np.iscomplexobj(x) else np.float32)

    x = tuple(map(single, use.arrays))
    y = np.asarray(use.over(x))
    wide = np.dtype(np.complex128 if np.iscomplexobj(y) else np.float64)
    t, u = tuple(random_like(leaf, 5) for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(use.over, "autograd", x, t)
    pulled = adhelpers.vector_jacobian_product(use.over, "autograd", x, u)
    assert value.dtype == y.dtype
    for result, partner in zip((pushed, *pulled), (y, *x), strict=True):
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    t = tuple(leaf.astype(a.dtype) for leaf, a in zip(t, use.arrays, strict=True))
    expected = adhelpers.jacobian_vector_product(use.over, "autograd", use.arrays, t)
    np.testing.assert_allclose(pushed, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max(initial=0.0)))
    expected = adhelpers.vector_jacobian_product(use.over, "autograd", use.arrays, u.astype(wide))
    for v, e in zip(pulled, expected, strict=True):
        np.testing.assert_allclose(v, e, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(e).max(initial=0.0)))


@pytest.mark.parametrize("use", CASES)
def test_value_and_both_products(use):
    check(use.over, use.arrays)


def check_without_the_tape(use: Case) -> None:
    """What autograd itself pulls back with the namespace: it forgives no complex cotangent of a real array."""
    u = random_like(use.over(use.arrays), 6)
    expected = adhelpers.vector_jacobian_product(use.over, STRICT, use.arrays, u)
    for i, x in enumerate(use.arrays):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input")
            pull, _ = make_vjp(lambda z, i=i: use.f(namespace, *use.arrays[:i], z, *use.arrays[i + 1 :]), x)
        pulled = np.asarray(pull(u))
        assert (pulled.shape, np.iscomplexobj(pulled)) == (x.shape, np.iscomplexobj(x))
        np.testing.assert_allclose(pulled, expected[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("use", CASES)
def test_without_the_tape(use):
    check_without_the_tape(use)


@pytest.mark.parametrize("use", CASES)
def test_second_order(use):
    check_second_order(use)


@pytest.mark.parametrize("use", CASES)
def test_single_precision_stays_single(use):
    check_single_precision(use)


EMPTY = {
    "sum": lambda xp, x: xp.sum(x, axis=0),
    "cumulative_sum": lambda xp, x: xp.cumulative_sum(x, axis=0, include_initial=True),
    "max": lambda xp, x: xp.max(x, axis=1),
    "broadcast_to": lambda xp, x: xp.broadcast_to(xp.sum(x), (2, 0)),
    "broadcast_to a row": lambda xp, x: xp.broadcast_to(xp.reshape(xp.sum(x, axis=0), (3, 1)), (3, 0)),
    "concat": lambda xp, x: xp.concat([x, x, xp.ones((1, 3))]),
    "stack": lambda xp, x: xp.stack([x, x], axis=-1),
    "where": lambda xp, x: xp.where(x > 0, x, xp.sum(x)),
    "matmul": lambda xp, x: xp.matrix_transpose(x) @ x,
    "solve": lambda xp, x: xp.linalg.solve(xp.eye(3), xp.matrix_transpose(x)),
    "take": lambda xp, x: xp.take(x, np.array([0, 0]), axis=1),
    "flip": lambda xp, x: xp.flip(x),
    "roll": lambda xp, x: xp.roll(x, 1, axis=0),
    "elementwise": lambda xp, x: xp.clip(xp.exp(x) / (1.0 + x) - xp.abs(x), -1.0, 1.0) * xp.ones((1, 3)),
    "prod": lambda xp, x: xp.prod(x, axis=0),
    "prod of rows": lambda xp, x: xp.prod(x, axis=(1,)),
    "cumulative_prod": lambda xp, x: xp.cumulative_prod(x, axis=0, include_initial=True),
    "cumulative_prod of rows": lambda xp, x: xp.cumulative_prod(x, axis=1),
    "var": lambda xp, x: xp.var(x, axis=1) + xp.std(x, axis=-1),
    "sort": lambda xp, x: xp.sort(x, axis=0),
    "repeat": lambda xp, x: xp.repeat(x, 2, axis=0),
    "tile": lambda xp, x: xp.tile(x, (2, 2)),
    "diff": lambda xp, x: xp.diff(x, axis=0) + xp.sum(xp.diff(x)),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x, np.zeros((0, 2), dtype=int), axis=1),
    "unique_values": lambda xp, x: xp.unique_values(x),
    "meshgrid": lambda xp, x: xp.meshgrid(x[:, 0], xp.ones(2))[0],
    "broadcast_arrays": lambda xp, x: xp.broadcast_arrays(x, xp.ones((2, 1, 1)))[0],
    "unstack": lambda xp, x: xp.unstack(x, axis=1)[2],
    "a mask": lambda xp, x: x[np.zeros((0, 3), dtype=bool)],
    "fft": lambda xp, x: xp.fft.fft(x) + xp.fft.fft(x, n=2, axis=0)[:0],
    "rfftn": lambda xp, x: xp.fft.rfftn(x, s=(3,), axes=(1,)),
    "norms": lambda xp, x: xp.linalg.vector_norm(x, axis=1) + xp.linalg.vector_norm(x, axis=1, ord=np.inf),
    "no matrices": lambda xp, x: xp.linalg.inv(x[:, :, None] + xp.eye(3)) @ xp.linalg.qr(x[:, :, None]).Q,
    "no factors": lambda xp, x: (
        xp.linalg.svd(x[..., None], full_matrices=False).S[:, 0] + xp.linalg.det(x[..., None, :1])
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_arrays_without_elements(name):
    def f(x: Any) -> Any:
        return EMPTY[name](adhelpers.array_namespace(x), x)

    x = np.zeros((0, 3))
    y = f(x)
    pushed = adhelpers.jacobian_vector_product(f, "autograd", x, x)
    assert (pushed.shape, pushed.any()) == (y.shape, False)
    assert adhelpers.vector_jacobian_product(f, "autograd", x, np.ones_like(y)).shape == x.shape


def test_imaginary_parts_do_not_leak_through_real_intermediates():
    """A real intermediate has a real cotangent, even where it is joined to complex numbers."""

    def chain(x: tuple[Any]) -> Any:
        xp = adhelpers.array_namespace(*x)
        modulus, part = xp.abs(x[0]), xp.real(x[0])
        joined = xp.concat([modulus[1:], xp.exp(1j * x[0]), part[:1], modulus, 1j * xp.imag(x[0]), part, part])
        return joined * xp.where(joined == 0, 1.0, xp.stack([joined, 2.0 * joined])[1])

    check(chain, (complexes(4),))
