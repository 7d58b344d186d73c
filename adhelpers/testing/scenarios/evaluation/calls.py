"""How often f is called (R9)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, implements, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()

X, U = np.array([[0.5, 1.5, -2.0]]), np.array([[1.0, -0.5, 2.0]])


def _counted(calls: list[int]) -> Function:
    def f(xp: Any, x: Any) -> Any:
        calls.append(1)
        return x**3

    return f


def _calls_of_a_product(name: str, subject: Subject) -> None:
    """A product that the backend implements itself calls f once, and once more if its pullbacks do."""
    require_own(subject.backend, name)
    calls: list[int] = []
    subject.product(name, _counted(calls), subject.arrays(X), subject.arrays(U))
    allowed = 2 if name == "vjp" and subject.backend.pullback_calls_f else 1
    subject.expect(1 <= len(calls) <= allowed, f"{len(calls)} calls of f", str(allowed))


def _calls_of_a_sweep(name: str, subject: Subject) -> None:
    """A reverse sweep calls f once, a forward sweep once a chunk, or once a vector if it loops.

    If pullbacks call f, a reverse sweep calls f as often as a forward one, and once more for the value.
    """
    backend = subject.backend
    require_own(backend, "jvp" if name == "forward" else "vjp")
    x, calls = subject.arrays(numbers(4, 3)), list[int]()
    subject.batched(_counted(calls), x, mode=name, chunk_size=2, check_batch=False)
    allowed = 2 if implements(backend, "jvp_sweep" if name == "forward" else "vjp_sweep") else 4
    if name == "reverse":
        allowed = 1 + allowed if backend.pullback_calls_f else 1
    subject.expect(1 <= len(calls) <= allowed, f"{len(calls)} calls of f for 4 vectors in chunks of 2", str(allowed))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"calls/{_name}", "R9", [_mode])(partial(_calls_of_a_product, _name))
SCENARIOS.add("calls/batched-forward", "R9", [Capability.FORWARD])(partial(_calls_of_a_sweep, "forward"))
SCENARIOS.add("calls/batched-reverse", "R9", [Capability.REVERSE])(partial(_calls_of_a_sweep, "reverse"))
