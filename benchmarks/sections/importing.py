"""The time to import adhelpers, beyond that to start Python."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys

from benchmarks.section import Section, Settings, Table, Verdict
from benchmarks.timing import race

ABOUT = (
    "Scripts run in fresh processes, in turns. Times are medians of differences from bare Python in the same round.\n"
)
SCRIPTS = {
    "bare Python": "pass",
    "import pluggy": "import pluggy",
    "import adhelpers": "import adhelpers",
    "import adhelpers, adhelpers_plugins": "import adhelpers, adhelpers_plugins",
    "adhelpers.backend('finite-difference')": "import adhelpers; adhelpers.backend('finite-difference')",
    "import numpy": "import numpy",
}
LIMIT = 60.0
"""Milliseconds."""


def run(settings: Settings) -> Section:
    """Every script."""
    for script in SCRIPTS:
        settings.progress(f"start: {script}")
    times = race({name: functools.partial(_start, code) for name, code in SCRIPTS.items()}, settings.effort)
    bare = times["bare Python"]
    over = {
        name: 1e3 * statistics.median(a - b for a, b in zip(seconds, bare, strict=False))
        for name, seconds in times.items()
    }
    rows = [(f"`{name}`", f"{over[name]:.0f}") for name in SCRIPTS if name != "bare Python"]
    caption = f"Time beyond bare Python, which takes {1e3 * statistics.median(bare):.0f} ms"
    return Section(
        "importing",
        "Import",
        ABOUT,
        tables=[Table(caption, ("script", "ms"), rows)],
        verdicts=[Verdict("`import adhelpers` beyond bare Python, ms", over["import adhelpers"], LIMIT)],
    )


def _start(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
