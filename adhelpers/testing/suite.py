"""All scenarios, in the order of their rules."""

from __future__ import annotations

from adhelpers.testing.rules import RULES
from adhelpers.testing.scenario import SUITE_VERSION, Scenario
from adhelpers.testing.scenarios import (
    batches,
    calls,
    closures,
    concurrency,
    contract,
    derivatives,
    dtypes,
    errors,
    losses,
    loud,
    memory,
    nesting,
    preparation,
    probes,
    products,
    refusals,
    sizes,
    structures,
    zeros,
)

_MODULES = (
    products,
    structures,
    refusals,
    dtypes,
    zeros,
    sizes,
    memory,
    calls,
    errors,
    concurrency,
    loud,
    nesting,
    closures,
    losses,
    batches,
    derivatives,
    contract,
    preparation,
    probes,
)
_ALL = sorted(
    (scenario for module in _MODULES for scenario in module.SCENARIOS),
    key=lambda scenario: list(RULES).index(scenario.rule),
)


def scenarios(version: int = SUITE_VERSION) -> list[Scenario]:
    """The scenarios of that version of the suite: those that had appeared by then.

    Parameters
    ----------
    version
        From 1 to `SUITE_VERSION`. A list never changes once it is released, so that a plugin which pins its
        version is held to the same scenarios for ever.

    Raises
    ------
    ValueError
        There is no such version.

    Examples
    --------
    >>> from adhelpers.testing import scenarios
    >>> {scenario.rule for scenario in scenarios()} == {f"R{k}" for k in range(1, 20)}
    True
    """
    if version not in range(1, SUITE_VERSION + 1):
        msg = f"there is no version {version!r} of the suite; write one from 1 to {SUITE_VERSION}"
        raise ValueError(msg)
    return [scenario for scenario in _ALL if scenario.since <= version]
