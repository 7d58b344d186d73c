"""Second derivatives: right where PyTorch's forward mode taken twice is not, and with as few runs of f."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import equal

from adhelpers import (
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
