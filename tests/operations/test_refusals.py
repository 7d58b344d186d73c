"""What gradients, Jacobians, Hessians and their products refuse, and what their messages say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    BatchAxisError,
    BatchMixingError,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    array_namespace,
    batched_gradient,
    batched_hessian,
    derivative,
    gauss_newton_product,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    laplacian,
    second_derivative,
)
from conftest import MODES

Backend = adhelpers.ADBackend
X, U = np.array([1.0, 2.0, -0.5]), np.array([0.5, -1.0, 2.0])
Z = np.array([1.0 + 2.0j, -0.5 + 0.25j, 0.75 - 1.0j])
BATCH = np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, 1.5]])


def columns(x: Any) -> Any:
    return array_namespace(x).sum(x**3, axis=0)


# -- errors (R2, R3, R18, R19) ---------------------------------------------------------------------------


def summed(x: Any) -> Any:
    return (x**2).sum()


SCALAR_CALLS = {
    "gradient": gradient,
    "hessian": hessian,
    "laplacian": laplacian,
    **{
        mode: lambda f, b, x, mode=mode: hessian_vector_product(f, b, x, x, mode=mode)  # type: ignore[misc]
        for mode in ("auto", *MODES)
    },
}


@pytest.mark.parametrize("call", SCALAR_CALLS.values(), ids=SCALAR_CALLS)
def test_a_gradient_is_that_of_one_real_number(backend: Backend, call: Any) -> None:
    with pytest.raises(ShapeMismatchError, match=r"f\(x\) has shape \(3,\), .* of shape \(\); sum over f\(x\), or"):
        call(lambda x: x**2, backend, X)
    with pytest.raises(StructureMismatchError, match=r"f\(x\) is a dict .* return anything else as aux with has_aux"):
        call(lambda x: {"loss": summed(x)}, backend, X)
    with pytest.raises(DTypeError, match=r"f\(x\) is complex \(.*complex128\), .* return its real part"):
        call(lambda x: summed(x) * 1j, backend, X)
    with pytest.raises(DTypeError, match=r"x\['n'\] is .*pass it in args or a closure"):
        call(lambda x: summed(x["a"]), backend, {"a": X, "n": np.arange(3)})


@pytest.mark.parametrize("call", [derivative, second_derivative])
def test_a_derivative_is_taken_at_one_number(backend: Backend, call: Any) -> None:
    with pytest.raises(
        ShapeMismatchError, match=r"x has shape \(3,\), but must be one number here.*; use (jacob|hess)ian"
    ):
        call(lambda x: x**2, backend, X)
    with pytest.raises(
        StructureMismatchError, match=r"x is a list .*, but must be one number here; use (jacob|hess)ian"
    ):
        call(lambda x: x[0] ** 2, backend, [1.0])


@pytest.mark.parametrize("call", [hessian_vector_product, gauss_newton_product])
def test_a_direction_is_like_x(backend: Backend, call: Any) -> None:
    with pytest.raises(ShapeMismatchError, match=r"u has shape \(2,\), but x has \(3,\); nothing is broadcast"):
        call(summed, backend, X, U[:2])
    with pytest.raises(DTypeError, match=r"u has dtype .*float32, but x has .*float64; nothing is cast"):
        call(summed, backend, X, U.astype(np.float32))
    with pytest.raises(StructureMismatchError, match=r"u is a tuple .*, but x is a list"):
        call(lambda x: summed(x[0]), backend, [X], (U,))


def test_options_that_do_not_exist_are_refused(backend: Backend) -> None:
    for call in (hessian, laplacian, batched_hessian, lambda *a, **k: hessian_vector_product(*a, U, **k)):
        with pytest.raises(
            ValueError, match="mode is 'forward'; write 'auto', 'forward-over-reverse', .* or 'forward-"
        ):
            call(summed, backend, X, mode="forward")
    with pytest.raises(ValueError, match="mode is 'forward-over-reverse'; write 'auto', 'forward' or 'reverse'"):
        jacobian(summed, backend, X, mode="forward-over-reverse")  # type: ignore[arg-type]
    for call in (jacobian, hessian, laplacian, batched_hessian):
        for chunk_size in (0, -1, 2.0, True, "2"):
            with pytest.raises(ValueError, match=r"chunk_size is .*; write a positive int, or None"):
                call(summed, backend, X, chunk_size=chunk_size)  # type: ignore[operator]
    for call in (batched_gradient, batched_hessian):
        with pytest.raises(BatchAxisError, match="batch_axis is 1; write -1 for the batch last, or 0"):
            call(columns, backend, BATCH, batch_axis=1)  # type: ignore[operator]
        with pytest.raises(ValueError, match="check_batch is 'never'; write True, False or 'always'"):
            call(columns, backend, BATCH, check_batch="never")  # type: ignore[operator]


def test_complex_points_without_a_matrix_are_refused(backend: Backend) -> None:
    for call in (hessian, laplacian):
        with pytest.raises(DTypeError, match=r"x has a leaf of dtype .*complex128.* use hessian_vector_product"):
            call(lambda z: summed(array_namespace(z).real(z)), backend, Z)
    with pytest.raises(
        DTypeError, match=r"complex128.* pass holomorphic=True if f is .*, otherwise use jacobian_vector_product or"
    ):
        jacobian(lambda z: z**2, backend, Z)
    with pytest.raises(DTypeError, match=r"holomorphic=True needs a complex x, .*float64; leave holomorphic out"):
        jacobian(lambda x: x**2, backend, X, holomorphic=True)
    for mode in ("forward", "reverse"):
        with pytest.raises(
            DTypeError, match=r"holomorphic=True needs a complex f\(x\), .*float64; use jacobian_vector_product or"
        ):
            jacobian(lambda z: array_namespace(z).real(z), backend, Z, mode=mode, holomorphic=True)
    for call in (batched_gradient, batched_hessian):
        with pytest.raises(DTypeError, match=r"x is complex .*complex128.* vector_jacobian_product"):
            call(lambda z: array_namespace(z).real(z)[0], backend, Z[:, None])


def test_batches_that_are_none_are_refused(backend: Backend) -> None:
    for call in (batched_gradient, batched_hessian):
        with pytest.raises(BatchAxisError, match=r"x has shape \(3,\), .* at least two dimensions"):
            call(summed, backend, X)
        for f, words in (
            (lambda x: x, r"f\(x\) is of shape \(3, 2\)"),
            (lambda x: x[0, :1], r"f\(x\) is of shape \(1,\)"),
            (lambda x: x[0][:, None], r"f\(x\) is of shape \(2, 1\)"),
            (lambda x: (x**2).sum(), r"f\(x\) is of shape \(\)"),
            (lambda x: [x[0]], r"f\(x\) is a list"),
        ):
            with pytest.raises(BatchAxisError, match=rf"{words}.*one number for each batch element, of shape \(2,\)"):
                call(f, backend, BATCH)
        with pytest.raises(BatchAxisError, match=r"of shape \(2,\), .*of shape \(3,\), for batch_axis=0"):
            call(lambda x: columns(x), backend, BATCH, batch_axis=0)
        with pytest.raises(DTypeError, match=r"f\(x\) is complex .*return its real part"):
            call(lambda x: x[0] * 1j, backend, BATCH)


def test_mixing_the_batch_is_caught(backend: Backend) -> None:
    def mixing(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(x**2 * xp.flip(x, axis=-1), axis=0)

    for call in (batched_gradient, batched_hessian):
        with pytest.raises(BatchMixingError):
            call(mixing, backend, BATCH)


def test_what_was_checked_once_is_known_of_that_operation_alone(backend: Backend) -> None:
    def later(x: Any, too: bool) -> Any:
        return columns(x) * ((x**2).sum() if too else 1.0)

    batched_gradient(later, backend, BATCH, args=(False,))
    with pytest.raises(BatchMixingError):
        batched_gradient(later, backend, BATCH, args=(True,), check_batch="always")


@pytest.mark.parametrize(
    "mixed",
    [
        lambda x: (x**2).sum(0) + x.sum(),
        lambda x: array_namespace(x).flip((x**3).sum(0)),
        lambda x: (x**3).sum(0).mean() + 0.0 * x[0],
    ],
    ids=["adds", "permutes", "pools"],
)
def test_mixing_that_the_sum_over_the_batch_does_not_show_is_caught(backend: Backend, mixed: Any) -> None:
    for call in (batched_hessian, batched_gradient):
        with pytest.raises(BatchMixingError):
            call(mixed, backend, BATCH)


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (3.0, TypeError, r"loss is 3\.0; give a function of f\(x\)"),
        (lambda y: y, ShapeMismatchError, r"loss\(f\(x\)\) has shape \(3,\)"),
        (lambda y: [y.sum()], StructureMismatchError, r"loss\(f\(x\)\) is a list"),
        (lambda y: y.sum() * 1j, DTypeError, r"loss\(f\(x\)\) is complex"),
    ],
)
def test_a_loss_is_one_real_number(backend: Backend, loss: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        gauss_newton_product(lambda x: x**2, backend, X, U, loss=loss)


def test_errors_of_a_loss_are_the_same_object(backend: Backend) -> None:
    mine = LookupError("mine")

    def loss(y: Any) -> Any:
        raise mine

    with pytest.raises(LookupError) as caught:
        gauss_newton_product(lambda x: x**2, backend, X, U, loss=loss)
    assert caught.value is mine
