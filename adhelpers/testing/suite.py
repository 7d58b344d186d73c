"""The package of scenarios by the type that it has: a type checker takes a package for a module, which nobody calls."""

from __future__ import annotations

import sys
from typing import cast

from adhelpers.testing.scenarios import ScenarioPackage

scenarios = cast("ScenarioPackage", sys.modules[ScenarioPackage.__module__])
