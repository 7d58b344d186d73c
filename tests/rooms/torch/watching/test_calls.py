"""What has no derivative in PyTorch though there is one, and what stands in or is refused."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from torch_functions import PRODUCTS, U, X, cube_with_rules, equal

import adhelpers
from adhelpers import (
    UnsupportedOperationError,
    gradient,
    hessian,
    jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")
wrong = pytest.importorskip("adhelpers_plugins.torch.wrong")
names = pytest.importorskip("adhelpers_plugins.torch.names")

pytestmark = pytest.mark.usefixtures("levels_known")
functional = torch.nn.functional
SPECIAL = sorted(name.removeprefix("special_") for name in wrong.CONSTANTS if name.startswith("special_"))
BESSEL = {"bessel_j0": 4, "bessel_j1": 3, "modified_bessel_i0": 4, "modified_bessel_i1": 3, "i0": 4, "i1": 3}
"""From which order those are wrong at zero that have derivatives."""


def special(name: str) -> Any:
    f = getattr(torch.special, name)
    return (lambda x: f(x, 3)) if "polynomial" in name else f


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_without_a_derivative_are_refused(name: str) -> None:
    f = special(name)
    x = torch.tensor([0.4, 0.6], dtype=torch.float64, requires_grad=True)
    assert not f(x).requires_grad, "PyTorch has mended it: say since when"
    x = x.detach()
    slope = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
    assert (slope.abs() > 1e-3).all()
    for call in PRODUCTS:
        for g in (f, lambda x: (f(x) * x, f(x))):
            with pytest.raises(UnsupportedOperationError, match=f"rule of special_{name} gives wrong numbers"):
                call(g, "torch", x, x if g is f or call is jacobian_vector_product else (x, x))
    for call in (jacobian, lambda f, b, x: torch.func.vmap(lambda x: gradient(f, b, x))(x)):
        with pytest.raises(UnsupportedOperationError, match=name):
            call(f, "torch", x)


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap over a constant
def test_of_constants_they_are_right() -> None:
    constant = torch.tensor([0.3, 0.4, 0.5], dtype=torch.float64)
    values = torch.special.airy_ai(constant)

    def f(x: Any) -> Any:
        return x * torch.special.airy_ai(constant) + torch.special.airy_ai(x.detach())

    for call in PRODUCTS:
        for _ in range(2):
            equal(call(f, "torch", X, U), values * U)
        equal(torch.func.vmap(lambda x, call=call: call(f, "torch", x, U))(X[None])[0], values * U)
    equal(hessian(lambda x: f(x**2).sum(), "torch", X), torch.diag(2 * values))


@pytest.mark.parametrize("outer", PRODUCTS)
@pytest.mark.parametrize("inner", PRODUCTS)
def test_what_an_inner_function_closes_over_varies(inner: Any, outer: Any) -> None:
    """The tangent of an outer level is out of sight at an inner one."""
    f = lambda x: inner(lambda y: y * torch.special.airy_ai(x), "torch", U, U)  # noqa: E731
    for g in (f, lambda x: torch.func.vmap(f)(x[None])[0]):
        with pytest.raises(UnsupportedOperationError, match="special_airy_ai"):
            outer(g, "torch", X, U)


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: torch.linspace(x[0], x[1], 4, dtype=torch.float64), "linspace"),
        (lambda x: torch.normal(x, torch.ones(3, dtype=torch.float64)), "normal"),
        (lambda x: torch.native_layer_norm(x, (3,), None, None, 0.1)[2], "native_layer_norm"),
    ],
    ids=["linspace", "normal", "native_layer_norm"],
)
def test_others_without_a_derivative(f: Any, name: str) -> None:
    assert not pushed(f).any(), "PyTorch has mended it: say since when"
    with pytest.raises(UnsupportedOperationError, match=name):
        jacobian(f, "torch", X)


OTHERS = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 0.3]], dtype=torch.float64)


def distances(x: Any, p: float) -> Any:
    return torch.cdist(x[None], OTHERS, p)[0]


@pytest.mark.direct
@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances_under_vmap_and_in_forward_mode(p: float) -> None:
    apart = (X - OTHERS).numpy()
    lengths = np.linalg.norm(apart, p, axis=1, keepdims=True)
    if p == float("inf"):
        slopes = np.sign(apart) * (np.abs(apart) == lengths)
    else:  # of the coordinate that is the same none is wanted
        slopes = np.sign(apart) * np.where(apart == 0.0, 1.0, np.abs(apart) / lengths) ** (p - 1)
    cotangents = torch.tensor([[1.0, 0.5], [-2.0, 3.0], [0.0, 1.0]], dtype=torch.float64)
    raw = torch.func.vmap(lambda c: torch.func.vjp(lambda x: distances(x, p), X)[1](c)[0])(cotangents)
    expected = cotangents.numpy() @ slopes
    assert not np.allclose(raw, expected), "PyTorch has mended it: say since when"
    f = lambda x: distances(x, p)  # noqa: E731
    vector_jacobian_product(f, "torch", X, cotangents[0])  # what was seen outside of vmap holds there alone
    pulled = torch.func.vmap(lambda c: vector_jacobian_product(f, "torch", X, c))(cotangents)
    np.testing.assert_allclose(pulled, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(jacobian_vector_product(f, "torch", X, U), slopes @ U.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(BESSEL) - set(SPECIAL)))
def test_bessel_functions_are_refused_from_the_order_at_which_they_are_wrong(name: str) -> None:
    f, order = special(name), BESSEL[name]
    refused = order if names.KNOWN else 1  # or it cannot be known how often it is differentiated
    kind = mpmath.besselj if name.startswith("bessel_j") else mpmath.besseli
    raw = f
    ours = dict.fromkeys((derivative, forward_derivative), f)
    for k in range(1, order + 1):
        slope = float(mpmath.diff(lambda x: kind(int(name[-1]), x), 0, k))
        raw = torch.func.grad(raw)
        zero = torch.tensor(0.0, dtype=torch.float64)
        assert (abs(float(raw(zero)) - slope) < 1e-6) is (k < order), "PyTorch has mended it: say since when"
        for call, inner in ours.items():
            ours[call] = lambda t, call=call, inner=inner: call(inner, t)
            if k < refused:
                np.testing.assert_allclose(ours[call](zero), slope, atol=1e-12)
            else:
                with pytest.raises(UnsupportedOperationError, match=f"rule of special_{name} gives wrong numbers"):
                    ours[call](zero)


def derivative(f: Any, t: Any) -> Any:
    return vector_jacobian_product(f, "torch", t, torch.ones_like(t))


def forward_derivative(f: Any, t: Any) -> Any:
    return jacobian_vector_product(f, "torch", t, torch.ones_like(t))


SYSTEMS = {
    "linalg_solve": lambda a, b: torch.linalg.solve(a, b),
    "linalg_solve_ex": lambda a, b: torch.linalg.solve_ex(a, b)[0],
    "linalg_tensorsolve": lambda a, b: torch.linalg.tensorsolve(a, b),
    "linalg_lu_solve": lambda a, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(a), b[:, None])[:, 0],
    "lu_solve": lambda a, b: torch.lu_solve(b[:, None], *torch.linalg.lu_factor(a))[:, 0],
}


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:torch.lu_solve is deprecated")
@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_whose_matrix_is_mapped_and_sweeps_by_the_right_hand_side(name: str) -> None:
    """The Jacobian by the right-hand side is the inverse, and by the matrix -inverse[i, k] x[l]."""
    f = SYSTEMS[name]
    matrices = torch.randn(4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3 * torch.eye(3)
    inverses = np.linalg.inv(matrices.numpy())
    raw = torch.func.vmap(lambda a: torch.func.jacfwd(lambda b: f(a, b))(X))(matrices)
    is_listed = name in wrong.MAPPED
    assert np.allclose(raw, inverses) is not is_listed, "PyTorch has mended it, or has not: say since when"
    slopes = -np.einsum("nik,nl->nikl", inverses, inverses @ X.numpy())
    for mode in ("forward", "reverse", "auto"):
        by_vector = torch.func.vmap(lambda a: jacobian(lambda b: f(a, b), "torch", X, mode=mode))  # noqa: B023
        np.testing.assert_allclose(by_vector(matrices), inverses, rtol=1e-10, atol=1e-12)
        by_matrix = torch.func.vmap(lambda a: jacobian(lambda a: f(a, X), "torch", a, mode=mode))  # noqa: B023
        np.testing.assert_allclose(by_matrix(matrices), slopes, rtol=1e-10, atol=1e-12)


@pytest.mark.direct
def test_distances_have_second_derivatives() -> None:
    """Of the length of v: (I - v v' / v'v) / |v|; none where there is no distance."""
    apart = (X - OTHERS).numpy()
    lengths = np.linalg.norm(apart, axis=1)
    expected = sum((np.eye(3) - np.outer(v, v) / r**2) / r for v, r in zip(apart, lengths, strict=True))
    for mode in ("auto", "reverse-over-forward", "forward-over-forward"):
        H = hessian(lambda x: distances(x, 2.0).sum(), "torch", X, mode=mode)
        np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-12)
    H = hessian(lambda x: torch.cdist(x[:, None], x[:, None]).sum(), "torch", X)  # on a line they are linear
    np.testing.assert_allclose(H, np.zeros((3, 3)), atol=1e-12)


@pytest.mark.direct
def test_masked_logarithms_of_sums_are_differentiated_twice() -> None:
    """What is masked is infinite, and its derivatives are none, not no numbers."""
    mask, other = torch.tensor([True, False, False]), torch.tensor([True, True, False])

    def f(x: Any) -> Any:
        y = torch.masked.logaddexp(x**2, 3 * x, input_mask=mask, other_mask=other)
        return torch.where(mask | other, y, 0.0).sum()

    x = float(X[0])
    weight = 1 / (1 + np.exp(3 * x - x**2))  # of the square
    second = 2 * weight + weight * (1 - weight) * (2 * x - 3) ** 2
    np.testing.assert_allclose(hessian(f, "torch", X), np.diag([second, 0.0, 0.0]), rtol=1e-12)


def pushed(f: Any) -> Any:
    """The tangent that PyTorch has at `X` along `U`."""
    with torch.autograd.forward_ad.dual_level():
        y, tangent = torch.autograd.forward_ad.unpack_dual(f(torch.autograd.forward_ad.make_dual(X, U)))
        return torch.zeros_like(y) if tangent is None else tangent


@pytest.mark.direct
@pytest.mark.parametrize(
    "f",
    [
        lambda w: functional.cross_entropy(torch.eye(3, dtype=torch.float64), torch.tensor([0, 1, 1]), weight=w),
        lambda w: functional.nll_loss(torch.eye(3, dtype=torch.float64), torch.tensor([0, 1, 1]), w),
        lambda w: functional.binary_cross_entropy(U / 5 + 0.5, X / 4, weight=w),
        lambda w: functional.binary_cross_entropy_with_logits(U, X / 4, pos_weight=w),
    ],
    ids=["cross_entropy", "nll_loss", "binary_cross_entropy", "with_logits"],
)
def test_a_weight_without_a_derivative_is_refused(f: Any) -> None:
    """Reverse mode says that it has no rule, forward mode says nothing."""
    assert not pushed(f).any(), "PyTorch has mended it: say since when"
    assert abs(f(X + 1e-6 * U) - f(X - 1e-6 * U)) > 1e-8
    for call in (jacobian_vector_product, lambda f, b, x, u: gradient(f, b, x)):
        with pytest.raises(UnsupportedOperationError, match="weight"):
            call(f, "torch", X, U)


@pytest.mark.direct
def test_a_weight_that_is_a_constant_is_none_of_that() -> None:
    x, target, weight = torch.eye(3, dtype=torch.float64), torch.tensor([0, 1, 1]), X

    def loss(x: Any) -> Any:
        return functional.cross_entropy(x, target, weight=weight)

    backend = adhelpers.backend("torch", fallback=False)
    v = jacobian_vector_product(loss, backend, x, x)
    np.testing.assert_allclose(v, (loss(x + 1e-6 * x) - loss(x - 1e-6 * x)) / 2e-6, rtol=1e-7)


@torch.library.custom_op("adhelpers_test::squared", mutates_args=())
def squared(x: torch.Tensor) -> torch.Tensor:
    """A user's operator with a backward pass alone."""
    return x**2


