"""What has no derivative in PyTorch though there is one, and what stands in or is refused."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from torch_functions import PRODUCTS, U, X, equal

import adhelpers
from adhelpers import (
    UnsupportedOperationError,
    batched_jacobian,
    gradient,
    hessian,
    jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")
wrong = pytest.importorskip("adhelpers_plugins.torch.wrong")
levels = pytest.importorskip("adhelpers_plugins.torch.levels")

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
    refused = order if levels.KNOWN else 1  # or it cannot be known how often it is differentiated
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


class Cube(torch.autograd.Function):
    """With a rule for either mode."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 3 * ctx.saved_tensors[0] ** 2 * g

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        return 3 * ctx.saved_tensors[0] ** 2 * t


@pytest.mark.direct
def test_the_forward_rule_of_a_user_is_differentiated_once_more() -> None:
    def raw(x: Any) -> Any:
        return torch.func.jvp(Cube.apply, (x,), (U,))[1]

    assert not torch.func.jvp(raw, (X,), (U,))[1].any(), "PyTorch has mended it: say since when"
    for outer in PRODUCTS:
        for inner in PRODUCTS:
            equal(outer(lambda x: inner(Cube.apply, "torch", x, U), "torch", X, U), 6 * X * U * U)  # noqa: B023
    backend = adhelpers.backend("torch", fallback=False)
    equal(jacobian_vector_product(Cube.apply, backend, X, U), 3 * X**2 * U)
    with pytest.raises(UnsupportedOperationError, match="custom_function_call"):
        jacobian_vector_product(lambda x: jacobian_vector_product(Cube.apply, backend, x, U), backend, X, U)


