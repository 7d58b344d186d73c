"""What is particular to PyTorch: gradient modes, Parameters, modules, transformations, threads, missing rules."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    BatchMixingError,
    UnsupportedOperationError,
    batched_jacobian,
    hessian,
    jacobian,
    jacobian_vector_product,
    second_derivative,
    value_and_jacobian_vector_product,
    value_and_second_derivative,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")
levels = pytest.importorskip("adhelpers_plugins.torch.levels")

X = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
U = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
PRODUCTS = [jacobian_vector_product, vector_jacobian_product]
MODES = ["auto", "forward", "reverse"]


@pytest.fixture(autouse=True, params=[True, False], ids=["direct", "torch.func alone"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test also holds where PyTorch does not tell which transformations are active."""
    if not request.param and request.node.get_closest_marker("direct"):
        pytest.skip("torch.func alone cannot do this")
    monkeypatch.setattr(levels, "KNOWN", request.param and levels.KNOWN)


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


@pytest.mark.parametrize("call", [value_and_jacobian_vector_product, value_and_vector_jacobian_product])
def test_values_and_aux_stay_attached_to_parameters(call: Any) -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    y, _, aux = call(lambda x: (weight * x**3, weight * x), None, X, U, has_aux=True)
    (y.sum() + aux.sum()).backward()
    equal(weight.grad, (X**3 + X).sum())
    with torch.no_grad():
        y, v, aux = call(lambda x: (weight * x**3, weight * x), None, X, U, has_aux=True)
    assert not any(result.requires_grad for result in (y, v, aux))
    for result in call(lambda x: x**3, None, X, U):
        assert not result.requires_grad


def test_only_what_depends_on_a_parameter_is_attached() -> None:
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    for call in (value_and_jacobian_vector_product, value_and_vector_jacobian_product):
        u = U if call is value_and_jacobian_vector_product else (U, U)
        (first, second), _, aux = call(lambda x: ((x**2, weight * x), x * 3), None, X, u, has_aux=True)
        assert (first.requires_grad, second.requires_grad, aux.requires_grad) == (False, True, False)
    assert not vector_jacobian_product(lambda x: x**2 + weight, None, X, U).requires_grad
    assert not vector_jacobian_product(lambda x: 3.0 * x, None, X.clone().requires_grad_(), U).requires_grad


@pytest.mark.direct
def test_what_f_keeps_is_not_what_is_returned() -> None:
    kept = torch.zeros(3, dtype=torch.float64)

    def f(x: Any) -> Any:
        kept.copy_(2.0 * x.detach())
        return kept + 0.0 * x, kept

    for call in (value_and_jacobian_vector_product, value_and_vector_jacobian_product):
        u = U if call is value_and_jacobian_vector_product else (U, U)
        (first, second), _ = call(f, None, X, u)
        call(f, None, 5 * X, u)
        equal(first, 2 * X)
        equal(second, 2 * X)


@pytest.mark.parametrize("call", PRODUCTS)
def test_tensors_made_in_inference_mode(call: Any) -> None:
    with torch.inference_mode():
        x, scale = X * 1.0, X * 2.0
    equal(call(square, None, x, U), 2 * X * U)
    equal(call(lambda x: scale * x, None, X, U), 2 * X * U)


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


class OldStyle(torch.autograd.Function):
    """x squared, in the style that torch.func refuses."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g


class ByNumpy(OldStyle):
    """Its backward pass cannot be vectorised."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.from_numpy(2 * x.detach().numpy() * g.detach().numpy())


class Once(OldStyle):
    """Its backward pass works outside of the graph."""

    backward = staticmethod(torch.autograd.function.once_differentiable(OldStyle.backward))


