"""Functions of one number whose derivatives PyTorch gets wrong, and in which compositions of its modes.

F is forward mode and R reverse mode; the last letter is the innermost one. A composition that raises, or gives what is
no number, is wrong too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch")

T = 0.7
"""Where they are differentiated."""

functional = torch.nn.functional
FLOAT = torch.float64


@dataclass(frozen=True)
class Case:
    """A function of a number, whose value is any tensor."""

    function: str
    """The name in the list of what is wrong."""
    f: Callable[[Any], Any]
    wrong: tuple[str, ...]
    label: str = ""
    until: str | None = None
    """The version of PyTorch that has mended it, where others with the function's entry are still wrong."""

    def __str__(self) -> str:
        return f"{self.function}{self.label and '-' + self.label}"

    def number(self, t: Any) -> Any:
        """All elements, with weights that have no pattern in common with them."""
        y = self.f(t)
        weights = torch.cos(torch.arange(y.numel(), dtype=FLOAT) + 0.3).reshape(y.shape)
        return (weights * y.real).sum() + (2 * weights * y.imag).sum() if y.is_complex() else (weights * y).sum()


def random(*shape: int, seed: int) -> Any:
    return torch.randn(shape, dtype=FLOAT, generator=torch.Generator().manual_seed(seed))


def matrix(t: Any, seed: int = 1, shape: tuple[int, ...] = (3, 3)) -> Any:
    curve = random(*shape, seed=seed) + torch.sin(t) * random(*shape, seed=seed + 1) + t * t * random(*shape, seed=8)
    return curve + 4 * torch.eye(shape[-1], dtype=FLOAT) if shape[-1] == shape[-2] else curve


def positive(t: Any) -> Any:
    return matrix(t) @ matrix(t).mT


def numbers(t: Any) -> Any:
    """The second of them is zero at `T`."""
    return torch.stack([t, t - T, t + 2, t * t])


RIGHT_HAND_SIDE = random(3, 2, seed=9)
SINGULAR = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=FLOAT)
PAIRS = torch.tensor([0, 0, 1, 1])
BATCH = (3, 4, 2)


def _normed(t: Any, dim: int) -> Any:
    v = matrix(t, shape=BATCH)
    return torch._weight_norm(v, v[:, :1, :1] if dim == 0 else v.sum(), dim)


def _chunked(t: Any) -> Any:
    if not hasattr(torch.nn, "LinearCrossEntropyOptions"):
        pytest.skip("this version of PyTorch has none")
    options = torch.nn.LinearCrossEntropyOptions()
    target = torch.tensor([0, 2, 1])
    return functional.linear_cross_entropy(matrix(t), matrix(t, 4), target, options=options)


