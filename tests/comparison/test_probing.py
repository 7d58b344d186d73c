"""What is learnt of a function besides its results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, stopped

import adhelpers
from adhelpers.comparison import probing


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
    monkeypatch.setattr(probing, "MOST_JACOBIAN_BYTES", 8 * 2 * 2 * 3 - 1)
    notes = quickly(cubic, X).notes
    assert any("batched_jacobian was left out on autograd, finite-difference: it would hold" in note for note in notes)
    monkeypatch.setattr(probing, "MOST_JACOBIAN_BYTES", 8 * 2 * 2 * 3)
    assert len(quickly(cubic, X).results) == 8


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
