"""`implicit` on every backend: solutions whose derivatives are known in closed form."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ADBackend,
    ArgumentError,
    ArgumentTypeError,
    array_namespace,
    gradient,
    hessian,
    jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)
from conftest import MODES, assert_close, lifted

WORDS = ["".join(word) for n in (1, 2, 3) for word in itertools.product("FR", repeat=n)]
X = np.array([0.7, -1.2, 2.0])
W = np.array([1.0, 0.5, -2.0])
A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]])


def conjugate_gradients(matvec: Callable[[Any], Any], b: Any) -> Any:
    """As many steps as there are numbers, and none once it is there: written for arrays that have no values, too."""
    xp = array_namespace(b)
    x, r, p = 0.0 * b, b, b
    for _ in range(6):
        q, size = matvec(p), xp.sum(r * r)
        there = size <= 1e-28 * xp.sum(b * b)
        alpha = xp.where(there, xp.zeros_like(size), size / xp.where(there, xp.ones_like(size), xp.sum(p * q)))
        x, r = x + alpha * p, r - alpha * q
        p = r + xp.where(there, xp.zeros_like(size), xp.sum(r * r) / xp.where(there, xp.ones_like(size), size)) * p
    return x


SOLVES: dict[str, Any] = {"dense": "dense", "products": conjugate_gradients}


def quadratic(linear_solve: Any) -> Any:
    """The y with A y + y**3 = x, by Newton's method."""

    def conditions(x: Any, y: Any) -> Any:
        return array_namespace(x).asarray(A) @ y + y**3 - x

    @adhelpers.implicit(conditions, linear_solve=linear_solve, shapes=lambda x: x)
    def solve(x: Any) -> Any:
        y = np.zeros(3)
        for _ in range(40):
            y = y - np.linalg.solve(A + np.diag(3.0 * y**2), A @ y + y**3 - x)
        return y

    return solve


@pytest.mark.parametrize("name", SOLVES)
def test_derivatives_follow_from_the_conditions(backend: ADBackend, name: str) -> None:
    solve, x, w = quadratic(SOLVES[name]), lifted(backend, X), lifted(backend, W)
    y = solve(X)
    inverse = np.linalg.inv(A + np.diag(3.0 * y**2))  # the Jacobian
    with backend.scope():
        assert_close(backend, solve(x), y)
    assert_close(backend, jacobian_vector_product(solve, backend, x, w), inverse @ W)
    assert_close(backend, vector_jacobian_product(solve, backend, x, w), W @ inverse)
    for mode in ("forward", "reverse"):
        assert_close(backend, jacobian(solve, backend, x, mode=mode), inverse)
    # From B (A + 3 y**2) = 1 follows dB = -B 6 y dy B
    second = -np.einsum("i,i,ij,ik->jk", W @ inverse, 6.0 * y, inverse, inverse)
    for mode in MODES:
        assert_close(backend, hessian(lambda x: (w * solve(x)).sum(), backend, x, mode=mode), second, depth=2)


@pytest.mark.parametrize("name", SOLVES)
def test_hessian_products_are_the_same_each_time(framework: ADBackend, name: str) -> None:
    solve, x, w = quadratic(SOLVES[name]), lifted(framework, X), lifted(framework, W)
    y = solve(X)
    inverse = np.linalg.inv(A + np.diag(3.0 * y**2))
    second = -np.einsum("i,i,ij,ik->jk", W @ inverse, 6.0 * y, inverse, inverse)
    for _ in range(10):
        received = adhelpers.hessian_vector_product(lambda x: (w * solve(x)).sum(), framework, x, w)
        assert_close(framework, received, second @ W, depth=2)


@pytest.mark.parametrize("linear_solve", ["dense", lambda matvec, b: b / matvec(b * 0.0 + 1.0)], ids=SOLVES)
@pytest.mark.parametrize("word", WORDS)
def test_any_order_in_any_modes(framework: ADBackend, word: str, linear_solve: Any) -> None:
    @adhelpers.implicit(lambda x, y: y**3 - x, linear_solve=linear_solve)
    def root(x: Any) -> Any:
        return x ** (1.0 / 3.0)

    x, one = lifted(framework, (np.asarray(8.0), np.asarray(1.0)))
    steps = {
        "F": lambda f: lambda x: jacobian_vector_product(f, framework, x, one),
        "R": lambda f: lambda x: vector_jacobian_product(f, framework, x, one),
    }
    f: Callable[[Any], Any] = root
    for letter in word:
        f = steps[letter](f)
    expected = [1.0 / 12.0, -1.0 / 144.0, 5.0 / 3456.0][len(word) - 1]
    assert_close(framework, f(x), np.asarray(expected), depth=len(word))


