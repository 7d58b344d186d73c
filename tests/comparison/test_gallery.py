"""The gallery's closed forms, against references that no framework's automatic differentiation had a hand in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np
import optree
import pytest

from adhelpers.comparison import gallery
from adhelpers.comparison.gallery import Problem

PROBLEMS = {problem.name: problem for problem in gallery.problems()}


def is_complex(problem: Problem) -> bool:
    return any(np.iscomplexobj(leaf) for leaf in optree.tree_leaves(problem.x))


def parametrized(problems: Iterable[Problem]) -> pytest.MarkDecorator:
    problems = list(problems)
    return pytest.mark.parametrize("problem", problems, ids=[problem.name for problem in problems])


each = parametrized(PROBLEMS.values())
each_real = parametrized(problem for problem in PROBLEMS.values() if not is_complex(problem))
each_batched = parametrized(problem for problem in PROBLEMS.values() if problem.jacobian is not None)


def complex_step(f: Callable[[Any], Any], x: Any, t: Any) -> Any:
    """The derivative of a real analytic `f` in direction `t`: no difference is taken, so nothing cancels."""
    step = 1e-30
    return optree.tree_map(lambda y: np.imag(y) / step, f(optree.tree_map(lambda a, b: a + 1j * step * b, x, t)))


def richardson(f: Callable[[Any], Any], x: Any, t: Any) -> Any:
    """The derivative in direction `t` by central differences, extrapolated to order eight."""

    def difference(h: float) -> Any:
        return optree.tree_map(
            lambda a, b: (a - b) / (2 * h),
            f(optree.tree_map(lambda a, b: a + h * b, x, t)),
            f(optree.tree_map(lambda a, b: a - h * b, x, t)),
        )

    rows = [difference(2.0**-k) for k in range(5, 9)]
    for order in range(1, len(rows)):
        weight = 4.0**order
        rows = [
            optree.tree_map(lambda a, b, w=weight: (w * b - a) / (w - 1), coarse, fine)
            for coarse, fine in itertools.pairwise(rows)
        ]
    return rows[0]


def derivative(problem: Problem, t: Any) -> Any:
    return (richardson if is_complex(problem) else complex_step)(problem.f, problem.x, t)


def pairing(a: Any, b: Any) -> float:
    return sum(np.real(np.sum(p * q)) for p, q in zip(optree.tree_leaves(a), optree.tree_leaves(b), strict=True))


def assert_close(actual: Any, expected: Any) -> None:
    assert optree.tree_structure(actual) == optree.tree_structure(expected)
    for a, e in zip(optree.tree_leaves(actual), optree.tree_leaves(expected), strict=True):
        assert np.shape(a) == np.shape(e)
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-12)


def basis(x: Any) -> list[Any]:
    """A unit vector for each real and imaginary part of each element."""
    leaves, treedef = optree.tree_flatten(x)
    found = []
    for i, leaf in enumerate(leaves):
        for unit in (1.0, 1.0j) if np.iscomplexobj(leaf) else (1.0,):
            for index in np.ndindex(leaf.shape):
                moved = [np.zeros_like(other) for other in leaves]
                moved[i][index] = unit
                found.append(treedef.unflatten(moved))
    return found


# -- the collection -------------------------------------------------------------------------------------


def test_there_are_enough_and_each_has_a_name_of_its_own():
    problems = list(gallery.problems())
    assert len(problems) >= 8
    assert len({problem.name for problem in problems}) == len(problems)
    kinds = [type(problem.x) for problem in problems]
    assert dict in kinds
    assert any(map(is_complex, problems))


@each
def test_points_are_the_same_each_time(problem):
    (again,) = (other for other in gallery.problems() if other.name == problem.name)
    for field in ("x", "tangent", "cotangent", "jvp", "vjp"):
        for a, b in zip(
            optree.tree_leaves(getattr(problem, field)), optree.tree_leaves(getattr(again, field)), strict=True
        ):
            np.testing.assert_array_equal(a, b)


@each
def test_structures_shapes_and_dtypes_match(problem):
    y = problem.f(problem.x)
    for partner, others in ((problem.x, (problem.tangent, problem.vjp)), (y, (problem.cotangent, problem.jvp))):
        for other in others:
            assert optree.tree_structure(other) == optree.tree_structure(partner)
            for a, b in zip(optree.tree_leaves(other), optree.tree_leaves(partner), strict=True):
                assert isinstance(a, np.ndarray)
                assert (a.shape, a.dtype) == (b.shape, b.dtype)


@each_batched
def test_jacobians_are_batched(problem):
    (n, batch), (m, same_batch) = problem.x.shape, problem.f(problem.x).shape
    assert batch == same_batch > 1
    assert problem.jacobian.shape == (m, n, batch)


@each
def test_nothing_is_hidden_by_zeros(problem):
    """A wrong sign or a lost term could not show where tangent, cotangent or result are zero."""
    for field in ("x", "tangent", "cotangent", "jvp", "vjp"):
        for leaf in optree.tree_leaves(getattr(problem, field)):
            assert np.all(leaf != 0)


# -- the closed forms -----------------------------------------------------------------------------------


@each
def test_jvp(problem):
    assert_close(problem.jvp, derivative(problem, problem.tangent))


@each
def test_vjp(problem):
    for t in basis(problem.x):
        expected = pairing(problem.cotangent, derivative(problem, t))
        assert pairing(problem.vjp, t) == pytest.approx(expected, rel=1e-11, abs=1e-12)


@each_batched
def test_batched_jacobian(problem):
    columns = []
    for n in range(problem.x.shape[0]):
        t = np.zeros_like(problem.x)
        t[n] = 1.0
        columns.append(complex_step(problem.f, problem.x, t))
    assert_close(problem.jacobian, np.stack(columns, axis=1))


@each_batched
def test_batch_elements_are_independent(problem):
    for b in range(problem.x.shape[1]):
        np.testing.assert_allclose(problem.f(problem.x[:, b : b + 1]), problem.f(problem.x)[:, b : b + 1], rtol=1e-13)


@each_real
def test_the_two_references_agree(problem):
    exact, extrapolated = (step(problem.f, problem.x, problem.tangent) for step in (complex_step, richardson))
    for a, e in zip(optree.tree_leaves(extrapolated), optree.tree_leaves(exact), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-8, atol=1e-8)


# -- the functions are what their names say -------------------------------------------------------------


def test_rosenbrock_has_its_valley():
    x = PROBLEMS["Rosenbrock residual"].x
    valley = 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    np.testing.assert_allclose(np.sum(gallery.rosenbrock(x) ** 2, axis=0), valley)
    assert not gallery.rosenbrock(np.ones((2, 1))).any()


def test_spherical_coordinates_keep_the_radius():
    x = PROBLEMS["spherical coordinates"].x
    np.testing.assert_allclose(np.linalg.norm(gallery.spherical(x), axis=0), np.abs(x[0]))
    volume = np.linalg.det(np.moveaxis(gallery.spherical_jacobian(x), -1, 0))
    np.testing.assert_allclose(volume, x[0] ** 2 * np.sin(x[1]))


def test_lorenz_rests_at_its_fixed_points():
    distance = np.sqrt(8.0 / 3.0 * 27.0)
    points = np.array([[0.0, 0.0, 0.0], [distance, distance, 27.0], [-distance, -distance, 27.0]]).T
    np.testing.assert_allclose(gallery.lorenz(points), 0.0, atol=1e-13)


def test_log_sum_exp_does_not_overflow():
    x = np.array([[1000.0, -1000.0], [1000.0, -1001.0]])
    np.testing.assert_allclose(gallery.log_sum_exp(x), [[1000.0 + np.log(2.0), -1000.0 + np.log1p(np.exp(-1.0))]])
    np.testing.assert_allclose(gallery.log_sum_exp_jacobian(x).sum(axis=1), 1.0)


def test_linear_solve_solves():
    x = PROBLEMS["linear solve"].x
    matrix = np.array([[3.0 + x[0] ** 2, x[1]], [x[1], 2.0 + x[2] ** 2]])
    residual = np.einsum("ijb,jb->ib", matrix, gallery.linear_solve(x)) - np.array([[1.0], [2.0]])
    np.testing.assert_allclose(residual, 0.0, atol=1e-14)


def test_gelu_network_in_high_precision():
    x = PROBLEMS["two-layer gelu network"].x
    with mpmath.workdps(40):
        for b in range(x.shape[1]):
            hidden = mpmath.matrix(gallery._W1) * mpmath.matrix(x[:, b])
            gelu = [
                a / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (a + mpmath.mpf("0.044715") * a**3)))
                for a in hidden
            ]
            expected = mpmath.matrix(gallery._W2) * mpmath.matrix(gelu)
            np.testing.assert_allclose(gallery.gelu_network(x)[:, b], np.array(list(map(float, expected))), rtol=1e-13)


def test_kepler_in_high_precision():
    """Newton's ten steps reach the root of Kepler's equation, whose derivatives mpmath takes numerically."""
    problem = PROBLEMS["Kepler by Newton steps"]

    def anomaly(mean: Any, eccentricity: Any) -> Any:
        return mpmath.findroot(lambda a: a - eccentricity * mpmath.sin(a) - mean, mean)

    with mpmath.workdps(40):
        for b, (mean, eccentricity) in enumerate(problem.x.T):
            at = mpmath.mpf(mean), mpmath.mpf(eccentricity)
            assert gallery.kepler(problem.x)[0, b] == pytest.approx(float(anomaly(*at)), rel=1e-14)
            for n, order in enumerate([(1, 0), (0, 1)]):
                expected = float(mpmath.diff(anomaly, at, order))
                assert problem.jacobian[0, n, b] == pytest.approx(expected, rel=1e-13)


def test_the_complex_cubic_is_not_holomorphic():
    problem = PROBLEMS["complex cubic"]
    turned = derivative(problem, 1j * problem.tangent)
    assert not np.allclose(turned, 1j * problem.jvp)
    np.testing.assert_allclose(gallery.complex_cubic(problem.x), problem.x * np.abs(problem.x) ** 2)
