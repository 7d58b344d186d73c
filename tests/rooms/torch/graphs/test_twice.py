"""Rules of a user that can be differentiated twice, or once."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import MODES, OldStyle, Once, U, X, equal

import adhelpers
from adhelpers import UnsupportedOperationError, hessian, jacobian, jacobian_vector_product, vector_jacobian_product

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


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
