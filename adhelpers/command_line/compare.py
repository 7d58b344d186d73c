"""``adhelpers compare``: see where backends differ, on your function or on the gallery."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from adhelpers.command_line import arguments, files
from adhelpers.command_line.functions import Functions
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
        help="see where backends differ, on your function or on a gallery of well-known ones",
        description="With FILE.py:function, compare that function, written with xp = adhelpers.array_namespace(x), "
        "and check it against finite differences. With --port, do so for ports of one model. With neither, compare a "
        "gallery of well-known functions, and check it against closed forms, which takes up to a minute.",
    )
    add = compare.add_argument
    add("function", nargs="?", metavar="FILE.py:function", help="a function of x; x may be any structure")
    add("--gallery", action="store_true", help="compare the built-in functions, as without FILE.py:function")
    add(
        "--port",
        type=arguments.port,
        action="append",
        default=[],
        metavar="torch=FILE.py:function",
        help="the function of one backend; may be repeated. Backends without a port take FILE.py:function, if given",
    )
    add(
        "--without-rule",
        action="store_true",
        help="for a function made by adhelpers.custom_rule: also differentiate it without its rule",
    )
    add(
        "--shape",
        type=arguments.named_shape,
        action="append",
        metavar="3,5",
        help="draw a normally distributed x of this shape, batch axis last; for a dict: --shape a=3,5 --shape b=5",
    )
    add(
        "--x",
        metavar="FILE",
        help="read x from FILE.npy, or a dict of arrays from FILE.npz ('a/b' makes a nested dict)",
    )
    add("--u", metavar="FILE", help="read the tangent or cotangent from a file like that of --x; drawn by default")
    add("--dtype", choices=arguments.DTYPES, metavar="float64", help=f"convert x: {', '.join(arguments.DTYPES)}")
    add("--seed", type=arguments.seed, default=0, help="the seed for all random numbers (default: 0)")
    add("--batch-axis", type=int, choices=(-1, 0), default=-1, help="the batch axis of x (default: -1, last)")
    add(
        "--backends",
        type=arguments.names("backends are written as jax,torch"),
        metavar="jax,torch",
        help="compare only these backends",
    )
    add(
        "--operations",
        type=arguments.names("operations are written as gradient,hessian"),
        metavar="gradient,hessian",
        help="compare these operations, such as hessian_vector_product, and the value "
        "(default: jvp,vjp,batched_jacobian)",
    )
    add("--rtol", type=arguments.tolerance, help="the relative tolerance (default: from dtype and conditioning)")
    add("--atol", type=arguments.tolerance, help="the absolute tolerance (default: from dtype and conditioning)")
    add("--no-timing", dest="timing", action="store_false", help="do not time calls; timing takes most of the run")
    add("--json", metavar="FILE", help="write a machine-readable report")
    add("--html", metavar="FILE", help="write a self-contained page")
    add("--markdown", metavar="FILE", help="write a comment for a pull request")
    add("--plot", metavar="FILE.png", help="draw deviations and times; needs adhelpers[plot]")
    compare.set_defaults(run=run, parser=compare)


def run(options: argparse.Namespace) -> int:
    """Compare, show the report and write the requested files; the status is 1 if something disagrees."""
    try:
        import numpy  # noqa: F401, ICN001
    except ImportError as error:
        msg = "compare needs NumPy: pip install numpy"
        raise UsageError(msg) from error
    _check(options)
    report = _gallery(options) if _is_gallery(options) else _function(options)
    report.show()
    if options.json is not None:
        report.to_json(options.json)
    if options.html is not None:
        report.to_html(options.html)
    if options.markdown is not None:
        report.to_markdown(options.markdown)
    if options.plot is not None:
        report.plot(options.plot)
    return 0 if report.agree else 1


def _is_gallery(options: argparse.Namespace) -> bool:
    return options.function is None and not options.port


def _check(options: argparse.Namespace) -> None:
    """Refuse wrong options before anything runs."""
    if _is_gallery(options):
        if (options.shape, options.x, options.u) != (None, None, None):
            msg = "--shape, --x and --u are for a function; write `adhelpers compare FILE.py:function --shape 3,5`"
            raise UsageError(msg)
        if (options.seed, options.batch_axis) != (0, -1):
            msg = (
                "--seed and --batch-axis are for a function; write `adhelpers compare FILE.py:function --shape 3,5 "
                f"--seed {options.seed} --batch-axis {options.batch_axis}`"
            )
            raise UsageError(msg)
        if options.dtype is not None:
            msg = "--dtype is for a function; write `adhelpers compare FILE.py:function --shape 3,5 --dtype float32`"
            raise UsageError(msg)
        if options.without_rule:
            msg = (
                "--without-rule is for a function; write `adhelpers compare FILE.py:function --shape 3 --without-rule`"
            )
            raise UsageError(msg)
    elif options.gallery:
        given = options.function or f"--port {'='.join(options.port[0])}"
        msg = f"--gallery compares the built-in functions, but {given!r} was given too; leave one of them out"
        raise UsageError(msg)
    if options.without_rule and options.port:
        msg = "--without-rule is for one function that runs everywhere; leave --port out"
        raise UsageError(msg)
    reports = {option: getattr(options, option) for option in ("json", "html", "markdown", "plot")}
    files.check_distinct(reports)
    for option, path in reports.items():
        files.check_writable(option, path)
    if options.plot is not None:
        files.check_picture(options.plot)


def _gallery(options: argparse.Namespace) -> ComparisonReport:
    from adhelpers.comparison.reporting import compare_gallery

    with on_terminal(0.0, "comparing well-known functions on every backend, which takes up to a minute") as progress:
        try:
            return compare_gallery(_settings(options), backends=options.backends, progress=progress)
        except AdhelpersError as error:
            raise UsageError(str(error)) from error


def _function(options: argparse.Namespace) -> ComparisonReport:
    from adhelpers.comparison.reporting import compare_function

    functions = Functions()
    if options.port:
        function: Any = functions.ports(options.function, options.port, options.backends)
        name = None
    else:
        function, name = functions.load(options.function), options.function.rpartition(":")[2]
    x = files.read_x(options)
    u = None if options.u is None else files.read_file("--u", options.u, options.dtype)
    with on_terminal(0.0, "comparing, which takes a while", line_after=30.0) as progress:
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
                without_rule=options.without_rule,
            )
        except AdhelpersError as error:
            raise UsageError(str(error)) from error
    _require_a_value(report)
    return report


def _require_a_value(report: ComparisonReport) -> None:
    """Refuse a function that fails everywhere.

    If its errors differ, or are about a type or an attribute, it may be written for one framework.
    """
    values = [result for result in report.results if result.operation == "value"]
    if not all(result.status == "failed" for result in values):
        return
    errors = list(dict.fromkeys(str(result.error) for result in values))
    kinds = {error.partition(":")[0] for error in errors}
    msg = f"{values[0].function!r} fails on every backend: {values[0].backend}: {errors[0]}"
    if len(errors) == 1:
        msg = f"{values[0].function!r} fails on every backend: {errors[0]}"
    if len(kinds) > 1 or kinds & {"TypeError", "AttributeError"}:
        msg += "; write it with xp = adhelpers.array_namespace(x), or give each backend its own function by --port"
    raise UsageError(msg)


def _settings(options: argparse.Namespace) -> Settings:
    from adhelpers.comparison.task import Settings

    return Settings(options.operations, options.batch_axis, options.rtol, options.atol, options.timing, options.seed)
