"""What PyTorch gets wrong: it still does, and what stands in is right, in each composition of modes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from torch_wrong_rules import CASES, Case, T

import adhelpers

torch = pytest.importorskip("torch")
wrong = pytest.importorskip("adhelpers_plugins.torch.wrong")
adhelpers.backend("torch")  # which meets a warning of PyTorch's about itself

ORDERS = 3
ONE = torch.tensor(1.0, dtype=torch.float64)


def differences(case: Case, order: int) -> float:
    """A derivative from values alone: central differences, extrapolated twice."""

    def value(t: float) -> float:
        return float(case.number(torch.tensor(t, dtype=torch.float64)))

    def quotient(h: float) -> float:
        f = {k: value(T + k * h) for k in (-2, -1, 0, 1, 2)}
        if order == 1:
            return (f[1] - f[-1]) / (2 * h)
        if order == 2:
            return (f[1] - 2 * f[0] + f[-1]) / h**2
        return (f[2] - 2 * f[1] + 2 * f[-1] - f[-2]) / (2 * h**3)

    wide, middle, close = (quotient({1: 1e-3, 2: 5e-3, 3: 2e-2}[order] / 2**k) for k in range(3))
    first, second = (4 * middle - wide) / 3, (4 * close - middle) / 3
    return (16 * second - first) / 15


TOLERANCE = {1: 1e-7, 2: 1e-5, 3: 2e-3}


def composed(case: Case, modes: str, forward: Any, reverse: Any) -> Any:
    return nested(case.number, modes, forward, reverse)(torch.tensor(T, dtype=torch.float64))


def nested(f: Any, modes: str, forward: Any, reverse: Any) -> Any:
    for mode in reversed(modes):
        f = (forward if mode == "F" else reverse)(f)
    return f


def raw_forward(f: Any) -> Any:
    return lambda t: torch.func.jvp(f, (t,), (ONE,))[1]


def raw_reverse(f: Any) -> Any:
    return lambda t: torch.func.vjp(f, t)[1](ONE)[0]


def forward(f: Any) -> Any:
    return lambda t: adhelpers.jacobian_vector_product(f, "torch", t, ONE)


def reverse(f: Any) -> Any:
    return lambda t: adhelpers.vector_jacobian_product(f, "torch", t, ONE)


@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated")
@pytest.mark.parametrize(("case", "modes"), [(case, modes) for case in CASES for modes in case.wrong], ids=str)
def test_pytorch_is_wrong_where_it_is_listed(case: Case, modes: str) -> None:
    has_mended = wrong.has_mended(case.until) or case.function not in wrong.FUNCTIONS
    expected = differences(case, len(modes))
    try:
        received = float(composed(case, modes, raw_forward, raw_reverse).detach())
    except (RuntimeError, NotImplementedError):
        assert not has_mended
        return
    is_right = abs(received - expected) <= 10 * TOLERANCE[len(modes)] * max(1, abs(expected))
    assert is_right is has_mended, "PyTorch has mended it, or has not: say since when"


@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated")
@pytest.mark.parametrize("order", range(1, ORDERS + 1))
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_composition_is_right(case: Case, order: int) -> None:
    expected = differences(case, order)
    for modes in map("".join, itertools.product("FR", repeat=order)):
        received = float(composed(case, modes, forward, reverse).detach())
        np.testing.assert_allclose(
            received, expected, rtol=TOLERANCE[order], atol=TOLERANCE[order], err_msg=f"{modes} of {case}"
        )


def test_every_function_of_the_list_is_tested() -> None:
    tested = {case.function for case in CASES}
    bessel = {name for name in wrong.FUNCTIONS if "bessel" in name or name in ("i0", "special_i0", "special_i1")}
    elsewhere = {"custom_function_call", "data", "detach_", "cdist", "cond", "scan", "while_loop", *bessel}
    assert set(wrong.FUNCTIONS) - tested == elsewhere


SINGULAR = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64)


def test_the_gradient_of_a_determinant_that_is_zero() -> None:
    x = SINGULAR.clone().requires_grad_()
    (raw,) = torch.autograd.grad(torch.linalg.det(x), x)
    assert not raw.any(), "PyTorch has mended it: say since when"
    adjugate = [[4.0, -2.0], [-2.0, 1.0]]
    for f in (torch.linalg.det, torch.det, lambda x: x.det(), lambda x: adhelpers.array_namespace(x).linalg.det(x)):
        for chunk_size in (None, 3):
            for mode in ("forward", "reverse"):
                J = adhelpers.jacobian(f, "torch", SINGULAR, mode=mode, chunk_size=chunk_size)
                np.testing.assert_allclose(J, adjugate, rtol=1e-12)
        H = adhelpers.hessian(f, "torch", SINGULAR)
        expected = np.zeros((2, 2, 2, 2))
        expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1.0
        expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1.0
        np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("modes", list(map("".join, itertools.product("FR", repeat=3))))
@pytest.mark.parametrize("regular", range(3))
def test_third_derivatives_of_a_determinant_that_is_zero(regular: int, modes: str) -> None:
    """Where rows are zero, they are the determinant's only factors of the lowest order."""
    point = np.diag([2.0] * regular + [0.0] * 3)
    along = np.random.default_rng(regular).standard_normal(point.shape)
    expected = 6 * 2.0**regular * np.linalg.det(along[regular:, regular:])

    def f(t: Any) -> Any:
        return torch.linalg.det(torch.tensor(point) + t * torch.tensor(along))

    received = nested(f, modes, forward, reverse)(torch.tensor(0.0, dtype=torch.float64))
    np.testing.assert_allclose(float(received), expected, rtol=1e-9)


