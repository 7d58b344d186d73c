"""The report as one HTML page, which fetches nothing."""

from __future__ import annotations

import html as escaping

from adhelpers.comparison.report import ComparisonReport
from adhelpers.comparison.shown import text as presentation

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; margin: 1.5rem 0; font-variant-numeric: tabular-nums;
  display: block; overflow-x: auto }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; white-space: nowrap }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #ddd; white-space: nowrap }
td { font-family: ui-monospace, monospace; font-size: .85rem }
.bad { color: #b00020; font-weight: 600 } .good { color: #1b6e3c; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } th, td { border-color: #444 }
  .bad { color: #ff8a80 } .good { color: #8fd6a8 } }
"""


def html(report: ComparisonReport) -> str:
    """The whole page."""
    title = escaping.escape(report.title)
    verdict = f'<p class="{"good" if report.agree else "bad"}">{escaping.escape(presentation.conclusion(report))}</p>'
    parts = [f"<h1>{title}</h1>", verdict]
    parts += [table.html() for table in presentation.all_tables(report)]
    parts += _list("What disagrees", [*presentation.remarks(report), *presentation.reasons(report)])
    parts += [table.html() for table in map(presentation.worst, report.findings) if table.rows]
    parts += _list("Notes", report.notes)
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>\n{_STYLE}</style>'
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _list(title: str, lines: list[str] | tuple[str, ...]) -> list[str]:
    if not lines:
        return []
    items = "\n".join(f"<li>{escaping.escape(line)}</li>" for line in lines)
    return [f"<h2>{title}</h2>", f"<ul>\n{items}\n</ul>"]
