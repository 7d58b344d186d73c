"""The command line: ``python -m corpora``, from the repository's root."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path

from corpora import expected, running

CORPORA = {
    "pytorch": ("torch", "expecttest"),
    "jax_functions": ("jax", "mpmath"),
    "autograd_functions": ("autograd", "mpmath"),
}
"""Each corpus, and what must be installed for it."""

SAMPLES = {"pytorch": 3, "jax_functions": 1, "autograd_functions": 3}
"""How many of an operator are run, besides those at points of mpmath's; JAX compiles each anew."""


def main() -> int:
    """Run, tell and compare with the lists, or write them; 1 if anything is wrong or differs from its list."""
    options = _parser().parse_args()
    options.results.mkdir(exist_ok=True)
    failed = False
    for name in options.corpora:
        missing = [module for module in CORPORA[name] if importlib.util.find_spec(module) is None]
        if missing:
            say(f"{name} is left out, for {' and '.join(missing)} is not installed")
            continue
        failed = _run(name, options) or failed
    return int(failed)


def _run(name: str, options: argparse.Namespace) -> bool:
    operators = [each for each in importlib.import_module(f"corpora.{name}").operators() if options.only in each]
    operators = operators[:: options.every]
    path = options.results / f"{name}.jsonl"
    if not options.resume:
        path.unlink(missing_ok=True)
    samples = options.samples or SAMPLES[name]
    results = running.run(name, operators, samples, path, say, options.jobs)
    counts = Counter(verdict for result in results for _, verdict, _ in result["outcomes"])
    entries = expected.read(name)
    if options.update:
        entries = expected.updated(results, entries)
        expected.write(name, entries)
    faults = expected.faults(results, entries, complete=samples >= SAMPLES[name])
    say("\n".join([f"{name}: {len(results)} cases, {dict(counts)}", *faults, ""]))
    return bool(faults)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m corpora", description="Differentiate all that frameworks have.")
    parser.add_argument(
        "corpora", nargs="*", default=list(CORPORA), metavar="CORPUS", help=f"some of {', '.join(CORPORA)}"
    )
    parser.add_argument("--update", action="store_true", help="write the lists anew; a wrong value is never entered")
    parser.add_argument("--only", default="", metavar="WORD", help="operators whose names contain it")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one of N operators")
    parser.add_argument("--samples", type=int, metavar="N", help=f"of each operator (default: {SAMPLES})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="by so many processes")
    parser.add_argument("--resume", action="store_true", help="go on where the last run was ended")
    parser.add_argument("--results", type=Path, default=Path("corpora-results"), help="where the results are kept")
    return parser


def say(words: str) -> None:
    """At once, for it takes minutes."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