@pytest.mark.parametrize("mode", MODES)
def test_conditions_of_an_inner_optimum(framework: ADBackend, mode: Any) -> None:
    """Of cosh(y) - x y it is asinh(x); the inner gradient finds its backend by its arrays."""

    def loss(y: Any, x: Any) -> Any:
        return (array_namespace(y).cosh(y) - x * y).sum()

    @adhelpers.implicit(lambda x, y: gradient(lambda y: loss(y, x), None, y))
    def best(x: Any) -> Any:
        return array_namespace(x).asinh(x)

    received = hessian(lambda x: best(x).sum(), framework, lifted(framework, X), mode=mode)
    assert_close(framework, received, np.diag(-X / (1.0 + X**2) ** 1.5), depth=2)


def test_structures_and_further_arguments(backend: ADBackend) -> None:
    """Conditions in another structure than the solution: p = a**2 k, and the sum of q is the sum of p a."""

    def conditions(x: Any, y: Any, k: int, w: Any) -> Any:
        return (y["p"] - k * x["a"] ** 2, [y["q"] - w * (y["p"] * x["a"]).sum()])

    @adhelpers.implicit(conditions)
    def solve(x: Any, k: int, w: Any) -> Any:
        p = k * x["a"] ** 2
        return {"p": p, "q": w * (p * x["a"]).sum()}

    x, u, w = lifted(backend, ({"a": X}, {"a": W}, np.asarray(3.0)))
    v = jacobian_vector_product(lambda x: solve(x, 2, w), backend, x, u)
    assert_close(backend, v, {"p": 4.0 * X * W, "q": np.asarray(3.0 * (6.0 * X**2 * W).sum())})
    cotangent = lifted(backend, {"p": W, "q": np.asarray(0.5)})
    received = vector_jacobian_product(lambda x: solve(x, 2, w), backend, x, cotangent)
    assert_close(backend, received, {"a": 4.0 * X * W + 1.5 * 6.0 * X**2})


Z, U, V = X + 1j * W, W - 2j * X, 1.0 + 1j * X


@pytest.mark.parametrize("name", ["holomorphic", "conjugate", "mixed"])
def test_complex_numbers(backend: ADBackend, name: str) -> None:
    """Derivatives by R7, of conditions that need not be holomorphic in y."""

    def conditions(x: Any, y: Any) -> Any:
        xp = array_namespace(x)
        if name == "mixed":
            return [y["real"] - xp.real(x), xp.conj(y["complex"]) * 2.0 - x * y["real"]]
        return (y if name == "holomorphic" else xp.conj(y)) * 2.0 - x**2

    @adhelpers.implicit(conditions)
    def solve(x: Any) -> Any:
        xp = array_namespace(x)
        if name == "mixed":
            return {"real": xp.real(x), "complex": xp.conj(x * xp.real(x)) / 2.0}
        return (x if name == "holomorphic" else xp.conj(x)) ** 2 / 2.0

    def f(x: Any) -> Any:
        return solve(x)["complex"] if name == "mixed" else solve(x)

    pushed, pulled = {
        "holomorphic": (Z * U, Z * V),
        "conjugate": (np.conj(Z * U), np.conj(V) * Z),
        "mixed": (np.conj(U * X + Z * np.real(U)) / 2.0, np.conj(V) * X / 2.0 + np.real(np.conj(V) * Z) / 2.0),
    }[name]
    z, u, v = lifted(backend, (Z, U, V))
    assert_close(backend, jacobian_vector_product(f, backend, z, u), pushed)
    assert_close(backend, vector_jacobian_product(f, backend, z, v), pulled)


# -- what is refused, and what is told ----------------------------------------------------------------------


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_conditions_of_a_complex_solution_may_be_pairs_of_real_numbers(framework: ADBackend, product: Any) -> None:
    def square(x: Any, y: Any) -> dict[str, Any]:
        xp = adhelpers.array_namespace(y)
        rest = y * y - x
        return {"re": xp.real(rest), "im": xp.imag(rest)}

    root = adhelpers.implicit(square)(lambda x: x**0.5)
    z, u = np.asarray([1.0 + 2.0j, 3.0 - 1.0j]), np.asarray([0.5 - 1.0j, 2.0j])
    found = product(root, framework, lifted(framework, z), lifted(framework, u))
    np.testing.assert_allclose(framework.to_numpy(found), u / (2.0 * np.sqrt(z)), rtol=1e-12)


@pytest.mark.parametrize("given", ["cg", None, 3])
def test_a_linear_solve_that_is_none(given: Any) -> None:
    with pytest.raises(ArgumentError, match=r"linear_solve is .*; give 'dense' or a function linear_solve\("):
        adhelpers.implicit(lambda x, y: y - x, linear_solve=given)


