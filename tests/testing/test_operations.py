"""Every way to differentiate, and what it takes."""

from __future__ import annotations

import numpy as np
import pytest
from toys import ForwardToy, NumpyBackend, ReverseToy

import adhelpers
from adhelpers import Capability
from adhelpers.testing import Failure, NotConcerned
from adhelpers.testing.operations import (
    BOTH,
    OPERATIONS,
    bound,
    call,
    differentiate,
    implements,
    nested,
    or_refused,
    require_own,
)
from adhelpers.testing.subject import Subject
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_gives_the_slope_times_u(operation: str) -> None:
    subject = Subject(FiniteDifferenceBackend())
    received = differentiate(subject, operation, lambda xp, x: xp.sin(x), X, U)
    np.testing.assert_allclose(received, np.cos(X) * U, rtol=1e-8)
    received, aux = differentiate(subject, operation, lambda xp, x: (x**2, "aux"), X, U, has_aux=True)
    np.testing.assert_allclose(received, 2.0 * X * U, rtol=1e-8)
    assert aux == "aux"


def test_what_operations_in_one_another_take() -> None:
    assert nested() == {Capability.NESTING}
    assert nested("jvp", "batched-reverse") == {Capability.NESTING, Capability.FORWARD, Capability.REVERSE}
    assert nested("jvp", "batched") == {Capability.NESTING, Capability.FORWARD}  # in the mode that there is
    assert nested("vjp", "vjp") | {Capability.FORWARD} == BOTH


def test_a_function_is_bound_to_the_namespace_of_its_argument() -> None:
    f = bound(Subject(FiniteDifferenceBackend()), lambda xp, x, factor: (xp.__name__, factor * x))
    assert f(np.ones(2), 3.0)[0] == "array_api_compat.numpy"
    assert np.array_equal(f(np.ones(2), 3.0)[1], [3.0, 3.0])


def test_a_call_is_that_of_the_operation_and_messages_show_it() -> None:
    subject = Subject(FiniteDifferenceBackend())
    options = {"mode": "forward-over-forward", "args": ()}
    received = call(adhelpers.hessian_vector_product, subject, lambda xp, x: xp.sum(x**2), X, U, **options)
    np.testing.assert_allclose(received, 2.0 * U, rtol=1e-5)
    words = "called\n    hessian_vector_product(f, backend, x, u, mode='forward-over-forward', args=())\n"
    assert str(subject.last_call).startswith(words)
    assert "xp.sum(x**2)" in str(subject.last_call)


@pytest.mark.parametrize(
    ("cls", "own"),
    [
        (ForwardToy, {"jvp"}),
        (ReverseToy, {"jvp", "vjp"}),  # a base class counts
        (NumpyBackend, {"jvp"}),
        (FiniteDifferenceBackend, {"jvp", "jvp_sweep"}),
    ],
)
def test_methods_of_its_own_are_told_from_those_that_core_derives(cls: type, own: set[str]) -> None:
    methods = ("jvp", "vjp", "jvp_sweep", "vjp_sweep")
    assert {method for method in methods if implements(cls(), method)} == own
    for method in methods:
        if method in own:
            require_own(cls(), method)
        else:
            with pytest.raises(NotConcerned, match=f"{cls.__name__} does not override {method}"):
                require_own(cls(), method)


def test_any_error_is_loud_enough_and_a_finding_is_none() -> None:
    seen: list[int] = []
    or_refused(seen.append, 1)
    assert seen == [1]

    def raising(error: Exception) -> None:
        raise error

    or_refused(raising, ZeroDivisionError())
    with pytest.raises(Failure, match="it is wrong"):
        or_refused(raising, Failure("it is wrong"))
