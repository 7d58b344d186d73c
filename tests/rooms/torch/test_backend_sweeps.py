"""Functions through which PyTorch cannot push many vectors at once, or gives wrong numbers: held to differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, batched_jacobian, hessian, jacobian, laplacian

torch = pytest.importorskip("torch")


def array(*shape: int, seed: int = 0) -> Any:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def recurrent() -> Callable[[Any], Any]:
    torch.manual_seed(1)
    net = torch.nn.RNN(2, 3, batch_first=True).double()
    return lambda x: net(x)[0]


def normalised() -> Any:
    torch.manual_seed(1)
    net = torch.nn.GroupNorm(2, 4).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([0.7, 1.3, 1.1, 0.4]))
    return net


def spectrum(x: Any) -> Any:
    window = torch.hann_window(8, dtype=torch.float64)
    return torch.view_as_real(torch.stft(x @ array(4, 16, seed=3), 8, hop_length=4, window=window, return_complex=True))


def columns(x: Any) -> Any:
    return torch.stack([x, x**2, x**3])


def checkpointed(x: Any) -> Any:
    from torch.utils.checkpoint import checkpoint

    return checkpoint(lambda t: torch.sin(t) * t, x, use_reentrant=False)


OTHERS = array(3, 2, seed=5)
MASK = torch.tensor([True, True, False])
SQUARE = torch.eye(3, dtype=torch.float64) * 4.0 + array(3, 3, seed=6)

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "RNN": (recurrent(), array(3, 3, 2)),
    "t_": (lambda x: columns(x).t_(), array(2)),
    "t_ of a square": (lambda x: columns(x).t_(), array(3)),
    "transpose_": (lambda x: columns(x).transpose_(0, 1), array(3)),
    "swapaxes_": (lambda x: columns(x).swapaxes_(0, 1), array(3, 3)),
    "as_strided_": (lambda x: (x * x).as_strided_((3, 3), (1, 3)), array(3, 3)),
    "unsqueeze_": (lambda x: (x * x).unsqueeze_(0), array(3)),
    "cdist": (lambda x: torch.cdist(x, OTHERS), array(2, 2)),
    "cdist with p=1": (lambda x: torch.cdist(x, OTHERS, p=1.0), array(2, 2)),
    "trainable GroupNorm": (normalised(), array(2, 4, 2)),
    "trainable GroupNorm of another size": (normalised(), array(2, 4, 3)),
    "masked_select": (lambda x: torch.masked_select(x, MASK) ** 2, array()),
    "nansum": (lambda x: torch.nansum(x) ** 2, array()),
    "squeeze": (lambda x: torch.squeeze(x, 0) ** 2, array()),
    "quantile": (lambda x: torch.quantile(x**2, 0.3, dim=0), array(4, 4)),
    "lu_solve": (lambda x: torch.linalg.lu_solve(*torch.linalg.lu_factor(SQUARE + x), x[:, :1] ** 2), array(3, 3)),
    "stft": (spectrum, array(4)),
    "group_norm": (lambda x: torch.nn.functional.group_norm(x, 2) ** 3, array(2, 4, 2)),
    "checkpoint": (checkpointed, array(3)),
    "in place": (lambda x: (x * x).mul_(x).sin_(), array(3, 3)),
}
SLOPES_ALONE = ("RNN", "quantile", "cdist", "cdist with p=1")
"""Distances have no second derivative in PyTorch, and a recurrent network takes long."""

WEIGHTS = 0.3 + torch.arange(200, dtype=torch.float64).cos()


def loss_of(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: (f(x).flatten() * WEIGHTS[: f(x).numel()]).sum()


def differences(f: Callable[[Any], Any], x: Any, h: float = 1e-6) -> Any:
    """Central differences of values alone: ``f(x).shape + x.shape``."""
    with torch.no_grad():
        y = f(x.clone())
        units = torch.eye(x.numel(), dtype=x.dtype).reshape((-1, *x.shape))
        slopes = [(f(x + h * unit) - f(x - h * unit)) / (2.0 * h) for unit in units]
        return torch.stack(slopes, -1).reshape((*y.shape, *x.shape)).numpy()


def curvature(f: Callable[[Any], Any], x: Any, h: float = 2e-3) -> np.ndarray:
    """The Hessian of a loss from values alone: four points, extrapolated once."""
    units = torch.eye(x.numel(), dtype=x.dtype).reshape((-1, *x.shape))

    def four(a: Any, b: Any, h: float) -> float:
        def value(p: int, q: int) -> float:
            return float(f(x + p * h * a + q * h * b).detach())

        return (value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / (4 * h * h)

    entries = [[(4 * four(a, b, h / 2) - four(a, b, h)) / 3 for b in units] for a in units]
    return np.reshape(entries, (*x.shape, *x.shape))


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians(name: str, mode: Any, chunk_size: Any) -> None:
    f, x = FUNCTIONS[name]

    def fresh(x: Any) -> Any:
        return f(x)

    expected = differences(f, x)
    for check in (True, True, "always"):  # when it is first seen, and later
        J = jacobian(fresh, "torch", x, mode=mode, chunk_size=chunk_size, check=check).detach()
        np.testing.assert_allclose(J.numpy(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mode", ["auto", "forward-over-reverse", "reverse-over-reverse", "forward-over-forward"])
@pytest.mark.parametrize(
    "name", [name for name in FUNCTIONS if name not in ("RNN", "quantile", "cdist", "cdist with p=1")]
)
def test_hessians_and_their_traces(name: str, mode: Any) -> None:
    f, x = FUNCTIONS[name]
    loss = loss_of(f)
    expected = curvature(loss, x)
    H = hessian(loss, "torch", x, mode=mode).detach().numpy()
    np.testing.assert_allclose(H, expected, rtol=1e-4, atol=1e-5)
    trace = np.trace(expected.reshape(x.numel(), x.numel()))
    received = laplacian(loss, "torch", x, mode=mode).detach()
    np.testing.assert_allclose(float(received), trace, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("check", [True, False])
def test_distances_do_not_mix_their_batch(mode: Any, check: Any) -> None:
    """A sweep that is wrong is no false alarm; with ``check=False`` the one that was seen to be right is taken."""
    x = array(4, 2)

    def f(x: Any) -> Any:
        return torch.cdist(x, OTHERS)

    J = differences(f, x)
    expected = np.stack([J[b, :, b, :] for b in range(4)])
    batched_jacobian(f, "torch", x, batch_axis=0, mode=mode)
    received = batched_jacobian(f, "torch", x, batch_axis=0, mode=mode, check=check)
    np.testing.assert_allclose(received.numpy(), expected, rtol=1e-6, atol=1e-7)


def test_what_is_learnt_outside_of_a_graph_says_nothing_inside() -> None:
    """The vmap that is right on plain tensors is not the one that takes results in a graph."""
    net, x = normalised(), array(2, 4, 2)
    with torch.no_grad():
        outside = jacobian(net, "torch", x, mode="reverse")
    inside = jacobian(net, "torch", x, mode="reverse")
    assert inside.requires_grad
    np.testing.assert_allclose(outside.numpy(), differences(net, x), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(inside.detach().numpy(), differences(net, x), rtol=1e-6, atol=1e-7)


def test_other_arguments_are_proved_by_themselves() -> None:
    def f(x: Any, how: str) -> Any:
        return columns(x) if how == "plain" else columns(x).transpose_(0, 1)

    x = array(3)
    for how in ("plain", "transposed", "plain"):
        J = jacobian(f, "torch", x, args=(how,), mode="forward")
        np.testing.assert_allclose(J.numpy(), differences(lambda x, how=how: f(x, how), x), rtol=1e-6, atol=1e-7)


def test_check_is_checked() -> None:
    for operation in (jacobian, hessian, laplacian):
        with pytest.raises(ArgumentError, match="check is 'sometimes'; write True, False or 'always'"):
            operation(torch.sum, "torch", array(2), check="sometimes")  # type: ignore[operator]


def test_wrong_sweeps_are_told() -> None:
    def f(x: Any) -> Any:
        return torch.cdist(x, OTHERS)

    with adhelpers.explain() as log:
        jacobian(f, "torch", array(2, 2), mode="reverse")
    assert "by the newer vmap is not used: a combination of the vectors, pushed by itself, gives another result" in str(
        log
    )
