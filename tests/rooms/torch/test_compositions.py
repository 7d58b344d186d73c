"""Compositions have the values of PyTorch's own functions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
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
    "weight_norm-negative": (torch._weight_norm, lambda f: f(BATCH, BATCH[:1, :, :1], -2)),
    "weight_norm-first": (torch._weight_norm, lambda f: f(BATCH, BATCH[:, :1, :1], -3)),
    "weight_norm-whole": (torch._weight_norm, lambda f: f(BATCH, BATCH[0, 0, 0], -1)),
    "weight_norm-vector": (torch._weight_norm, lambda f: f(X, X.flip(0), 0)),
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
    own = getattr(functional, name)
    composed = compositions.COMPOSITIONS[own]
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
    composed, accepted = compositions.COMPOSITIONS[function], 0
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
    assert set(compositions.COMPOSITIONS) == set(ARGUMENTS)


def test_a_name_of_numpys_at_second_order() -> None:
    """Of a product: each second derivative is the product of the other numbers."""
    x, u = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    f = lambda x: adhelpers.array_namespace(x).cumulative_prod(x)[-1]  # noqa: E731
    v = adhelpers.jacobian_vector_product(lambda x: adhelpers.gradient(f, None, x), "torch", x, u)
    np.testing.assert_allclose(v, [0.0, 5.0, 3.0], rtol=1e-12)


@pytest.mark.parametrize("dim", [-3, -2, -1, 0, 1, 2])
def test_a_weight_norm_along_each_axis(dim: int) -> None:
    """The derivative by the size is the direction."""
    along = None if dim == -1 else dim % 3
    axes = tuple(axis for axis in range(3) if axis != along)
    direction = BATCH.numpy() / np.sqrt((BATCH.numpy() ** 2).sum(axes, keepdims=True))
    g = torch.ones([BATCH.shape[axis] if axis == along else 1 for axis in range(3)], dtype=BATCH.dtype)
    g = g.reshape(()) if along is None else g
    y, v = adhelpers.value_and_jacobian_vector_product(lambda g: torch._weight_norm(BATCH, g, dim), "torch", g, g)
    np.testing.assert_allclose(y, direction, rtol=1e-12)
    np.testing.assert_allclose(v, direction, rtol=1e-12)


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
