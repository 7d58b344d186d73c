"""How often a view runs `f`: once for a value and its derivative at one point."""

from __future__ import annotations

import numpy as np
import pytest
from solver_problems import START, Counted, points, rosenbrock, rosenbrock_jacobian, rosenbrock_residuals

import adhelpers
from conftest import make

optimize = pytest.importorskip("scipy.optimize")
view = adhelpers.scipy.view


@pytest.fixture(params=["torch", "autograd"])
def eager(request: pytest.FixtureRequest) -> adhelpers.ADBackend:
    """What compiles nothing, so that calls can be counted."""
    return make(request.param)


def test_value_and_gradient_run_f_once(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock)
    made = view(f, eager, START)
    assert f.calls == 0
    for x in points(3):
        assert f.during(made.value_and_gradient, x) == 1
        assert f.during(made.value, x) == 0
        assert f.during(made.gradient, x) == 0
        assert f.during(made.value_and_gradient, x) == 0


def test_a_value_is_computed_alone_until_its_gradient_is_wanted(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock)
    made = view(f, eager, START)
    first, *others = points(8)
    with adhelpers.explain() as log:
        assert f.during(made.value, first) == 1
    assert [call.operation for call in log.calls] == ["value"]
    assert f.during(made.gradient, first) == 1
    for x in others:
        assert f.during(made.value, x) == 1
        assert f.during(made.gradient, x) == 0
        np.testing.assert_allclose(made.value(x), optimize.rosen(x))


def test_gradients_that_nobody_wants_are_given_up(eager: adhelpers.ADBackend) -> None:
    made = view(rosenbrock, eager, START)
    made.value(START)
    made.gradient(START)
    with adhelpers.explain() as log:
        for x in points(6):
            made.value(x)
    assert [call.operation for call in log.calls] == [*["gradient"] * 4, "value", "value"]


def test_bfgs_runs_f_once_for_each_point(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock)
    made = view(f, eager, START)
    found = optimize.minimize(made.value, made.x0, jac=made.gradient, method="BFGS")
    assert found.nfev > 20
    assert f.calls == found.nfev + 1  # at the first point the gradient comes unforeseen


def test_a_jacobian_brings_its_value(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock_residuals)
    made = view(f, eager, START)
    made.jacobian(points(1)[0])
    for x in points(3)[1:]:
        assert f.during(made.jacobian, x) == 1
        assert f.during(made.value, x) == 0


def test_a_solver_that_asks_for_each_jacobian_runs_f_once_for_each_point(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock_residuals)
    made = view(f, eager, START)
    first, second, *others = points(8)
    made.jacobian(START)  # where sweeps are proved, which runs f once more
    for x in (first, second):
        assert f.during(made.value, x) == 1
        assert f.during(made.jacobian, x) == 1
    for x in others:
        assert f.during(made.value, x) == 1
        assert f.during(made.jacobian, x) == 0
        np.testing.assert_allclose(made.jacobian(x), rosenbrock_jacobian(x), atol=1e-12)
        made.jacobian(x)[:] = 0.0  # is the caller's own
        np.testing.assert_allclose(made.jacobian(x), rosenbrock_jacobian(x), atol=1e-12)


def test_a_solver_that_keeps_its_jacobian_pays_for_none_that_it_did_not_ask_for(eager: adhelpers.ADBackend) -> None:
    made = view(rosenbrock_residuals, eager, START)
    with adhelpers.explain() as log:
        for x in points(5):
            for step in (0.0, 0.1, 0.2):
                made.value(x + step)
            made.jacobian(x + 0.2)
    assert [call.operation for call in log.calls] == ["value", "value", "value", "jacobian"] * 5


def test_an_operator_brings_its_value_and_runs_f_once(eager: adhelpers.ADBackend) -> None:
    f = Counted(rosenbrock_residuals)
    made, x = view(f, eager, START), points(1)[0]
    assert f.during(made.jacobian_operator, x) == 1
    assert f.during(made.value, x) == 0
    operator = made.jacobian_operator(x)
    assert f.during(operator.rmatvec, np.ones(6)) == 0


@pytest.mark.parametrize("name", ["torch", "autograd"])
def test_products_at_one_point_run_f_once(name: str) -> None:
    f = Counted(rosenbrock)
    made = view(f, make(name), START)
    for x in points(3):
        assert f.during(made.hessian_product, x, START) == 1
        for p in points(3):
            assert f.during(made.hessian_product, x, p) == 0
            expected = optimize.rosen_hess_prod(x, p)
            np.testing.assert_allclose(made.hessian_product(x, p), expected, rtol=1e-11, atol=1e-9)


def test_jax_compiles_each_operation_once() -> None:
    f = Counted(rosenbrock)
    made = view(f, make("jax"), START)
    made.value(START), made.gradient(START), made.hessian_product(START, START)
    traced = f.calls
    for x in points(4):
        made.value(x), made.gradient(x), made.hessian_product(x, x)
    assert f.calls == traced
