"""The list of scenarios: complete, and never changed; and the package that holds them can be called."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import adhelpers.testing
from adhelpers import ArgumentError
from adhelpers.testing import RULES, SUITE_VERSION, Scenario, scenarios, suite
from adhelpers.testing.rules import ALL_RULES
from adhelpers.testing.scenario import Catalogue


def test_every_rule_but_kinks_has_scenarios() -> None:
    assert [rule for rule in RULES if rule not in {scenario.rule for scenario in scenarios()}] == []
    assert {rule.title for rule in ALL_RULES if rule.name not in RULES} == {"kinks"}


def test_scenarios_are_in_the_order_of_their_rules() -> None:
    found = scenarios()
    namespaces = [scenario for scenario in found if scenario.name.startswith("contract/namespace")]
    assert found[:3] == namespaces  # which all others rest on
    places = [list(RULES).index(scenario.rule) for scenario in found[3:]]
    assert places == sorted(places)


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(scenario.name for scenario in scenarios()).items() if count > 1] == []


@pytest.mark.parametrize("version", range(1, SUITE_VERSION + 1))
def test_a_version_never_changes(version: int) -> None:
    """What a release has is never taken away nor added to: a new scenario belongs to the next version."""
    frozen = (Path(__file__).parent.parent / f"suite_version_{version}.txt").read_text().splitlines()
    assert sorted(f"{scenario.rule} {scenario.name}" for scenario in scenarios(version)) == frozen


@pytest.mark.parametrize("version", [0, SUITE_VERSION + 1, -1])
def test_a_version_that_is_none_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=f"write one from 1 to {SUITE_VERSION}") as raised:
        scenarios(version)
    assert isinstance(raised.value, ArgumentError)


# -- the package that can be called -------------------------------------------------------------------------


def modules() -> list[str]:
    """All modules of scenarios, and the folders that they lie in."""
    return [module.name for module in pkgutil.walk_packages(scenarios.__path__, "adhelpers.testing.scenarios.")]


@pytest.mark.parametrize("name", modules())
def test_each_module_is_found_by_its_own_name(name: str) -> None:
    module = importlib.import_module(name)
    found: object = adhelpers
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    assert found is module
    assert isinstance(module, ModuleType)


@pytest.mark.parametrize(
    "script",
    [
        "import adhelpers.testing.scenarios.losses; scenarios = adhelpers.testing.scenarios",
        "from adhelpers.testing.scenarios import losses; from adhelpers.testing import scenarios",
        "from adhelpers.testing import scenarios",
        "import adhelpers.testing.scenarios as scenarios",
        "from adhelpers.testing.suite import scenarios",
    ],
)
def test_however_it_is_imported_it_can_be_called_and_has_modules(script: str) -> None:
    check = "assert len(scenarios(1)) > 900; assert scenarios.losses.SCENARIOS[0] in scenarios()"
    subprocess.run([sys.executable, "-c", f"{script}\n{check}"], check=True)


def test_there_is_one_package_by_all_of_its_names() -> None:
    assert sys.modules["adhelpers.testing.scenarios"] is adhelpers.testing.scenarios is suite.scenarios


def test_a_call_is_documented_as_that_of_a_function() -> None:
    assert str(inspect.signature(scenarios)) == f"(version: 'int' = {SUITE_VERSION}) -> 'list[Scenario]'"
    documentation = inspect.getdoc(scenarios)
    for section in ("Parameters", "Returns", "Raises", "Examples"):
        assert f"\n{section}\n---" in documentation


def test_no_module_of_scenarios_is_forgotten() -> None:
    catalogues = [getattr(importlib.import_module(name), "SCENARIOS", []) for name in modules()]
    written: list[Scenario] = [scenario for catalogue in catalogues for scenario in catalogue]
    assert all(isinstance(catalogue, Catalogue) for catalogue in catalogues if catalogue)
    assert {id(scenario) for scenario in written} == {id(scenario) for scenario in scenarios()}


def test_without_pytest_the_error_says_what_to_type() -> None:
    code = "import sys; sys.modules['pytest'] = None; import adhelpers.testing"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "needs pytest and NumPy" in run.stderr
    assert "pip install 'adhelpers[testing]'" in run.stderr
