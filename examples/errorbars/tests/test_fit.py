"""Fits and their errors, held to textbooks and to NIST's certified values."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import adhelpers
import numpy as np
import pytest
from conftest import User

from errorbars import Fit, fit

T = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
D = np.array([1.1, 2.9, 5.2, 6.8, 9.1])


def line(p: Any, t: Any) -> Any:
    return p["offset"] + p["slope"] * t


def of_line(p: Any, t: Any, d: Any) -> Any:
    return line(p, t) - d


def closed_form(t: np.ndarray, d: np.ndarray) -> tuple[Any, Any, Any]:
    """A straight line by the sums of a textbook: parameters, their errors, and the error of a prediction."""
    n, mean, spread = len(t), t.mean(), ((t - t.mean()) ** 2).sum()
    slope = ((t - mean) * d).sum() / spread
    offset = d.mean() - slope * mean
    variance = ((d - offset - slope * t) ** 2).sum() / (n - 2)
    errors = {"offset": np.sqrt(variance * (1 / n + mean**2 / spread)), "slope": np.sqrt(variance / spread)}
    return (
        {"offset": offset, "slope": slope},
        errors,
        lambda at: np.sqrt(variance * (1 / n + (at - mean) ** 2 / spread)),
    )


def fitted_line(user: User, start: Any = None, **options: Any) -> Fit:
    start = {"offset": 0.5, "slope": 0.5} if start is None else start
    return fit(of_line, user.arrays(start), *user.arrays((T, D)), backend=user.backend, **options)


def test_a_line_is_that_of_the_textbook(user: User) -> None:
    parameters, errors, error_at = closed_form(T, D)
    result = fitted_line(user)
    user.assert_close(result.x, parameters)
    user.assert_close(result.errors, errors)
    at = np.array([-1.0, 2.0, 10.0])
    y, error = result.predict(line, user.arrays(at))
    user.assert_close(y, parameters["offset"] + parameters["slope"] * at)
    user.assert_close(error, error_at(at))


def test_a_variance_that_is_known(user: User) -> None:
    result = fitted_line(user, variance=4.0)
    user.assert_close(result.errors["slope"], np.sqrt(4.0 / ((T - T.mean()) ** 2).sum()))
    two = fit(of_line, user.arrays({"offset": 0.0, "slope": 0.0}), *user.arrays((T[:2], D[:2])),
              backend=user.backend, variance=1.0)  # fmt: skip
    user.assert_close(two.x, {"offset": D[0], "slope": D[1] - D[0]})


def test_what_is_constant_is_not_fitted(user: User) -> None:
    start = {"offset": adhelpers.Constant(1.0), "slope": user.arrays(0.5)}
    result = fit(of_line, start, *user.arrays((T, D)), backend=user.backend)
    assert result.x["offset"] == adhelpers.Constant(1.0)
    slope = (T * (D - 1.0)).sum() / (T**2).sum()
    variance = ((D - 1.0 - slope * T) ** 2).sum() / 4
    user.assert_close(result.x["slope"], slope)
    user.assert_close(result.errors["slope"], np.sqrt(variance / (T**2).sum()))


def test_any_structure_and_residuals_in_several_parts(user: User) -> None:
    Curve = namedtuple("Curve", ["coefficients", "rate"])  # noqa: PYI024
    truth = Curve(np.array([[2.0], [-1.0]]), 0.7)
    t = np.linspace(0.0, 3.0, 12)

    def residuals(curve: Any, t: Any, d: Any) -> Any:
        xp = adhelpers.array_namespace(t)
        decay = xp.exp(-curve.rate * t)
        return [curve.coefficients[0, 0] * decay - d[0], {"second": curve.coefficients[1, 0] * decay**2 - d[1]}]

    d = np.array([2.0 * np.exp(-0.7 * t), -np.exp(-1.4 * t)])
    start = user.arrays(Curve(np.array([[1.0], [-2.0]]), 1.0))
    result = fit(residuals, start, *user.arrays((t, d)), backend=user.backend)
    assert type(result.x) is Curve
    user.assert_close(result.x, truth)
    assert result.covariance.shape == (3, 3)


MISRA1A = np.array(
    [[77.6, 10.07], [114.9, 14.73], [141.1, 17.94], [190.8, 23.93], [239.9, 29.61], [289.0, 35.18], [332.8, 40.02],
     [378.4, 44.82], [434.8, 50.76], [477.3, 55.05], [536.8, 61.01], [593.1, 66.40], [689.1, 75.47], [760.0, 81.78]]
)  # fmt: skip
"""NIST's Statistical Reference Data; the certified values stand in the test."""


def misra1a(b: Any, t: Any, d: Any) -> Any:
    return d - b[0] * (1 - adhelpers.array_namespace(b[0]).exp(-b[1] * t))


def test_certified_values(user: User) -> None:
    backend = user.backend
    data = user.arrays(tuple(MISRA1A.T))
    start = user.arrays([250.0, 5e-4])
    if user.module == "jax.numpy":  # eleven digits are certified, of which single precision has six
        backend, data, start = adhelpers.backend("jax", x64=True), tuple(MISRA1A.T), [250.0, 5e-4]
    result = fit(misra1a, start, *data, backend=backend)
    digits = 1e-4 if user.backend == "finite-difference" else 1e-7
    assert result.steps < 50
    np.testing.assert_allclose([*map(float, result.x)], [238.94212918, 5.5015643181e-04], rtol=digits)
    np.testing.assert_allclose([*map(float, result.errors)], [2.7070075241, 7.2668688436e-06], rtol=digits)


@pytest.mark.parametrize("slope", [0.5, None])
def test_numbers_and_arrays_of_numpy_are_taken_by_any_backend(user: User, slope: float | None) -> None:
    backend = {"jax.numpy": "jax", "torch": "torch"}.get(user.module, user.backend)
    start = {"offset": 0.5, "slope": np.asarray(user.arrays(0.5)) if slope is None else slope}
    result = fit(of_line, start, *user.arrays((T, D)), backend=backend)
    user.assert_close(result.x, closed_form(T, D)[0])  # in the precision of the data
