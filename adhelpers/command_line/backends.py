"""``adhelpers backends``: list the installed backends, and for each broken one the reason."""

from __future__ import annotations

import argparse
from typing import Any

from adhelpers.comparison.shown import tables
from adhelpers.comparison.shown.tables import Table
from adhelpers.plugins import listing
from adhelpers.plugins.listing import RegisteredBackend


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    backends = commands.add_parser("backends", help="list the backends, and for each broken one the reason")
    backends.set_defaults(run=run, parser=backends)


def run(options: argparse.Namespace) -> int:
    """Print a table of the backends, and below it why any of them failed."""
    found = listing.backends()
    rows = [
        [backend.name, _framework(backend), backend.distribution or "-", _capabilities(backend)] for backend in found
    ]
    failed = [b for b in found if not b.loads and not b.is_disabled and _missing(b) is None]
    tables.show(Table("Backends", ["name", "framework", "from", "capabilities"], rows, frozenset({"failed"})))
    if failed:
        print()
    for backend in failed:
        print(f"* {backend.problem}")
    return 0


def _framework(backend: RegisteredBackend) -> str:
    return ", ".join(filter(None, (backend.framework, backend.beyond_tested))) or "-"


def _capabilities(backend: RegisteredBackend) -> str:
    if backend.is_disabled:
        return str(backend.problem)
    if backend.loads:
        return ", ".join(sorted(c.value for c in backend.capabilities))
    return _missing(backend) or "failed"


def _missing(backend: RegisteredBackend) -> str | None:
    """What to type to install a missing framework, which is not a failure; otherwise None."""
    described = backend.description
    if described is None or not described.framework or described.framework_version is not None:
        return None
    return f"to install it: {described.install}" if described.install else "not installed"
