"""The backend under test: operations on it, and what is expected of their results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strangers import Install
from toy_suite import TOY, conformance, toy

from adhelpers import Capability
from adhelpers.testing import Failure, OutOfReach
from adhelpers.testing.subject import SLACK, Subject, share_memory
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def test_a_loose_relative_error_hides_nothing(install: Install, tmp_path: Path) -> None:
    toy(install, f"{TOY}    def relative_step(self, epsilon):\n        return epsilon**0.5\n")
    done = conformance(tmp_path, "-k", "R12-jvp-of-jvp or u-constant/jvp-of-jvp")
    assert done.returncode == 1
    assert "which promises no digit of 2 nested derivatives" in done.stdout


# -- operations -----------------------------------------------------------------------------------------------

X, U = np.array([0.5, 1.5]), np.array([1.0, -2.0])


@pytest.fixture
def subject() -> Subject:
    return Subject(FiniteDifferenceBackend())


def test_operations_are_those_of_the_library(subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return xp.sin(x)

    for name, product in (("jvp", subject.jvp), ("vjp", subject.vjp)):
        np.testing.assert_allclose(product(f, X, U), np.cos(X) * U, rtol=1e-8)
        assert np.array_equal(subject.product(name, f, X, U), product(f, X, U))
        value, received = subject.value_and_product(name, f, X, U)
        assert np.array_equal(value, np.sin(X))
        assert np.array_equal(received, product(f, X, U))
    for value, J in ((np.sin(X[None]), subject.batched(f, X[None])), subject.value_and_batched(f, X[None])):
        assert np.array_equal(value, np.sin(X[None]))
        np.testing.assert_allclose(J, np.cos(X)[None, None], rtol=1e-8)


def test_the_latest_call_is_remembered_for_messages(subject: Subject) -> None:
    factor, array = 3.0, np.ones(2)

    def f(xp: Any, x: Any) -> Any:
        return factor * x * array

    subject.jvp(f, X, U, args=())
    for words in (
        "called\n    jacobian_vector_product(f, FiniteDifferenceBackend(fallback=True, order=2, relative=False), ",
        "relative=False), x, u, args=())\n",
        "where f is\n    def f(xp: Any, x: Any) -> Any:\n        return factor * x * array\n",
        "with\n",
        "factor = 3.0",
        "array = array([1., 1.])",
        "x\n    array([0.5, 1.5])\n",
        "u\n    array([ 1., -2.])\n",
    ):
        assert words in str(subject.last_call)


def test_operands_are_shown_as_they_were_given(subject: Subject) -> None:
    x = X.copy()
    subject.record("a call that writes to x", x=x)
    x[:] = 7.0
    assert "x\n    array([0.5, 1.5])\n" in str(subject.last_call)


def test_of_nested_calls_the_outer_one_is_remembered(subject: Subject) -> None:
    def inner(xp: Any, x: Any) -> Any:
        return x**2

    subject.vjp(lambda xp, x: subject.jvp(inner, x, xp.ones_like(x)), X, U)
    assert "vector_jacobian_product(" in str(subject.last_call)
    assert "x**2" not in str(subject.last_call)


def test_a_backend_that_cannot_be_shown_has_its_type_for_a_name() -> None:
    class Shy(FiniteDifferenceBackend):
        def __repr__(self) -> str:
            raise RuntimeError

    subject = Subject(Shy())
    subject.jvp(lambda xp, x: x, X, U)
    assert "jacobian_vector_product(f, Shy(...), x, u)" in str(subject.last_call)


def test_what_had_happened_before_stands_in_a_failure(subject: Subject) -> None:
    with (
        pytest.raises(Failure, match=r"^after\n    a storm\nreceived\n    a\nexpected\n    b\n$"),
        subject.after("a storm"),
    ):
        subject.expect(False, "a", "b")


# -- arrays ---------------------------------------------------------------------------------------------------


def test_only_inexact_arrays_of_numpys_become_the_backends(subject: Subject) -> None:
    masked = np.ma.masked_array([1.0])
    tree = {"array": X, "scalar": np.float32(1.5), "integers": np.arange(2), "number": 1.0, "masked": masked}
    received = subject.arrays(tree)
    assert received["array"] is not X
    assert np.array_equal(received["array"], X)
    assert (type(received["scalar"]), received["scalar"].dtype) == (np.ndarray, np.float32)
    assert all(received[name] is tree[name] for name in ("integers", "number", "masked"))


def test_a_tree_without_arrays_has_a_namespace_too(subject: Subject) -> None:
    assert subject.namespace({"a": 1.0}).sin(0.0) == 0.0
    assert subject.namespace(()) is subject.namespace(X)


class Single(FiniteDifferenceBackend):
    """Of double precision it takes nothing."""

    capabilities = FiniteDifferenceBackend.capabilities - {Capability.FLOAT64}


def test_without_double_precision_all_is_in_single() -> None:
    subject = Subject(Single())
    assert subject.arrays({"a": X, "z": 1j * X})["z"].dtype == np.complex64
    assert subject.one().dtype == np.float32
    for lifted in (X, subject.arrays(X)):
        subject.expect_close(subject.jvp(lambda xp, x: x**2, lifted, U), 2 * X * U)
    assert subject.tolerance(np.ones(())) == subject.tolerance(np.ones((), np.float32))
    assert subject.step() == subject.step(np.float32) > subject.step(np.float64)
    assert [subject.dtype_word(word) for word in ("float64", "complex128", "cast")] == ["float32", "complex64", "cast"]
    with pytest.raises(Failure, match="dtype float64\nexpected\n    dtype float32"):
        subject.expect_close(X, X)


def test_with_double_precision_nothing_is_narrowed(subject: Subject) -> None:
    assert subject.in_precision(X) is X
    assert subject.dtype_word("float64") == "float64"


# -- what is expected -------------------------------------------------------------------------------------------


def test_within_its_tolerance_a_result_is_close(subject: Subject) -> None:
    allowed = SLACK * np.finfo(float).eps ** (2 / 3)  # the error that differences of order 2 owe
    assert subject.tolerance(X) == pytest.approx(allowed)
    subject.expect_close(X * (1.0 + 0.4 * allowed), X)
    with pytest.raises(Failure, match=r"the result\[1\] is off by .*; .* is allowed"):
        subject.expect_close(X + np.array([0.0, 2.0 * allowed]), X)


def test_tolerance_is_relative_to_the_largest_entry_and_to_the_scale_of_a_function(subject: Subject) -> None:
    near = subject.tolerance(X)
    subject.expect_close(np.array([1e6, near * 0.9e6]), np.array([1e6, 0.0]))
    subject.expect_close(np.array(0.9e-3 * near), np.array(0.0))
    with pytest.raises(Failure):
        subject.expect_close(np.array(1.1e-3 * near), np.array(0.0))
    subject.expect_close(np.array(0.9 * near), np.array(0.0), scale=1.0)


def test_each_nested_derivative_costs_digits(subject: Subject) -> None:
    owed = np.finfo(float).eps ** (2 / 3)
    growth = owed / np.finfo(float).eps
    for depth in (1, 2):
        assert subject.tolerance(X, depth) == pytest.approx(SLACK * owed * growth ** (depth - 1))
    assert subject.tolerance(X.astype("f4")) == pytest.approx(SLACK * np.finfo("f4").eps ** (2 / 3))
    assert subject.tolerance(X, precision=np.float32) == subject.tolerance(X.astype("f4"))
    with pytest.raises(OutOfReach, match="no digit of 3 nested derivatives in float32"):
        subject.tolerance(X.astype("f4"), 3)


def test_an_exact_backend_owes_the_same_at_every_depth() -> None:
    subject = Subject(Exact())
    assert subject.tolerance(X, 4) == subject.tolerance(X) == pytest.approx(SLACK * np.finfo(float).eps)


@pytest.mark.parametrize(
    ("received", "words"),
    [
        ([X], "the result of structure"),
        (1.0, "the result is a builtins.float"),
        (X[:1], r"the result of shape \(1,\)"),
        (X.astype("f4"), "the result of dtype float32"),
        (np.array([0.5, np.nan]), r"the result\[1\] is off by nan"),
    ],
)
def test_a_result_that_is_no_partner_of_its_reference_fails(subject: Subject, received: Any, words: str) -> None:
    with pytest.raises(Failure, match=words):
        subject.expect_close(received, X)


def test_leaves_are_named_by_their_paths(subject: Subject) -> None:
    with pytest.raises(Failure, match=r"difference\n    aux\['a'\]\[1\]\[0\] is off by 1"):
        subject.expect_close({"a": (X, np.array([2.0]))}, {"a": (X, np.array([1.0]))}, what="aux")


def test_exactly_equal_is_more_than_close(subject: Subject) -> None:
    subject.expect_equal({"a": X.copy()}, {"a": X})
    with pytest.raises(Failure, match="expected\n    exactly array"):
        subject.expect_equal(np.nextafter(X, 2.0), X)


class Exact(FiniteDifferenceBackend):
    """Claims that its results are exact, and by rules."""

    def relative_error(self, epsilon: float) -> float:
        return epsilon

    def relative_step(self, epsilon: float) -> float:
        return 0.0


def test_a_step_is_what_the_backend_says() -> None:
    for order in (2, 4):
        subject = Subject(FiniteDifferenceBackend(order=order))
        assert subject.step() == pytest.approx(np.finfo(float).eps ** (1 / (order + 1)))
    assert Subject(FiniteDifferenceBackend()).step(np.float32) == pytest.approx(np.finfo("f4").eps ** (1 / 3))
    assert Subject(Exact()).step() == 0.0


class Coarse(Exact):
    """Its functions are right to a thousand roundings."""

    def relative_error(self, epsilon: float) -> float:
        return 1000.0 * epsilon


def test_nested_rules_owe_what_one_owes_and_nested_differences_less() -> None:
    rules, differences = Subject(Coarse()), Subject(FiniteDifferenceBackend())
    for subject in (rules, differences):
        owed, step = subject.backend.relative_error(np.finfo(float).eps), subject.step() or 1.0
        for depth in (1, 2):
            assert subject.tolerance(X, depth) == pytest.approx(SLACK * owed / step ** (depth - 1))
    assert rules.tolerance(X.astype(np.float32), 3) == pytest.approx(SLACK * 1000.0 * np.finfo("f4").eps)


def test_what_happens_within_a_step_is_not_judged(subject: Subject) -> None:
    subject.require_reach(1e-3)
    subject.require_reach(np.inf, np.float32)
    with pytest.raises(OutOfReach, match="steps of about 6.1e-06, too long to see what f does within 1e-09"):
        subject.require_reach(1e-9)
    with pytest.raises(OutOfReach):
        subject.require_reach(1e-3, np.float32)
    Subject(Exact()).require_reach(1e-300)


STEEP = np.array([np.inf, 0.5, -np.inf])


def steepness(h: float) -> np.ndarray:
    return np.full(3, h**-0.5)


def test_an_exact_backend_owes_infinity_itself() -> None:
    subject = Subject(Exact())
    subject.expect_infinite(STEEP.copy(), STEEP, steepness)
    for wrong in (0.0, np.nan, 1e308, np.finfo(float).max, -np.inf):
        with pytest.raises(Failure, match="exactly array"):
            subject.expect_infinite(np.array([wrong, 0.5, -np.inf]), STEEP, steepness)
    for wrong in (0.4, np.inf, np.nan):
        with pytest.raises(Failure, match="without the infinite entries"):
            subject.expect_infinite(np.array([np.inf, wrong, -np.inf]), STEEP, steepness)


def test_differences_owe_no_number_or_the_slope_over_a_step(subject: Subject) -> None:
    for right in (np.nan, np.inf, 1e308, 400.0, 1.01 * (SLACK * subject.step()) ** -0.5):
        subject.expect_infinite(np.array([right, 0.5, -right]), STEEP, steepness)
    for wrong in (0.0, 1.0, 0.99 * (SLACK * subject.step()) ** -0.5, -400.0, -np.inf):
        with pytest.raises(Failure, match="by differences over about 6.1e-06, NaN or at least"):
            subject.expect_infinite(np.array([wrong, 0.5, -np.inf]), STEEP, steepness)
    with pytest.raises(Failure, match="without the infinite entries"):
        subject.expect_infinite(np.array([np.nan, np.nan, np.nan]), STEEP, steepness)


def test_an_error_of_the_right_type_is_returned_and_any_other_is_a_failure(subject: Subject) -> None:
    mine = KeyError("mine")

    def call() -> None:
        raise mine

    assert subject.expect_error((ValueError, LookupError), call) is mine
    with pytest.raises(Failure, match=r"raised\n    builtins.KeyError: 'mine'\nexpected\n    ValueError\n"):
        subject.expect_error(ValueError, call)
    with pytest.raises(Failure, match=r"received\n    array\(1.\)\nexpected\n    ValueError or TypeError\n"):
        subject.expect_error((ValueError, TypeError), lambda: np.asarray(1.0))


def test_memory_is_shared_where_writing_to_one_can_change_the_other() -> None:
    a = np.arange(6.0)
    assert share_memory(a, a[2:])
    assert not share_memory(a[:2], a[2:])
    assert not share_memory(a, a.copy())
    view = a[:]
    view.flags.writeable = False
    assert share_memory(a, view)
    assert not share_memory(view, view)
