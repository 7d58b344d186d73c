"""Reports on a function under a name, and on the gallery."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers
from adhelpers.comparison import gallery
from adhelpers.comparison.reporting import compare_function, compare_gallery
from adhelpers.comparison.task import Settings

DIFFERENCES = ["finite-difference"]


def test_function_is_reported_under_its_name_and_its_progress_is_told() -> None:
    told: list[str] = []
    report = compare_function(
        np.sin,
        np.ones(3),
        None,
        Settings(operations=["jvp"], timing=False),
        backends=DIFFERENCES,
        reference=None,
        name="wave",
        progress=told.append,
    )
    assert report.title == "Comparison of wave at x of shape (3,), float64"
    assert told == ["wave: value on finite-difference", "wave: jvp on finite-difference"]
    assert report.reference is None
    assert not [note for note in report.notes if note.startswith("reference:")]


def test_gallery_holds_every_operation_to_its_closed_form() -> None:
    report = compare_gallery(Settings(timing=False), backends=DIFFERENCES)
    assert report.agree, str(report)
    assert report.reference == "closed forms"
    assert [(result.function, result.operation) for result in report.results] == [
        (problem.name, operation)
        for problem in gallery.problems()
        for operation in ("jvp", "vjp", *(["batched_jacobian"] if problem.jacobian is not None else []))
    ]
    assert {result.against for result in report.results} == {"the closed form"}


def test_gallery_has_its_batch_last_whatever_is_asked_for() -> None:
    settings = Settings(operations=["batched_jacobian"], batch_axis=0, timing=False, seed=7)
    assert compare_gallery(settings, backends=DIFFERENCES).agree


def test_gallery_says_nothing_of_values_which_it_does_not_compare() -> None:
    """What differs from a closed form may do so in the value, too."""
    finer = adhelpers.backend("finite-difference", order=4)
    narrow = Settings(operations=["jvp"], timing=False, rtol=0.0, atol=0.0)
    pytest.importorskip("autograd")
    report = compare_gallery(narrow, backends=["autograd", finer])
    sentences = [words for finding in report.findings for words in finding.words]
    assert any("entries on autograd differ" in words for words in sentences)
    assert not any("values of f" in words for words in sentences)
