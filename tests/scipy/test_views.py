"""Views in SciPy's solvers, against optima, roots and solutions that are known."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from solver_problems import START, Counted, points, rosenbrock, rosenbrock_jacobian, rosenbrock_residuals

import adhelpers
from adhelpers import ArgumentError, ArgumentTypeError, ShapeMismatchError
from conftest import make

optimize = pytest.importorskip("scipy.optimize")
integrate = pytest.importorskip("scipy.integrate")
view = adhelpers.scipy.view


def assert_gradient(backend: adhelpers.ADBackend, received: np.ndarray, x: np.ndarray) -> None:
    expected = optimize.rosen_der(x)
    error = 1e-8 if backend.name == "finite-difference" else 1e-14
    np.testing.assert_allclose(received, expected, rtol=0.0, atol=error * np.max(np.abs(expected)))


# -- derivatives, against SciPy's closed forms --------------------------------------------------------


def test_an_objective_has_the_derivatives_that_scipy_has(backend: adhelpers.ADBackend) -> None:
    made, p = view(rosenbrock, backend, START), np.asarray([0.3, -0.2, 1.0, 0.5])
    for x in (START, START[::-1] + 0.5):
        np.testing.assert_allclose(made.value(x), optimize.rosen(x), rtol=1e-14)
        assert_gradient(backend, made.gradient(x), x)
        y, gradient = made.value_and_gradient(x)
        np.testing.assert_allclose(y, optimize.rosen(x), rtol=1e-14)
        assert_gradient(backend, gradient, x)
        scale = np.max(np.abs(optimize.rosen_hess(x)))
        second = scale * (1e-3 if backend.name == "finite-difference" else 1e-13)
        np.testing.assert_allclose(made.hessian(x), optimize.rosen_hess(x), atol=second)
        np.testing.assert_allclose(made.hessian_product(x, p), optimize.rosen_hess_prod(x, p), atol=second)
        np.testing.assert_array_equal(made.hessian(x), made.hessian(x).T)


def test_calls_whose_code_is_known_look_at_their_vectors_too(backend: adhelpers.ADBackend) -> None:
    """The second call is the quick one, of which code is compiled for vectors as they are."""
    objective, residuals = view(rosenbrock, backend, START), view(rosenbrock_residuals, backend, START)
    p, error = np.asarray([0.3, -0.2, 1.0, 0.5]), 1e-3 if backend.name == "finite-difference" else 1e-12
    wide = np.zeros(8)
    for x in (START, 0.5 * START, list(START), START.astype(np.float32)):
        wide[::2] = at = np.asarray(x, dtype=float)
        for same in (x, wide[::2], tuple(x)):
            product, expected = objective.hessian_product(same, p), optimize.rosen_hess_prod(at, p)
            np.testing.assert_allclose(product, expected, atol=error * np.max(np.abs(expected)))
            matrix = residuals.jacobian(same)
            np.testing.assert_allclose(matrix, rosenbrock_jacobian(at), atol=30 * error)
            for result in (product, matrix):
                assert type(result) is np.ndarray
                assert result.flags.writeable
                assert result.flags.c_contiguous
    for call in (lambda: objective.hessian_product(START, np.ones(3)), lambda: residuals.jacobian(np.ones(5))):
        with pytest.raises(ShapeMismatchError, match="numbers, but x0 has 4"):
            call()
    with adhelpers.explain() as log:
        residuals.jacobian(START)
    assert log.calls


def test_residuals_have_their_jacobian(backend: adhelpers.ADBackend) -> None:
    """Of two outputs and three numbers, of which no two have the same derivatives."""

    def model(x: dict[str, Any]) -> Any:
        xp = adhelpers.array_namespace(x["b"])
        return {"v": x["a"] * x["b"] ** 2, "u": xp.reshape(x["b"] + 3.0 * x["a"], (2, 1))}

    made = view(model, backend, {"b": np.asarray([2.0, 3.0]), "a": 5.0})
    x = np.asarray([5.0, 2.0, 3.0])
    expected = np.asarray([[3.0, 1.0, 0.0], [3.0, 0.0, 1.0], [4.0, 20.0, 0.0], [9.0, 0.0, 30.0]])
    np.testing.assert_array_equal(made.residuals(x), [17.0, 18.0, 20.0, 45.0])
    np.testing.assert_allclose(made.jacobian(x), expected, atol=1e-7)
    operator, rng = made.jacobian_operator(x), np.random.default_rng(0)
    U, V = rng.standard_normal((3, 2)), rng.standard_normal((4, 5))
    assert (operator.shape, operator.dtype) == ((4, 3), np.float64)
    np.testing.assert_allclose(operator.matvec(U[:, 0]), expected @ U[:, 0], atol=1e-7)
    np.testing.assert_allclose(operator.rmatvec(V[:, 0]), expected.T @ V[:, 0], atol=1e-7)
    np.testing.assert_allclose(operator.matmat(U), expected @ U, atol=1e-7)
    np.testing.assert_allclose(operator.rmatmat(V), expected.T @ V, atol=1e-7)
    np.testing.assert_allclose((operator.T @ operator).matvec(U[:, 1]), expected.T @ expected @ U[:, 1], atol=1e-5)


# -- solvers ------------------------------------------------------------------------------------------

MINIMISERS = {
    "BFGS": (),
    "L-BFGS-B": (),
    "CG": (),
    "TNC": (),
    "SLSQP": (),
    "Newton-CG": ("hessp",),
    "trust-ncg": ("hessp",),
    "trust-krylov": ("hessp",),
    "trust-exact": ("hess",),
    "trust-constr": ("hessp",),
}


@pytest.mark.parametrize("method", MINIMISERS)
def test_minimisers_find_rosenbrocks_minimum(backend: adhelpers.ADBackend, method: str) -> None:
    made = view(rosenbrock, backend, START)
    second = {"hess": made.hessian, "hessp": made.hessian_product}
    keywords = {name: second[name] for name in MINIMISERS[method]}
    options = {"maxfun": 2000} if method == "TNC" else {"maxiter": 1000}
    found = optimize.minimize(made.value, made.x0, jac=made.gradient, method=method, options=options, **keywords)
    assert found.success, found.message
    np.testing.assert_allclose(found.x, 1.0, atol=2e-3)
    assert found.fun < 1e-5
    if method not in ("TNC", "trust-constr"):  # which pass what they have computed on to one another
        both = optimize.minimize(made.value_and_gradient, made.x0, jac=True, method=method, options=options, **keywords)
        np.testing.assert_allclose(both.x, found.x, atol=1e-12)


TIMES = np.linspace(0.0, 2.0, 9)
MEASURED = 3.0 * np.exp(-0.5 * TIMES) + 0.25


def decay(x: dict[str, Any], times: Any, measured: Any) -> Any:
    xp = adhelpers.array_namespace(x["rate"])
    times, measured = xp.asarray(times), xp.asarray(measured)
    return x["height"] * xp.exp(-x["rate"] * times) + x["floor"] - measured


@pytest.mark.parametrize("matrix", ["dense", "operator"])
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares_fits_a_dict_of_parameters(backend: adhelpers.ADBackend, method: str, matrix: str) -> None:
    if (method, matrix) == ("lm", "operator"):
        pytest.skip("MINPACK takes matrices alone")
    start = {"height": 1.0, "rate": np.asarray(1.0), "floor": 0.0}
    made = view(decay, backend, start, args=(TIMES, MEASURED))
    jac = {"dense": made.jacobian, "operator": made.jacobian_operator}[matrix]
    found = optimize.least_squares(made.value, made.x0, jac=jac, method=method, xtol=1e-14, ftol=1e-14, gtol=1e-12)
    x = made.rebuild(found.x)
    fitted = {name: float(value) for name, value in x.items()}
    assert fitted == pytest.approx({"height": 3.0, "rate": 0.5, "floor": 0.25}, abs=1e-6)


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov"])
def test_roots_are_found(backend: adhelpers.ADBackend, method: str) -> None:
    """Of a system whose right-hand side is made from the root."""
    root = np.asarray([0.5, -0.25, 0.75])

    def left(x: Any) -> Any:
        return 2.0 * x + x**3 + 0.5 * x[:1] * x

    goal = 2.0 * root + root**3 + 0.5 * root[0] * root
    made = view(lambda x: left(x) - adhelpers.array_namespace(x).asarray(goal), backend, np.zeros(3))
    keywords = {} if method == "krylov" else {"jac": made.jacobian}
    found = optimize.root(made.value, made.x0, method=method, tol=1e-10, **keywords)
    assert found.success, found.message
    np.testing.assert_allclose(found.x, root, atol=1e-8)


def stiff(t: float, y: Any) -> Any:
    """With the solution ``(t**2, exp(-t), sqrt(1 + t))`` from ``(0, 1, 1)``."""
    xp = adhelpers.array_namespace(y)
    return xp.stack([-100.0 * (y[0] - t**2) + 2.0 * t, -y[1], 0.5 / y[2]])


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_stiff_equations_are_solved(backend: adhelpers.ADBackend, method: str) -> None:
    made = view(stiff, backend, np.asarray([0.0, 1.0, 1.0]), argnum=np.int64(1))  # type: ignore[arg-type]
    found = integrate.solve_ivp(made.value, (0.0, 1.0), made.x0, method=method, jac=made.jacobian, rtol=1e-7, atol=1e-9)
    assert found.success, found.message
    np.testing.assert_allclose(found.y[:, -1], [1.0, np.exp(-1.0), np.sqrt(2.0)], atol=1e-5)
    np.testing.assert_allclose(made.jacobian(0.5, found.y[:, 0]), np.diag([-100.0, -1.0, -0.5]), atol=1e-6)


def test_cyipopt_minimises(backend: adhelpers.ADBackend) -> None:
    cyipopt = pytest.importorskip("cyipopt")
    made = view(rosenbrock, backend, START)
    found = cyipopt.minimize_ipopt(made.value, made.x0, jac=made.gradient, hess=made.hessian)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)


# -- bounds and constraints ---------------------------------------------------------------------------


def distance(x: dict[str, Any]) -> Any:
    """Least at p = (3, 3) and q = -2."""
    return adhelpers.array_namespace(x["p"]).sum((x["p"] - 3.0) ** 2) + (x["q"] + 2.0) ** 2


POINT = {"p": np.zeros(2), "q": 0.0}


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
def test_bounds_in_the_structure_of_the_point(backend: adhelpers.ADBackend, method: str) -> None:
    made = view(distance, backend, POINT)
    low, high = {"p": -np.inf, "q": -1.0}, {"p": np.asarray([1.0, np.inf]), "q": np.inf}
    bounds = optimize.Bounds(made.flatten(low), made.flatten(high))
    found = optimize.minimize(made.value, made.x0, jac=made.gradient, method=method, bounds=bounds)
    np.testing.assert_allclose(found.x, [1.0, 3.0, -1.0], atol=1e-3)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints_are_views_too(backend: adhelpers.ADBackend, method: str) -> None:
    """p on the unit circle, and the sum of p and q zero: the nearest p lies in the direction of (1, 1)."""
    made = view(distance, backend, POINT)
    circle = view(lambda x: adhelpers.array_namespace(x["p"]).sum(x["p"] ** 2), backend, POINT)
    row = made.flatten({"p": 1.0, "q": 1.0})
    constraints = [
        optimize.NonlinearConstraint(circle.value, 1.0, 1.0, jac=circle.gradient),
        optimize.LinearConstraint(row, 0.0, 0.0),
    ]
    start = made.flatten({"p": np.asarray([0.9, 0.6]), "q": -1.0})
    found = optimize.minimize(made.value, start, jac=made.gradient, method=method, constraints=constraints)
    x = made.rebuild(found.x)
    np.testing.assert_allclose(made.flatten(x), [0.5**0.5, 0.5**0.5, -(2.0**0.5)], atol=1e-3)


# -- memory -------------------------------------------------------------------------------------------


def test_results_are_the_callers_own(backend: adhelpers.ADBackend) -> None:
    made, fit = view(rosenbrock, backend, START), view(rosenbrock_residuals, backend, START)
    calls = {
        "gradient": lambda: made.gradient(START),
        "value_and_gradient": lambda: made.value_and_gradient(START)[1],
        "hessian": lambda: made.hessian(START),
        "hessian_product": lambda: made.hessian_product(START, START),
        "value": lambda: fit.value(START),
        "residuals": lambda: fit.residuals(START),
        "jacobian": lambda: fit.jacobian(START),
        "matvec": lambda: fit.jacobian_operator(START).matvec(START),
        "x0": lambda: made.x0,
    }
    assert isinstance(made.value(START), float)
    for name, call in calls.items():
        first = call()
        assert (type(first), first.dtype) == (np.ndarray, np.float64), name
        assert first.flags.c_contiguous, name
        assert first.flags.writeable, name
        expected = first.copy()
        first[...] = np.nan
        np.testing.assert_array_equal(call(), expected, err_msg=name)


def test_a_buffer_that_is_used_again_is_another_point(backend: adhelpers.ADBackend) -> None:
    made, fit, x = view(rosenbrock, backend, START), view(rosenbrock_residuals, backend, START), START.copy()
    before = made.value(x), made.gradient(x), fit.value(x)
    operator = fit.jacobian_operator(x)
    product = operator.matvec(START)
    x[1] = 0.25
    np.testing.assert_allclose(made.value(x), optimize.rosen(x), rtol=1e-14)
    assert_gradient(backend, made.gradient(x), x)
    assert fit.value(x)[0] != before[2][0]
    np.testing.assert_array_equal(operator.matvec(START), product)
    x[1] = START[1]
    np.testing.assert_array_equal(made.gradient(x), before[1])
    np.testing.assert_array_equal(x, START)


def test_a_function_may_return_what_it_was_given(backend: adhelpers.ADBackend) -> None:
    made, x = view(lambda x: x, backend, START), START.copy()
    y = made.value(x)
    y[0] = 7.0
    x[1] = 8.0
    np.testing.assert_array_equal(made.value(START), START)
    np.testing.assert_allclose(made.jacobian(START), np.eye(4), atol=1e-9)
    np.testing.assert_array_equal(made.value(START), START)


@pytest.mark.parametrize("name", ["torch", "autograd", "finite-difference"])
def test_a_function_may_work_in_place_while_its_value_is_computed(name: str) -> None:
    def f(x: Any) -> Any:
        x[0] = 2.0 * x[0]
        return x[0] + x[1]

    made, x = view(f, make(name), np.ones(2)), np.asarray([3.0, 4.0])
    assert [made.value(x), made.value(np.ones(2)), made.value(x)] == [10.0, 3.0, 10.0]
    np.testing.assert_array_equal(x, [3.0, 4.0])


def test_a_function_may_return_what_it_keeps() -> None:
    kept = np.zeros(2)

    def f(x: Any) -> Any:
        kept[:] = 2.0 * x
        return kept

    made = view(f, "finite-difference", np.ones(2))
    first = made.value(np.ones(2))
    made.value(np.zeros(2))
    np.testing.assert_array_equal(first, [2.0, 2.0])
    made.value(np.ones(2))
    kept[:] = 5.0
    np.testing.assert_array_equal(made.value(np.ones(2)), [2.0, 2.0])


# -- further arguments --------------------------------------------------------------------------------


def shifted(x: Any, by: float, power: int = 2) -> Any:
    return adhelpers.array_namespace(x).sum((x - by) ** power)


def test_scipys_args_take_the_place_of_the_views(backend: adhelpers.ADBackend) -> None:
    made = view(shifted, backend, np.zeros(2), args=(1.0,))
    assert made.value(made.x0) == 2.0
    for by in (2.0, -3.0):
        found = optimize.minimize(made.value, made.x0, jac=made.gradient, method="BFGS", args=(by,))
        np.testing.assert_allclose(found.x, by, atol=1e-5)
        assert made.value(made.x0, by) == 2.0 * by**2
    assert made.value(made.x0, 1.0, 4) == 2.0
    assert made.value(made.x0, 2.0, 4) == 32.0
    np.testing.assert_allclose(made.hessian_product(made.x0, np.ones(2), 2.0, 3), -12.0, rtol=1e-4)
    assert made.value(made.x0) == 2.0


def test_words_among_the_arguments_are_told_apart(backend: adhelpers.ADBackend) -> None:
    def f(x: Any, kind: str) -> Any:
        return {"double": 2.0 * x, "square": x**2}[kind]

    made, x = view(f, backend, np.ones(1)), np.asarray([3.0])
    for _ in range(2):
        np.testing.assert_array_equal(made.value(x, "double"), [6.0])
        np.testing.assert_array_equal(made.value(x, "square"), [9.0])
        np.testing.assert_allclose(made.jacobian(x, "square"), [[6.0]], rtol=1e-8)
        np.testing.assert_allclose(made.jacobian(x, "double"), [[2.0]], rtol=1e-8)


def test_data_that_changed_is_seen_when_it_is_given_anew(backend: adhelpers.ADBackend) -> None:
    """An array among the arguments of a call is no part of what is remembered."""
    data = np.ones(2)
    made = view(
        lambda x, data: adhelpers.array_namespace(x).sum(x * adhelpers.array_namespace(x).asarray(data)),
        backend,
        np.ones(2),
    )
    assert made.value(made.x0, data) == 2.0
    data[:] = 4.0
    assert made.value(made.x0, data) == 8.0
    np.testing.assert_allclose(made.gradient(made.x0, data), [4.0, 4.0], rtol=1e-8)


def test_zeros_of_both_signs_are_told_apart(backend: adhelpers.ADBackend) -> None:
    made = view(lambda x, by: adhelpers.array_namespace(x).sum(x / by), backend, np.ones(1))
    with np.errstate(divide="ignore"):
        assert [made.value(np.ones(1), np.float64(by)) for by in (0.0, -0.0, 0.0)] == [np.inf, -np.inf, np.inf]


def test_new_numbers_compile_nothing() -> None:
    f = Counted(stiff)
    made = view(f, make("jax"), np.ones(3), argnum=1)
    made.jacobian(0.5, np.ones(3))
    traced = f.calls
    for t in np.linspace(0.0, 1.0, 5):
        np.testing.assert_allclose(made.jacobian(t, np.ones(3))[0, 0], -100.0)
        made.jacobian(float(t), np.ones(3))
    assert f.calls == traced


def test_points_and_results_go_to_the_device_of_the_start_and_back() -> None:
    make("jax")
    script = """
