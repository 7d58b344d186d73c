"""Examines the operators that it is told, a line each, and writes what came out: what may crash or hang is apart."""

from __future__ import annotations

import importlib
import json
import signal
import sys
import traceback
from typing import Any

from corpora.checks import examine

LIMIT = 90.0
"""How many seconds of the processor an operator may take; the first one also imports the framework."""


def main(name: str, samples: int) -> None:
    """A line of JSON for each case, and one without a sample where an operator is done."""
    corpus = importlib.import_module(f"corpora.{name}")
    for line in sys.stdin:
        operator = line.strip()
        if hasattr(signal, "setitimer"):  # then the process ends; a busy machine uses nothing up
            signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            for case in corpus.cases(operator, samples):
                tell(operator, sample=case.sample, words=case.words, outcomes=_examined(case, corpus))
        except Exception as error:  # noqa: BLE001  # of the corpus itself
            outcome = ["cases", "raises", f"{type(error).__name__}: {error}"[:300]]
            tell(operator, sample=-1, words=traceback.format_exc()[-2000:], outcomes=[outcome])
        tell(operator)


def _examined(case: Any, corpus: Any) -> list[list[str]]:
    try:
        found = examine(case, getattr(corpus, "more", None))
    except Exception as error:  # noqa: BLE001  # f itself fails beside x
        return [["values", "unjudged", f"{type(error).__name__}: {error}"[:300]]]
    return [[outcome.check, outcome.verdict, outcome.words] for outcome in found]


def tell(operator: str, **fields: Any) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps({"operator": operator, **fields}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
