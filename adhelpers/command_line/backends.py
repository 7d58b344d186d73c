"""``adhelpers backends``: what is installed, and why any of it failed."""

from __future__ import annotations

import argparse
from typing import Any

from adhelpers.comparison.shown import tables
from adhelpers.comparison.shown.tables import Table
from adhelpers.errors import AdhelpersError
from adhelpers.plugins import lookup


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    backends = commands.add_parser("backends", help="list the backends, and why any of them failed")
    backends.set_defaults(run=run, parser=backends)


def run(options: argparse.Namespace) -> int:
    """Print a table of the backends, and below it the reasons of those that failed."""
    found = lookup.current()
    rows, problems = [], []
    for name, description in sorted(found.descriptions.items()):
        source = found.sources[name]
        version = description.framework_version
        try:
            capabilities = ", ".join(sorted(c.value for c in found.implementation(name).capabilities))
        except AdhelpersError as error:
            capabilities = "failed"
            problems.append(str(error))
        framework = f"{description.framework} {version or 'not installed'}" if description.framework else "-"
        rows.append([name, framework, source.distribution, capabilities])
    for entry_point, failure in sorted(found.failures.items()):
        rows.append([entry_point, "-", "-", "failed"])
        problems.append(str(failure))
    rows += [[name, "-", "-", "disabled by ADHELPERS_DISABLE_PLUGINS"] for name in found.disabled]
    tables.show(Table("Backends", ["name", "framework", "from", "capabilities"], rows, frozenset({"failed"})))
    if problems:
        print()
    for problem in problems:
        print(f"* {problem}")
    return 0
