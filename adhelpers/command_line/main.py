"""The command line: ``adhelpers backends``, ``adhelpers compare`` and ``adhelpers conformance``.

The exit status is 0 when all is well, 1 when results disagree or a backend fails, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from adhelpers import __version__
from adhelpers.command_line import arguments
from adhelpers.command_line.arguments import UsageError
from adhelpers.comparison.shown import tables
from adhelpers.comparison.shown.tables import Table
from adhelpers.errors import AdhelpersError
from adhelpers.plugins import lookup


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        msg = f"{message}; `{self.prog} --help` shows what can be typed"
        raise UsageError(msg)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = argparse.Namespace(run=None)
    try:
        options, surplus = _parser().parse_known_args(argv)
        if surplus and options.run is not _conformance:
            options.parser.error(f"unrecognized arguments: {' '.join(surplus)}")
        options.surplus = surplus
        status = int(options.run(options))
        sys.stdout.flush()  # while a closed pipe can still be caught
    except UsageError as error:
        print("adhelpers:", *str(error).split(), file=sys.stderr)  # a framework's own words may span lines
        return 2
    except KeyboardInterrupt:
        print("adhelpers: interrupted", file=sys.stderr)
        return 130  # as a shell has it
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if options.run is _conformance else 0  # of a run that nobody read to its end nothing is known
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="adhelpers", description="Neutral automatic differentiation across frameworks.")
    parser.add_argument("--version", action="version", version=f"adhelpers {__version__}")
    commands = parser.add_subparsers(required=True, metavar="{backends,compare,conformance}", parser_class=_Parser)
    backends = commands.add_parser("backends", help="list the backends, and why any of them failed")
    backends.set_defaults(run=_backends, parser=backends)
    _add_compare(commands)
    conformance = commands.add_parser(
        "conformance",
        help="test whether a backend does all that it should",
        description="Run the conformance suite for an installed backend. Further options are pytest's own, "
        "such as -k R7, -x, or -n 4 with pytest-xdist.",
        usage="adhelpers conformance NAME [--suite-version N] [--json FILE] [pytest options]",
        allow_abbrev=False,
    )
    conformance.add_argument("name", metavar="NAME", help="the backend, as `adhelpers backends` lists it")
    conformance.add_argument("--suite-version", type=int, metavar="N", help="hold it to this version of the suite")
    conformance.add_argument("--json", metavar="FILE", help="write a report for machines")
    conformance.set_defaults(run=_conformance, parser=conformance)
    return parser


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare",
        help="see where backends differ, on a function of yours or on a gallery of well-known ones",
        description="Without FILE.py:function: a gallery of well-known functions, checked against closed forms. "
        "With it: that function, written with xp = adhelpers.array_namespace(x), checked against finite differences.",
    )
    add = compare.add_argument
    add("function", nargs="?", metavar="FILE.py:function", help="a function of x; x may be any structure")
    add("--gallery", action="store_true", help="the built-in functions, as without FILE.py:function")
    add("--shape", type=arguments.shape, metavar="3,5", help="draw a normal x of this shape, the batch last")
    add(
        "--x",
        metavar="FILE",
        help="read x from FILE.npy, or a dict of arrays from FILE.npz ('a/b' is a dict in a dict)",
    )
    add("--u", metavar="FILE", help="read the tangent, or the cotangent, in the same way; otherwise they are drawn")
    add("--dtype", choices=arguments.DTYPES, metavar="float64", help=f"convert x: {', '.join(arguments.DTYPES)}")
    add("--seed", type=arguments.seed, default=0, help="the seed of all that is drawn (default: 0)")
    add("--batch-axis", type=int, choices=(-1, 0), default=-1, help="where the batch is in x (default: -1, last)")
    add("--backends", type=arguments.names("backends are written as jax,torch"), metavar="jax,torch", help="only these")
    operations = arguments.names("operations are written as jvp,vjp,batched_jacobian")
    add("--operations", type=operations, metavar="jvp,vjp,batched_jacobian", help="only these, beside the value")
    add("--rtol", type=arguments.tolerance, help="the relative tolerance (default: from dtype and conditioning)")
    add("--atol", type=arguments.tolerance, help="the absolute tolerance (default: from dtype and conditioning)")
    add("--no-timing", dest="timing", action="store_false", help="do not repeat calls to time them")
    add("--json", metavar="FILE", help="write a report for machines")
    add("--html", metavar="FILE", help="write a page that needs no other file")
    add("--plot", metavar="FILE.png", help="draw deviations and times; needs adhelpers[plot]")
    compare.set_defaults(run=_compare, parser=compare)


# -- adhelpers backends -------------------------------------------------------------------------------


def _backends(options: argparse.Namespace) -> int:
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


# -- adhelpers compare --------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    try:
        import numpy  # noqa: F401, ICN001
    except ImportError as error:
        msg = "compare needs NumPy: pip install numpy"
        raise UsageError(msg) from error
    from adhelpers.comparison.shown.progress import on_terminal

    _check_compare(options)
    with on_terminal(0.0) as progress:
        report = _gallery(options, progress) if options.function is None else _function(options, progress)
    report.show()
    if options.json is not None:
        report.to_json(options.json)
    if options.html is not None:
        report.to_html(options.html)
    if options.plot is not None:
        report.plot(options.plot)
    return 0 if report.agree else 1


def _check_compare(options: argparse.Namespace) -> None:
    """What can be seen to be wrong before anything is run."""
    if options.function is None and (options.shape, options.x, options.u) != (None, None, None):
        msg = "--shape, --x and --u are for a function; write `adhelpers compare FILE.py:function --shape 3,5`"
        raise UsageError(msg)
    if options.function is None and options.dtype is not None:
        msg = "--dtype is for a function; write `adhelpers compare FILE.py:function --shape 3,5 --dtype float32`"
        raise UsageError(msg)
    if options.function is not None and options.gallery:
        msg = f"--gallery compares the built-in functions, but {options.function!r} was given too; write one of the two"
        raise UsageError(msg)
    for option in ("json", "html", "plot"):
        arguments.check_writable(option, getattr(options, option))
    if options.plot is not None:
        arguments.check_picture(options.plot)


def _gallery(options: argparse.Namespace, progress: Callable[[str], None]) -> Any:
    from adhelpers.comparison.reporting import compare_gallery

    try:
        return compare_gallery(_settings(options), backends=options.backends, progress=progress)
    except AdhelpersError as error:
        raise UsageError(str(error)) from error


def _function(options: argparse.Namespace, progress: Callable[[str], None]) -> Any:
    from adhelpers.comparison.entry import REFERENCE
    from adhelpers.comparison.reporting import compare_function

    function = arguments.load_function(options.function)
    x = arguments.read_x(options)
    u = None if options.u is None else arguments.read_file("--u", options.u, options.dtype)
    name = options.function.rpartition(":")[2]
    more = {"backends": options.backends, "reference": REFERENCE, "name": name, "progress": progress}
    try:
        report = compare_function(function, x, u, _settings(options), **more)
    except AdhelpersError as error:
        raise UsageError(str(error)) from error
    values = [result for result in report.results if result.operation == "value"]
    if all(result.status == "failed" for result in values):
        msg = (
            f"{name!r} has no reference to compare with, since it fails on every backend: {values[0].backend}: "
            f"{values[0].error}; write it with xp = adhelpers.array_namespace(x)"
        )
        raise UsageError(msg)
    return report


def _settings(options: argparse.Namespace) -> Any:
    from adhelpers.comparison.task import Settings

    return Settings(options.operations, options.batch_axis, options.rtol, options.atol, options.timing, options.seed)


# -- adhelpers conformance ----------------------------------------------------------------------------


def _conformance(options: argparse.Namespace) -> int:
    try:
        lookup.backend(options.name)
    except AdhelpersError as error:
        raise UsageError(str(error)) from error
    try:
        from adhelpers.testing import command, suite
    except ImportError as error:
        msg = f"conformance needs pytest and NumPy ({error}): pip install 'adhelpers[testing]'"
        raise UsageError(msg) from error
    if options.suite_version is not None:
        try:
            suite.scenarios(options.suite_version)
        except ValueError as error:
            raise UsageError(str(error)) from error
    arguments.check_writable("json", options.json)
    return command.run(options.name, suite_version=options.suite_version, json=options.json, options=options.surplus)