@pytest.mark.direct
def test_without_a_fallback_what_is_wrong_is_refused_unless_it_can_be_composed() -> None:
    backend = adhelpers.backend("torch", fallback=False)
    x = torch.eye(2, dtype=torch.float64) + 1
    index = torch.tensor([[0, 0], [1, 0]])
    f = lambda x: torch.zeros(2, 2, dtype=x.dtype).scatter_reduce(0, index, x, "prod", include_self=False)  # noqa: E731
    with pytest.raises(UnsupportedOperationError, match="scatter_reduce .* with fallback=True"):
        jacobian_vector_product(f, backend, x, x)
    with pytest.raises(UnsupportedOperationError, match="scatter_reduce .* with fallback=True"):
        jacobian(f, backend, x, mode="forward")
    equal(jacobian_vector_product(torch.cholesky_inverse, backend, x.tril(), torch.zeros_like(x)), torch.zeros(2, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
def test_other_dtypes_aux_structures_chunks_and_batches(dtype: Any) -> None:
    factor = torch.tensor([[2.0, 0.0], [1.0, 1.0]], dtype=dtype)
    direction = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=dtype)
    expected = [[0.5, -0.5], [-0.5, 0.0]]

    def f(x: Any) -> Any:
        return {"y": torch.cholesky_inverse(x["a"])}, x["a"] + 1

    v, aux = jacobian_vector_product(f, "torch", {"a": factor}, {"a": direction}, has_aux=True)
    np.testing.assert_allclose(v["y"], expected, rtol=1e-6)
    assert v["y"].dtype is dtype
    equal(aux, factor + 1)
    holomorphic = {"holomorphic": True} if dtype.is_complex else {}
    if not dtype.is_complex:  # whose adjoint is not complex-differentiable
        for mode in ("forward", "reverse"):
            for chunk_size in (None, 1):
                J = jacobian(torch.cholesky_inverse, "torch", factor, mode=mode, chunk_size=chunk_size)
                np.testing.assert_allclose(J[..., 1, 0], expected, rtol=1e-6)
    x = torch.tensor([[-30.0, 30.0, 3.0], [1.0, 2.0, 3.0]]).to(dtype)
    if not dtype.is_complex:
        for mode in ("forward", "reverse", "auto"):
            for _ in range(3):
                J = batched_jacobian(
                    lambda x: torch.logcumsumexp(x, 1), "torch", x, batch_axis=0, mode=mode, **holomorphic
                )
                np.testing.assert_allclose(J[0, 0], [1.0, 0.0, 0.0], rtol=1e-6)


@pytest.mark.direct
def test_further_arguments_decide_what_is_called() -> None:
    def f(x: Any, is_wrong: bool) -> Any:
        return torch.logcumsumexp(x, 0) if is_wrong else x

    x, u = torch.tensor([-30.0, 30.0, 3.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    for is_wrong in (False, True, False, True):
        for of in (f, lambda x, is_wrong: gradient(lambda x: f(x, is_wrong).sum(), "torch", x)):
            v = jacobian_vector_product(of, "torch", x, u, args=(is_wrong,))
            if of is f:
                equal(v[0], 1.0)


@pytest.mark.direct
def test_a_function_that_calls_nothing_wrong_is_watched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = pytest.importorskip("adhelpers_plugins.torch.watch")
    seen = []
    watched = watch._watch
    monkeypatch.setattr(watch, "_watch", lambda sight, *rest: seen.append(sight) or watched(sight, *rest))

    def f(x: Any) -> Any:
        return torch.sin(x)

    for _ in range(3):
        jacobian_vector_product(f, "torch", X, U)
    assert len(seen) == 1
    jacobian_vector_product(f, "torch", X[:2], U[:2])
    vector_jacobian_product(f, "torch", X, U)
    vector_jacobian_product(f, "torch", X, U)
    assert len(seen) == 3


@pytest.mark.direct
def test_a_weight_norm_is_differentiated_by_whoever_has_its_parameters() -> None:
    torch.manual_seed(0)
    net = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 3)).double()
    parameters = list(net.parameters())

    def slope(step: float, direction: list[Any]) -> Any:
        moved = {name: p + step * d for (name, p), d in zip(net.named_parameters(), direction, strict=True)}
        f = lambda x: torch.func.functional_call(net, moved, (x,))  # noqa: E731
        return vector_jacobian_product(lambda x: f(x) ** 2, "torch", X, U).detach().square().sum()

    direction = [torch.cos(torch.arange(p.numel(), dtype=p.dtype)).reshape(p.shape) for p in parameters]
    expected = (slope(1e-5, direction) - slope(-1e-5, direction)) / 2e-5
    pulled = vector_jacobian_product(lambda x: net(x) ** 2, "torch", X, U)
    gradients = torch.autograd.grad(pulled.square().sum(), parameters)
    received = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
    np.testing.assert_allclose(received, expected, rtol=1e-7)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_torchscript_keeps_its_derivatives() -> None:
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()).double()
    script = torch.jit.script(net)
    with torch.no_grad():
        expected = (net(X + 1e-6 * U) - net(X - 1e-6 * U)) / 2e-6

    class Larger(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = script

        def forward(self, x: Any) -> Any:
            return 2 * self.inner(x)

    larger = Larger()
    for _ in range(4):
        for f, factor in ((script, 1), (larger, 2), (lambda x: 3 * script(x), 3)):
            v = jacobian_vector_product(f, "torch", X, U).detach()
            np.testing.assert_allclose(v, factor * expected, rtol=1e-7)
    tangents = [torch.func.jvp(script, (X,), (U,))[1] for _ in range(3)]
    assert not tangents[-1].any(), "PyTorch has mended it: say since when"


# -- numbers that leave PyTorch ------------------------------------------------------------------------

LEAVING = {
    "float": lambda x: x * float(x[0]),
    "item": lambda x: x * x[0].item(),
    "tolist": lambda x: x * x.tolist()[1],
    "tensor": lambda x: x * torch.tensor([x[0], x[1]]),
    "as_tensor": lambda x: x * torch.as_tensor([x[0], x[1]]),
}


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")  # PyTorch's own, in reverse mode
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", LEAVING)
def test_numbers_that_leave_pytorch_are_told_in_each_call(name: str, mode: str) -> None:
    f, x = LEAVING[name], torch.tensor([2.0, 3.0])
    operation = adhelpers.jacobian_vector_product if mode == "forward" else adhelpers.vector_jacobian_product
    if name == "tolist" and not levels.KNOWN:
        try:
            torch.func.vjp(f, x)
        except RuntimeError:
            pytest.skip("this version of PyTorch has none inside of its transformations")
    for _ in range(3):
        with adhelpers.explain() as log:
            operation(f, "torch", x, torch.ones(2))
        (note,) = log.calls[0].notes
        assert note.topic == "constant"
        assert note.words.startswith(f"numbers leave PyTorch by {name}:")


@pytest.mark.direct
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * float(x.detach()[0]),
        lambda x: x * 2.0 if x[0] > 0.0 else x,
        lambda x: x * torch.tensor([1.0, 2.0]),
        lambda x: x[: int(x[0])] * 2.0,
    ],
)
def test_what_varies_not_or_decides_may_leave(f: Any) -> None:
    with adhelpers.explain() as log:
        adhelpers.jacobian_vector_product(f, "torch", torch.tensor([2.0, 3.0]), torch.ones(2))
    assert log.calls[0].notes == []


