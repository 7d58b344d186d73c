"""What is tried on a case: a wrong backend is told from a right one, and errors from wrong values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wrong_backends import AUTOGRAD, AutogradBackend
from wrong_backends.r07 import ClipsCotangents, ConjugatesAsTorchDoes, DoublesCotangents, DoublesTangents
from wrong_backends.r18 import SweepsTransposeVectors

from adhelpers import UnsupportedOperationError, array_namespace
from corpora.case import Case
from corpora.checks import examine

pytestmark = pytest.mark.skipif(not AUTOGRAD, reason="autograd is not installed")

A = np.array([[1.0, 2.0], [-0.5, 0.3]])


def case(f: Callable[..., Any], *x: np.ndarray, backend: type[Any] = AutogradBackend) -> Case:
    return Case("of-mine", 0, backend(), f, x, "of-mine(...)")


def smooth(x: Any) -> Any:
    return (A @ x**3,)


def squared(z: Any) -> Any:
    return (z * z * array_namespace(z).conj(z),)


def verdicts(given: Case) -> dict[str, str]:
    return {outcome.check: outcome.verdict for outcome in examine(given)}


X, Z = np.array([0.7, -1.2]), np.array([0.3 + 1.0j, -1.0 + 0.2j])
ALL = {"jvp", "vjp", "jacobian-forward", "jacobian-reverse"}


def test_a_right_backend_is_right_in_every_check() -> None:
    found = verdicts(case(smooth, X))
    assert set(found.values()) == {"right"}
    assert found.keys() >= ALL
    assert sum(name.startswith("hvp-") for name in found) == 4
    assert set(verdicts(case(squared, Z)).values()) == {"right"}
    assert "jacobian-forward" not in verdicts(case(squared, Z))  # it is not holomorphic
    assert verdicts(case(lambda z: (z**2,), Z)).keys() >= ALL


@pytest.mark.parametrize(
    ("backend", "given", "wrong"),
    [
        (DoublesTangents, (smooth, X), {"jvp"}),
        (DoublesCotangents, (smooth, X), {"vjp"}),
        (SweepsTransposeVectors, (smooth, X), {"jacobian-forward"}),
        (ConjugatesAsTorchDoes, (squared, Z), {"vjp"}),
        (ClipsCotangents, (lambda x: (1e5 * x**2,), X), {"vjp"}),
    ],
)
def test_a_wrong_backend_is_wrong_where_it_is(backend: type[Any], given: Any, wrong: set[str]) -> None:
    f, x = given
    found = {name for name, verdict in verdicts(case(f, x, backend=backend)).items() if verdict == "wrong"}
    assert wrong <= found


def test_errors_are_no_wrong_values() -> None:
    def lacking(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            raise UnsupportedOperationError("no rule for this")
        return (x,)

    def failing(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            raise ValueError("a bug")
        return (x,)

    assert verdicts(case(lacking, X)) == {"jvp": "refused", "vjp": "refused"}
    assert verdicts(case(failing, X)) == {"jvp": "raises", "vjp": "raises"}
    assert {outcome.words for outcome in examine(case(failing, X))} == {"ValueError: a bug"}


def test_at_a_kink_nothing_is_judged() -> None:
    import autograd.numpy as anp

    assert verdicts(case(lambda x: (anp.where(x > 0.0, x, 0.0),), np.array([0.0, 1.0])))["jvp"] == "unjudged"


def test_known_derivatives_are_preferred_to_differences() -> None:
    given = Case(
        "of-mine",
        0,
        AutogradBackend(),
        lambda x: (x**3,),
        (np.array([2.0]),),
        "",
        lambda order: (0.0, 1.0, 12.0)[order],
    )
    found = verdicts(given)
    assert found["jvp"] == "wrong"
    assert not any(name.startswith("jacobian") for name in found)
