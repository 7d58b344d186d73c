"""Plugins of strangers: their sources, and a process in which they are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
