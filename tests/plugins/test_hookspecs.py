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
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    """A word in place of a tuple too, whose letters have no colon each."""
    with pytest.raises(ArgumentTypeError, match="does not fit; write its implementation as 'module:Class'"):
        description(**fields)


def test_the_version_of_the_framework_is_that_of_its_distribution() -> None:
    assert description(framework="numpy").framework_version == metadata.version("numpy")
    assert description(framework="no-such-distribution-anywhere").framework_version is None
