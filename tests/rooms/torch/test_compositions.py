"""Compositions have the values of PyTorch's own functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import X

import adhelpers

torch = pytest.importorskip("torch")
compositions = pytest.importorskip("adhelpers_plugins.torch.compositions")

functional = torch.nn.functional
BATCH = torch.tensor(np.random.default_rng(0).standard_normal((3, 4, 2)))
LOWER = torch.tensor([[2.0, 5.0], [1.0, 3.0]], dtype=torch.float64)
SQUARE = BATCH[:, :2] + 1j * BATCH[:, 2:] + torch.eye(2)
SINGULAR = torch.ones(4, 2, dtype=torch.float64)
INFINITE = torch.tensor([-float("inf"), -3.0, 0.5, float("inf")], dtype=torch.float64)
WEIGHT, BIAS = BATCH[0, :, 0], BATCH[1, :, 1]

CALLS: dict[str, tuple[Any, Any]] = {
    "as_strided_scatter": (torch.as_strided_scatter, lambda f: f(BATCH, BATCH[0], (4, 2), (1, 4), 2)),
    "as_strided_scatter-empty": (torch.as_strided_scatter, lambda f: f(BATCH, BATCH[:0, 0, 0], (0,), (1,))),
    "batch_norm-eval": (functional.batch_norm, lambda f: f(BATCH, BIAS, WEIGHT**2, WEIGHT, BIAS)),
    "batch_norm-train": (functional.batch_norm, lambda f: f(BATCH, None, None, WEIGHT, BIAS, True, eps=0.1)),
    **{
        f"cdist-{p}": (torch.cdist, lambda f, p=p: f(BATCH, torch.stack([BATCH[0], BATCH[0] + 1, BATCH[1]]), p))
        for p in (0.0, 0.5, 1.0, 2.0, 3.5, float("inf"))
    },
    "cholesky_inverse": (torch.cholesky_inverse, lambda f: f(LOWER)),
    "cholesky_inverse-upper": (torch.cholesky_inverse, lambda f: f(torch.stack([LOWER, LOWER.mT]), upper=True)),
    "cholesky_inverse-complex": (torch.cholesky_inverse, lambda f: f(LOWER * (1 + 0j) + 1j * LOWER.tril(-1))),
    "cholesky_solve": (torch.cholesky_solve, lambda f: f(LOWER, torch.stack([LOWER, 2 * LOWER]))),
    "cholesky_solve-upper": (torch.cholesky_solve, lambda f: f(LOWER + 0j, LOWER + 1j * LOWER.triu(1), upper=True)),
    "cumprod": (torch.cumprod, lambda f: f(BATCH, 1)),
    "cumprod-integers": (torch.cumprod, lambda f: f(torch.arange(1, 6, dtype=torch.int32), dim=-1)),
    "cumprod-dtype": (torch.cumprod, lambda f: f(X, 0, dtype=torch.complex64)),
    "cumprod-number": (torch.cumprod, lambda f: f(X[0], 0)),
    "cumprod-nothing": (torch.cumprod, lambda f: f(X[:0], 0)),
    "det": (torch.linalg.det, lambda f: f(torch.stack([LOWER, LOWER @ LOWER]))),
    "det-complex": (torch.linalg.det, lambda f: f(LOWER + 1j * LOWER.mT)),
    "det-nothing": (torch.linalg.det, lambda f: f(X.new_zeros(2, 0, 0))),
    "instance_norm": (functional.instance_norm, lambda f: f(BATCH, None, None, WEIGHT, BIAS)),
    "instance_norm-running": (
        functional.instance_norm,
        lambda f: f(BATCH, BIAS, WEIGHT**2, WEIGHT, BIAS, use_input_stats=False),
    ),
    "lstsq": (torch.linalg.lstsq, lambda f: f(BATCH, BATCH.flip(0), driver="gelss")),
    "lstsq-singular": (torch.linalg.lstsq, lambda f: f(SINGULAR, BATCH[0], 1e-9, driver="gelsd")),
    **{
        f"lu_solve-{left}-{adjoint}": (
            torch.linalg.lu_solve,
            lambda f, left=left, adjoint=adjoint: f(
                *torch.linalg.lu_factor(SQUARE), SQUARE.flip(1), left=left, adjoint=adjoint
            ),
        )
        for left in (True, False)
        for adjoint in (True, False)
    },
    "lu_solve-older": (torch.lu_solve, lambda f: f(SQUARE[..., :1], *torch.linalg.lu_factor(SQUARE))),
    "logaddexp": (torch.logaddexp, lambda f: f(900 * BATCH, BATCH[0])),
    "logaddexp-infinite": (torch.logaddexp, lambda f: f(INFINITE[:, None], INFINITE)),
    "logaddexp-complex": (torch.logaddexp, lambda f: f(BATCH + 9j * BATCH, BATCH.flip(0) * (1 - 9j))),
    "logaddexp2": (torch.logaddexp2, lambda f: f(900 * BATCH, BATCH[0])),
    "layer_norm": (functional.layer_norm, lambda f: f(BATCH, (4, 2), BATCH[0], BATCH[1], 0.1)),
    "logcumsumexp": (torch.logcumsumexp, lambda f: f(20 * BATCH, 1)),
    "logcumsumexp-complex": (torch.logcumsumexp, lambda f: f(BATCH + 1j * BATCH, 1)),
    "logcumsumexp-branches": (torch.logcumsumexp, lambda f: f(BATCH + 20j * BATCH.flip(0), 0)),
    "polar": (torch.polar, lambda f: f(BATCH, BATCH)),
    "sinc": (torch.sinc, lambda f: f(torch.tensor([-3.0, -0.3, -1e-9, 0.0, 0.31, 0.32, 1.0, 7.5]).double())),
    "sinc-integers": (torch.sinc, lambda f: f(torch.arange(3))),
    "sinc_": (torch.Tensor.sinc_, lambda f: f(X / 7)),
    "weight_norm": (torch._weight_norm, lambda f: f(BATCH, BATCH[:, :1, :1], 0)),
    "weight_norm-last": (torch._weight_norm, lambda f: f(BATCH, BATCH[:1, :1], 2)),
}


@pytest.mark.filterwarnings("ignore:torch.lu_solve is deprecated")
@pytest.mark.parametrize("name", CALLS)
def test_values(name: str) -> None:
    function, call = CALLS[name]
    torch.testing.assert_close(call(compositions.COMPOSITIONS[function]), call(function), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single_precision(dtype: Any) -> None:
    x = BATCH.to(dtype) * 100
    for name, shape in (("layer_norm", [(4, 2)]), ("instance_norm", [])):
        own, composed = getattr(functional, name), getattr(compositions, name)
        torch.testing.assert_close(composed(x, *shape), own(x, *shape), rtol=4 * torch.finfo(dtype).eps, atol=0.0)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_are_updated_as_by_pytorch(name: str) -> None:
    statistics = [(torch.zeros(4).double(), torch.ones(4).double()) for _ in range(2)]
    own, composed = getattr(functional, name), getattr(compositions, name)
    for f, (mean, var) in zip((own, composed), statistics, strict=True):
        f(BATCH, mean, var, None, None, True, 0.3)
    for a, b in zip(*statistics, strict=True):
        torch.testing.assert_close(a, b)
        assert bool((a != 0).all())


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3), (2, 5, 3), (3, 0)])
def test_singular_values_beside_more_vectors_are_as_ever(shape: tuple[int, ...]) -> None:
    """Equal ones too, whose vectors have no derivative."""
    x = torch.eye(*shape[-2:], dtype=torch.float64).expand(shape).clone()

    def values(x: Any) -> Any:
        return torch.linalg.svd(x)[1].sum()

    def alone(x: Any) -> Any:
        return torch.linalg.svdvals(x).sum()

    expected = adhelpers.gradient(alone, "torch", x)
    torch.testing.assert_close(adhelpers.gradient(values, "torch", x), expected)
    pushed = adhelpers.jacobian_vector_product(values, "torch", x, torch.ones_like(x))
    torch.testing.assert_close(pushed, expected.sum())
