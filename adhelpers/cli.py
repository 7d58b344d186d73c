"""The command line: ``adhelpers backends``, ``adhelpers compare`` and ``adhelpers conformance``.

The exit status is 0 when all is well, 1 when results disagree or a backend fails, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from adhelpers import __version__, arguments, registry, tables
from adhelpers.arguments import UsageError
from adhelpers.errors import AdhelpersError


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
    compare = commands.add_parser(
        "compare",
        help="run functions through the three operations on every backend",
        description="Without FILE.py:function: a gallery of well-known functions, checked against closed forms. "
        "With it: that function, written with xp = adhelpers.array_namespace(x), checked against finite differences.",
    )
    compare.add_argument("function", nargs="?", metavar="FILE.py:function", help="a function of one array")
    compare.add_argument(
        "--shape", type=arguments.shape, metavar="3,5", help="draw a normal x of this shape, the batch last"
    )
    compare.add_argument("--x", metavar="FILE.npy", help="read x from a file")
    compare.add_argument("--seed", type=arguments.seed, default=0, help="the seed of all that is drawn (default: 0)")
    compare.add_argument(
        "--batch-axis", type=int, choices=(-1, 0), default=-1, help="where the batch is in x (default: -1, last)"
    )
    compare.add_argument("--backends", type=arguments.names, metavar="jax,torch", help="these backends only")
    compare.set_defaults(run=_compare, parser=compare)
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


# -- adhelpers backends -------------------------------------------------------------------------------


def _backends(options: argparse.Namespace) -> int:
    found = registry.current()
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
    tables.show("Backends", ["name", "framework", "from", "capabilities"], rows, bad=frozenset({"failed"}))
    _print_all(problems)
    return 0


def _print_all(problems: Sequence[str]) -> None:
    if problems:
        print()
    for problem in problems:
        print(f"* {problem}")


# -- adhelpers compare --------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    try:
        import numpy  # noqa: F401, ICN001
    except ImportError as error:
        msg = "compare needs NumPy: pip install numpy"
        raise UsageError(msg) from error
    from adhelpers import comparison

    if options.function is None and not (options.shape is None and options.x is None):
        msg = "--shape and --x are for a function; write `adhelpers compare FILE.py:function --shape 3,5`"
        raise UsageError(msg)
    backends, failures = comparison.usable_backends(options.backends)
    if options.backends is not None and failures:
        raise UsageError("; ".join(map(str, failures.values())))
    tasks, title = gallery_tasks() if options.function is None else _function_tasks(options)
    results = []
    with _progress() as report:
        for task in tasks:
            for backend in backends:
                report(f"{task.function}: {task.operation} on {backend.name}")
                results.append(task.run(backend))
    _show_results(title, [backend.name for backend in backends], results)
    left_out = [f"{name} was left out: {error}" for name, error in failures.items()]
    if not any(result.operation == "batched" for result in results):
        left_out.append(
            f"batched was left out: the function maps no batch along axis {options.batch_axis} to one; see --batch-axis"
        )
    _print_all(left_out)
    return 0 if all(result.status == "agrees" for result in results) else 1


def gallery_tasks() -> tuple[Iterable[Any], str]:
    """The gallery's operations, and a title for their results."""
    from adhelpers import comparison, gallery

    tasks = (task for problem in gallery.problems() for task in comparison.gallery_tasks(problem))
    return tasks, "Deviation from closed forms, and time per call"


def _function_tasks(options: argparse.Namespace) -> tuple[Iterable[Any], str]:
    from adhelpers import comparison

    function = arguments.load_function(options.function)
    x = arguments.read_x(options)
    name = options.function.rpartition(":")[2]
    try:
        tasks = list(comparison.function_tasks(name, function, x, batch_axis=options.batch_axis, seed=options.seed))
    except Exception as error:
        msg = (
            f"{name!r} has no reference to compare with, since finite differences on NumPy arrays fail: "
            f"{type(error).__name__}: {error}; write it with xp = adhelpers.array_namespace(x)"
        )
        raise UsageError(msg) from error
    return tasks, f"Deviation from finite differences at x of shape {x.shape}, and time per call"


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Tell what is being done on a terminal, and nothing elsewhere."""
    if sys.stderr.isatty():
        try:
            from rich.console import Console
        except ImportError:
            pass
        else:
            with Console(stderr=True).status("starting") as status:
                yield status.update
            return
    yield lambda text: None


def _show_results(title: str, backends: Sequence[str], results: Sequence[Any]) -> None:
    headers, rows, notes = result_table(backends, results)
    tables.show(title, headers, rows, bad=frozenset({"differs", "failed", "unsupported"}))
    _print_all(notes)
    agree = sum(result.status == "agrees" for result in results)
    print(f"\n{agree} of {len(results)} results agree.")


def result_table(backends: Sequence[str], results: Sequence[Any]) -> tuple[list[str], list[list[str]], list[str]]:
    """Headers, a row for each operation of each function, and a note on each result that does not agree."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    notes = []
    for result in results:
        row = cells.setdefault((result.function, result.operation), {})
        if result.error is not None:
            row[result.backend] = result.status
            notes.append(f"{result.function}, {result.operation} on {result.backend}: {result.error}")
            continue
        row[result.backend] = f"{result.deviation:.0e}  {_time(result.seconds)}"
        if result.status == "differs":
            row[result.backend] = f"differs {row[result.backend]}"
            notes.append(
                f"{result.function}, {result.operation} on {result.backend}: "
                f"deviates by {result.deviation:.1e}, more than {result.tolerance:.1e}"
            )
    rows = [[*place, *(row.get(backend, "") for backend in backends)] for place, row in cells.items()]
    return ["function", "operation", *backends], rows, notes


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


# -- adhelpers conformance ----------------------------------------------------------------------------


def _conformance(options: argparse.Namespace) -> int:
    try:
        registry.backend(options.name)
    except Exception as error:
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
    if options.json is not None:
        try:
            with open(options.json, "a", encoding="utf-8"):  # a long run should not end in this error
                pass
        except OSError as error:
            msg = f"--json {options.json!r} cannot be written: {error}; name a file in a folder that exists"
            raise UsageError(msg) from error
    return command.run(options.name, suite_version=options.suite_version, json=options.json, options=options.surplus)
