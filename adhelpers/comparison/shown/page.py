"""The report as one HTML page without other files: the verdict, what does not agree, the tables, the details."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import parts, words
from adhelpers.comparison.shown.tables import Table

_STYLE = """\
:root { color-scheme: light dark; --ground: #fff; --ink: #222; --line: #ddd; --good: #1b6e3c; --bad: #b00020 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #161616; --ink: #ddd; --line: #444; --good: #8fd6a8; --bad: #ff8a80 } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  background: var(--ground); color: var(--ink) }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.verdict { font-size: 1.1rem; font-weight: 600; padding: .6rem 1rem; border-left: .4rem solid }
.bad { color: var(--bad); font-weight: 600 } .good { color: var(--good) }
.wide { overflow-x: auto; margin: 1rem 0 1.5rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; white-space: nowrap }
th, td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
td { font-family: ui-monospace, monospace; font-size: .85rem }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 }
@media (max-width: 45rem) { th, td, caption { font-size: .7rem; padding-right: .4rem; white-space: normal }
  th, td { overflow-wrap: anywhere } }
"""


MOST_OPEN = 4
"""If there are more tables of worst entries, they are folded."""


def html(report: Report) -> str:
    """The whole page."""
    title = escape(report.title)
    colour = "good" if report.agree else "bad"
    body = [f"<h1>{title}</h1>", f'<p class="verdict {colour}">{escape(words.verdict(report))}</p>']
    lines = words.explanations(report)
    if lines:
        body += ["<h2>What does not agree</h2>", _list(lines)]
    worst = parts.worst_entries(report)
    body += [table.html() for table in worst] if len(worst) <= MOST_OPEN else _folded("The worst entries", worst)
    body += [table.html() for table in parts.summary(report)]
    body += _folded("Each result, and each two backends", parts.in_detail(report))
    notes = [*report.notes, *words.legend(report)]
    if notes:
        body += ["<h2>Notes</h2>", _list(notes)]
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>"
    )
    content = "\n".join(body)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{content}\n</body>\n</html>\n'


def _folded(title: str, tables: Sequence[Table]) -> list[str]:
    if not tables:
        return []
    return [f"<details>\n<summary>{escape(title)}</summary>", *(table.html() for table in tables), "</details>"]


def _list(lines: Sequence[str]) -> str:
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>\n{items}\n</ul>"