def wrong_of_some(x: Any, which: Any = None) -> Any:
    """What is refused, of three numbers, of single precision, or if it is asked for; otherwise a square."""
    is_wrong = len(x) == 3 or x.dtype == torch.float32 or which
    return torch.special.airy_ai(x) if is_wrong else x**2


@pytest.mark.direct
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
@pytest.mark.parametrize(
    ("x", "args"),
    [(torch.ones(3).double(), ()), (torch.ones(2), ()), (torch.ones(2).double(), (True,))],
    ids=["shape", "dtype", "args"],
)
def test_a_call_that_is_not_like_the_one_before_is_looked_at(operation: Any, x: Any, args: Any) -> None:
    """A function is remembered as clean for one kind of call, and for no other."""
    clean = torch.ones(2).double()
    for _ in range(3):
        for _ in range(3):
            operation(wrong_of_some, "torch", clean, clean)
        with pytest.raises(adhelpers.UnsupportedOperationError, match="airy_ai"):
            operation(wrong_of_some, "torch", x, x, args=args)
        with pytest.raises(adhelpers.UnsupportedOperationError, match="airy_ai"):
            operation(torch.special.airy_ai, "torch", clean, clean)


DATA = np.asarray([1.0, 2.0])
TO_NUMPY = {
    "a product": lambda x: torch.exp(x) * DATA,
    "a sum": lambda x: torch.exp(x) + DATA,
    "a matrix": lambda x: x @ np.ones((2, 2)),
    "numpy()": lambda x: x * torch.from_numpy(x.numpy()),
    "asarray": lambda x: x * torch.as_tensor(np.asarray(x)),
    "sin": lambda x: torch.as_tensor(np.sin(x)),
}
OPERATIONS: dict[str, Any] = {
    "jvp": lambda f, x: adhelpers.jacobian_vector_product(f, "torch", x, x),
    "vjp": lambda f, x: adhelpers.vector_jacobian_product(f, "torch", x, x),
    "forward": lambda f, x: adhelpers.jacobian(f, "torch", x, mode="forward"),
    "auto": lambda f, x: adhelpers.jacobian(f, "torch", x),
    "hessian": lambda f, x: adhelpers.hessian(lambda x: f(x).sum(), "torch", x),
    "map": lambda f, x: adhelpers.linearize(f, "torch", x).push(x),
}


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept")  # NumPy's
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("f", TO_NUMPY.values(), ids=TO_NUMPY)
def test_what_numpy_computes_is_refused_each_time(f: Any, operation: str) -> None:
    """In forward mode PyTorch gives zeros, or less than the truth."""
    x = torch.tensor([2.0, 3.0], dtype=torch.float64)
    for _ in range(2):
        with pytest.raises(adhelpers.ArgumentError, match=r"to a NumPy array.* xp.asarray\(data\)"):
            OPERATIONS[operation](f, x)


class ByNumpy(torch.autograd.Function):
    """The sine, with derivatives of its own."""

    @staticmethod
    def forward(x: Any) -> Any:
        return torch.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        return torch.cos(ctx.saved_tensors[0]) * tangent

    @staticmethod
    def backward(ctx: Any, cotangent: Any) -> Any:
        return torch.cos(ctx.saved_tensors[0]) * cotangent


