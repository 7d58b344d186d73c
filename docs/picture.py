"""Draw README's picture: run ``adhelpers compare`` and save what a terminal shows, as SVG."""

from __future__ import annotations

import re
from pathlib import Path

from rich.console import Console

from adhelpers import cli, comparison, tables

if __name__ == "__main__":
    backends, _ = comparison.usable_backends()
    tasks, title = cli.gallery_tasks()
    results = [task.run(backend) for task in tasks for backend in backends]
    headers, rows, _ = cli.result_table([backend.name for backend in backends], results)
    console = Console(record=True, width=112)
    console.print(tables.rich_table(title, headers, rows, bad=frozenset()))
    picture = Path(__file__).with_name("images") / "compare.svg"
    picture.parent.mkdir(exist_ok=True)
    # rich would have the reader's browser fetch a font; any monospaced one will do.
    svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="adhelpers compare"), flags=re.DOTALL)
    picture.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
