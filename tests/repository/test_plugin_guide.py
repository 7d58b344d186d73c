"""The plugin author's guide, followed to the letter: its files are written, its commands run, its outputs compared."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from adhelpers import ADBackend
from adhelpers.namespaces.needed import markdown_table

pytest.importorskip("numpy")

GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"

BLOCK = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`(?:, in `(?P<owner>\w+)`)?:\n\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

FRAMEWORK = "src/toy/__init__.py"
"""What the reader has already, and the page shows last."""


class Block(NamedTuple):
    """A fenced block; with a path it is a file, or with an owner as well what belongs in that class of it."""

    path: str | None
    owner: str | None
    language: str
    text: str


def blocks() -> list[Block]:
    found = [Block(*match.group("path", "owner", "language", "text")) for match in BLOCK.finditer(GUIDE.read_text())]
    assert [block for block in found if block.path]
    assert [block for block in found if block.language == "console"]
    return sorted(found, key=lambda block: block.path != FRAMEWORK)


def sessions(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that follow it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *output = part.splitlines()
        yield command, output


class Follower:
    """Somebody with an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder / "toy-adhelpers", folder / "site"
        self.folder.mkdir()
        self.site.mkdir()
        # Whether a scenario about bfloat16 runs depends on this module, which comes with some frameworks.
        (self.site / "ml_dtypes.py").write_text("raise ImportError")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ADHELPERS_", "PYTEST_"))},
            "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.site)]),
            "PYTHONDONTWRITEBYTECODE": "1",  # files are rewritten within one tick of the clock
            "COLUMNS": "200",
            "OMP_NUM_THREADS": "1",
        }

    def follow(self, block: Block) -> None:
        if block.path is not None and block.owner is None:
            self.write(block.path, block.text)
        elif block.path is not None:
            source = (self.folder / block.path).read_text()
            self.write(block.path, with_members(source, block.owner, block.text))
        elif block.language == "console":
            for command, output in sessions(block.text):
                compare(command, output, self.run(command))

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "pip":
            return self.install()
        python = [sys.executable] if program == "python" else [sys.executable, "-m", program]
        result = subprocess.run(
            [*python, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        return result.stdout + result.stderr

    def install(self) -> str:
        """What ``pip install -e .`` leaves behind, but with no need of a network."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        information = self.site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        information.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (information / "METADATA").write_text(metadata)
        lines = [
            "[adhelpers]",
            *(f"{name} = {module}" for name, module in project["entry-points"]["adhelpers"].items()),
        ]
        (information / "entry_points.txt").write_text("\n".join(lines))
        return ""


def with_members(source: str, owner: str | None, text: str) -> str:
    """`source` with those members of a class, instead of those of the same name or after all the others."""
    lines = source.splitlines()
    for node in ast.parse("class Owner:\n" + text).body[0].body:  # type: ignore[attr-defined]
        new = text.splitlines()[_first_line(node) - 2 : node.end_lineno - 1]
        cls = next(n for n in ast.parse("\n".join(lines)).body if isinstance(n, ast.ClassDef) and n.name == owner)
        old = [member for member in cls.body if _name(member) == _name(node) is not None]
        if old:
            lines[_first_line(old[0]) - 1 : old[0].end_lineno] = new
        elif isinstance(node, ast.AnnAssign):  # beside the other fields
            after = [member for member in cls.body if isinstance(member, ast.AnnAssign)][-1].end_lineno
            lines[after:after] = new
        else:
            lines[cls.end_lineno : cls.end_lineno] = ["", *new]
    return "\n".join(lines) + "\n"


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _name(node: ast.stmt) -> str | None:
    return node.target.id if isinstance(node, ast.AnnAssign) else getattr(node, "name", None)  # type: ignore[union-attr]


def compare(command: str, expected: list[str], received: str) -> None:
    """Each line but ``...`` is among those received, in that order; within a line ``...`` is anything."""
    remaining = iter([plain(line) for line in received.splitlines()])
    for line in expected:
        if line.strip() in ("", "..."):
            continue
        pattern = re.escape(plain(line)).replace(re.escape("..."), ".*")
        found = any(re.fullmatch(pattern, other) for other in remaining)
        assert found, f"$ {command}\ngave no such line, or not here:\n    {line}\nbut\n{received}"


def plain(line: str) -> str:
    """Without what differs from run to run: the width of columns, and times."""
    return re.sub(r" in [\d.]+s( \(.*\))?$", "", " ".join(line.strip("= ").split()))


def test_guide(tmp_path):
    follower = Follower(tmp_path)
    for block in blocks():
        follower.follow(block)


def test_what_core_needs_of_a_namespace_is_listed():
    assert markdown_table() in GUIDE.read_text()


def test_every_member_is_explained():
    table = re.findall(r"^\| (`.*?) \|", GUIDE.read_text(), flags=re.MULTILINE)
    explained = {name for row in table for name in re.findall(r"`(\w+)`", row)}
    owed = {"name", "capabilities", "is_array", "asarray"}
    members = {name for name in (*vars(ADBackend), *ADBackend.__annotations__) if not name.startswith("_")}
    assert explained == members - owed


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pip", "hatchling"))), reason="needs pip and hatchling to build a wheel"
)
def test_distribution(tmp_path):
    follower = Follower(tmp_path)
    for block in blocks():
        if block.path is not None:
            follower.follow(block)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, "-w", str(tmp_path), "."]
    subprocess.run(command, cwd=follower.folder, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert "toy = toy_adhelpers" in points
    assert {"toy/__init__.py", "toy_adhelpers/__init__.py", "toy_adhelpers/backend.py"} <= set(names)