class ForwardOnly(torch.autograd.Function):
    """x squared, without a backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.x = x
        return x**2

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        return 2 * ctx.x * tangent


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_custom_functions_that_torch_func_refuses(call: Any) -> None:
    v = call(OldStyle.apply, None, X, U)
    equal(v, 2 * X * U)
    assert not v.requires_grad
    equal(call(ForwardOnly.apply, None, X, U), 2 * X * U)
    for outer in PRODUCTS:
        equal(outer(lambda x: call(OldStyle.apply, None, x, U), None, X, U), 2 * U * U)
    for mode in MODES:
        equal(batched_jacobian(OldStyle.apply, None, X[None], mode=mode), 2 * X[None, None])
    equal(batched_jacobian(ByNumpy.apply, None, X[None], mode="reverse"), 2 * X[None, None])


class KeepsItsGradient(OldStyle):
    """Its backward pass returns the same memory every time."""

    buffer = torch.zeros(3, dtype=torch.float64)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return KeepsItsGradient.buffer.copy_(2 * x.detach() * g.detach())


@pytest.mark.direct
def test_a_gradient_in_memory_of_the_users_is_copied() -> None:
    first = vector_jacobian_product(KeepsItsGradient.apply, None, X, U)
    vector_jacobian_product(KeepsItsGradient.apply, None, X, 10.0 * U)
    equal(first, 2 * X * U)
    equal(jacobian(KeepsItsGradient.apply, None, X, mode="reverse"), torch.diag(2 * X))


class LooksAtItsCotangent(OldStyle):
    """Its backward pass takes a decision, which no vmap can follow."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 2 * x * g if g.abs().sum().item() > 0 else torch.zeros_like(x)


@pytest.mark.direct
def test_a_rule_that_vmap_lacks_is_no_warning() -> None:
    J = batched_jacobian(lambda x: torch.cummax(x, 0)[0], None, torch.stack([X, X + 1.0]), mode="reverse")
    equal(J, torch.eye(2, dtype=X.dtype)[:, :, None].expand(2, 2, len(X)))


@pytest.mark.direct
def test_what_no_vmap_can_follow_is_looped_over() -> None:
    equal(jacobian(LooksAtItsCotangent.apply, None, X, mode="reverse"), torch.diag(2 * X))
    for mode in MODES:  # a view of complex numbers, in forward mode
        equal(jacobian(lambda x: (x + 0j).conj(), None, X, mode=mode), torch.eye(3, dtype=torch.complex128))


@pytest.mark.direct
def test_a_gradient_that_can_be_taken_only_once_is_never_zero_silently() -> None:
    for mode in ("auto", "forward-over-reverse"):
        with pytest.raises(UnsupportedOperationError, match="differentiate twice"):
            hessian(lambda x: Once.apply(x).sum(), None, X, mode=mode)
    equal(vector_jacobian_product(Once.apply, None, X, U), 2 * X * U)
    with pytest.raises(UnsupportedOperationError, match="differentiate twice"):
        jacobian_vector_product(Once.apply, None, X, U)
    for x in (X, X.clone().requires_grad_()):
        with pytest.raises(UnsupportedOperationError, match="differentiate twice"):
            vector_jacobian_product(lambda x: vector_jacobian_product(Once.apply, None, x, U), None, x, U)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        vector_jacobian_product(Once.apply, None, X.clone().requires_grad_(), U).sum().backward()


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


@pytest.mark.direct
def test_another_threads_forward_mode_is_no_transformation_of_this_one() -> None:
    inside, done = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        done.wait(10)  # for a thread that calls no forward mode
        return x**2

    thread = threading.Thread(target=jacobian_vector_product, args=(slow, "torch", X, U))
    thread.start()
    inside.wait(10)
    equal(vector_jacobian_product(OldStyle.apply, "torch", X, U), 2 * X * U)
    done.set()
    thread.join()


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_products_inside_a_dual_level_of_the_users_own(call: Any) -> None:
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        x = forward_ad.make_dual(X, U)
        second = forward_ad.unpack_dual(call(lambda x: x**3, None, x, torch.ones_like(X))).tangent
    equal(second, 6 * X * U)


