"""``adhelpers conformance``: whether a backend does all that it should."""

from __future__ import annotations

import argparse
from typing import Any

from adhelpers.command_line.arguments import seconds
from adhelpers.command_line.files import check_writable
from adhelpers.command_line.usage import UsageError
from adhelpers.errors import AdhelpersError
from adhelpers.plugins import lookup


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    conformance = commands.add_parser(
        "conformance",
        help="test whether a backend does all that it should",
        description="Run the conformance suite for an installed backend. Further options are pytest's own, "
        "such as -k R7, -x, or -n 4 with pytest-xdist.",
        usage="adhelpers conformance NAME [--suite-version N] [--timeout SECONDS] [--json FILE] [pytest options]",
        allow_abbrev=False,
    )
    conformance.add_argument("name", metavar="NAME", help="the backend, as `adhelpers backends` lists it")
    conformance.add_argument("--suite-version", type=int, metavar="N", help="hold it to this version of the suite")
    conformance.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="how long a scenario may take, of the processor's time or waiting for nothing; 60 by default",
    )
    conformance.add_argument("--json", metavar="FILE", help="write a report for machines")
    conformance.set_defaults(run=run, parser=conformance)


def run(options: argparse.Namespace) -> int:
    """Run the suite; the status is pytest's, put as the command line's."""
    try:
        if options.name not in lookup.current().descriptions:  # what cannot be loaded may take the process down
            lookup.backend(options.name)
    except AdhelpersError as error:
        raise UsageError(str(error)) from error
    try:  # it needs pytest, and takes long to import
        from adhelpers.testing import command, suite
    except ImportError as error:
        msg = f"conformance needs pytest and NumPy ({error.__cause__ or error}): pip install 'adhelpers[testing]'"
        raise UsageError(msg) from error
    if options.suite_version is not None:
        try:
            suite.scenarios(options.suite_version)
        except ValueError as error:
            raise UsageError(str(error)) from error
    check_writable("json", options.json)
    return command.run(
        options.name,
        suite_version=options.suite_version,
        timeout=options.timeout,
        json=options.json,
        options=options.surplus,
    )
