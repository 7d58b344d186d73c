"""Plugins of strangers: their sources, and a process in which they are installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import adhelpers
from adhelpers.plugins.registry import Registry

Install = Callable[..., None]


def plugin(name: str = "toy", implementation: str = "adhelpers:Capability", **fields: object) -> str:
    """The source of a plugin that describes one backend."""
    words = {"name": name, "array_types": (), "implementation": implementation, **fields}
    return hook(f"[BackendDescription({', '.join(f'{key}={value!r}' for key, value in words.items())})]")


def hook(returned: str, *, name: str = "adhelpers_register_backends", args: str = "", marker: str = "hookimpl") -> str:
    """The source of a plugin whose hook is spelt out."""
    return (
        "import pluggy\nfrom adhelpers.extend import BackendDescription, hookimpl\n"
        f"@{marker}\ndef {name}({args}):\n    return {returned}\n"
    )


def python(path: Path, *arguments: str, cwd: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with the distributions at `path` installed."""
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), *sys.path]), **environ},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


SHIPPED = {"autograd", "finite-difference", "jax", "torch"}
INSTALLED = [n for n in sorted(SHIPPED) if importlib.util.find_spec(n.replace("finite-difference", "numpy"))]
TOY_PLUGIN = plugin(implementation="toy_backend:ToyBackend", array_types=("toyframework:Array",))


def assert_shipped_backends_work(found: Registry) -> None:
    assert set(found.descriptions) >= SHIPPED
    for name in INSTALLED:
        backend = found.implementation(name)().double_precision()
        v = adhelpers.jacobian_vector_product(lambda x: x * x, backend, np.asarray(3.0), np.asarray(1.0))
        assert float(v) == pytest.approx(6.0)
