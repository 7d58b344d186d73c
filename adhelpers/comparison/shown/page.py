"""The report as one HTML page, which fetches nothing."""

from __future__ import annotations

from html import escape

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import parts

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


def html(report: Report) -> str:
    """The whole page."""
    title = escape(report.title)
    verdict = f'<p class="{"good" if report.agree else "bad"}">{escape(parts.conclusion(report))}</p>'
    body = [f"<h1>{title}</h1>", verdict]
    body += [table.html() for table in parts.all_tables(report)]
    body += _list("What disagrees", [*parts.remarks(report), *parts.reasons(report)])
    body += [table.html() for table in map(parts.worst, report.findings) if table.rows]
    body += _list("Notes", report.notes)
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>\n{_STYLE}</style>'
    content = "\n".join(body)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{content}\n</body>\n</html>\n'


def _list(title: str, lines: list[str] | tuple[str, ...]) -> list[str]:
    if not lines:
        return []
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return [f"<h2>{title}</h2>", f"<ul>\n{items}\n</ul>"]
