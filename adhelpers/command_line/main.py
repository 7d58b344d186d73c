"""The command line: ``adhelpers backends``, ``compare``, ``conformance`` and ``plugin new``.

The exit status is 0 if everything passes, 1 if results disagree or a backend fails, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from adhelpers import __version__
from adhelpers.command_line import backends, compare, conformance, plugin
from adhelpers.command_line.usage import Parser, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = argparse.Namespace(run=None)
    try:
        options, surplus = _parser().parse_known_args(argv)
        if surplus and options.run is not conformance.run:
            options.parser.error(f"unrecognized arguments: {' '.join(surplus)}")
        options.surplus = surplus
        status = int(options.run(options))
        sys.stdout.flush()  # while a closed pipe can still be caught
    except UsageError as error:
        print("adhelpers:", *str(error).split(), file=sys.stderr)  # a framework's own words may span lines
        return 2
    except KeyboardInterrupt:
        print("adhelpers: interrupted", file=sys.stderr)
        return 130  # as in a shell
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if options.run is conformance.run else 0  # nobody has seen the end of a conformance run
    return status


def _parser() -> Parser:
    parser = Parser(prog="adhelpers", description="Neutral automatic differentiation across frameworks.")
    parser.add_argument("--version", action="version", version=f"adhelpers {__version__}")
    commands = parser.add_subparsers(
        required=True, metavar="{backends,compare,conformance,plugin}", parser_class=Parser
    )
    for command in (backends, compare, conformance, plugin):
        command.add_to(commands)
    return parser
