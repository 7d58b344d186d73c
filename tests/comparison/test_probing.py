"""What is learnt of a function besides its results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, stopped

import adhelpers
from adhelpers.comparison import probing
from adhelpers.comparison.directions import Directions
from adhelpers.comparison.participants import Participant, read
from adhelpers.comparison.task import Task


def test_pullback_by_differences_that_takes_too_long_is_replaced_by_a_pairing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_SECONDS", 0.0)
    right = quickly(cubic, X)
    assert right.agree
    assert ("vjp", "finite-difference") not in {(r.operation, r.backend) for r in right.results}
    assert any("vjp was left out on finite-difference: it has no reverse mode" in note for note in right.notes)
    wrong = quickly(ports(lambda x: x**2 * stopped(x)), X)
    pulled = result(wrong, "vjp", "autograd")
    assert pulled.status == "differs"
    assert pulled.error is not None
    assert pulled.error.startswith("its product with the tangent is ")


def test_jacobian_that_would_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_BYTES", 8 * 2 * 2 * 3 - 1)
    notes = quickly(cubic, X).notes
    assert any("batched_jacobian was left out on autograd, finite-difference: it would hold" in note for note in notes)
    monkeypatch.setattr(probing, "MOST_BYTES", 8 * 2 * 2 * 3)
    assert len(quickly(cubic, X).results) == 8


def test_matrices_that_would_not_fit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six elements: a Jacobian of one number holds 6 entries, and a Hessian 36, of eight bytes each."""
    asked = ["jacobian", "hessian"]
    monkeypatch.setattr(probing, "MOST_BYTES", 8 * 35)
    report = quickly(lambda x: adhelpers.array_namespace(x).sum(x**3), X, operations=asked)
    assert {r.operation for r in report.results} == {"value", "jacobian"}
    assert any("hessian was left out on autograd, finite-difference: it would hold" in note for note in report.notes)
    monkeypatch.setattr(probing, "MOST_BYTES", 8 * 36)
    report = quickly(lambda x: adhelpers.array_namespace(x).sum(x**3), X, operations=asked)
    assert {r.operation for r in report.results} == {"value", *asked}


@pytest.mark.parametrize(
    ("operation", "calls"), [("jvp", None), ("vjp", "12"), ("hessian", "144"), ("batched_jacobian", "4")]
)
def test_differences_that_would_take_too_long_are_not_taken(operation: str, calls: str | None) -> None:
    differences = Participant("finite-difference", adhelpers.backend("finite-difference"), cubic)
    reason = probing.too_slow(operation, differences, read(X, "x"), seconds=1e9, batch_axis=-1)
    assert reason is None if calls is None else f"would call f {calls} times" in str(reason)
    assert probing.too_slow(operation, differences, read(X, "x"), seconds=0.0, batch_axis=-1) is None


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x**5, np.zeros((3, 2))),
        (lambda x: x**5, np.asarray(0.0)),
        (lambda x: x**5, np.full((3, 2), 1e-8)),
        (lambda x: (x - 1.0) ** 7, 1.0 + 1e-3 * np.arange(6.0).reshape(3, 2)),
    ],
)
def test_what_differences_cut_off_is_nobodys_fault_where_a_function_is_flat(f: Any, x: Any) -> None:
    assert adhelpers.compare(f, x, backends=["autograd", "finite-difference"], timing=False).agree


def test_a_small_fault_where_a_function_is_flat_is_found() -> None:
    def port(x: Any) -> Any:
        return x**5 + 1e-6 * x

    ports = {"finite-difference": lambda x: x**5, "autograd": port}
    report = adhelpers.compare(ports, np.zeros((3, 2)), timing=False)
    assert {(r.operation, r.backend) for r in report.results if r.status != "agrees"} == {
        (operation, "autograd") for operation in ("jvp", "vjp", "batched_jacobian")
    }


def test_pairing_is_the_real_part_without_a_conjugate() -> None:
    """(1 + 2i)(3 - i) + 2 * 5 = 5 + 5i + 10; the norms are sqrt(5) sqrt(10) + 2 * 5."""
    a, b = {"p": np.array([1.0 + 2.0j]), "q": np.array(2.0)}, {"p": np.array([3.0 - 1.0j]), "q": np.array(5.0)}
    product, size = probing.pairing(a, b)
    assert product == pytest.approx(15.0)
    assert size == pytest.approx(50.0**0.5 + 10.0)


def test_pulled_cotangent_is_held_to_a_product() -> None:
    pulled, tangent = {"x": np.array([1.0, 2.0])}, {"x": np.array([3.0, 4.0])}
    assert probing.transpose_fault(pulled, tangent, 11.0, 11.0, lambda epsilon: epsilon) == ""
    fault = probing.transpose_fault(pulled, tangent, 12.0, 11.0, lambda epsilon: epsilon)
    assert fault == "its product with the tangent is 11 instead of 12"
    assert probing.transpose_fault(pulled, tangent, np.nan, np.nan, lambda epsilon: epsilon) == ""


def test_spread_is_what_rounding_changes() -> None:
    """Of 2**20 x, with x = 1 rounded up or down: 2**20 units in the last place of 1."""
    where = Directions(Task("f", (), np.ones(3)), 0)
    spread = probing.spread(read(np.full(3, 2.0**20), "f(x)"), lambda x: read(2.0**20 * x, "f(x)"), where)
    assert spread == {"f(x)": 2.0**20 * 2.0**-52}

    def fails(x: Any) -> Any:
        raise RuntimeError("not there")

    assert probing.spread(read(np.ones(3), "f(x)"), fails, where) == {}
