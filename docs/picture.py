"""Draw README's picture: run ``adhelpers compare`` and save the terminal's output as SVG."""

from __future__ import annotations

import re
from pathlib import Path

from rich.console import Console

from adhelpers.comparison.reporting import compare_gallery
from adhelpers.comparison.shown import parts, words

if __name__ == "__main__":
    console = Console(record=True, width=100)
    report = compare_gallery()
    console.print(report.title, "\n", highlight=False)
    for table in parts.summary(report):
        console.print(table.rich())
    console.print(words.verdict(report), style="bold green" if report.agree else "bold red", highlight=False)
    picture = Path(__file__).with_name("images") / "compare.svg"
    picture.parent.mkdir(exist_ok=True)
    # rich would have the reader's browser fetch a font; any monospaced one will do.
    svg = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="adhelpers compare"), flags=re.DOTALL)
    picture.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
