"""What is refused or composed while a function is watched, and what is told of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import PRODUCTS, U, X, equal

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
names = pytest.importorskip("adhelpers_plugins.torch.names")

pytestmark = pytest.mark.usefixtures("levels_known")
functional = torch.nn.functional


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
    if name == "tolist" and not names.KNOWN:
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
