"""Tables for a terminal, by rich where it is installed, and in plain text everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], bad: frozenset[str] = frozenset()) -> None:
    """Print a table; on a terminal, cells that begin with a word of `bad` are red."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            pass
        else:
            Console().print(rich_table(title, headers, rows, bad))
            return
    print(plain(title, headers, rows))


def plain(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table in aligned columns."""
    widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
    rule = ["-" * width for width in widths]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headers, rule, *rows)
    ]
    return "\n".join([title, "", *lines])


def rich_table(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], bad: frozenset[str]) -> Any:
    """The table as rich renders it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style="red" if cell.partition(" ")[0] in bad else "") for cell in row))
    return table
