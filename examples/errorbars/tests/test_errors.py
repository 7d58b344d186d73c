"""What users see when something is wrong."""

from __future__ import annotations

from typing import Any

import adhelpers
import numpy as np
import pytest
from conftest import User

from errorbars import FitError, fit

T = np.linspace(0.0, 1.0, 5)


def test_numpy_alone_does_not_say_who_differentiates() -> None:
    with pytest.raises(adhelpers.AmbiguousBackendError, match=r"no backend owns numpy\.ndarray; name one of"):
        fit(lambda x: x - 1.0, np.ones(2))


def test_a_whole_number_among_the_parameters_is_named(user: User) -> None:
    start = {"rate": user.arrays(1.0), "degree": 2}
    with pytest.raises(adhelpers.DTypeError, match=r"x\['degree'\] is int, .*adhelpers.mark_constants\(x\)"):
        fit(lambda x: x["rate"] * user.arrays(T) ** x["degree"], start, backend=user.backend)


def test_an_error_of_the_users_own_passes_as_it_is(user: User) -> None:
    error = RuntimeError("mine")

    def residuals(x: Any) -> Any:
        raise error

    with pytest.raises(RuntimeError) as caught:
        fit(residuals, user.arrays(T), backend=user.backend)
    assert caught.value is error


def test_too_few_data(user: User) -> None:
    with pytest.raises(FitError, match="2 residuals do not determine 2 parameters and their errors; give more data"):
        fit(lambda x: x - 1.0, user.arrays(T[:2]), backend=user.backend)


@pytest.mark.parametrize("unused", [True, False])
def test_parameters_that_the_data_do_not_determine(user: User, unused: bool) -> None:
    def residuals(x: Any, t: Any) -> Any:
        return x[0] * t - t if unused else (x[0] + x[1]) * t - t**2

    with pytest.raises(FitError, match="do not determine all parameters"):
        fit(residuals, user.arrays([2.0, 3.0]), user.arrays(T), backend=user.backend)


def test_no_minimum(user: User) -> None:
    def residuals(x: Any, t: Any) -> Any:
        return adhelpers.array_namespace(t).exp(-x * (t + 1.0))  # goes on for ever

    with pytest.raises(FitError, match="no minimum was found in 20 steps"):
        fit(residuals, user.arrays(1.0), user.arrays(T), backend=user.backend, steps=20)
