"""Run the conformance suite on every shipped backend, and make docs/capabilities.md from the results.

``python docs/capabilities.py --write`` writes the file; ``--check`` fails if the file differs from a run. It needs
pytest-xdist, and takes three minutes on two cores, most of them JAX's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "capabilities.md"
BACKENDS = ("jax", "torch", "autograd", "finite-difference")
CAPABILITIES = (
    "forward",
    "reverse",
    "complex",
    "nesting",
    "float64",
    "float32",
    "bfloat16",
    "compile",
    "threads",
    "rules",
)

INTRODUCTION = """# What the shipped backends can do

Made by `python docs/capabilities.py --write` from runs of `adhelpers conformance` (suite version {version}); do not
edit. All backends passed: declared capabilities work, and others raise an error.

The table says which capabilities each backend has. A *native* mode is the framework's own; adhelpers makes a *derived*
mode from the other one.

"""


def report(name: str, *, check: bool = True) -> dict[str, Any]:
    """Run the suite in separate processes, one for each core; with `check`, a failure ends this one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-m", "adhelpers", "conformance", name, "--json", str(path), "-n", "auto"]
        subprocess.run(command, cwd=folder, check=check)
        return json.loads(path.read_text(encoding="utf-8"))[name]


def page(reports: dict[str, dict[str, Any]]) -> str:
    """The page, from a report for each backend."""
    lines = [INTRODUCTION.format(version=next(iter(reports.values()))["suite_version"])]
    lines += [f"| | {' | '.join(reports)} |", f"|---|{'---|' * len(reports)}"]
    for capability in CAPABILITIES:
        cells = (report["capabilities"][capability] for report in reports.values())
        lines.append(f"| {capability} | {' | '.join(cells)} |")
    lines += ["", "## Known failures", "", "Each line names a scenario that a backend is known to fail, and why.", ""]
    for name, found in reports.items():
        known = [s for s in found["scenarios"] if s["outcome"] == "known failure"]
        lines += [f"* {name}, `{s['scenario']}` ({s['rule']}): {s['reason']}" for s in known]
    lines += ["", "## Scenarios without a verdict", ""]
    for name, found in reports.items():
        count = sum(s["outcome"] == "too inexact" for s in found["scenarios"])
        if count:
            why = "three nested derivatives, or functions that change within a step"
            lines.append(f"* {name}: {count} scenarios whose results need not have a correct digit: {why}.")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, check it, or print it."""
    text = page({name: report(name) for name in BACKENDS})
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif "--check" in sys.argv:
        if PAGE.read_text(encoding="utf-8") != text:
            print(f"{PAGE} is out of date: run python docs/capabilities.py --write", file=sys.stderr)
            return 1
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
