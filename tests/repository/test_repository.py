"""What is written in two places is the same in both: versions, bounds, sessions, names and paths."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import adhelpers
import adhelpers.testing

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TESTED = ("test", "containers")
"""The dependency groups whose lowest versions are tested too."""
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

# A source distribution has no .github.
in_a_repository = pytest.mark.skipif(not WORKFLOWS, reason="this is no checkout of the repository")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "CITATION.cff",
        "adhelpers/py.typed",
        "adhelpers_plugins/py.typed",
        "constraints.txt",
        "constraints-oldest.txt",
    ],
)
def test_a_file_that_people_look_for_is_there(name: str) -> None:
    assert (ROOT / name).is_file()


# -- versions ----------------------------------------------------------------------------------------------


def test_the_citation_has_the_version() -> None:
    assert re.findall(r"^version: (.+)$", text("CITATION.cff"), re.MULTILINE) == [adhelpers.__version__]


def test_the_changelog_begins_with_the_version() -> None:
    """A section for what is not released yet may stand before it."""
    headings = re.findall(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == adhelpers.__version__


# -- what is installed -------------------------------------------------------------------------------------


def requirements(*, groups: tuple[str, ...]) -> Iterator[str]:
    """What the project and these groups need, one another left out."""
    project = PYPROJECT["project"]
    tables = [project["dependencies"], *project["optional-dependencies"].values()]
    tables += [PYPROJECT["dependency-groups"][group] for group in groups]
    for requirement in (entry for table in tables for entry in table):
        if isinstance(requirement, str) and not requirement.startswith("adhelpers["):
            yield requirement


def name_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def pinned(name: str) -> dict[str, str]:
    """The versions in a file of constraints."""
    found = re.findall(r"^([\w.-]+)==(\S+)", text(name), re.MULTILINE)
    return {name_of(package): version for package, version in found}


def test_the_lowest_versions_are_the_lower_bounds() -> None:
    lowest = pinned("constraints-oldest.txt")
    bounds = {requirement: re.search(r">=\s*([\w.]+)", requirement) for requirement in requirements(groups=TESTED)}
    assert [requirement for requirement, bound in bounds.items() if bound is None] == []
    differing = {requirement: lowest.get(name_of(requirement)) for requirement in bounds}
    assert {r: version for r, version in differing.items() if version != bounds[r][1]} == {}


def test_what_development_installs_is_pinned() -> None:
    named = {name_of(requirement) for requirement in requirements(groups=tuple(PYPROJECT["dependency-groups"]))}
    assert sorted(named - pinned("constraints.txt").keys()) == []


# -- sessions ----------------------------------------------------------------------------------------------


def sessions() -> set[str]:
    """The sessions of the noxfile, which is not imported: nox need not be installed."""
    functions = [node for node in ast.parse(text("noxfile.py")).body if isinstance(node, ast.FunctionDef)]
    return {node.name for node in functions if any("nox.session" in ast.unparse(d) for d in node.decorator_list)}


@in_a_repository
def test_workflows_run_every_session_and_no_other() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    lists = re.findall(r"\b(?:session|options): \[(.*?)\]", written)
    named = {name.strip() for names in lists for name in names.split(",")}
    named |= set(re.findall(r"\{ session: (\w+)", written)) | set(re.findall(r"nox -s (\w+)", written))
    assert named == sessions()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/design.md"])
def test_sessions_that_pages_name_exist(name: str) -> None:
    assert set(re.findall(r"nox -s (\w+)", text(name))) <= sessions() | {"NAME"}


# -- names and paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [adhelpers, adhelpers.testing])
def test_every_public_name_has_a_typing_test(module: object) -> None:
    words = set(re.findall(r"\w+", text("tests/typing/public_api.py")))
    assert [name for name in module.__all__ if name not in words] == []


TO_BE_WRITTEN = {
    "adhelpers/operations/curvature.py",
    "tests/operations/test_curvature.py",
    "tests/wrong_backends/r22.py",
}
"""Paths of examples, which whoever contributes writes."""


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_paths_lead_somewhere(name: str) -> None:
    page = text(name)
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", re.sub("`[^`\n]+`", "", page))
    targets += re.findall(r"`((?:adhelpers|adhelpers_plugins|tests|docs|examples|benchmarks)/[\w./-]+)`", page)
    assert [target for target in targets if not (ROOT / target).exists() and target not in TO_BE_WRITTEN] == []
