"""A stranger's backend that the suite is run for, by its command."""

from __future__ import annotations

import subprocess
from pathlib import Path

from strangers import Install, plugin, python

TOY = """
from dataclasses import dataclass
from adhelpers import ADBackend, Capability
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
@dataclass(frozen=True, kw_only=True)
class Toy(FiniteDifferenceBackend):
    name = "toy"
"""
WRONG = f"""{TOY}
    def jvp(self, f, x, u):
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tuple(2.0 * tangent for tangent in tangents), aux
"""
FEW = ("-k", "R7-sine/ or R9-calls/jvp or declarations")


def conformance(
    path: Path, *arguments: str, name: str = "toy", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, in an empty folder."""
    folder = cwd or path / "empty"
    folder.mkdir(exist_ok=True)
    return python(path, "-m", "adhelpers", "conformance", name, *arguments, cwd=str(folder))


def toy(install: Install, source: str) -> None:
    install("toy-adhelpers", toy_plugin=plugin(implementation="toy_backend:Toy"), toy_backend=source)
