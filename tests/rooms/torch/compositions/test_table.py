"""Compositions have the values of PyTorch's own functions."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import BATCH, X

torch = pytest.importorskip("torch")
table = pytest.importorskip("adhelpers_plugins.torch.compositions.table")

functional = torch.nn.functional

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
    "weight_norm-negative": (torch._weight_norm, lambda f: f(BATCH, BATCH[:1, :, :1], -2)),
    "weight_norm-first": (torch._weight_norm, lambda f: f(BATCH, BATCH[:, :1, :1], -3)),
    "weight_norm-whole": (torch._weight_norm, lambda f: f(BATCH, BATCH[0, 0, 0], -1)),
    "weight_norm-vector": (torch._weight_norm, lambda f: f(X, X.flip(0), 0)),
}


@pytest.mark.filterwarnings("ignore:torch.lu_solve is deprecated")
@pytest.mark.parametrize("name", CALLS)
def test_values(name: str) -> None:
    function, call = CALLS[name]
    torch.testing.assert_close(call(table.COMPOSITIONS[function]), call(function), rtol=1e-12, atol=1e-13)