@pytest.mark.direct
@pytest.mark.parametrize("operation", ["jvp", "vjp"])
def test_numpy_may_compute_what_has_a_rule_and_what_is_constant(operation: str) -> None:
    x = torch.tensor([2.0, 3.0], dtype=torch.float64)
    np.testing.assert_allclose(OPERATIONS[operation](ByNumpy.apply, x), np.cos(x.numpy()) * x.numpy(), rtol=1e-14)
    scaled = OPERATIONS[operation](lambda x: x * torch.from_numpy(np.sin(x.detach().numpy())), x)
    np.testing.assert_allclose(scaled, np.sin(x.numpy()) * x.numpy(), rtol=1e-14)
    np.testing.assert_array_equal(OPERATIONS[operation](lambda x: (str(x), 2.0 * x)[1], x), 2.0 * x)


def test_compare_says_what_left() -> None:
    report = adhelpers.compare(lambda x: x * float(x[0]), x=np.asarray([2.0, 3.0]), backends=["torch"], timing=False)
    assert any("on torch numbers leave PyTorch by float" in note for note in report.notes)


@pytest.mark.direct
def test_a_buffer_that_is_written_again_does_not_change_a_pullback() -> None:
    backend, buffer = adhelpers.backend("torch"), torch.zeros(3)

    def f(x: Any) -> Any:
        buffer.detach_()
        buffer[...] = x**3
        return (buffer,), ()

    x = torch.tensor([1.0, 2.0, 3.0])
    _, first, _ = backend.vjp(f, (x,))
    backend.vjp(f, (x + 1.0,))
    (pulled,) = first((torch.ones(3),))
    np.testing.assert_allclose(pulled.numpy(), 3.0 * x.numpy() ** 2, rtol=1e-6)


@pytest.mark.parametrize("wrapped", [lambda word: (word,), lambda word: {"how": word}, lambda word: [[word]]])
def test_words_within_containers_among_the_arguments_are_looked_at(wrapped: Any) -> None:
    def f(x: Any, how: Any) -> Any:
        return torch.special.airy_ai(x) if "bessel" in str(how) else 2.0 * x

    equal(jacobian_vector_product(f, "torch", X, U, args=(wrapped("plain"),)), 2.0 * U)
    with pytest.raises(UnsupportedOperationError):
        jacobian_vector_product(f, "torch", X, U, args=(wrapped("bessel"),))


@pytest.mark.direct
def test_wrong_derivatives_are_nothing_to_constants_and_are_refused_once_these_vary() -> None:
    weight = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)

    def f(x: Any) -> Any:
        return x * torch.cholesky_inverse(weight)

    u = torch.ones_like(weight)
    lower = np.tril(weight.numpy())
    expected = np.linalg.inv(lower @ lower.T)
    with adhelpers.explain() as log:
        equal(jacobian_vector_product(f, "torch", u, u), expected)
    assert "fallback" not in str(log)
    weight.requires_grad_()
    with adhelpers.explain() as log:
        jacobian_vector_product(f, "torch", u, u)
    assert "cholesky_inverse" in str(log)


# -- derivatives that the function takes itself -----------------------------------------------------------------------

MATRIX = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
ALONG = torch.tensor([[1.0, 0.5], [0.3, -1.0]], dtype=torch.float64)
INSIDE = {
    "forward": lambda x: torch.func.jvp(lambda y: functional.layer_norm(y, (3,)), (x,), (U3,))[1],
    "reverse": lambda x: torch.func.grad(lambda y: torch.sinc(y).sum())(x),
    "by a graph": lambda x: torch.autograd.grad(torch.sinc(open_(x)).sum(), x, create_graph=True)[0],
}
X3, U3, V3 = (torch.tensor(v, dtype=torch.float64) for v in ([0.0, 2.0, -1.0], [1.0, -2.0, 0.5], [0.5, -1.0, 2.0]))


