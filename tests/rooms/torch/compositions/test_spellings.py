"""Compositions accept the calls that PyTorch's functions accept, and refuse the others in its words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from torch_functions import BATCH, X

import adhelpers

torch = pytest.importorskip("torch")
table = pytest.importorskip("adhelpers_plugins.torch.compositions.table")

functional = torch.nn.functional

LOWER = torch.tensor([[2.0, 5.0], [1.0, 3.0]], dtype=torch.float64)
SQUARE = BATCH[:, :2] + 1j * BATCH[:, 2:] + torch.eye(2)
WEIGHT, BIAS = BATCH[0, :, 0], BATCH[1, :, 1]


INDEX = torch.tensor([0, 1, 1])
FACTORS, PIVOTS = torch.linalg.lu_factor(SQUARE)
ALONG = {"input": BATCH, "dim": 1}
TWO = {"input": BATCH, "other": BATCH.flip(0)}
BY_CHANNEL = {"running_mean": BIAS, "running_var": WEIGHT**2, "weight": WEIGHT, "bias": BIAS}
NORMALISED = {"input": BATCH, "normalized_shape": (4, 2), "weight": BATCH[0], "bias": BATCH[1], "eps": 0.1}
SCATTERED = {"input": BATCH, "src": BATCH[0], "size": (4, 2), "stride": (1, 4), "storage_offset": 2}
CHOLESKY = {"input": LOWER, "input2": LOWER, "upper": True}
OLDER = {"input": SQUARE[..., :1], "LU_data": FACTORS, "LU_pivots": PIVOTS}

ARGUMENTS: dict[Any, dict[str, Any]] = {
    torch._weight_norm: {"v": BATCH, "g": BATCH[:1, :, :1], "dim": 1},
    functional.batch_norm: {"input": BATCH, **BY_CHANNEL, "training": False, "momentum": 0.2, "eps": 0.1},
    functional.instance_norm: {"input": BATCH, **BY_CHANNEL, "use_input_stats": False, "momentum": 0.2, "eps": 0.1},
    functional.layer_norm: NORMALISED,
    torch.layer_norm: {**NORMALISED, "cudnn_enable": True},
    torch.cholesky_inverse: {"input": LOWER, "upper": True},
    torch.Tensor.cholesky_inverse: {"input": LOWER, "upper": True},
    torch.cholesky_solve: CHOLESKY,
    torch.Tensor.cholesky_solve: CHOLESKY,
    torch.cdist: {"x1": BATCH, "x2": BATCH.flip(0), "p": 3.0, "compute_mode": "donot_use_mm_for_euclid_dist"},
    torch.linalg.lstsq: {"input": BATCH, "b": BATCH.flip(0), "rcond": 1e-9, "driver": "gelsd"},
    torch.linalg.svd: {"A": BATCH, "full_matrices": True},
    torch.svd: {"input": BATCH, "some": False, "compute_uv": True},
    torch.Tensor.svd: {"input": BATCH, "some": False, "compute_uv": True},
    torch.linalg.lu_solve: {"LU": FACTORS, "pivots": PIVOTS, "B": SQUARE, "left": False, "adjoint": True},
    torch.lu_solve: OLDER,
    torch.Tensor.lu_solve: OLDER,
    torch.logaddexp: TWO,
    torch.logaddexp2: TWO,
    torch.Tensor.logaddexp: TWO,
    torch.Tensor.logaddexp2: TWO,
    torch.cumprod: {**ALONG, "dtype": torch.complex64},
    torch.Tensor.cumprod: {**ALONG, "dtype": torch.complex64},
    torch.det: {"input": SQUARE},
    torch.linalg.det: {"A": SQUARE},
    torch.Tensor.det: {"input": SQUARE},
    torch.logcumsumexp: ALONG,
    torch.Tensor.logcumsumexp: ALONG,
    torch.polar: {"abs": BATCH, "angle": BATCH},
    functional.silu: {"input": SQUARE, "inplace": True},
    torch._C._nn.silu: {"input": SQUARE},
    torch.sinc: {"input": BATCH},
    torch.special.sinc: {"input": BATCH},
    torch.Tensor.sinc: {"input": BATCH},
    torch.Tensor.sinc_: {"input": BATCH},
    torch.Tensor.data.__get__: {"input": BATCH},
    torch.as_strided_scatter: SCATTERED,
    torch.Tensor.as_strided_scatter: SCATTERED,
}
"""Functions, and their arguments in order by PyTorch's first names for them."""
if hasattr(functional, "linear_cross_entropy"):
    ARGUMENTS[functional.linear_cross_entropy] = {
        "input": BATCH[:, 0],
        "linear_weight": BATCH[0],
        "target": INDEX,
        "linear_bias": WEIGHT,
        "label_smoothing": 0.1,
    }