def test_what_is_no_function_or_number_is_refused_where_it_is_written() -> None:
    with pytest.raises(ArgumentTypeError, match="conditions must be a function, but an int was given"):
        adhelpers.implicit(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"a solver, but a numpy.ndarray was given; .*@adhelpers.implicit\("):
        adhelpers.implicit(lambda x, t: x)(X)  # type: ignore[type-var]
    with pytest.raises(ArgumentTypeError, match=r"conditions\(x, y, \*args\), but <lambda>\(x\) was given; define"):
        adhelpers.implicit(lambda x: x)
    with pytest.raises(ArgumentTypeError, match="tolerance is '1e-3'; give the largest residual that is allowed"):
        adhelpers.implicit(lambda x, y: y - x, tolerance="1e-3")  # type: ignore[arg-type]


@pytest.mark.parametrize("linear_solve", ["dense", lambda matvec, b: b])
@pytest.mark.parametrize(("conditions", "count"), [(lambda x, y: (y - x)[:2], 2), (lambda x, y: None, 0)])
@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_too_few_conditions(framework: ADBackend, product: Any, conditions: Any, count: int, linear_solve: Any) -> None:
    half = adhelpers.implicit(conditions, linear_solve=linear_solve)(lambda x: x * 1.0)
    x = lifted(framework, X)
    with pytest.raises(
        ArgumentError, match=f"conditions of an implicit function return {count} numbers, but its solver returns 3"
    ):
        product(half, framework, x, x)


def test_a_condition_that_closes_over_what_is_differentiated(framework: ADBackend) -> None:
    def f(w: Any) -> Any:
        return adhelpers.implicit(lambda x, y: y - w * x)(lambda x: x * 1.0)(w)

    x = lifted(framework, X)
    with pytest.raises(ArgumentError, match="has a derivative rule, but one of its functions closes over an array"):
        jacobian_vector_product(f, framework, x, x)


def root_with(error: float, **options: Any) -> Any:
    @adhelpers.implicit(lambda x, y: y**3 - x, **options)
    def root(x: Any) -> Any:
        return x ** (1.0 / 3.0) * (1.0 + error)

    return root


def test_a_residual_is_warned_of_once(framework: ADBackend, caplog: pytest.LogCaptureFixture) -> None:
    root, x = root_with(0.1), lifted(framework, np.array([8.0]))
    with caplog.at_level(logging.WARNING, "adhelpers"):
        for _ in range(2):
            gradient(lambda x: root(x).sum(), framework, x)
    words = "root leaves a residual of 2.6e+00, where at most 1.5e-08 is allowed: its derivative is right only at"
    assert caplog.messages == [f"{words} a solution; solve more accurately, or pass a larger tolerance"]


@pytest.mark.parametrize(
    ("error", "tolerance", "warned"),
    [(1e-15, None, False), (1e-3, None, True), (1e-3, 0.03, False), (1e-3, 0.02, True), (np.nan, 1.0, True)],
)
def test_the_tolerance(
    framework: ADBackend, caplog: pytest.LogCaptureFixture, error: float, tolerance: float | None, warned: bool
) -> None:
    root, x = root_with(error, tolerance=tolerance), lifted(framework, np.array([8.0]))
    with caplog.at_level(logging.WARNING, "adhelpers"):
        jacobian_vector_product(root, framework, x, x)
    assert bool(caplog.messages) is warned


def test_single_precision_is_allowed_more(framework: ADBackend, caplog: pytest.LogCaptureFixture) -> None:
    root, x = root_with(1e-5), lifted(framework, np.array([8.0], dtype=np.float32))
    with caplog.at_level(logging.WARNING, "adhelpers"):
        jacobian_vector_product(root, framework, x, x)
    assert not caplog.messages


def test_nothing_is_looked_at_where_nothing_is_differentiated(caplog: pytest.LogCaptureFixture) -> None:
    """The conditions may be written for a framework, and the solver for NumPy."""

    def fail(x: Any, y: Any) -> Any:
        raise AssertionError

    @adhelpers.implicit(fail)
    def solve(x: Any) -> Any:
        return x * 2.0

    with caplog.at_level(logging.DEBUG, "adhelpers"):
        np.testing.assert_array_equal(solve(X), 2.0 * X)
    assert not caplog.messages


def test_it_is_explained(framework: ADBackend) -> None:
    root, x = root_with(0.0), lifted(framework, np.array([8.0]))
    with adhelpers.explain() as log:
        jacobian_vector_product(root, framework, x, x)
    assert "root leaves a residual of" in str(log)
