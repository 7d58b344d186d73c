"""Second derivatives: right where PyTorch's forward mode taken twice is not, and with as few runs of f."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import equal

from adhelpers import (
    UnsupportedOperationError,
    gradient,
    jacobian_vector_product,
    second_derivative,
    value_and_second_derivative,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("levels_known")


def opposites(t: Any) -> Any:
    """Two numbers, which a normalisation with epsilon 1 divides by the root of ``t**4 + 1``."""
    return torch.stack([t**2, -(t**2)])


def normalised(mpmath: Any, t: Any) -> Any:
    return t**2 / mpmath.sqrt(t**4 + 1)


def multiple(t: Any) -> Any:
    return t * torch.eye(2, dtype=t.dtype)


functional = torch.nn.functional


def has_forward_rule(f: Any, x: Any, v: Any) -> bool:
    """Whether this version of PyTorch has one."""
    try:
        torch.func.jvp(f, (x,), (v,))
    except NotImplementedError:
        return False
    return True


@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.logsumexp(x, 0),
        lambda x: torch.softmax(x, 0),
        lambda x: torch.log_softmax(x, 0),
        lambda x: torch.logcumsumexp(x, 0),
        lambda x: functional.cross_entropy(x[None], torch.tensor([1])),
        lambda x: functional.scaled_dot_product_attention(x[None, :, None], x[None, :, None] ** 2, x[None, :, None]),
        lambda x: torch.linalg.vector_norm(x, 3),
        torch.std,
    ],
    ids=["logsumexp", "softmax", "log_softmax", "logcumsumexp", "cross_entropy", "attention", "norm", "std"],
)
@pytest.mark.parametrize("differentiate_u", [False, True])
def test_a_pushed_tangent_is_pulled_back(f: Any, differentiate_u: bool) -> None:
    x, v = (torch.tensor(values, dtype=torch.float64) for values in ([0.5, 1.0, -1.0], [1.0, 2.0, -1.0]))

    def weigh(y: Any) -> Any:
        return (torch.cos(torch.arange(y.numel(), dtype=y.dtype) + 0.3).reshape(y.shape) * y).sum()

    def slope(x: Any, v: Any) -> Any:
        h = 1e-3
        near, far = (weigh(f(x + k * h * v)) - weigh(f(x - k * h * v)) for k in (1, 2))
        return (8 * near - far) / (12 * h)

    def pushed(x: Any) -> Any:
        u = x * v if differentiate_u else v
        return weigh(jacobian_vector_product(f, "torch", x, u, differentiate_u=differentiate_u))

    if not has_forward_rule(f, x, v):  # of attention
        assert torch.__version__ >= "2.15"
        with pytest.raises(UnsupportedOperationError, match="backend 'torch' lacks a forward rule"):
            gradient(pushed, "torch", x)
        return
    received = gradient(pushed, "torch", x)
    steps = 1e-3 * torch.eye(3, dtype=torch.float64)
    along = (lambda x: x * v) if differentiate_u else (lambda x: v)
    expected = [
        (
            8 * (slope(x + h, along(x + h)) - slope(x - h, along(x - h)))
            - slope(x + 2 * h, along(x + 2 * h))
            + slope(x - 2 * h, along(x - 2 * h))
        )
        / 12e-3
        for h in steps
    ]
    np.testing.assert_allclose(received, torch.stack(expected), rtol=1e-6, atol=1e-7)
    x_ = x.clone().requires_grad_()
    weigh(jacobian_vector_product(f, "torch", x_, v)).backward()
    if not differentiate_u:
        np.testing.assert_allclose(x_.grad, received, rtol=1e-12)


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
def test_a_second_derivative_is_right_where_forward_mode_taken_twice_is_wrong(f: Any, reference: Any) -> None:
    mpmath = pytest.importorskip("mpmath")
    t = torch.tensor(0.7, dtype=torch.float64)
    y, v = value_and_second_derivative(f, "torch", t)
    expected = float(mpmath.diff(lambda t: reference(mpmath, t), mpmath.mpf(0.7), 2))
    received = v["det"] if isinstance(v, dict) else v
    np.testing.assert_allclose(received.reshape(()), expected, rtol=1e-10)
    assert received.shape == (y["det"] if isinstance(y, dict) else y).shape
    twice = jacobian_vector_product(
        lambda t: jacobian_vector_product(f, "torch", t, torch.ones_like(t)), "torch", t, torch.ones_like(t)
    )
    twice = twice["det"] if isinstance(twice, dict) else twice
    np.testing.assert_allclose(twice.reshape(()), expected, rtol=1e-10)


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
