"""``adhelpers plugin new``: write the skeleton of a backend's distribution."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from adhelpers.command_line.usage import UsageError
from adhelpers.plugins import lookup

_SKELETON = Path(__file__).parent / "skeleton"
"""A distribution for a framework called skeleton; every occurrence of that name is replaced."""


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    plugin = commands.add_parser(
        "plugin",
        help="write the files of a new backend",
        description="Write the files of a distribution with a new backend. `adhelpers conformance NAME` then says "
        "what to fill in. Existing files are not overwritten.",
    )
    plugin.add_argument("action", metavar="new", choices=["new"], help="the only action")
    plugin.add_argument("name", metavar="NAME", help="the name that users will type, such as my-framework")
    plugin.add_argument("--directory", metavar="FOLDER", help="the folder to write; adhelpers-NAME by default")
    plugin.set_defaults(run=run, parser=plugin)


def run(options: argparse.Namespace) -> int:
    """Write the files, and print what to type next."""
    _check(options.name)
    folder = Path(options.directory or f"adhelpers-{options.name}")
    files = {folder / _named(str(path.relative_to(_SKELETON)), options.name): path for path in _templates()}
    there = [str(path) for path in files if path.exists() or path.is_symlink()]
    if there:
        msg = f"{', '.join(there)} would be overwritten; name another --directory"
        raise UsageError(msg)
    try:
        for path, template in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(_named(template.read_text(encoding="utf-8"), options.name))
            print(path)
    except OSError as error:
        msg = f"{folder} cannot be written: {error}; name another --directory"
        raise UsageError(msg) from error
    print(f'\nTo see what to fill in, type\n\n    cd {folder}\n    pip install -e ".[test]"')
    print(f"    adhelpers conformance {options.name}")
    return 0


def _check(name: str) -> None:
    """Refuse an invalid name, and the name of an existing backend."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        msg = f"a name has small letters, digits and single dashes, such as my-framework, but {name!r} was given"
        raise UsageError(msg)
    source = lookup.current().sources.get(name)
    if source is not None:
        msg = f"a backend {name!r} already exists ({source}); choose another name"
        raise UsageError(msg)


def _templates() -> list[Path]:
    return sorted(path for path in _SKELETON.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _named(text: str, name: str) -> str:
    """`text` for the backend of that name."""
    words = {
        "adhelpers_skeleton": f"adhelpers_{name.replace('-', '_')}",
        "Skeleton": "".join(word.capitalize() for word in name.split("-")),
        "skeleton": name,
    }
    return re.sub("|".join(words), lambda match: words[match[0]], text)