squared.register_autograd(
    lambda ctx, g: 2 * ctx.saved_tensors[0] * g,
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
)


@torch.library.custom_op("adhelpers_test::cubed", mutates_args=())
def cubed(x: torch.Tensor) -> torch.Tensor:
    """A user's operator without a derivative."""
    return x**3


@pytest.mark.direct
def test_operators_of_a_user() -> None:
    assert not pushed(squared).any(), "PyTorch has mended it: say since when"
    for call in PRODUCTS:
        equal(call(squared, "torch", X, U), 2 * X * U)
    for mode in ("forward", "reverse"):
        equal(jacobian(squared, "torch", X, mode=mode), torch.diag(2 * X))
    for f in (cubed, torch.ops.adhelpers_test.cubed, torch.ops.adhelpers_test.cubed.default):
        with pytest.raises(UnsupportedOperationError, match="adhelpers_test::cubed"):
            jacobian_vector_product(f, "torch", X, U)


@torch.library.custom_op("adhelpers_test::joined", mutates_args=())
def joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor**2 for tensor in tensors])


@pytest.mark.parametrize("call", PRODUCTS)
def test_a_foreign_operator_of_a_list_is_refused_like_that_of_a_tensor(call: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="adhelpers_test"):
        call(lambda x: joined([x, x])[:3], "torch", X, U)


@pytest.mark.direct
def test_the_forward_rule_of_a_user_is_differentiated_once_more() -> None:
    cube = cube_with_rules(3)

    def raw(x: Any) -> Any:
        return torch.func.jvp(cube.apply, (x,), (U,))[1]

    assert not torch.func.jvp(raw, (X,), (U,))[1].any(), "PyTorch has mended it: say since when"
    for outer in PRODUCTS:
        for inner in PRODUCTS:
            equal(outer(lambda x: inner(cube.apply, "torch", x, U), "torch", X, U), 6 * X * U * U)  # noqa: B023
    backend = adhelpers.backend("torch", fallback=False)
    equal(jacobian_vector_product(cube.apply, backend, X, U), 3 * X**2 * U)
    with pytest.raises(UnsupportedOperationError, match="custom_function_call"):
        jacobian_vector_product(lambda x: jacobian_vector_product(cube.apply, backend, x, U), backend, X, U)


@pytest.mark.parametrize("call", PRODUCTS)
def test_conditions_that_are_compiled_are_refused(call: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="cond"):
        call(lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), "torch", X, U)
