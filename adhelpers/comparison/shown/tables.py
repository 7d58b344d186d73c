"""Tables: by rich on a terminal if it is installed, or in plain text, Markdown or HTML."""

from __future__ import annotations

import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Cells in rows under headers.

    Attributes
    ----------
    bad
        Words at the beginning of cells that are highlighted.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    bad: frozenset[str] = frozenset()

    def is_bad(self, cell: str) -> bool:
        """Whether the cell is highlighted."""
        return cell.partition(" ")[0] in self.bad

    def plain(self) -> str:
        """The table in aligned columns."""
        widths = [max(len(row[i]) for row in (self.headers, *self.rows)) for i in range(len(self.headers))]
        rule = ["-" * width for width in widths]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (self.headers, rule, *self.rows)
        ]
        return "\n".join([self.title, "", *lines])

    def rich(self) -> Any:
        """The table for rich, below its title, which may be wider."""
        from rich.box import SIMPLE_HEAD
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=SIMPLE_HEAD)
        for header in self.headers:
            table.add_column(header, overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(cell, style="red" if self.is_bad(cell) else "") for cell in row))
        return Group(Text(self.title, style="bold"), table)

    def markdown(self) -> str:
        """The table with pipes, without its title."""
        rows = [[escaped(cell).replace("|", "\\|") for cell in row] for row in (self.headers, *self.rows)]
        rows.insert(1, ["---"] * len(self.headers))
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def html(self) -> str:
        """The table as an HTML element."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in self.headers)
        top = f'<div class="wide"><table>\n<caption>{html.escape(self.title)}</caption>'
        lines = [f"{top}\n<thead><tr>{head}</tr></thead>\n<tbody>"]
        for row in self.rows:
            cells = (f"<td{' class=bad' if self.is_bad(cell) else ''}>{html.escape(cell)}</td>" for cell in row)
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return "\n".join([*lines, "</tbody>\n</table></div>"])


def escaped(text: str) -> str:
    """`text` escaped for Markdown, on one line."""
    for sign in "\\`*_<":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def show(table: Table) -> None:
    """Print a table; on a terminal, bad cells are red."""
    console = _console()
    if console is None:
        print(table.plain())
    else:
        console.print(table.rich())


def show_line(line: str, *, good: bool) -> None:
    """Print a line; on a terminal it is green or red."""
    console = _console()
    if console is None:
        print(line)
    else:
        console.print(line, style="bold green" if good else "bold red", markup=False, highlight=False, soft_wrap=True)


def _console() -> Any:
    """The console of rich, on a terminal and if rich is installed."""
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console()
