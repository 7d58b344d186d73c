"""The scenarios of a version of the suite: call ``scenarios(version)``.

The modules of this package hold them, such as ``adhelpers.testing.scenarios.losses``, in folders by topic.

Parameters
----------
version
    From 1 to `SUITE_VERSION`, the default. The list of a released version never changes, so a plugin that pins its
    version keeps the same scenarios.

Returns
-------
scenarios
    In the order of their rules. The scenarios of the namespace come first, because all others need it.

Raises
------
ArgumentError
    The version does not exist.

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
    *namespace.SCENARIOS,  # all others need it
    *sorted(
        (scenario for module in _MODULES for scenario in module.SCENARIOS),
        key=lambda scenario: list(RULES).index(scenario.rule),
    ),
]


# Users call `adhelpers.testing.scenarios`, and Python calls this package so: one name, which a function would take from
# the package. A module whose class is changed is Python's own way to give it more than attributes
# (https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access).
class ScenarioPackage(ModuleType):
    """The package of scenarios, which you call for the list of scenarios."""

    def __call__(self, version: int = SUITE_VERSION) -> list[Scenario]:
        """The scenarios of a version; see the docstring of the package."""
        if version not in range(1, SUITE_VERSION + 1):
            msg = f"there is no version {version!r} of the suite; write one from 1 to {SUITE_VERSION}"
            raise ArgumentError(msg)
        return [scenario for scenario in _ALL if scenario.since <= version]


sys.modules[__name__].__class__ = ScenarioPackage
