"""What is particular to PyTorch: gradient modes, Parameters, modules, transformations, threads, missing rules."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from adhelpers import (
    UnsupportedOperationError,
    batched_jacobian,
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

X = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
U = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
PRODUCTS = [jacobian_vector_product, vector_jacobian_product]
MODES = ["auto", "forward", "reverse"]


def square(x: Any) -> Any:
    return x**2


def equal(received: Any, expected: Any) -> None:
    torch.testing.assert_close(received, torch.as_tensor(expected, dtype=received.dtype), rtol=1e-12, atol=0)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("call", PRODUCTS)
def test_gradient_modes_around_do_not_matter(context: Any, call: Any) -> None:
    with context():
        equal(call(square, None, X, U), 2 * X * U)
        made_inside = X * 1.0
        equal(call(square, None, made_inside, U * 1.0), 2 * X * U)
        for mode in MODES:
            equal(batched_jacobian(square, None, made_inside[None], mode=mode), 2 * X[None, None])


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_stay_attached_to_parameters(call: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    call(lambda x: weight * x**3, None, X, U).sum().backward()
    equal(weight.grad, (3 * X**2 * U).sum())


@pytest.mark.parametrize("mode", MODES)
def test_batched_jacobians_stay_attached_to_parameters(mode: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    batched_jacobian(lambda x: weight * x**3, None, X[None], mode=mode).sum().backward()
    equal(weight.grad, (3 * X**2).sum())


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_stay_attached_to_x(call: Any) -> None:
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(call(square, None, x, U).sum(), x)
    equal(gradient, 2 * U)
    assert x.grad is None


@pytest.mark.parametrize("call", PRODUCTS)
def test_results_are_attached_to_u_only_on_request(call: Any) -> None:
    u = U.clone().requires_grad_()
    assert not call(square, None, X, u).requires_grad
    (gradient,) = torch.autograd.grad(call(square, None, X, u, differentiate_u=True).sum(), u)
    equal(gradient, 2 * X)


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
        for call in PRODUCTS:
            v = call(lambda x: x * 0.5, None, x, x)
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
        v = call(lambda z: z.conj() * z, None, z.conj(), z.conj())
        assert not v.is_conj()


def test_operations_work_inside_transformations() -> None:
    rows = torch.stack([X, U])
    for call in PRODUCTS:
        equal(torch.func.vmap(lambda x, call=call: call(square, None, x, x))(rows), 2 * rows**2)
        equal(torch.func.grad(lambda x, call=call: call(square, None, x, x).sum())(X), 2 * X)
    jacobians = torch.func.vmap(lambda x: batched_jacobian(square, None, x[None]))(rows)
    equal(jacobians, 2 * rows[:, None, None])


def test_threads_mixing_both_products_give_right_answers() -> None:
    wrong = []

    def work(seed: int) -> None:
        x = torch.tensor([1.0 + seed, 2.0], dtype=torch.float64)
        for _ in range(50):
            for call in PRODUCTS:
                v = call(lambda x: x**3, "torch", x, x)
                if not torch.allclose(v, 3 * x**3):
                    wrong.append((seed, v))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_function_without_forward_rule() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    equal(jacobian_vector_product(Square.apply, None, X, U), 2 * X * U)

    for mode in MODES:  # by a loop, for it has no vmap rule either
        equal(batched_jacobian(Square.apply, None, X[None], mode=mode), 2 * X[None, None])


def test_outputs_and_aux_are_nobody_elses() -> None:
    constant = torch.ones(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        return (x, x, constant), constant

    y, v, aux = value_and_jacobian_vector_product(f, None, X, U, has_aux=True)
    for i, result in enumerate((*y, *v, aux)):
        result.fill_(100.0 + i)
    assert [float(result[0]) for result in (*y, *v, aux)] == [100.0 + i for i in range(7)]
    assert float(constant.sum()) == 3.0


def test_a_function_without_forward_and_second_reverse_rule() -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    with pytest.raises(UnsupportedOperationError, match="backend 'torch' lacks a forward rule .*cdist"):
        jacobian_vector_product(lambda x: torch.cdist(x, 2 * x), None, x, x)


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