@pytest.mark.parametrize("rank", range(5))
def test_determinants_of_every_rank(rank: int) -> None:
    """The determinant is linear in each row, so that its Jacobian is that of cofactors."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, rank)) @ rng.standard_normal((3, rank, 4))

    def minor(x: Any, i: int, j: int) -> Any:
        return (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, -2), j, -1))

    expected = np.stack([np.stack([minor(x, i, j) for j in range(4)], -1) for i in range(4)], -2)
    if rank < 3:
        expected = np.zeros_like(expected)
    det = lambda x: adhelpers.array_namespace(x).linalg.det(x)  # noqa: E731
    for f in (det, torch.vmap(det)):
        for x_ in (torch.tensor(x), torch.tensor(x).mT.contiguous().mT):
            v = adhelpers.vector_jacobian_product(f, "torch", x_, torch.ones(3, dtype=torch.float64))
            np.testing.assert_allclose(v, expected, rtol=1e-9, atol=1e-12)


NAMED = {
    "pow": (lambda t: torch.pow(input=t, exponent=3), 3 * T**2),
    "pow-exponent": (lambda t: torch.pow(self=2.0, exponent=t), 2.0**T * np.log(2.0)),
    "scatter_reduce": (
        lambda t: torch.scatter_reduce(
            input=t[None], dim=0, index=torch.tensor([0]), src=2 * t[None], reduce="sum", include_self=True
        ),
        3.0,
    ),
    "scatter_reduce-product": (
        lambda t: torch.scatter_reduce(input=t[None], dim=0, index=torch.tensor([0]), src=t[None], reduce="prod"),
        2 * T,
    ),
    "silu": (lambda t: torch.view_as_real(torch._C._nn.silu(input=torch.complex(t, 0 * t)))[0], None),
}


@pytest.mark.parametrize("call", [forward, reverse])
@pytest.mark.parametrize("name", NAMED)
def test_arguments_may_be_given_by_name(name: str, call: Any) -> None:
    f, slope = NAMED[name]
    s = 1 / (1 + np.exp(-T))
    expected = s + T * s * (1 - s) if slope is None else slope
    received = call(lambda t: f(t).sum())(torch.tensor(T, dtype=torch.float64))
    np.testing.assert_allclose(float(received), expected, rtol=1e-12)
