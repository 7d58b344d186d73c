"""``adhelpers plugin new``: the skeleton of a distribution that brings a backend."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from adhelpers.command_line.usage import UsageError
from adhelpers.plugins import lookup

_SKELETON = Path(__file__).parent / "skeleton"
"""A distribution for a framework of that name, which every word of it is made from."""


def add_to(commands: Any) -> None:
    """Add the command to those of a parser."""
    plugin = commands.add_parser(
        "plugin",
        help="begin a backend of your own",
        description="Write the skeleton of a distribution that brings a backend. Its conformance fails, and says "
        "what to fill in, until that is done. Nothing is overwritten.",
    )
    plugin.add_argument("action", metavar="new", choices=["new"], help="what to do: there is nothing else yet")
    plugin.add_argument("name", metavar="NAME", help="what users will type, such as my-framework")
    plugin.add_argument("--directory", metavar="FOLDER", help="where to write it; adhelpers-NAME by default")
    plugin.set_defaults(run=run, parser=plugin)


def run(options: argparse.Namespace) -> int:
    """Write the files, and say what to type next."""
    _check(options.name)
    folder = Path(options.directory or f"adhelpers-{options.name}")
    files = {folder / _named(str(path.relative_to(_SKELETON)), options.name): path for path in _templates()}
    there = [str(path) for path in files if path.exists() or path.is_symlink()]
    if there:
        msg = f"nothing is overwritten, and there is already {', '.join(there)}; name another --directory"
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
    print(f'\nWhat to fill in is said by\n\n    cd {folder}\n    pip install -e ".[test]"')
    print(f"    adhelpers conformance {options.name}")
    return 0


def _check(name: str) -> None:
    """Refuse what can be no name, and what is one already."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        msg = f"a name is small letters, digits and single dashes, such as my-framework, but {name!r} was given"
        raise UsageError(msg)
    source = lookup.current().sources.get(name)
    if source is not None:
        msg = f"there is a backend {name!r} already ({source}); choose another name"
        raise UsageError(msg)


def _templates() -> list[Path]:
    return sorted(path for path in _SKELETON.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _named(text: str, name: str) -> str:
    """`text` about that backend."""
    words = {
        "adhelpers_skeleton": f"adhelpers_{name.replace('-', '_')}",
        "Skeleton": "".join(word.capitalize() for word in name.split("-")),
        "skeleton": name,
    }
    return re.sub("|".join(words), lambda match: words[match[0]], text)
