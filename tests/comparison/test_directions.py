"""Along what is differentiated: given, or drawn."""

from __future__ import annotations

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, stopped

from adhelpers import DTypeError, ShapeMismatchError, StructureMismatchError, array_namespace, compare
from adhelpers.comparison.directions import Directions
from adhelpers.comparison.participants import read
from adhelpers.comparison.task import Task


def test_u_is_the_tangent_or_the_cotangent() -> None:
    """At a tangent of zeros every jvp is zero, whatever the function; the cotangent is drawn."""
    report = quickly(cubic, X, np.zeros_like(X), reference=None)
    assert report.agree
    wrong = quickly(ports(lambda x: x**2 * stopped(x), cubic), {"a": X}["a"], np.zeros_like(X), operations=["jvp"])
    assert wrong.agree
    scalar = quickly(lambda x: array_namespace(x).sum(x), X, np.asarray(0.0), operations=["vjp"])
    assert scalar.agree


def test_seed_decides_what_is_drawn() -> None:
    def deviation(seed: int) -> float:
        report = compare(
            lambda x: array_namespace(x).sin(x),
            np.ones(3),
            backends=["autograd"],
            operations=["jvp"],
            timing=False,
            seed=seed,
        )
        (result,) = [result for result in report.results if result.operation == "jvp"]
        assert result.deviation is not None
        return result.deviation.max_abs

    assert deviation(1) == deviation(1) != deviation(2)


def directions(x: object, u: object = None, seed: int = 0) -> Directions:
    return Directions(Task("f", (), x, u), seed)


def test_tangent_is_drawn_like_x_and_differs_from_an_x_of_the_same_seed() -> None:
    x = np.random.default_rng(3).standard_normal((2, 3))
    drawn = directions(x, seed=3).tangent
    assert (drawn.shape, drawn.dtype) == (x.shape, x.dtype)
    assert not np.any(drawn == x)
    assert np.iscomplexobj(directions(x + 1j).tangent)
    assert directions(x.astype(np.float32)).tangent.dtype == np.float32


def test_cotangent_is_drawn_once_a_value_is_known() -> None:
    drawn = directions(X)
    assert drawn.cotangent is None
    drawn.learn(read({"y": np.ones(4)}, "f(x)"))
    cotangent = drawn.cotangent
    assert cotangent is not None
    assert {path: leaf.shape for path, leaf in cotangent.items()} == {"f(x)['y']": (4,)}
    assert drawn.cotangent is cotangent
    np.testing.assert_array_equal(drawn.cotangent_for(None)["y"], cotangent["f(x)['y']"])


def test_u_that_fits_both_is_both_and_one_that_fits_neither_is_refused() -> None:
    u = np.full_like(X, 2.0)
    both = directions(X, u)
    both.learn(read(X, "f(x)"))
    assert both.tangent is u
    np.testing.assert_array_equal((both.cotangent or {})["f(x)"], u)
    with pytest.raises(ShapeMismatchError, match="u is shaped neither as x nor as f"):
        directions(X, np.ones(7)).learn(read(X, "f(x)"))


def test_u_is_cast_to_the_precision_of_its_partner_and_keeps_its_imaginary_part() -> None:
    single = directions(X.astype(np.float32), X)
    assert single.tangent.dtype == np.float32
    assert directions(X + 1j, X).tangent.dtype == np.complex128
    assert quickly(cubic, X, X.astype(np.float32)).agree
    to_complex = directions(X, 1j * X)  # it is no tangent
    assert to_complex.tangent.dtype == np.float64
    to_complex.learn(read(X + 1j, "f(x)"))
    np.testing.assert_array_equal((to_complex.cotangent or {})["f(x)"], 1j * X)
    to_real = directions(X + 1j, 1j * X)  # it is no cotangent
    to_real.learn(read(X, "f(x)"))
    np.testing.assert_array_equal(to_real.tangent, 1j * X)
    assert (to_real.cotangent or {})["f(x)"].dtype == np.float64
    words = "^u has dtype complex128, but x has float64; give a real one, such as u.real$"
    with pytest.raises(DTypeError, match=words):
        compare(cubic, X, 1j * X, backends=["autograd"])


def test_u_in_other_containers_is_refused_before_derivatives_run() -> None:
    words = r"^u is a tuple of length 1, but x is a list of length 1; build u like x, or, for a cotangent, like f\(x\)$"
    with pytest.raises(StructureMismatchError, match=words):
        compare(lambda x: x[0] ** 2, [X], (X,), backends=["autograd"])
    as_value = directions([X], (X,))  # a cotangent, though its path is that of x as well
    as_value.learn(read((X,), "f(x)"))
    np.testing.assert_array_equal((as_value.cotangent or {})["f(x)[0]"], X)
    assert not np.any(as_value.tangent[0] == X)


def test_x_is_rounded_by_one_unit_and_stepped_to_both_sides() -> None:
    powers = np.array([0.5, -1.0, 2.0])  # whose rounding is exact
    given = directions(powers)
    np.testing.assert_array_equal(np.abs(given.rounded() / powers - 1.0), 2.0**-52)
    ones = {"x": 1.0}
    above, below = given.stepped(1.0, ones) - powers, given.stepped(-1.0, ones) - powers
    np.testing.assert_allclose(above, -below)
    np.testing.assert_allclose(np.abs(above), 2.0 ** (-52 / 3) * np.array([1.0, 1.0, 2.0]), rtol=1e-9)
