"""The plugins that ship with adhelpers: one package for each framework, registered like any other plugin."""

from __future__ import annotations

import importlib
from types import ModuleType

_ROOMS = ("autograd", "finite_difference", "jax", "torch")


def __getattr__(name: str) -> ModuleType:
    # The packages import no framework, but there is no need to import one that nobody names.
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