CASES = [
    Case("det", lambda t: torch.det(SINGULAR + (t - T) * random(2, 2, seed=1)), ("F",), "singular"),
    Case("det", lambda t: matrix(t).det(), ("FF", "RF"), "method", until="2.15"),
    Case("linalg_det", lambda t: torch.linalg.det(matrix(t)), ("FF", "RF"), until="2.15"),
    Case(
        "linalg_det",
        lambda t: torch.linalg.det(torch.stack([matrix(t), matrix(t, 4)])),
        ("FF", "RF"),
        "batch",
        until="2.15",
    ),
    Case("linalg_det", lambda t: torch.linalg.det(matrix(t) + 1j * matrix(t, 4)), ("FF",), "complex", until="2.15"),
    Case("slogdet", lambda t: torch.slogdet(matrix(t))[1], ("FF", "RF")),
    Case("linalg_slogdet", lambda t: torch.linalg.slogdet(matrix(t))[1], ("FF", "RF")),
    Case("logdet", lambda t: torch.logdet(positive(t)), ("FF", "RF")),
    Case("linalg_solve", lambda t: torch.linalg.solve(matrix(t), RIGHT_HAND_SIDE), ("FF", "RF")),
    Case("linalg_solve", lambda t: torch.linalg.solve(matrix(t), RIGHT_HAND_SIDE.mT, left=False), ("FF",), "left"),
    Case("linalg_solve_ex", lambda t: torch.linalg.solve_ex(matrix(t), RIGHT_HAND_SIDE)[0], ("FF", "RF")),
    Case("linalg_tensorsolve", lambda t: torch.linalg.tensorsolve(matrix(t), RIGHT_HAND_SIDE[:, 0]), ("FF", "RF")),
    Case("cholesky_inverse", lambda t: torch.cholesky_inverse(matrix(t)), ("F", "R")),
    Case("cholesky_inverse", lambda t: torch.cholesky_inverse(matrix(t), upper=True), ("F", "R"), "upper"),
    Case("cholesky_solve", lambda t: torch.cholesky_solve(RIGHT_HAND_SIDE * t, matrix(t)), ("F", "R")),
    Case("cholesky_solve", lambda t: torch.cholesky_solve(matrix(t, 4), matrix(t), upper=True), ("F", "R"), "upper"),
    Case("linalg_eigh", lambda t: torch.linalg.eigh(positive(t))[1].abs(), ("RF",)),
    Case("linalg_eigvalsh", lambda t: torch.linalg.eigvalsh(positive(t)), ("RFF",)),
    Case("linalg_eig", lambda t: torch.linalg.eig(matrix(t))[1].abs(), ("RF",)),
    Case("linalg_eigvals", lambda t: torch.linalg.eigvals(matrix(t)).abs().sum(), ("FFF",), until="2.15"),
    Case(
        "linalg_householder_product",
        lambda t: torch.linalg.householder_product(matrix(t)[:, :2], torch.stack([t, t * t])),
        ("FF", "RF"),
    ),
    Case("orgqr", lambda t: torch.orgqr(matrix(t)[:, :2], torch.stack([t, t * t])), ("FF", "RF")),
    Case(
        "triangular_solve",
        lambda t: torch.triangular_solve(RIGHT_HAND_SIDE, matrix(t).triu(), transpose=True)[0],
        ("F",),
        "transposed",
    ),
    Case("triangular_solve", lambda t: torch.triangular_solve(RIGHT_HAND_SIDE, matrix(t).triu())[0], ("FR",)),
    Case("layer_norm", lambda t: functional.layer_norm(matrix(t, shape=(2, 4)), (4,)), ("FF", "RF", "RRR", "FRR")),
    Case(
        "layer_norm",
        lambda t: functional.layer_norm(matrix(t, shape=BATCH), (4, 2), matrix(t, 4, (4, 2)), eps=0.1),
        ("FF", "RF"),
        "weighted",
    ),
    Case("layer_norm", lambda t: torch.layer_norm(matrix(t, shape=(2, 4)), (4,)), ("FF",), "torch"),
    Case(
        "batch_norm",
        lambda t: functional.batch_norm(matrix(t, shape=BATCH), None, None, training=True),
        ("FF", "RF", "RRR", "FRR"),
    ),
    Case(
        "batch_norm",
        lambda t: functional.batch_norm(
            matrix(t, shape=BATCH), None, None, matrix(t, 4, (2, 4))[0], matrix(t, 5, (2, 4))[0], training=True
        ),
        ("FF", "RF"),
        "weighted",
    ),
    Case("batch_norm", lambda t: functional.batch_norm(random(*BATCH, seed=3), *_statistics(t)), ("F",), "statistics"),
    Case("instance_norm", lambda t: functional.instance_norm(matrix(t, shape=BATCH)), ("FF", "RF", "RRR")),
    Case(
        "instance_norm",
        lambda t: functional.instance_norm(random(*BATCH, seed=3), *_statistics(t), use_input_stats=False),
        ("F",),
        "statistics",
    ),
    Case("_weight_norm", lambda t: _normed(t, 0), ("RR",)),
    Case("_weight_norm", lambda t: _normed(t, -1), ("F",), "as-a-whole"),
    Case("cumprod", lambda t: torch.cumprod(numbers(t), 0), ("FF", "RF")),
    Case("cumprod", lambda t: torch.stack([numbers(t), numbers(2 * t)]).cumprod(1), ("FF",), "method"),
    Case("cumprod_", lambda t: numbers(t).cumprod_(0), ("FF", "RF")),
    Case("prod", lambda t: torch.prod(numbers(t)), ("FFF",)),
    Case("pow", lambda t: torch.pow(matrix(t).abs(), 2j + 0 * numbers(t)[0]), ("F",)),
    Case("pow", lambda t: torch.pow(1 + 2j * torch.ones(3, dtype=FLOAT), matrix(t)), ("F",), "exponent"),
    Case("pow", lambda t: matrix(t).abs() ** 2j, ("F",), "operator"),
    Case("__rpow__", lambda t: 2j ** matrix(t), ("F",)),
    Case("polar", lambda t: torch.polar(numbers(t), numbers(t) ** 2), ("R",)),
    Case("silu", lambda t: functional.silu(torch.complex(numbers(t), numbers(2 * t))), ("F", "R")),
    Case("sinc", lambda t: torch.sinc(numbers(t)), ("FF", "RR")),
    Case("sinc_", lambda t: numbers(t).sinc_(), ("FF",)),
    Case("special_sinc", lambda t: torch.special.sinc(numbers(t)), ("FF",)),
    Case("logcumsumexp", lambda t: torch.logcumsumexp(numbers(t) * torch.tensor([-40.0, 40, 1, 1]), 0), ("F", "RRR")),
    Case("logcumsumexp", lambda t: torch.logcumsumexp(_far_apart(t), 1), ("F", "FR"), "far"),
    Case("logcumsumexp", lambda t: torch.logcumsumexp(_far_apart(t) + 1j * matrix(t), 1), ("F", "FR"), "complex"),
    Case("logaddexp", lambda t: torch.logaddexp(_far_apart(t), matrix(t)), ("FF", "FR", "RF", "RR")),
    Case("logaddexp", lambda t: matrix(t).logaddexp(_far_apart(t)[0]), ("FF", "FR", "RF", "RR"), "method"),
    Case("logaddexp2", lambda t: torch.logaddexp2(matrix(t), 2 * _far_apart(t)), ("FF", "FR", "RF", "RR")),
    Case("linalg_lstsq", lambda t: torch.cat([y.reshape(-1) for y in _least_squares(t, "gelss")]), ("F", "R")),
    Case("linalg_lstsq", lambda t: _least_squares(1j * t, "gelsd")[2], ("F", "R"), "complex"),
    Case("linalg_lstsq", lambda t: _least_squares(t, "gels")[1], ("F", "R"), "residuals", until="2.7"),
    Case("linalg_lstsq", lambda t: _least_squares(t, "gels", vector=True)[1], ("F", "R"), "vector", until="2.7"),
    Case("linalg_svd", lambda t: torch.linalg.svd(matrix(t, shape=(3, 2)))[0], ("F", "R")),
    Case("linalg_svd", lambda t: torch.linalg.svd(matrix(t, shape=(2, 3)), full_matrices=True).Vh, ("F", "R"), "wide"),
    Case("linalg_svd", lambda t: _projection(torch.linalg.svd(_curve(t))[0][:, 2:]), ("F", "R"), "space"),
    Case("svd", lambda t: torch.svd(matrix(t, shape=(3, 2)), some=False)[0], ("F", "R")),
    Case("svd", lambda t: matrix(t, shape=(2, 3)).svd(False).V, ("F", "R"), "wide"),
    Case(
        "as_strided_scatter",
        lambda t: torch.as_strided_scatter(matrix(t), matrix(t, 4, (2, 2)), (2, 2), (1, 1)),
        ("R",),
        "overlapping",
    ),
    Case("as_strided_scatter", lambda t: matrix(t).mT.as_strided_scatter(matrix(t, 4, (2, 2)), (2, 2), (1, 3)), ("R",)),
    Case("scatter_reduce", lambda t: torch.scatter_reduce(numbers(t)[:2], 0, PAIRS, numbers(t) + 1, "prod"), ("F",)),
    Case(
        "scatter_reduce",
        lambda t: numbers(t)[:2].scatter_reduce(0, PAIRS, numbers(t) + 1, reduce="prod", include_self=False),
        ("F",),
        "method",
    ),
    Case("scatter_reduce_", lambda t: numbers(t)[:2].clone().scatter_reduce_(0, PAIRS, numbers(t) + 1, "prod"), ("F",)),
    Case("linear_cross_entropy", _chunked, ("F",)),
    Case("_foreach_add", lambda t: torch._foreach_add([numbers(t)], t * t)[0], ("F",)),
    Case("_foreach_add_", lambda t: _changed(torch._foreach_add_, numbers(t), t * t), ("F",)),
    Case("_foreach_maximum", lambda t: torch._foreach_maximum([numbers(t)], 0.1)[0], ("F",)),
    Case("_foreach_maximum", lambda t: torch._foreach_maximum([numbers(t)], [0.1])[0], ("F",), "list"),
    Case("_foreach_minimum", lambda t: torch._foreach_minimum([numbers(t)], 0.1)[0], ("F",)),
    Case("_foreach_minimum", lambda t: torch._foreach_minimum([numbers(t)], scalars=[0.1])[0], ("F",), "list"),
]


def _changed(function: Any, tensor: Any, *args: Any) -> Any:
    function([tensor], *args)
    return tensor


def _far_apart(t: Any) -> Any:
    return matrix(t) * torch.tensor([1e3, 1, -1e3])


def _least_squares(t: Any, driver: str, *, vector: bool = False) -> Any:
    b = matrix(t, 4, (4, 2))
    found = torch.linalg.lstsq(matrix(t, 1, (4, 3)), b[:, 0] if vector else b, driver=driver)
    return found.solution, found.residuals, found.singular_values


def _curve(t: Any) -> Any:
    """Complex, with two vectors that belong to no singular value."""
    return torch.complex(matrix(t, 1, (4, 2)), matrix(t, 4, (4, 2)))


def _projection(vectors: Any) -> Any:
    """What does not depend on the choice of the vectors."""
    return vectors @ vectors.mH


def _statistics(t: Any) -> tuple[Any, Any]:
    mean = matrix(t, 6, (2, 4))[0]
    return mean, mean**2 + 1