def open_(x: Any) -> Any:
    return x if x.requires_grad else x.requires_grad_()


@pytest.mark.parametrize("name", INSIDE)
def test_derivatives_that_f_takes_itself_count(name: str) -> None:
    f = INSIDE[name]
    step = 1e-5
    expected = (f((X3 + step * V3).clone()) - f((X3 - step * V3).clone())).detach() / (2 * step)
    paired = vector_jacobian_product(f, "torch", X3, U3)
    np.testing.assert_allclose(float(paired @ V3), float(expected @ U3), rtol=1e-6)
    pushed = jacobian_vector_product(f, "torch", X3, V3).detach()
    np.testing.assert_allclose(pushed, expected, rtol=1e-6, atol=1e-9)


api = torch.autograd.functional
FOURTH = {
    "jacobian": lambda x: api.jacobian(lambda y: (y**4).sum(), x, create_graph=True),
    "jacobian-vectorized": lambda x: api.jacobian(lambda y: (y**4).sum(), x, create_graph=True, vectorize=True),
    "jvp": lambda x: api.jvp(lambda y: y**4, x, torch.ones_like(x), create_graph=True)[1],
    "vjp": lambda x: api.vjp(lambda y: y**4, x, torch.ones_like(x), create_graph=True)[1],
    "hvp": lambda x: api.hvp(lambda y: (y**5).sum() / 5, x, torch.ones_like(x), create_graph=True)[1],
    "vhp": lambda x: api.vhp(lambda y: (y**5).sum() / 5, x, torch.ones_like(x), create_graph=True)[1],
    "hessian": lambda x: api.hessian(lambda y: (y**5).sum() / 5, x, create_graph=True).sum(0),
    "captured": lambda x: api.jvp(lambda y: y * x**4, torch.ones_like(x), x**0, create_graph=True)[1] * 4 / x,
}
"""Each gives four times the third power."""


@pytest.mark.direct
@pytest.mark.parametrize("name", FOURTH)
def test_derivatives_by_pytorchs_functional_api_are_differentiated(name: str) -> None:
    """It detaches what does not require a gradient, so that forward mode would give zeros."""
    f, x = FOURTH[name], torch.tensor([0.3, 1.2], dtype=torch.float64)
    for mode in ("forward", "reverse", "auto"):
        np.testing.assert_allclose(jacobian(f, "torch", x, mode=mode), np.diag(12 * x**2), rtol=1e-12)
    modes = ("reverse-over-reverse", "forward-over-reverse", "reverse-over-forward", "forward-over-forward")
    for mode in modes[: 1 if "vectorized" in name else None]:  # by the older vmap, which works in no transformation
        H = hessian(lambda x: f(x).sum(), "torch", x, mode=mode)
        np.testing.assert_allclose(H, np.diag(24 * x), rtol=1e-12)
    backend = adhelpers.backend("torch", fallback=False)
    if name != "captured":
        with pytest.raises(UnsupportedOperationError, match=r"torch.autograd.functional gives wrong numbers"):
            jacobian_vector_product(f, backend, x, x)


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node")  # PyTorch's own
@pytest.mark.parametrize("call", PRODUCTS)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.func.linearize(lambda y: y**3, x)[1](U),
        lambda x: torch.func.linearize(lambda y: y * x**2, torch.ones_like(x))[1](U),
    ],
    ids=["at", "captured"],
)
def test_the_linearization_of_pytorch_is_refused(f: Any, call: Any) -> None:
    """It keeps what it has computed at the point as constants."""
    x = X.clone().requires_grad_()
    (raw,) = torch.autograd.grad(f(x).sum(), x, allow_unused=True)
    assert raw is None, "PyTorch has mended it: say since when"
    with pytest.raises(UnsupportedOperationError):
        call(f, "torch", X, U)


def taken_twice(g: Any, x: Any) -> Any:
    x = open_(x)
    (first,) = torch.autograd.grad((g(x) * U3).sum(), x, create_graph=True)
    return torch.autograd.grad((first * V3).sum(), x, create_graph=True)[0]


