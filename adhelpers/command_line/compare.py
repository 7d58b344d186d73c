"""``adhelpers compare``: where backends differ, on a function of the user's or on the gallery."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from adhelpers.command_line import arguments, files
from adhelpers.command_line.usage import UsageError
from adhelpers.comparison.entry import REFERENCE
from adhelpers.comparison.report import ComparisonReport
from adhelpers.comparison.shown.progress import on_terminal
from adhelpers.errors import AdhelpersError

if TYPE_CHECKING:  # it imports NumPy, which `adhelpers backends` does without
    from adhelpers.comparison.task import Settings


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
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
    compare.set_defaults(run=run, parser=compare)


def run(options: argparse.Namespace) -> int:
    """Compare, show the report and write it where that is asked for; the status is 1 if something disagrees."""
    try:
        import numpy  # noqa: F401, ICN001
    except ImportError as error:
        msg = "compare needs NumPy: pip install numpy"
        raise UsageError(msg) from error
    _check(options)
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


def _check(options: argparse.Namespace) -> None:
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
        files.check_writable(option, getattr(options, option))
    if options.plot is not None:
        files.check_picture(options.plot)


def _gallery(options: argparse.Namespace, progress: Callable[[str], None]) -> ComparisonReport:
    from adhelpers.comparison.reporting import compare_gallery

    try:
        return compare_gallery(_settings(options), backends=options.backends, progress=progress)
    except AdhelpersError as error:
        raise UsageError(str(error)) from error


def _function(options: argparse.Namespace, progress: Callable[[str], None]) -> ComparisonReport:
    from adhelpers.comparison.reporting import compare_function

    function = files.load_function(options.function)
    x = files.read_x(options)
    u = None if options.u is None else files.read_file("--u", options.u, options.dtype)
    name = options.function.rpartition(":")[2]
    try:
        report = compare_function(
            function,
            x,
            u,
            _settings(options),
            backends=options.backends,
            reference=REFERENCE,
            name=name,
            progress=progress,
        )
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


def _settings(options: argparse.Namespace) -> Settings:
    from adhelpers.comparison.task import Settings

    return Settings(options.operations, options.batch_axis, options.rtol, options.atol, options.timing, options.seed)
