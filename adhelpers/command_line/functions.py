"""Functions of the command line: load ``FILE.py:function``, and ports of one model."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from adhelpers.command_line.usage import UsageError
from adhelpers.plugins import listing

Function = Callable[[Any], Any]


class Functions:
    """The functions that one command names; a file with several of them runs once."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}

    def load(self, place: str) -> Function:
        """The function at ``FILE.py:function``."""
        path, colon, name = place.rpartition(":")
        if not colon or not path or not name:
            msg = f"write FILE.py:function, but {place!r} was given"
            raise UsageError(msg)
        if path not in self._modules:
            self._modules[path] = _run(path, len(self._modules))
        module = self._modules[path]
        function = getattr(module, name, None)
        if not callable(function):
            there = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
            msg = f"{path!r} has no function {name!r}; it has {', '.join(there) or 'none'}"
            raise UsageError(msg)
        return function

    def ports(
        self, function: str | None, ports: Sequence[tuple[str, str]], backends: Sequence[str] | None
    ) -> Mapping[str, Function]:
        """A function for each backend: its port, or the shared function if it has no port."""
        found: dict[str, Function] = {}
        for name, place in ports:
            if name in found:
                msg = f"--port {name}={place} is the second one for {name!r}; give each backend one port"
                raise UsageError(msg)
            if backends is not None and name not in backends:
                msg = f"--port {name}={place} is for a backend that --backends leaves out; add {name} to --backends"
                raise UsageError(msg)
            found[name] = self.load(place)
        if function is None:
            return found
        others = backends or [backend.name for backend in listing.backends() if backend.loads]
        return {**dict.fromkeys(others, self.load(function)), **found}


def _run(path: str, number: int) -> ModuleType:
    """Run a file, as a module."""
    if not os.path.isfile(path):
        msg = f"there is no file {path!r}; write FILE.py:function with a path from {os.getcwd()!r}"
        raise UsageError(msg)
    # A unique name: a file called jax.py must not replace the framework.
    spec = importlib.util.spec_from_file_location(f"adhelpers_compared_file_{number}", path)
    if spec is None or spec.loader is None:
        msg = f"{path!r} is not a Python file; write FILE.py:function"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # as `python FILE.py` would
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        msg = f"{path!r} cannot be imported: {type(error).__name__}: {error}"
        raise UsageError(msg) from error
    return module
