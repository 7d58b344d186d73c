"""Test the project with the installed versions, and write the results into docs/versions.md.

``python docs/versions.py oldest`` runs, for each backend, the conformance suite and the tests of its plugin, then the
gallery of ``adhelpers compare`` and the README's examples, and rewrites its lines of the page. It continues after a
failure, and then ends with status 1. Name backends after the environment to run only those. ``nox -s
versions`` makes the environments and runs this script in each; one takes a quarter of an hour on two cores. It needs
pytest-xdist.
"""

from __future__ import annotations

import collections
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from importlib import metadata
from pathlib import Path

import capabilities

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "versions.md"
BACKENDS = {"jax": "jax", "torch": "torch", "autograd": "autograd", "finite-difference": "numpy"}
BESIDE = ("numpy", "scipy", "optree", "array-api-compat", "pluggy")

INTRODUCTION = """# Versions that were tested

Made by `nox -s versions`; do not edit. Each of `constraints-oldest.txt`, `constraints-middle.txt` and
`constraints-newest.txt` defines an environment, in which every backend runs the conformance suite and the tests of its
plugin. Development and CI use `constraints.txt`, whose versions are between the last two.

Other versions may work as well, and nothing in the package forbids them. `adhelpers backends` says whether a
framework is older or newer than the tested versions. A plugin looks for a framework's private names when it is loaded,
and does without any that is missing.

In the first table, each row is a framework in one environment. The page on [capabilities](capabilities.md) gives a
reason for each known failure. adhelpers makes a *derived* mode from the other one. In the second table, each row is an
environment, with its other packages.

"""
BY_BACKEND = (
    "environment",
    "framework",
    "Python",
    "scenarios passed",
    "known failures",
    "derived",
    "tests of the plugin",
)
BY_ENVIRONMENT = ("environment", "other packages", "`adhelpers compare`", "README's examples")
ORDER = ("oldest", "middle", "newest", "newest-3.14")


def tested(*paths: str) -> collections.Counter[str]:
    """The outcomes of tests, by pytest's words."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.xml"
        # The blocks of one page are one program.
        options = (
            "-n",
            "auto",
            "--dist",
            "loadfile",
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            f"--junitxml={path}",
        )
        subprocess.run([sys.executable, "-m", "pytest", *options, *paths], cwd=ROOT, check=False)
        return collections.Counter(map(_outcome, ET.parse(path).iter("testcase")))


def _outcome(case: ET.Element) -> str:
    kinds = {child.tag: child for child in case}
    if "failure" in kinds or "error" in kinds:
        return "failed"
    if "skipped" in kinds:
        return "known failures" if kinds["skipped"].get("type") == "pytest.xfail" else "skipped"
    return "passed"


def words(outcomes: collections.Counter[str]) -> str:
    """``754 passed, 3 skipped``."""
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()) if count)


def by_backend(environment: str, name: str) -> tuple[list[str], bool]:
    """The cells of a backend, and whether all is well."""
    report, tests = capabilities.report(name, check=False), tested(f"tests/rooms/{name.replace('-', '_')}")
    outcomes = collections.Counter(scenario["outcome"] for scenario in report["scenarios"])
    known = collections.Counter(
        scenario["scenario"].partition("/")[0]
        for scenario in report["scenarios"]
        if scenario["outcome"] == "known failure"
    )
    derived = [mode for mode, how in report["capabilities"].items() if how == "derived"]
    passed = f"{outcomes['passed']}" + (f", {outcomes['failed']} FAILED" if outcomes["failed"] else "")
    cells = [
        environment,
        f"{BACKENDS[name]} {metadata.version(BACKENDS[name])}",
        platform.python_version(),
        passed,
        ", ".join(f"{count} of `{scenario}`" for scenario, count in known.items()) or "none",
        ", ".join(derived) or "none",
        words(tests),
    ]
    return cells, report["conforms"] and not tests["failed"]


def by_environment(environment: str) -> tuple[list[str], bool]:
    """The cells that concern all backends, and whether all is well."""
    beside = ", ".join(f"{name} {metadata.version(name)}" for name in BESIDE)
    gallery = subprocess.run([sys.executable, "-m", "adhelpers", "compare", "--no-timing"], check=False).returncode
    examples = tested("README.md")
    cells = [environment, beside, "DIFFERS" if gallery else "agrees", words(examples)]
    return cells, not gallery and not examples["failed"]


def table(heading: tuple[str, ...], rows: list[list[str]]) -> str:
    """The lines of a table, by framework and from the oldest on."""
    frameworks = list(BACKENDS.values())
    ordered = sorted(rows, key=lambda row: ORDER.index(row[0]))
    if heading == BY_BACKEND:
        ordered.sort(key=lambda row: frameworks.index(row[1].split()[0]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *ordered))


def kept(width: int, replaced: set[tuple[str, str]]) -> list[list[str]]:
    """The page's rows for other environments, and for frameworks that are not run."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    named = [row for row in rows if len(row) == width and row[0] in ORDER]
    return [row for row in named if (row[0], row[1].split()[0]) not in replaced]


def main(environment: str, *names: str) -> int:
    """Run all, or these backends, and write the page."""
    found = [by_backend(environment, name) for name in names or BACKENDS]
    shared = [] if names else [by_environment(environment)]
    rows = [[cells for cells, _ in results] for results in (found, shared)]
    replaced = [{(row[0], row[1].split()[0]) for row in new} for new in rows]
    tables = (
        table(BY_BACKEND, [*kept(len(BY_BACKEND), replaced[0]), *rows[0]]),
        table(BY_ENVIRONMENT, [*kept(len(BY_ENVIRONMENT), replaced[1]), *rows[1]]),
    )
    PAGE.write_text(INTRODUCTION + "\n\n".join(tables) + "\n", encoding="utf-8")
    return 0 if all(well for _, well in (*found, *shared)) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
