"""``adhelpers conformance``: run the conformance suite on a backend."""

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
        help="run the conformance suite on a backend",
        description="Run the conformance suite on an installed backend. Further options are pytest's own, "
        "such as -k R7, -x, or -n 4 with pytest-xdist.",
        usage="adhelpers conformance NAME [--suite-version N] [--timeout SECONDS] [--json FILE] [pytest options]",
        allow_abbrev=False,
    )
    conformance.add_argument("name", metavar="NAME", help="the backend, as `adhelpers backends` lists it")
    conformance.add_argument("--suite-version", type=int, metavar="N", help="use this version of the suite")
    conformance.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="the most processor time, or idle waiting, of one scenario; 60 by default",
    )
    conformance.add_argument("--json", metavar="FILE", help="write a machine-readable report")
    conformance.set_defaults(run=run, parser=conformance)


def run(options: argparse.Namespace) -> int:
    """Run the suite; the exit status is 0, 1 or 2, from pytest's."""
    try:
        if options.name not in lookup.current().descriptions:  # loading a broken backend may crash the process
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