NAMES = {"self", "input", "A", "a", "x", "x1", "other", "x2", "dim", "axis"}
"""Names of which PyTorch accepts one for another."""


def spellings(arguments: dict[str, Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Each number of arguments by position, and each choice of names for the rest."""
    for number in range(len(arguments) + 1):
        rest = list(arguments)[number:]
        for names in itertools.product(*[sorted(NAMES) if name in NAMES else [name] for name in rest]):
            if len(set(names)) == len(names):
                named = [arguments[name] for name in rest]
                yield list(arguments.values())[:number], dict(zip(names, named, strict=True))


def own_copies(args: list[Any], options: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """For functions that work in place."""

    def copied(a: Any) -> Any:
        return a.clone() if isinstance(a, torch.Tensor) else a

    return [copied(a) for a in args], {name: copied(a) for name, a in options.items()}


@pytest.mark.filterwarnings("ignore:torch.lu_solve is deprecated")
@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda f: f"{type(f).__name__}-{f.__name__}")
def test_compositions_accept_every_spelling_that_pytorch_accepts_and_no_other(function: Any) -> None:
    composed, accepted = table.COMPOSITIONS[function], 0
    for args, options in spellings(ARGUMENTS[function]):
        for more in ({}, {"out": None}):
            own, other = own_copies(args, {**options, **more}), own_copies(args, {**options, **more})
            try:
                expected = function(*own[0], **own[1])
            except TypeError as error:
                with pytest.raises(TypeError, match=re.escape(str(error).splitlines()[0])):
                    composed(*other[0], **other[1])
            else:
                accepted += 1
                torch.testing.assert_close(composed(*other[0], **other[1]), expected, rtol=1e-6, atol=1e-9)
    assert accepted > 0


def test_the_spellings_of_every_composition_are_tested() -> None:
    assert set(table.COMPOSITIONS) == set(ARGUMENTS)


def test_a_name_of_numpys_at_second_order() -> None:
    """Of a product: each second derivative is the product of the other numbers."""
    x, u = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    f = lambda x: adhelpers.array_namespace(x).cumulative_prod(x)[-1]  # noqa: E731
    v = adhelpers.jacobian_vector_product(lambda x: adhelpers.gradient(f, None, x), "torch", x, u)
    np.testing.assert_allclose(v, [0.0, 5.0, 3.0], rtol=1e-12)


REFUSED: dict[str, Any] = {
    "cdist-shapes": lambda x: torch.cdist(x.reshape(-1, 1), BATCH[0, :2].new_ones(2, 3)),
    "cdist-negative": lambda x: torch.cdist(x[0], x[1], p=-1.0),
    "layer_norm-shape": lambda x: functional.layer_norm(x, (5,)),
    "batch_norm-one": lambda x: functional.batch_norm(x[:1, :, :1], None, None, training=True),
    "batch_norm-nothing": lambda x: functional.batch_norm(x, None, None),
    "instance_norm-one": lambda x: functional.instance_norm(x[:, :, :1]),
    "polar-dtypes": lambda x: torch.polar(x, torch.ones(2, dtype=torch.float32)),
    "cumprod-dim": lambda x: torch.cumprod(x, 7),
    "logaddexp-number": lambda x: torch.logaddexp(x, 2.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_in_its_words(name: str) -> None:
    def number(x: Any) -> Any:
        y = torch.view_as_real(REFUSED[name](x)) if name.startswith("polar") else REFUSED[name](x)
        return y.sum()

    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as own:
        number(BATCH)
    for call in (
        lambda: adhelpers.jacobian_vector_product(number, "torch", BATCH, BATCH),
        lambda: adhelpers.hessian_vector_product(number, "torch", BATCH, BATCH, mode="forward-over-reverse"),
        lambda: adhelpers.hessian_vector_product(number, "torch", BATCH, BATCH, mode="forward-over-forward"),
    ):
        with pytest.raises(type(own.value)) as received:
            call()
        assert str(received.value) == str(own.value)


def test_results_that_are_written_elsewhere_are_refused_by_pytorch() -> None:
    def f(x: Any) -> Any:
        return torch.sinc(x, out=torch.zeros_like(x)).sum()

    with pytest.raises(RuntimeError, match="out=... arguments don't support automatic differentiation"):
        adhelpers.hessian(f, "torch", X, mode="reverse-over-reverse")
