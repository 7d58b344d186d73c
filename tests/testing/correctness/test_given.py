"""What `assert_rule_correct` cannot check is refused, and does not pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, ArgumentTypeError, DTypeError, custom_rule
from adhelpers.testing import assert_rule_correct
from adhelpers.testing.correctness import given


def check(x: Any = 0.5, **options: Any) -> None:
    """A rule that is wrong everywhere."""
    f = custom_rule(lambda x: x**2)
    f.defjvp(lambda x, y, u: 7 * x * u)
    assert_rule_correct(f, x, **{"backends": ["finite-difference"], **options})


@pytest.mark.parametrize("x", [np.zeros((0, 3)), {}, {"a": np.zeros(0)}], ids=["array", "empty", "dict"])
def test_a_point_without_elements_is_refused(x: Any) -> None:
    with pytest.raises(ArgumentError, match="^x is an? .* without elements, so that nothing can be checked; give an x"):
        check(x)


def test_a_point_in_another_precision_is_refused() -> None:
    words = "^x has dtype float32, but must be float64 or complex128; write x.astype\\(numpy.float64\\)$"
    with pytest.raises(DTypeError, match=words):
        check(np.ones(2, np.float32))
    with pytest.raises(DTypeError, match=r"x\[1\] has dtype complex64, .*; write x\[1\].astype\(numpy.complex128\)$"):
        check([1.0, np.ones(2, np.complex64)])


def test_no_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="^there is no backend to compare; name one in backends"):
        check(backends=[])
    with pytest.raises(ArgumentTypeError, match="^a backend's name is a string such as 'finite-difference', but 3"):
        check(backends=[3])
    monkeypatch.setattr(adhelpers, "backends", list)
    with pytest.raises(ArgumentError, match="^no installed backend follows rules, so that nothing can be checked"):
        check(backends=None)


def test_one_backend_is_a_backend_or_its_name() -> None:
    finite = adhelpers.backend("finite-difference")
    assert given.chosen(finite) == given.chosen("finite-difference") == given.chosen([finite]) == [finite]  # type: ignore[arg-type]


def test_a_seed_that_no_generator_takes_is_refused() -> None:
    with pytest.raises(ArgumentError, match="^seed is -1, but must be an integer from 0 upwards$"):
        check(seed=-1)
