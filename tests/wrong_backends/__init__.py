"""Backends that are deliberately wrong, each in one way, and the rule that each of them breaks.

They prove the conformance suite: it must reject every one. Each docstring says what is wrong. Most are right but
for that, being autograd; those over finite differences need NumPy alone. The module of a rule has the rule's number.

They are written as a stranger would write them: over `adhelpers.extend` and the classes that plugins offer.
"""

from __future__ import annotations

import importlib

from adhelpers.testing import RULES
from wrong_backends.bases import AUTOGRAD, CORRECT, AutogradBackend
from wrong_backends.declarations import FAULTY_DECLARATIONS, StaleFailure
from wrong_backends.registry import WRONG, Wrong

__all__ = ["AUTOGRAD", "CORRECT", "FAULTY_DECLARATIONS", "WRONG", "AutogradBackend", "StaleFailure", "Wrong"]

for _rule in RULES:
    importlib.import_module(f"wrong_backends.r{int(_rule[1:]):02d}")
