"""The scenarios of a version of the suite, those that had appeared by then: call the package.

Its modules hold them, as ``adhelpers.testing.scenarios.losses`` does, in folders by what they are about.

Parameters
----------
version
    From 1 to `SUITE_VERSION`, which it is by default. A list never changes once it is released, so that a plugin which
    pins its version is held to the same scenarios for ever.

Returns
-------
scenarios
    In the order of their rules, but for the first, which is about what all others rest on.

Raises
------
ArgumentError
    There is no such version.

Examples
--------
>>> from adhelpers.testing import RULES, scenarios
>>> {scenario.rule for scenario in scenarios()} == set(RULES)
True
"""

from __future__ import annotations

import sys
from types import ModuleType

from adhelpers import ArgumentError
from adhelpers.testing.rules import RULES
from adhelpers.testing.scenario import SUITE_VERSION, Scenario
from adhelpers.testing.scenarios import losses
from adhelpers.testing.scenarios.contract import methods, namespace, preparation, sweeps, undeclared
from adhelpers.testing.scenarios.derivatives import (
    arguments,
    batches,
    dtypes,
    first_order,
    gauss_newton,
    infinite,
    linear_maps,
    own_rules,
    per_sample,
    products,
    second_order,
    zeros,
)
from adhelpers.testing.scenarios.evaluation import calls, concurrency, errors, loud, values
from adhelpers.testing.scenarios.nesting import closures, orders
from adhelpers.testing.scenarios.operands import buffers, memory, refusals, sizes, structures, views

# Within a rule, scenarios run in the order of these.
_MODULES = (
    products,
    infinite,
    structures,
    refusals,
    dtypes,
    zeros,
    sizes,
    memory,
    buffers,
    views,
    calls,
    errors,
    concurrency,
    loud,
    values,
    orders,
    closures,
    losses,
    batches,
    first_order,
    second_order,
    gauss_newton,
    linear_maps,
    own_rules,
    per_sample,
    arguments,
    methods,
    sweeps,
    preparation,
    undeclared,
)
_ALL = [
    *namespace.SCENARIOS,  # which all others rest on
    *sorted(
        (scenario for module in _MODULES for scenario in module.SCENARIOS),
        key=lambda scenario: list(RULES).index(scenario.rule),
    ),
]


# Users call `adhelpers.testing.scenarios`, and Python calls this package so: one name, which a function would take from
# the package. A module whose class is changed is Python's own way to give it more than attributes
# (https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access).
class ScenarioPackage(ModuleType):
    """The package of scenarios, which can be called for a list of them."""

    def __call__(self, version: int = SUITE_VERSION) -> list[Scenario]:
        """As the docstring of the package tells."""
        if version not in range(1, SUITE_VERSION + 1):
            msg = f"there is no version {version!r} of the suite; write one from 1 to {SUITE_VERSION}"
            raise ArgumentError(msg)
        return [scenario for scenario in _ALL if scenario.since <= version]


sys.modules[__name__].__class__ = ScenarioPackage
