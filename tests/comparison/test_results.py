"""The data of a report."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from adhelpers.comparison.results import Deviation, Report, Result, Status


def deviation(**fields: Any) -> Deviation:
    numbers = {"max_abs": 0.0, "max_rel": 0.0, "max_ulp": 0.0, "differing": 0, "nans": 0, "rtol": 0.0, "atol": 0.0}
    return Deviation(**{"path": "f(x)", "index": (), **numbers, **fields})


@pytest.mark.parametrize(
    ("index", "place"), [((), "f(x)['scale']"), ((3,), "f(x)['scale'][3]"), ((0, 2), "f(x)['scale'][0, 2]")]
)
def test_place_is_as_one_would_type_it(index: tuple[int, ...], place: str) -> None:
    assert deviation(path="f(x)['scale']", index=index).place == place


@pytest.mark.parametrize("status", ["differs", "kink", "unsupported", "failed"])
def test_one_result_that_does_not_agree_decides(status: Status) -> None:
    right, wrong = Result("f", "jvp", "a", "agrees"), Result("f", "jvp", "b", status)
    assert Report("title", ("a", "b"), (right,)).agree
    assert not Report("title", ("a", "b"), (right, wrong, right)).agree


def test_what_was_found_cannot_be_changed() -> None:
    report = Report("title", (), ())
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.title = "another"  # type: ignore[misc]
