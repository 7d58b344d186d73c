"""The report: markdown to read, JSON with every number, and pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.native import Native
from benchmarks.section import Curves, Dots, Section, Table, Verdict

METHOD = """\
## How the times are measured

All contenders of a task run in one process, in {rounds} rounds, and in a random order within each round. A ratio is the
median of the rounds' ratios; its quartiles are in parentheses. Each contender's result is first compared with a complex
step over NumPy. A call that takes less than {turn:g} ms is repeated within its turn. A call that takes more than
{hopeless:g} times the fastest, and longer than a turn, has {turns} turns at most. Python's garbage collector is off
during the rounds.
"""


def write(
    folder: Path, machine: dict[str, str], method: dict[str, float], natives: Iterable[Native], sections: list[Section]
) -> None:
    """``results.md``, ``results.json`` and a file for each picture."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "machine": machine,
        "method": method,
        "sections": {section.name: _as_json(section) for section in sections},
    }
    (folder / "results.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(_page(machine, method, natives, sections), encoding="utf-8")
    for section in sections:
        for picture in section.pictures:
            _draw(picture, folder / f"{picture.name}.png")


def _as_json(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "verdicts": [vars(verdict) | {"word": verdict.word} for verdict in section.verdicts],
        "tables": [vars(table) for table in section.tables],
        "outcomes": [outcome.as_json() for outcome in section.outcomes],
    }


# -- markdown -----------------------------------------------------------------------------------------


def _page(machine: dict[str, str], method: dict[str, float], natives: Iterable[Native], sections: list[Section]) -> str:
    facts = [f"{key}: {value}" for key, value in machine.items()]
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks`; do not edit. Ratios compare adhelpers (ours) with code written by hand.",
        "",
        *(f"* {fact}" for fact in facts),
        "",
    ]
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    about = 'Each row is a target with its limit. Most are the ratio of one time "to" another.'
    lines += ["## Targets", "", about, "", *table_lines(targets(verdicts)), ""]
    for section in sections:
        lines += [f"## {section.title}", "", section.about]
        for table in section.tables:
            lines += [f"### {table.caption}", "", *table_lines(table), ""]
        for picture in section.pictures:
            lines += [f"![{picture.title}]({picture.name}.png)", ""]
        faults = section.wrong()
        if faults:
            lines += ["### Wrong results, not timed", "", *(f"* {fault}" for fault in faults), ""]
        refusals = {
            f"{outcome.framework}: `{name}`, {outcome.case}: {message}"
            for outcome in section.outcomes
            for name, message in outcome.refused.items()
        }
        if refusals:
            lines += ["### Refused by a framework", "", *(f"* {refusal}" for refusal in sorted(refusals)), ""]
    by_hand = "The formulations by hand, by framework and name:"
    lines += [METHOD.format(**method), "## By hand", "", by_hand, "", *_legend(natives)]
    return "\n".join(lines) + "\n"


def targets(verdicts: list[Verdict]) -> Table:
    """Each target with its measurement."""
    rows = [
        (
            verdict.target,
            "—" if verdict.measured is None else f"{verdict.measured:.2f}",
            f"{verdict.limit:.2f}",
            verdict.word,
            verdict.worst,
        )
        for verdict in verdicts
    ]
    return Table("Targets", ("target", "measured", "at most", "", "where"), rows)


def table_lines(table: Table) -> list[str]:
    """A table in markdown."""
    rows = [table.headers, ("---",) * len(table.headers), *table.rows]
    return [f"| {' | '.join(row)} |" for row in rows]


def _legend(natives: Iterable[Native]) -> Iterable[str]:
    """The description of each formulation by hand, from its docstring."""
    for native in natives:
        makes = [make for tasks in (native.eager, native.compiled) for task in tasks.values() for make in task]
        for make in makes:
            summary = (make.__doc__ or "").partition("\n")[0]
            yield f"* {native.name}, `{make.__name__}`: {summary}"


# -- pictures -----------------------------------------------------------------------------------------


def _draw(picture: Dots | Curves, path: Path) -> None:
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # once it is known that there is no window

    figure = _dots(plt, picture) if isinstance(picture, Dots) else _curves(plt, picture)
    figure.suptitle(picture.title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _dots(plt: Any, picture: Dots) -> Any:
    cases = list(dict.fromkeys(case for values in picture.series.values() for case in values))
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.35 * len(cases)), layout="constrained")
    axes.axvline(picture.line, color="black", linewidth=0.8)
    for number, (name, values) in enumerate(picture.series.items()):
        heights = [-cases.index(case) for case in values]
        axes.scatter(values.values(), heights, label=name, **_mark(number, filled=_is_ours(name, picture.series)))
    axes.set_yticks([-number for number in range(len(cases))], cases)
    axes.set_xscale("log")
    axes.set_xlabel(picture.axis)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def _curves(plt: Any, picture: Curves) -> Any:
    count = len(picture.panels)
    figure, panels = plt.subplots(
        1, count, figsize=(4 * count + 2, 4), sharey=True, squeeze=False, layout="constrained"
    )
    names = list(dict.fromkeys(name for panel in picture.panels for name in panel.series))
    for axes, panel in zip(panels[0], picture.panels, strict=True):
        for name, points in panel.series.items():
            axes.plot(*zip(*points, strict=True), linewidth=1, **_mark(names.index(name), filled=_is_ours(name, names)))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xlabel(panel.axis)
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel(picture.axis)
    handles = [
        plt.Line2D([], [], label=name, **_mark(number, filled=_is_ours(name, names)))
        for number, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside right upper", fontsize="small")
    return figure


def _is_ours(name: str, names: Iterable[str]) -> bool:
    """Whether to draw it as ours: also if a picture shows frameworks or problems instead of contenders."""
    return name.startswith("ours") or not any(other.startswith("ours") for other in names)


def _mark(number: int, *, filled: bool) -> dict[str, Any]:
    """Ours are filled and on top, by hand are crosses."""
    style = {"marker": "o", "zorder": 3} if filled else {"marker": "x", "alpha": 0.7, "zorder": 2}
    return {"color": mpl.colormaps["tab20"](number % 20), **style}
