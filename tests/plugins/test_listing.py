"""Which names are registered, and which of them load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from strangers import INSTALLED, SHIPPED, Install, plugin

import adhelpers
from adhelpers import BackendLoadError, Capability, RegisteredBackend, backends
from adhelpers.plugins import lookup
from adhelpers.plugins.registry import Registry


def listed(name: str) -> RegisteredBackend:
    (found,) = [backend for backend in backends() if backend.name == name]
    return found


def test_the_shipped_ones_are_listed_by_name() -> None:
    found = backends()
    names = [backend.name for backend in found if backend.distribution == "adhelpers"]
    assert names == sorted(SHIPPED)
    assert [name for name in names if listed(name).loads] == INSTALLED
    for backend in found:
        if backend.loads:
            assert backend.capabilities == adhelpers.backend(backend.name).capabilities


def test_one_that_loads_says_what_it_is() -> None:
    found = listed("finite-difference")
    assert found.loads
    assert found.problem is None
    assert found.framework == f"numpy {np.__version__}"
    assert Capability.FORWARD in found.capabilities
    assert str(found) == f"finite-difference (numpy {np.__version__}, from adhelpers) loads"


UNMADE = """
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend

class Toy(FiniteDifferenceBackend):
    name = "toy"

    def __post_init__(self):
        raise RuntimeError("no licence")
"""


def test_one_whose_framework_is_newer_than_tested_says_so_without_alarm(install: Install, fresh: None) -> None:
    fields = {"implementation": "toy_backend:Toy", "framework": "numpy", "tested": ("0.1", "0.9")}
    made = UNMADE.replace('raise RuntimeError("no licence")', "super().__post_init__()")
    install("toy", toy_plugin=plugin(**fields), toy_backend=made)
    found = listed("toy")
    assert found.loads
    assert (found.framework, found.beyond_tested) == (f"numpy {np.__version__}", "newer than tested")
    assert str(found) == f"toy (numpy {np.__version__}, newer than tested, from toy) loads"


def test_one_whose_framework_is_missing_says_what_to_install(install: Install, fresh: None) -> None:
    install("toy", toy_plugin=plugin(implementation="nowhere:Toy", framework="toyframework", install="pip install it"))
    found = listed("toy")
    assert not found.loads
    assert not found.capabilities
    assert (found.framework, found.distribution) == ("toyframework not installed", "toy")
    assert "No module named 'nowhere'; install what it needs: pip install it" in str(found.problem)
    assert str(found) == f"toy (toyframework not installed, from toy) does not load: {found.problem}"


def test_one_that_cannot_be_made_does_not_load(install: Install, fresh: None) -> None:
    install("toy", toy_plugin=plugin(implementation="toy_backend:Toy"), toy_backend=UNMADE)
    assert "RuntimeError: no licence" in str(listed("toy").problem)
    with pytest.raises(BackendLoadError, match="RuntimeError: no licence"):
        adhelpers.backend("toy")


def test_plugins_that_failed_or_are_disabled_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = {"broken": BackendLoadError("the entry point 'broken' cannot be loaded")}
    monkeypatch.setattr(lookup, "_scanned", Registry(failures=failures, disabled=("toy",)))
    broken, toy = backends()
    assert (broken.loads, broken.is_disabled, broken.description, broken.framework) == (False, False, None, None)
    assert str(broken) == "broken does not load: the entry point 'broken' cannot be loaded"
    assert (toy.loads, toy.is_disabled) == (False, True)
    assert str(toy) == "toy does not load: disabled by ADHELPERS_DISABLE_PLUGINS"


def test_importing_the_core_leaves_the_list_alone() -> None:
    """It costs nothing until it is asked for."""
    script = (
        "import sys, adhelpers; assert 'backends' in dir(adhelpers)\n"
        "assert 'adhelpers.plugins.listing' not in sys.modules\n"
        "adhelpers.backends; adhelpers.RegisteredBackend"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