def taken_by_backward(g: Any, x: Any) -> Any:
    y = open_(1 * x)
    y.retain_grad()
    (g(y) * U3).sum().backward(create_graph=True)
    return y.grad


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_each_derivative_that_f_takes_by_a_graph_counts(call: Any) -> None:
    """The third derivative of a normalisation is wrong in reverse mode, the second one is not."""

    def f(x: Any) -> Any:
        return taken_twice(lambda y: functional.layer_norm(y, (3,)), x)

    step = 1e-5
    expected = (f((X3 + step * V3).clone()) - f((X3 - step * V3).clone())).detach() / (2 * step)
    received = call(f, "torch", X3, V3).detach()
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-9)  # by whatever mode: it is a Hessian
    with pytest.raises(UnsupportedOperationError, match="special_i1"):
        call(lambda x: taken_twice(torch.special.i1, x), "torch", X3, V3)


@pytest.mark.direct
def test_independent_derivatives_by_graphs_count_once() -> None:
    """The second derivative of the Bessel function i1 is right, and the third one is refused."""

    def f(x: Any) -> Any:
        x = open_(x)
        each = [torch.autograd.grad(torch.special.i1(k * x).sum(), x, create_graph=True)[0] for k in (1, 2, 3)]
        return sum(each)

    expected = [
        sum(k**2 * float(mpmath.diff(lambda t: mpmath.besseli(1, t), k * float(t), 2)) for k in (1, 2, 3)) for t in X3
    ]
    for call in PRODUCTS:
        received = call(f, "torch", X3, U3).detach()
        np.testing.assert_allclose(received, np.asarray(expected) * U3.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.direct
@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("call", PRODUCTS)
def test_derivatives_that_f_takes_by_backward_count(call: Any) -> None:
    """The second derivative of sinc at zero is -pi**2 / 3."""
    received = call(lambda x: taken_by_backward(torch.sinc, x), "torch", X3, U3).detach()
    np.testing.assert_allclose(received[0], -(np.pi**2) / 3 * float(U3[0] ** 2), rtol=1e-12)


def by_data(x: Any) -> Any:
    return x * (x**2).data


def by_detaching_in_place(x: Any) -> Any:
    y = x**2
    y.detach_()
    return x * y


def by_data_set(x: Any) -> Any:
    y = torch.zeros_like(X)
    y.data = x**2
    return x * y


def by_data_written(x: Any) -> Any:
    y = torch.zeros(3, dtype=x.dtype)
    y.data.copy_(x**2)
    return x * y


@pytest.mark.direct
@pytest.mark.parametrize("f", [by_data, by_detaching_in_place, by_data_set, by_data_written])
def test_what_is_detached_is_a_constant_at_every_level(f: Any) -> None:
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, "torch", X, mode=mode), np.diag(X**2), rtol=1e-12)
    for mode in ("auto", "forward-over-reverse", "reverse-over-forward", "forward-over-forward"):
        np.testing.assert_array_equal(hessian(lambda x: f(x).sum(), "torch", X, mode=mode), np.zeros((3, 3)))
    for outer in PRODUCTS:
        for inner in PRODUCTS:
            equal(outer(lambda x: inner(f, "torch", x, U), "torch", X, U), torch.zeros(3))  # noqa: B023
    equal(hessian(lambda x: (f(x) * x).sum(), "torch", X, mode="forward-over-forward"), torch.diag(2 * X**2))


@pytest.mark.direct
@pytest.mark.parametrize("f", [lambda a: torch.linalg.slogdet(a)[1], lambda a: torch.linalg.solve(a, ALONG[0]).sum()])
@pytest.mark.parametrize("call", PRODUCTS)
def test_derivatives_that_f_takes_itself_are_refused_or_right(f: Any, call: Any) -> None:
    def g(a: Any) -> Any:
        return torch.func.jvp(f, (a,), (ALONG,))[1]

    step = 1e-5
    expected = float(g(MATRIX + step * ALONG) - g(MATRIX - step * ALONG)) / (2 * step)
    try:
        received = call(
            g, "torch", MATRIX, ALONG if call is jacobian_vector_product else torch.ones((), dtype=X3.dtype)
        )
    except UnsupportedOperationError as error:
        assert "gives wrong numbers here" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(float((received * (ALONG if received.ndim else 1.0)).sum()), expected, rtol=1e-6)


