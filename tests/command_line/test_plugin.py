"""``adhelpers plugin new``: a distribution that installs, says what to fill in, and conforms once that is done."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from strangers import Install, python

from adhelpers.command_line.main import main
from adhelpers.command_line.plugin import _SKELETON
from adhelpers.testing import SUITE_VERSION

NAME, PACKAGE = "my-lib", "adhelpers_my_lib"
WRITTEN = {
    "README.md",
    "pyproject.toml",
    f"src/{PACKAGE}/__init__.py",
    f"src/{PACKAGE}/backend.py",
    "tests/test_conformance.py",
}
DUAL = Path(__file__).parents[2] / "examples" / "adhelpers-dual" / "src"
"""The framework for which the skeleton is filled in."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """What the command has written."""
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", NAME]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    written, _, next_steps = output.partition("\n\n")
    assert set(written.splitlines()) == {str(Path(f"adhelpers-{NAME}") / path) for path in WRITTEN}
    assert next_steps.split("\n\n")[1].split("\n    ") == [
        f"    cd adhelpers-{NAME}",
        'pip install -e ".[test]"',
        f"adhelpers conformance {NAME}\n",
    ]
    return tmp_path / f"adhelpers-{NAME}"


def installed(install: Install, folder: Path) -> None:
    """What ``pip install -e`` leaves behind, with no need of a network."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    ((entry_point, value),) = project["entry-points"]["adhelpers"].items()
    install(project["name"], entry_point, value)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(folder / "src"), str(folder.parent), str(DUAL), *sys.path]
    return python(folder, "-m", *arguments, cwd=str(folder), PYTHONPATH=os.pathsep.join(paths))


# -- the files ------------------------------------------------------------------------------------------------


def test_every_word_is_of_the_new_name(folder: Path) -> None:
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert {path.relative_to(folder).as_posix() for path in files} == WRITTEN
    for path in files:
        assert "skeleton" not in path.read_text().lower()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"adhelpers-{NAME}"
    assert project["entry-points"] == {"adhelpers": {NAME: PACKAGE}}
    assert "class MyLibBackend(ADBackend):" in (folder / "src" / PACKAGE / "backend.py").read_text()


def test_the_version_of_the_suite_is_the_newest(folder: Path) -> None:
    assert f"suite_version = {SUITE_VERSION} " in (folder / "tests" / "test_conformance.py").read_text()


def test_a_name_with_the_word_of_the_templates_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "a-skeleton", "--directory", "here/it is"]) == 0
    package = tmp_path / "here" / "it is" / "src" / "adhelpers_a_skeleton"
    assert 'implementation="adhelpers_a_skeleton.backend:ASkeletonBackend"' in (package / "__init__.py").read_text()


def test_it_is_written_beside_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LICENSE").write_text("mine")
    assert main(["plugin", "new", NAME, "--directory", "."]) == 0
    assert (tmp_path / "LICENSE").read_text() == "mine"
    assert (tmp_path / "README.md").exists()


# -- what is refused --------------------------------------------------------------------------------------------

REFUSED = {
    "capital letters": (
        "MyLib",
        "a name has small letters, digits and single dashes, such as my-framework, but 'MyLib'",
    ),
    "an underscore": ("my_lib", "but 'my_lib' was given"),
    "a digit first": ("2lib", "but '2lib' was given"),
    "a path": ("../lib", "but '../lib' was given"),
    "nothing": ("", "but '' was given"),
    "a dash last": ("lib-", "but 'lib-' was given"),
    "a line": ("lib\n", "was given"),
    "a shipped one": (
        "jax",
        "a backend 'jax' already exists (entry point 'jax' of distribution 'adhelpers'); choose another",
    ),
}


@pytest.mark.parametrize(("name", "words"), REFUSED.values(), ids=REFUSED)
def test_a_name_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", name]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert words in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", sorted(WRITTEN))
def test_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    there = Path("it") / path
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    assert main(["plugin", "new", NAME, "--directory", "it"]) == 2
    assert f"{there} would be overwritten; name another" in capsys.readouterr().err
    assert [found for found in Path("it").rglob("*") if found.is_file()] == [there]
    assert there.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    assert main(["plugin", "new", NAME, "--directory", "file/it"]) == 2
    assert "file/it cannot be written: " in capsys.readouterr().err


# -- from the skeleton to a backend that conforms ---------------------------------------------------------------

FRAMEWORK = "\nfrom adhelpers_dual.backend import DualBackend\n\nDUAL = DualBackend()\n"
GAPS = {
    "is_array": "return DUAL.is_array(leaf)",
    "asarray": "return DUAL.asarray(leaf, like)",
    "array_namespace": "return DUAL.array_namespace(*arrays)",
    "jvp": "return DUAL.jvp(f, x, u)",
}
"""In the order in which the suite names them."""

MORE = """
    def stop_gradient(self, leaf: Any) -> Any:
        return DUAL.stop_gradient(leaf)

    def to_numpy(self, leaf: Any) -> Any:
        return DUAL.to_numpy(leaf)

    def keeps(self, leaf: Any) -> bool:
        return DUAL.keeps(leaf)
"""
SOME = "declarations or R1- or R2- or R7-s"


def fill_in(source: str, method: str, body: str) -> str:
    filled, count = re.subn(
        rf'(    def {method}\(.*?""")\n        raise NotImplementedError\(.*?\)\n',
        rf"\1\n        {body}\n",
        source,
        count=1,
        flags=re.DOTALL,
    )
    assert count == 1
    return filled


def test_it_says_what_to_fill_in_until_it_conforms(folder: Path, install: Install) -> None:
    installed(install, folder)
    backend = folder / "src" / PACKAGE / "backend.py"
    listed = run(folder, "adhelpers", "backends")
    assert re.search(rf"^{NAME} .* .*forward, reverse$", listed.stdout, flags=re.MULTILINE)

    source = backend.read_text().replace("\n\n@dataclass", f"{FRAMEWORK}\n\n@dataclass")
    for method, body in GAPS.items():
        done = run(folder, "adhelpers", "conformance", NAME, "-k", "R1-")
        assert done.returncode == 1
        assert f"backend 'my-lib' lacks these methods:\n* {method}: " in done.stdout
        assert "1 failed" in done.stdout
        assert "    1  backend 'my-lib' lacks these methods:\n" in done.stdout
        source = fill_in(source, method, body)
        backend.write_text(source)

    done = run(folder, "adhelpers", "conformance", NAME, "-k", "R1-")
    assert "lacks these methods:\n* vjp: return a pullback through f, or delete this method" in done.stdout
    source = source[: source.index("    def vjp(")].rstrip() + "\n" + MORE
    source = re.sub(r"frozenset\(\s*\{Capability.*?\}\s*\)", "DUAL.capabilities", source, flags=re.DOTALL)
    backend.write_text(source)

    done = run(folder, "adhelpers", "conformance", NAME, "-k", SOME)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(folder, "pytest", "-q", "-k", "R7-s")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pip", "hatchling"))), reason="needs pip and hatchling to build a wheel"
)
def test_it_is_built(folder: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", *options, "-w", str(folder), "."]
    subprocess.run(command, cwd=folder, check=True)
    assert [path.name for path in folder.glob("*.whl")] == ["adhelpers_my_lib-0.1.0-py3-none-any.whl"]


def test_the_templates_are_in_the_package() -> None:
    assert {path.name for path in _SKELETON.rglob("*") if path.suffix in (".toml", ".md")} == {
        "pyproject.toml",
        "README.md",
    }
