"""Modules, tensors of every kind, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import MODES, PRODUCTS, U, X, equal, square

import adhelpers
from adhelpers import (
    ArgumentTypeError,
    BatchMixingError,
    UnsupportedOperationError,
    batched_jacobian,
    hessian_vector_product,
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


@pytest.mark.parametrize("mode", MODES)
def test_a_module(mode: Any) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.GELU(), torch.nn.Linear(4, 2))
    model = model.double().eval()
    x = torch.randn(5, 3, dtype=torch.float64)
    jacobian = batched_jacobian(model, None, x, batch_axis=0, mode=mode)
    step = 1e-6
    for n in range(3):
        moved = step * torch.eye(3, dtype=torch.float64)[n]
        with torch.no_grad():
            slope = (model(x + moved) - model(x - moved)) / (2 * step)
        torch.testing.assert_close(jacobian[:, :, n].detach(), slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_random_function_is_evaluated_once(mode: Any) -> None:
    torch.manual_seed(0)
    jacobian = batched_jacobian(torch.nn.Dropout(0.5), None, torch.ones(4, 1000, dtype=torch.float64), mode=mode)
    kept = jacobian[range(4), range(4)]
    assert set(kept.flatten().tolist()) == {0.0, 2.0}
    assert float(jacobian.sum()) == float(kept.sum())


def test_zero_dimensional_float32_and_bfloat16() -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.complex64):
        x = torch.tensor(1.5, dtype=dtype)
        for f in (
            lambda x: x * 0.5,
            lambda x: 0.5 * x + 1.0,
            lambda x: torch.sub(x, 1.0, alpha=2.0),
        ):
            for call in PRODUCTS:
                v = call(f, None, x, x)
                assert (v.dtype, v.shape) == (dtype, ())


def test_meta_tensors_stay_meta() -> None:
    x = torch.ones(2, 3, device="meta")
    assert jacobian_vector_product(square, None, x, x).device.type == "meta"
    assert vector_jacobian_product(square, None, x, x).device.type == "meta"
    assert batched_jacobian(square, None, x).shape == (2, 2, 3)


def test_expanded_and_conjugated_tensors() -> None:
    expanded = torch.ones((), dtype=torch.float64).expand(3)
    for call in PRODUCTS:
        equal(call(square, None, expanded, expanded), 2 * expanded)
    z = torch.tensor([1 + 2j], dtype=torch.complex128)
    for call in PRODUCTS:
        for f in (lambda z: z.conj() * z, lambda z: z.conj(), lambda z: (2 * z).conj()):
            assert not call(f, None, z.conj(), z.conj()).is_conj()
            assert not call(f, None, z, z).is_conj()
    y, v = value_and_jacobian_vector_product(lambda z: z.conj().imag, None, z, z)
    assert not any(result.is_neg() for result in (y, v))


@pytest.mark.direct
def test_a_checkpoint_inside_f_is_swept() -> None:
    from torch.utils.checkpoint import checkpoint

    def f(x: Any) -> Any:
        return checkpoint(torch.tanh, x, use_reentrant=False) * x.sum(0, keepdim=True)

    x = torch.stack([X, 2 * X])  # two numbers, and as many batch elements as X has
    slope, total = 1 - torch.tanh(x) ** 2, x.sum(0)
    expected = torch.diag_embed((slope * total).T).permute(1, 2, 0) + torch.tanh(x)[:, None, :]
    for mode in MODES:
        for _ in range(3):  # with the check, without it, and with copies
            torch.testing.assert_close(batched_jacobian(f, None, x, mode=mode), expected)


def normalise(x: Any) -> Any:
    """What batch normalisation computes in training mode, batch first."""
    return (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_batch_normalisation_in_training_mode(call: Any) -> None:
    torch.manual_seed(0)
    x, u = torch.randn(2, 5, 3, dtype=torch.float64)
    norm = torch.nn.BatchNorm1d(3).double()
    v = call(norm, None, x, u)
    assert int(norm.num_batches_tracked) == 1
    step = 1e-6
    if call is jacobian_vector_product:
        expected = (normalise(x + step * u) - normalise(x - step * u)) / (2 * step)
    else:
        basis = step * torch.eye(15, dtype=torch.float64).reshape(15, 5, 3)
        columns = torch.stack([(normalise(x + e) - normalise(x - e)) / (2 * step) for e in basis])
        expected = (columns * u).sum((1, 2)).reshape(5, 3)
    torch.testing.assert_close(v.detach(), expected, rtol=1e-7, atol=1e-8)
    v.sum().backward()  # attached to the module's weights
    assert norm.weight.grad is not None
    for mode in MODES:
        with pytest.raises(BatchMixingError, match="batch normalisation"):
            batched_jacobian(norm, None, x, batch_axis=0, mode=mode, check_batch="always")


def test_sparse_tensors_are_refused() -> None:
    for call in PRODUCTS:
        with pytest.raises(ArgumentTypeError, match=r"torch.sparse_coo was given, .* use to_dense\(\)"):
            call(square, None, X.to_sparse(), U.to_sparse())


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_a_sparse_matrix_in_the_function() -> None:
    matrix = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]], dtype=torch.float64)
    for sparse in (matrix.to_sparse_csr(), matrix.to_sparse_coo()):
        v = jacobian_vector_product(lambda x, sparse=sparse: (sparse @ x) ** 2, None, X, U)
        equal(v, 2 * (matrix @ X) * (matrix @ U))


def test_words_for_a_rule_that_gives_tangents_of_another_shape() -> None:
    """Reverse mode replaces it."""

    def f(x: Any) -> Any:
        return torch.stack(torch._foreach_norm([x, 2.0 * x]))

    x, u = torch.tensor([[3.0, 4.0]], dtype=torch.float64), torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    expected = torch.tensor([2.2, 4.4], dtype=torch.float64)  # of (3, 4) / 5 with (1, 2)
    torch.testing.assert_close(jacobian_vector_product(f, None, x, u), expected)
    torch.testing.assert_close(adhelpers.jacobian(f, None, x, mode="forward")[0, 0], x[0] / 5.0)
    with pytest.raises(UnsupportedOperationError, match="forward gradient that has a different size"):
        jacobian_vector_product(f, adhelpers.backend("torch", fallback=False), x, u)


def test_words_for_a_rule_that_knows_one_tensor_of_a_list() -> None:
    """Reverse mode fails for a number that varies, and is right for a constant; forward mode replaces it."""
    x = torch.tensor([0.5, 2.0], dtype=torch.float64)
    v = vector_jacobian_product(
        lambda x: torch.stack(torch._foreach_mul([x, x**2], x[0])), None, x, torch.ones(2, 2, dtype=x.dtype)
    )
    torch.testing.assert_close(v, torch.tensor([1.0 + 2.0 + 0.75 + 4.0, 0.5 + 2.0], dtype=x.dtype))


multi_margin_loss = torch.nn.functional.multi_margin_loss


def test_a_function_without_forward_and_second_reverse_rule() -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    with pytest.raises(UnsupportedOperationError, match="backend 'torch' lacks a forward rule .*multi_margin_loss"):
        jacobian_vector_product(lambda x: multi_margin_loss(x, torch.tensor([0, 1])), None, x, x)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # of a checkpoint of plain values
@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.geqrf(x + 0j)[0].real,
        lambda x: (2 * x).resize_(2, 2),
        lambda x: (x + 0j).to_sparse().to_dense().real,
        lambda x: torch.linalg.qr(x, mode="r")[1],
        lambda x: torch.linalg.qr(x[:, :1], mode="complete")[0],
        lambda x: torch.utils.checkpoint.checkpoint(torch.sin, x, use_reentrant=True),
        lambda x: x * torch.full((2, 2), x[0, 0]),
    ],
    ids=["geqrf", "resize_", "to_sparse", "qr-r", "qr-complete", "checkpoint", "number"],
)
def test_other_words_for_a_missing_rule(f: Any) -> None:
    for product in PRODUCTS:
        with pytest.raises(UnsupportedOperationError, match="backend 'torch' lacks"):
            product(f, None, torch.ones(2, 2), torch.ones_like(f(torch.ones(2, 2))))


@pytest.mark.parametrize("mode", ["forward-over-forward", "forward-over-reverse", "reverse-over-forward"])
def test_a_rule_that_is_missing_when_forward_mode_is_replaced(mode: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="hardsigmoid_backward"):
        hessian_vector_product(lambda x: torch.nn.functional.hardsigmoid(x).sum(), None, X, U, mode=mode)


@pytest.mark.direct
@pytest.mark.parametrize("mode", ["forward-over-forward", "forward-over-reverse", "reverse-over-forward"])
def test_places_that_torch_func_cannot_read_are_read_by_the_other_mode(mode: Any) -> None:
    places = torch.tensor([1, 2])

    def f(x: Any) -> Any:
        return sum(k * (part**3).sum() for k, part in enumerate(torch.tensor_split(x, places.clone())))

    received = hessian_vector_product(f, None, X, U, mode=mode)
    equal(received, torch.tensor([0.0, 6.0, 12.0]) * X * U)


def test_a_users_error_that_reads_like_torchs_passes_through() -> None:
    error = NotImplementedError("Trying to use forward AD with mine that does not support it")

    def f(x: Any) -> Any:
        raise error

    with pytest.raises(NotImplementedError) as caught:
        jacobian_vector_product(f, None, X, U)
    assert caught.value is error


def test_foreign_arrays_are_refused_with_the_call_that_converts() -> None:
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(TypeError, match=r"x is a jaxlib.ArrayImpl, .* convert it with torch.from_dlpack\(x\)"):
        jacobian_vector_product(square, "torch", jnp.ones(3), np.ones(3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_results_stay_on_the_gpu() -> None:
    x, u = X.cuda(), U.cuda()
    for call in PRODUCTS:
        v = call(square, None, x, u)
        assert v.device == x.device
        equal(v.cpu(), 2 * X * U)
    for mode in MODES:
        jacobian = batched_jacobian(square, None, x[None], mode=mode)
        assert jacobian.device == x.device
        equal(jacobian.cpu(), 2 * X[None, None])


def test_a_real_function_with_complex_results_is_not_computed_from_copies() -> None:
    def f(x: Any) -> Any:
        return torch.complex(x, x**2)

    for value in (0.0, 0.0, 0.0, 1.0):
        jacobian = batched_jacobian(f, None, torch.full((2, 3), value, dtype=torch.float64))
        equal(jacobian[0, 0], torch.full((3,), 1 + 2j * value))