# -- numbers that are no numbers --------------------------------------------------------------------------------------

NUMBERS = {
    "full": lambda t: torch.full((3,), t),
    "full_like": lambda t: torch.full_like(X3, t),
    "new_full": lambda t: X3.new_full((3,), t),
    "scalar_tensor": lambda t: torch.scalar_tensor(t),
    "add": lambda t: torch.add(X3, X3, alpha=t),
    "addcmul": lambda t: torch.addcmul(X3, X3, X3, value=t),
    "leaky_relu": lambda t: functional.leaky_relu(X3, t),
    "elu": lambda t: functional.elu(X3, t),
    "pad": lambda t: functional.pad(X3, (1, 1), value=t),
    "huber_loss": lambda t: functional.huber_loss(X3, 0 * X3, delta=t),
    "arange": lambda t: torch.arange(0, 3, t),
    "add_": lambda t: (X3 * 1.0).add_(X3, alpha=t),
    "addcmul_": lambda t: (t * X3).addcmul_(X3, X3, value=t),
    "elu_": lambda t: functional.elu_(t * X3, t),
    "fill_diagonal_": lambda t: (t * torch.outer(X3, X3)).fill_diagonal_(t),
    "_foreach_sub_": lambda t: torch._foreach_sub_([t * X3, X3 * 1.0], t),
}
TENSORS = {
    "pow": (lambda t: torch.pow(X3.abs() + 1, t), lambda t: (X3.abs() + 1) ** t * torch.log(X3.abs() + 1)),
    "clamp": (lambda t: torch.clamp(X3, min=t), lambda t: (t > X3).double()),
    "masked_fill": (lambda t: X3.masked_fill(X3 < 0, t), lambda t: (X3 < 0).double()),
    "lerp": (lambda t: torch.lerp(X3, 2 * X3, t), lambda t: X3),
    "mul": (lambda t: t * X3, lambda t: X3),
    "mul_": (lambda t: (t * X3).mul_(t), lambda t: 2 * t * X3),
    "masked_fill_": (lambda t: (t * X3).masked_fill_(X3 < 0, t), lambda t: torch.where(X3 < 0, 1.0, X3)),
    "add_ to a number": (lambda t: (t * 1.0).add_(t, alpha=2.0) * X3, lambda t: 3.0 * X3),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tensor_that_pytorch_takes_for_a_number_has_no_silent_derivative(name: str) -> None:
    """Forward mode would take the number out of it, and the derivative would be zero."""
    t, one = torch.tensor(0.7, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for _ in range(2):
        with pytest.raises((TypeError, UnsupportedOperationError)):
            jacobian_vector_product(NUMBERS[name], "torch", t, one)
    with pytest.raises(
        UnsupportedOperationError, match=f"{name} by what PyTorch takes for a number gives wrong numbers"
    ):
        jacobian_vector_product(NUMBERS[name], adhelpers.backend("torch", fallback=False), t, one)


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_without_dimensions_has_its_derivative(name: str) -> None:
    f, slope = TENSORS[name]
    t, one = torch.tensor(0.7, dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for _ in range(2):
        np.testing.assert_allclose(jacobian_vector_product(f, "torch", t, one), slope(t), rtol=1e-12)


# -- what is not watched from within ----------------------------------------------------------------------------------


@torch.library.custom_op("adhelpers_test::joined", mutates_args=())
def joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor**2 for tensor in tensors])


@pytest.mark.parametrize("call", PRODUCTS)
def test_a_foreign_operator_of_a_list_is_refused_like_that_of_a_tensor(call: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="adhelpers_test"):
        call(lambda x: joined([x, x])[:3], "torch", X3, U3)


@pytest.mark.parametrize("call", PRODUCTS)
def test_conditions_that_are_compiled_are_refused(call: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="cond"):
        call(lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), "torch", X3, U3)
