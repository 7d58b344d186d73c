"""The package of scenarios with its true type: a type checker takes a package for a module, which cannot be called."""

from __future__ import annotations

import sys
from typing import cast

from adhelpers.testing.scenarios import ScenarioPackage

scenarios = cast("ScenarioPackage", sys.modules[ScenarioPackage.__module__])
