"""The command line: ``python -m benchmarks``, from the repository's root."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks import machine

SECTIONS = ("products", "batched", "curvature", "maps", "views", "rules", "growth", "memory", "importing", "safety")
BACKENDS = ("jax", "torch", "autograd")
START = perf_counter()


def main() -> int:
    """Measure, write and report; 1 if a result was wrong. A missed target is only reported."""
    options = _parser().parse_args()
    machine.use_threads(options.threads)
    # Only now, because they import the frameworks, which read the number of threads once.
    from benchmarks import report, timing
    from benchmarks.native import load
    from benchmarks.section import Settings

    installed = [name for name in options.backends if importlib.util.find_spec(name) is not None]
    for name in set(options.backends) - set(installed):
        _say(f"{name} is left out: it is not installed")
    natives = [load(name) for name in installed]
    size = "smoke" if options.smoke else "quick" if options.quick else "full"
    effort = {"smoke": timing.SMOKE, "quick": timing.QUICK, "full": timing.FULL}[size]
    settings = Settings(size, effort, tuple(natives), _say)
    sections = [importlib.import_module(f"benchmarks.sections.{name}").run(settings) for name in options.only]
    method = {
        "rounds": effort.rounds,
        "turn": 1e3 * effort.turn,
        "hopeless": timing.HOPELESS,
        "turns": effort.hopeless_rounds,
    }
    described = machine.describe([native.name for native in natives], options.threads)
    report.write(options.output, described, method, natives, sections)
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    wrong = [fault for section in sections for fault in section.wrong()]
    sys.stdout.write("\n".join([*report.table_lines(report.targets(verdicts)), "", *wrong, ""]))
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Compare the times of adhelpers with those of code written by hand."
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes: minutes")
    parser.add_argument("--smoke", action="store_true", help="the smallest case once, to show that the suite works")
    parser.add_argument("--only", type=_subset(SECTIONS), default=SECTIONS, help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--backends", type=_subset(BACKENDS), default=BACKENDS, help=f"some of {','.join(BACKENDS)}")
    parser.add_argument("--threads", type=int, default=1, help="for each framework; 0: its own default (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("benchmarks-results"), help="where the report is written")
    return parser


def _subset(names: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """A parser of names that are separated by commas."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        unknown = [name for name in chosen if name not in names]
        if unknown:
            msg = f"{', '.join(unknown)}: choose from {', '.join(names)}"
            raise argparse.ArgumentTypeError(msg)
        return chosen

    return parse


def _say(line: str) -> None:
    sys.stderr.write(f"{perf_counter() - START:6.1f} s  {line}\n")


if __name__ == "__main__":
    sys.exit(main())
