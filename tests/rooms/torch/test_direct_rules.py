"""Rules of a user: what torch.func refuses, no vmap can follow, can be taken once, or keeps its memory."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import MODES, PRODUCTS, OldStyle, Once, U, X, equal

import adhelpers
from adhelpers import (
    UnsupportedOperationError,
    batched_jacobian,
    hessian,
    jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


class ByNumpy(OldStyle):
    """Its backward pass cannot be vectorised."""

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return torch.from_numpy(2 * x.detach().numpy() * g.detach().numpy())


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


def no_grad(ctx: Any, g: Any) -> Any:
    with torch.no_grad():
        return 2 * g * ctx.saved_tensors[0]


def partly_no_grad(ctx: Any, g: Any) -> Any:
    return g * ctx.saved_tensors[0] + no_grad(ctx, g) / 2


def of_a_number(ctx: Any, g: Any) -> Any:
    return torch.from_numpy(2 * g.detach().numpy() * ctx.saved_tensors[0].detach().numpy())


@pytest.mark.direct
@pytest.mark.parametrize("backward", [no_grad, partly_no_grad, of_a_number])
def test_a_backward_pass_that_leaves_the_graph_is_not_differentiated(backward: Any) -> None:
    class Squared(OldStyle):
        """x squared."""

    Squared.backward = staticmethod(backward)
    f = Squared.apply
    backend = adhelpers.backend("torch", fallback=False)
    equal(vector_jacobian_product(f, backend, X, U), 2 * X * U)
    for mode in MODES:  # by single pullbacks
        equal(jacobian(f, "torch", X, mode=mode), torch.diag(2 * X))
    for g in (f, lambda x: f(x) + x**2):
        for refused in (
            lambda g=g: jacobian_vector_product(g, "torch", X, U),
            lambda g=g: hessian(lambda x: g(x).sum(), "torch", X),
            lambda g=g: hessian(lambda x: g(x).sum(), "torch", X, mode="forward-over-reverse"),
            lambda g=g: vector_jacobian_product(lambda x: vector_jacobian_product(g, "torch", x, U), "torch", X, U),
            lambda g=g: jacobian_vector_product(lambda x: vector_jacobian_product(g, "torch", x, U), "torch", X, U),
        ):
            with pytest.raises(UnsupportedOperationError, match="leaves the graph"):
                refused()
    w = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    pulled = vector_jacobian_product(lambda x: w * f(x), "torch", X, U)
    equal(pulled.detach(), 6 * X * U)
    with pytest.raises(RuntimeError, match="leaves the graph"):
        pulled.sum().backward()


@pytest.mark.direct
def test_a_backward_pass_within_the_graph_is_differentiated() -> None:
    for complex_ in (False, True):
        x, u = (X + 1j * U, U + 1j * X) if complex_ else (X, U)

        class Squared(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**2

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return 2 * g * ctx.saved_tensors[0].conj()

        equal(jacobian_vector_product(Squared.apply, "torch", x, u), 2 * x * u)
        f = lambda x: vector_jacobian_product(Squared.apply, "torch", x, u)  # noqa: B023, E731
        equal(jacobian_vector_product(f, "torch", x, u), 2 * u * u)


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