import jax, numpy as np, adhelpers.scipy
jax.config.update("jax_enable_x64", True)
here, there = jax.devices()
x0 = jax.device_put(np.ones(3), there)
def f(x, data):
    return (x * data) ** 2
view = adhelpers.scipy.view(f, "jax", x0, args=(np.arange(3.0),))
for x in (view.x0, 2.0 * view.x0, 3.0 * view.x0):
    np.testing.assert_allclose(view.jacobian(x), np.diag(2.0 * np.arange(3.0) ** 2 * x))
    np.testing.assert_allclose(view.value(x), (np.arange(3.0) * x) ** 2)
assert view.rebuild(view.x0).devices() == {there}
"""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- threads ------------------------------------------------------------------------------------------


def test_threads_get_what_belongs_to_their_point(backend: adhelpers.ADBackend) -> None:
    made = view(rosenbrock, backend, START)

    def look(x: np.ndarray) -> None:
        for _ in range(2):
            np.testing.assert_allclose(made.value(x), optimize.rosen(x), rtol=1e-13)
            assert_gradient(backend, made.gradient(x), x)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, points(40)))


# -- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["gradient", "value_and_gradient", "hessian"])
def test_residuals_have_no_gradient(backend: adhelpers.ADBackend, method: str) -> None:
    made = view(rosenbrock_residuals, backend, START)
    with pytest.raises(ShapeMismatchError, match=r"f\(x\) has shape \(6,\).*use jacobian"):
        getattr(made, method)(START)


@pytest.mark.parametrize("method", ["residuals", "jacobian", "jacobian_operator"])
def test_objectives_have_no_jacobian(backend: adhelpers.ADBackend, method: str) -> None:
    made = view(rosenbrock, backend, START)
    for _ in range(2):  # the second call may go straight to compiled code
        with pytest.raises(ArgumentError, match=r"f\(x\) is one number, an objective.*use gradient"):
            getattr(made, method)(START)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: view(shifted, "finite-difference", np.ones(2), args=3.0), ArgumentTypeError, r"args=\(argument,\)"),
        (lambda: view(shifted, "finite-difference", np.ones(2), argnum=True), ArgumentError, "argnum is True"),
        (lambda: view(shifted, "finite-difference", np.ones(2), argnum=-1), ArgumentError, "argnum is -1"),
        (lambda: view("f", "finite-difference", np.ones(2)), ArgumentTypeError, "f must be callable"),
        (lambda: view(shifted, "finite-difference", np.ones(2)).value(), ArgumentTypeError, r"takes \(x, \*args\)"),
        (
            lambda: view(stiff, "finite-difference", np.ones(3), argnum=1).value(np.ones(3)),
            ArgumentTypeError,
            r"takes \(args\[0\], x, \*args\), but 1 argument was given",
        ),
        (
            lambda: view(rosenbrock, "finite-difference", START).hessian_product(START, np.ones(3)),
            ShapeMismatchError,
            "p has 3 numbers, but x0 has 4",
        ),
    ],
    ids=["args", "flag", "negative", "f", "no x", "no t", "p"],
)
def test_other_arguments_are_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_errors_of_f_pass_as_they_are(backend: adhelpers.ADBackend) -> None:
    error = ValueError("no such state")

    def f(x: Any) -> Any:
        raise error

    made = view(f, backend, START)
    for method in (made.value, made.gradient, made.jacobian):
        with pytest.raises(ValueError, match="no such state") as raised:
            method(START)
        assert raised.value is error


def test_without_scipy_the_error_says_what_to_type() -> None:
    script = (
        "import sys; sys.modules['scipy'] = None; import adhelpers\n"
        "try: adhelpers.scipy\n"
        "except ImportError as error: print(error)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert 'pip install "adhelpers[scipy]"' in output


def scaled(scale: Any, x: Any, power: int) -> Any:
    return scale * adhelpers.array_namespace(x["a"]).sum(x["a"] ** power) + x["b"]


def test_a_view_is_pickled_for_other_processes(backend: adhelpers.ADBackend) -> None:
    x0 = {"a": np.array([1.0, 2.0]), "b": np.array(3.0)}
    made = view(scaled, backend, x0, args=(2.0, 3), argnum=1)
    x = made.x0 + 0.5
    before = made.gradient(x)
    again = pickle.loads(pickle.dumps(made))
    assert (repr(again), again.value(x)) == (repr(made), made.value(x))
    np.testing.assert_array_equal(again.gradient(x), before)
    np.testing.assert_array_equal(again.x0, made.x0)
    assert pickle.loads(pickle.dumps(made.value))(x) == made.value(x)


def test_a_view_says_what_it_is() -> None:
    words = repr(view(rosenbrock, "finite-difference", START))
    assert words.startswith("<view of rosenbrock by FiniteDifferenceBackend(")
    assert words.endswith("for SciPy, 4 variables>")