def test_sparse_tensors_are_refused() -> None:
    for call in PRODUCTS:
        with pytest.raises(TypeError, match=r"torch.sparse_coo was given, .* use to_dense\(\)"):
            call(square, None, X.to_sparse(), U.to_sparse())


def test_operations_compile_without_a_break() -> None:
    backend = adhelpers.backend("torch")
    calls = {
        "jvp": (lambda x: jacobian_vector_product(square, backend, x, U), 2 * X * U),
        "vjp": (lambda x: vector_jacobian_product(square, "torch", x, U), 2 * X * U),
        "structure": (lambda x: jacobian_vector_product(lambda t: t["a"] ** 2, None, {"a": x}, {"a": U}), 2 * X * U),
        "forward": (lambda x: batched_jacobian(square, backend, x[None], mode="forward"), 2 * X[None, None]),
        "reverse": (lambda x: batched_jacobian(square, backend, x[None], mode="reverse"), 2 * X[None, None]),
        "nested": (
            lambda x: jacobian_vector_product(lambda z: vector_jacobian_product(square, backend, z, U), backend, x, U),
            2 * U * U,
        ),
    }
    for call, expected in calls.values():
        equal(torch.compile(call, fullgraph=True, backend="eager")(X), expected)


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


class Doubling(torch.autograd.Function):
    """Its backward pass writes to what it is given, which PyTorch advises against."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g.mul_(2)


@pytest.mark.direct
def test_a_rule_that_writes_to_its_cotangent_spoils_no_later_call() -> None:
    x = torch.ones(2, 3, dtype=torch.float64)
    for _ in range(4):
        equal(batched_jacobian(Doubling.apply, None, x, mode="reverse")[0, 0], torch.full((3,), 2.0))
    equal(batched_jacobian(lambda x: 1 * x, None, x, mode="reverse")[0, 0], torch.ones(3))


def test_a_real_function_with_complex_results_is_not_computed_from_copies() -> None:
    def f(x: Any) -> Any:
        return torch.complex(x, x**2)

    for value in (0.0, 0.0, 0.0, 1.0):
        jacobian = batched_jacobian(f, None, torch.full((2, 3), value, dtype=torch.float64))
        equal(jacobian[0, 0], torch.full((3,), 1 + 2j * value))


@pytest.mark.direct
def test_a_product_that_is_attached_may_be_of_something_that_can_be_differentiated_once() -> None:
    x = X.clone().requires_grad_()
    v = vector_jacobian_product(Once.apply, None, x, U)
    equal(v.detach(), 2 * X * U)


def opposites(t: Any) -> Any:
    """Two numbers, which a normalisation with epsilon 1 divides by the root of ``t**4 + 1``."""
    return torch.stack([t**2, -(t**2)])


def normalised(mpmath: Any, t: Any) -> Any:
    return t**2 / mpmath.sqrt(t**4 + 1)


def multiple(t: Any) -> Any:
    return t * torch.eye(2, dtype=t.dtype)


functional = torch.nn.functional


@pytest.mark.parametrize(
    ("f", "reference"),
    [
        (lambda t: functional.layer_norm(opposites(t), (2,), eps=1.0)[0], normalised),
        (lambda t: functional.batch_norm(opposites(t)[:, None], None, None, training=True, eps=1.0)[0, 0], normalised),
        (lambda t: functional.instance_norm(opposites(t)[None, None], eps=1.0)[0, 0, :1], normalised),
        (lambda t: {"det": torch.linalg.det(multiple(t) + 1)}, lambda _, t: (t + 1) ** 2 - 1),
        (lambda t: torch.linalg.slogdet(multiple(t))[1], lambda mpmath, t: 2 * mpmath.log(t)),
        (lambda t: torch.linalg.solve(multiple(t), torch.ones(2, dtype=t.dtype))[0], lambda _, t: 1 / t),
    ],
    ids=["layer-norm", "batch-norm", "instance-norm", "det", "slogdet", "solve"],
)
def test_a_second_derivative_of_one_number_is_right_where_forward_mode_taken_twice_is_wrong(
    f: Any, reference: Any
) -> None:
    mpmath = pytest.importorskip("mpmath")
    t = torch.tensor(0.7, dtype=torch.float64)
    y, v = value_and_second_derivative(f, "torch", t)
    expected = float(mpmath.diff(lambda t: reference(mpmath, t), mpmath.mpf(0.7), 2))
    received = v["det"] if isinstance(v, dict) else v
    np.testing.assert_allclose(received.reshape(()), expected, rtol=1e-10)
    assert received.shape == (y["det"] if isinstance(y, dict) else y).shape
    wrong = jacobian_vector_product(
        lambda t: jacobian_vector_product(f, "torch", t, torch.ones_like(t)), "torch", t, torch.ones_like(t)
    )
    wrong = wrong["det"] if isinstance(wrong, dict) else wrong
    assert abs(wrong.reshape(()) - expected) > 0.1, "PyTorch has mended it: take it off the list in TorchBackend's docs"


def test_a_second_derivative_of_several_numbers_runs_f_once_more_the_first_time_alone() -> None:
    runs = []

    def one(t: Any) -> Any:
        runs.append(t)
        return t**3

    def several(t: Any) -> Any:
        runs.append(t)
        return torch.stack([t**3, t**2])

    def complex_number(t: Any) -> Any:
        runs.append(t)
        return t**3 * (1 + 2j)

    t = torch.tensor(2.0, dtype=torch.float64)
    for f, expected, counts in (
        (one, 12.0, (1, 1)),
        (several, [12.0, 2.0], (2, 1)),
        (complex_number, 12 + 24j, (2, 1)),
    ):
        for count in counts:
            runs.clear()
            equal(second_derivative(f, "torch", t), expected)
            assert len(runs) == count


def test_a_second_derivative_has_the_precision_of_the_value() -> None:
    t = torch.tensor(0.7)
    for f, expected in (
        (lambda t: (t.double() * 1e20) ** 2, 2e40),
        (lambda t: t.double() ** 2 * 1e-60, 2e-60),
        (lambda t: t.double() ** 3, 6 * float(t)),
    ):
        v = second_derivative(f, "torch", t)
        assert v.dtype is torch.float64
        np.testing.assert_allclose(v, expected, rtol=1e-12)


@pytest.mark.direct
@pytest.mark.parametrize("fails", [False, True])
def test_what_f_kept_of_a_pass_that_was_given_up_is_a_constant(fails: bool) -> None:
    kept: list[Any] = []

    def several(t: Any) -> Any:
        kept.append(t)
        if fails:
            raise RuntimeError("by itself")
        return torch.stack([t**3, t])

    with contextlib.suppress(RuntimeError):
        second_derivative(several, "torch", torch.tensor(2.0, dtype=torch.float64))
    assert not vector_jacobian_product(lambda x: x * kept[0], "torch", X, U).requires_grad


def test_the_first_call_may_stand_in_inference_mode() -> None:
    script = """
import torch, adhelpers
x = torch.ones(3)
with torch.inference_mode():
    assert adhelpers.vector_jacobian_product(lambda x: x**2, "torch", x, x).tolist() == [2.0, 2.0, 2.0]
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.direct
def test_rules_that_were_seen_before_are_known_again() -> None:
    """What is remembered of kinds of nodes is that they are ordinary, and of no other."""

    class Kept(torch.autograd.Function):
        memory = torch.ones(3, dtype=torch.float64)

        @staticmethod
        def forward(x: Any) -> Any:
            return x * 1.0

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            pass

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return Kept.memory

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x**2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g * ctx.saved_tensors[0]

    for _ in range(3):
        vector_jacobian_product(Kept.apply, "torch", X, U).zero_()
        equal(Kept.memory, [1.0, 1.0, 1.0])
        with pytest.raises(UnsupportedOperationError):
            hessian(lambda x: Once.apply(x).sum(), "torch", X)
