"""An `x` far below 1: differences must step by less than `f` varies over, and by more than rounding hides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import ports, quickly, result, stopped

import adhelpers
from adhelpers import array_namespace
from adhelpers.comparison.probing import Differences

X = np.array([1.0, 2.0, -3.0])


def logarithm(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.log(xp.abs(x))


FUNCTIONS: dict[str, Any] = {
    "log": logarithm,
    "inverse": lambda x: 1.0 / x,
    "size": lambda x: array_namespace(x).abs(x),  # whose kink is at 0, less than a usual step away
    "offset": lambda x: 1.0 + x,
    "square": lambda x: x**2,
    "tanh": lambda x: 1.0 + array_namespace(x).tanh(x),
}
OPERATIONS = ["jvp", "vjp", "jacobian"]


@pytest.mark.parametrize("size", [1e-4, 1e-8, 1e-20])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_derivatives_agree_and_no_kink_is_seen(name: str, size: float) -> None:
    report = quickly(FUNCTIONS[name], size * X, operations=OPERATIONS)
    assert report.agree, str(report)
    assert not report.findings


@pytest.mark.parametrize("size", [1e-5, 1e-8])
def test_second_derivatives(size: float) -> None:
    def f(x: Any) -> Any:
        return array_namespace(x).sum(logarithm(x))

    report = quickly(f, size * X, operations=["gradient", "hessian", "hessian_vector_product", "laplacian"])
    assert report.agree, str(report)
    assert not report.findings


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_other_precisions(dtype: Any) -> None:
    report = quickly(lambda x: array_namespace(x).log(x), (1e-8 * np.abs(X)).astype(dtype))
    assert report.agree, str(report)


def test_f_may_raise_at_the_usual_step() -> None:
    def f(x: Any) -> Any:
        if np.any(stopped(x) <= 0.0):
            raise ValueError("x is negative")
        return array_namespace(x).log(x)

    report = quickly(f, 1e-8 * np.abs(X))
    assert report.agree, str(report)
    assert not quickly(f, 1e-8 * np.abs(X), reference=None).agree  # where differences are a result like any other


def test_a_small_leaf_beside_a_large_one() -> None:
    def f(x: Any) -> Any:
        return {"log": logarithm(x["small"]) * x["large"], "offset": 1.0 + x["large"] ** 2}

    report = quickly(f, {"small": 1e-8 * X, "large": X}, operations=OPERATIONS)
    assert report.agree, str(report)
    assert any("differences step in units of x" in note for note in report.notes)


def test_another_order_of_differences_steps_so_too() -> None:
    finer = adhelpers.backend("finite-difference", order=4)
    assert quickly(logarithm, 1e-8 * X, backends=["autograd", "finite-difference", finer]).agree


@pytest.mark.parametrize("size", [1e-5, 1e-8])
@pytest.mark.parametrize("name", ["log", "inverse", "offset"])
def test_half_a_derivative_differs(name: str, size: float) -> None:
    f = FUNCTIONS[name]
    report = quickly(ports(lambda x: (f(x) + f(stopped(x))) / 2.0, f), size * X)
    for operation in ("jvp", "vjp"):
        assert result(report, operation, "autograd").status == "differs"
        assert result(report, operation, "finite-difference").status != "differs"
    assert not any("kink" in words for finding in report.findings for words in finding.words)


def test_steps_are_as_usual_where_they_fit() -> None:
    report = quickly(ports(lambda x: x * stopped(x), lambda x: x**2), 1e-8 * X)
    assert not report.agree
    wrong = quickly(ports(lambda x: x * stopped(x), lambda x: x**2), X)
    assert not any("units of x" in note for note in wrong.notes)


def test_what_is_steadier() -> None:
    def differences(value: float, *sides: float, noise: float = 0.0) -> Differences:
        leaves, near = {"J": np.array([value])}, [{"J": np.array([side])} for side in sides]
        return Differences(leaves, {"x": 1.0}, 1.0, noise, (near[0], near[1]) if near else None)

    steady, shaky = differences(2.0, 2.001, 1.999), differences(2.0, 3.0, 1.0)  # which does not bend
    assert steady.is_steadier_than(shaky)
    assert not shaky.is_steadier_than(steady)
    assert not differences(2.0, 2.0, 2.0, noise=1.0).is_steadier_than(shaky)
    assert steady.is_steadier_than(differences(np.nan, 1.0, 1.0))
    assert steady.is_steadier_than(differences(2.0))
    assert not differences(2.0).is_steadier_than(differences(2.0))
    assert differences(2.0).bending() == {}
    assert shaky.bending() == {"J": 0.0}
