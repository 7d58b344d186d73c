"""What a plugin says of its backends before a framework is imported."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from adhelpers import ArgumentTypeError, BackendDescription


def description(**fields: Any) -> BackendDescription:
    given = {"name": "toy", "array_types": ("toyframework:Array",), "implementation": "toy:Backend", **fields}
    return BackendDescription(**given)


def test_a_description_needs_three_things() -> None:
    made = description()
    assert (made.api_version, made.framework, made.install, made.framework_version) == (1, None, None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 3},
        {"implementation": "toy.Backend"},
        {"implementation": object},
        {"array_types": ("toyframework.Array",)},
        {"array_types": "toyframework:Array"},
        {"array_types": (int,)},
        {"framework": 3},
        {"install": ["pip", "install", "toy"]},
        {"holders": (("toyframework.Holder", "words"),)},
        {"holders": (("toyframework:Holder", 3),)},
        {"holders": ("toyframework:Holder",)},
        {"holders": None},
        {"array_types": None},
        {"tested": "2.5"},
        {"tested": ("2.5",)},
        {"tested": (2, 3)},
        {"tested": ("2.5", "newest")},
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    """A word in place of a tuple too, whose letters have no colon each."""
    with pytest.raises(ArgumentTypeError, match="does not fit; write implementation as 'module:Class'"):
        description(**fields)


def test_the_version_of_the_framework_is_that_of_its_distribution() -> None:
    assert description(framework="numpy").framework_version == metadata.version("numpy")
    assert description(framework="no-such-distribution-anywhere").framework_version is None


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("2.4.9", "older than tested"),
        ("2.5.0", None),
        ("2.13.0+cpu", None),  # thirteen is more than five
        ("2.15.1", None),  # of a release that was tested
        ("2.15.0.dev20260101", None),
        ("2.16.0rc1", "newer than tested"),
        ("10.0", "newer than tested"),
        ("unknown", None),
    ],
)
def test_whether_the_framework_was_tested(version: str, word: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    assert description(framework="toyframework", tested=("2.5", "2.15")).beyond_tested == word
    assert description(framework="toyframework").beyond_tested is None
    assert description(tested=("2.5", "2.15")).beyond_tested is None
