"""The report as a picture: the verdict, which backends agree, and the times."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Any, Literal

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import words
from adhelpers.comparison.shown.parts import seconds, size

COLOURS = {"agrees": "#b5dfc0", "kink": "#f4d58d", "differs": "#c0392b"}
"""The colour of a cell, by its status. The colours differ in brightness too, for people who cannot tell green from
red."""
INK = {"agrees": "black", "kink": "black", "differs": "white"}
BARS = ("#4477aa", "#ddaa33", "#aa4499", "#44bbbb", "#777777", "#222255")
"""The colours of backends, different from those of cells."""
MOST_IN_A_ROW = 4
"""How many operations are side by side."""
CELL = 0.72
"""The height of a cell in inches."""

LETTERS, LINE = 8.5, 0.22
"""The bold letters of a heading per inch, and the inches per line."""

State = Literal["agrees", "kink", "differs"]


@dataclass(frozen=True)
class Cell:
    """The largest relative deviation of two backends over all functions, and whether they agree in all of them."""

    state: State
    deviation: float

    def worse(self, other: Cell | None) -> Cell:
        """The worse of two cells."""
        if other is None:
            return self
        states: list[State] = [state for state in ("differs", "kink") if state in (self.state, other.state)]
        return Cell(states[0] if states else "agrees", max(self.deviation, other.deviation))


def figure(report: Report) -> Any:
    """Half a matrix of deviations for each operation, over bars of the times."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = "the picture needs matplotlib; type: pip install 'adhelpers[plot]'"
        raise ImportError(msg) from error
    operations = list(dict.fromkeys(result.operation for result in report.results))
    names = list(report.backends)
    if report.reference is not None and report.reference not in names:
        names.append(report.reference)
    columns = min(MOST_IN_A_ROW, max(1, len(operations)))
    rows = math.ceil(len(operations) / columns) if len(names) > 1 else 0
    has_times = any(result.seconds is not None for result in report.results)
    width = max(8.0, columns * max(2.2, 1.25 * CELL * (len(names) - 1) + 0.5) + 1.5)
    title, told = (textwrap.fill(text, int(width * LETTERS)) for text in (report.title, words.verdict(report)))
    heights = [0.5 + LINE * (title.count("\n") + told.count("\n") + 2)]
    heights += [rows * (CELL * (len(names) - 1) + 1.5) + 0.3] if rows else []
    heights += [3.2] if has_times else []
    canvas = Figure(figsize=(width, sum(heights)), layout="constrained")
    head, *parts = canvas.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    colour = "#1b6e3c" if report.agree else "#b00020"
    head.text(0.5, 0.95, title, ha="center", va="top", fontsize=12)
    head.text(0.5, 0.15, told, ha="center", va="bottom", fontsize=12, fontweight="bold", color=colour)
    if rows:
        halves = parts.pop(0)
        halves.suptitle("Largest relative deviation: green agrees, red differs, yellow is at a kink", fontsize=11)
        axes = halves.subplots(rows, columns, squeeze=False).flat
        for i, axis in enumerate(axes):
            if i < len(operations):
                _draw_half(axis, names, cells(report, operations[i]), is_first=i % columns == 0)
                axis.set_title(operations[i], fontsize=11)
            else:
                axis.set_axis_off()
    if has_times:
        _draw_times(parts.pop().subplots(), report, operations)
    return canvas


def cells(report: Report, operation: str) -> dict[frozenset[str], Cell]:
    """The cells by the pair of backends."""
    kinks = {r.function for r in report.results if (r.operation, r.status) == (operation, "kink")}
    compared = [(p.function, p.first, p.second, p.deviation, p.agree) for p in report.pairs if p.operation == operation]
    for result in report.results:
        seen = result.from_reference
        if result.operation == operation and seen is not None and report.reference not in (None, *report.backends):
            assert report.reference is not None
            compared.append((result.function, result.backend, report.reference, seen, seen.differing == 0))
    found: dict[frozenset[str], Cell] = {}
    for function, first, second, deviation, agree in compared:
        state: State = "agrees" if agree else "kink" if function in kinks else "differs"
        place = frozenset((first, second))
        found[place] = Cell(state, deviation.max_rel).worse(found.get(place))
    return found


def _draw_half(axis: Any, names: list[str], found: dict[frozenset[str], Cell], *, is_first: bool) -> None:
    """Each pair once: the first backend is the column, the other the row."""
    from matplotlib.patches import Rectangle

    for row, second in enumerate(names[1:]):
        for column, first in enumerate(names[: row + 1]):
            cell = found.get(frozenset((first, second)))
            colour = "#eeeeee" if cell is None else COLOURS[cell.state]
            axis.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=2))
            text = "" if cell is None else size(cell.deviation).replace("e-0", "e-").replace("e+00", "")
            ink = "black" if cell is None else INK[cell.state]
            axis.text(column, row, text, ha="center", va="center", fontsize=10, color=ink)
    axis.set_xlim(-0.5, len(names) - 1.5)
    axis.set_ylim(len(names) - 1.5, -0.5)
    axis.set_xticks(range(len(names) - 1), names[:-1], rotation=30, ha="right", rotation_mode="anchor", fontsize=10)
    axis.set_yticks(range(len(names) - 1), names[1:] if is_first else [""] * (len(names) - 1), fontsize=10)
    axis.tick_params(length=0)
    axis.set_frame_on(False)


def _draw_times(axis: Any, report: Report, operations: list[str]) -> None:
    """A bar for each backend: the time of a prepared call, and paler behind it that of an unprepared call."""
    bars = 0.8 / max(1, len(report.backends))
    least = math.inf
    for k, backend in enumerate(report.backends):
        colour = BARS[k % len(BARS)]
        for i, operation in enumerate(operations):
            found = [r for r in report.results if (r.operation, r.backend) == (operation, backend)]
            repeated, prepared = (
                sum(filter(None, (getattr(r, field) for r in found))) for field in ("seconds", "prepared_seconds")
            )
            place = i + (k - (len(report.backends) - 1) / 2) * bars
            if repeated:
                axis.bar(place, repeated, bars * 0.9, color=colour, alpha=0.35)
            if prepared:
                axis.bar(place, prepared, bars * 0.9, color=colour)
            if shown := prepared or repeated:
                axis.text(place, shown, f" {seconds(shown)}", rotation=90, ha="center", va="bottom", fontsize=8)
                least = min(least, shown, repeated or shown)  # a prepared call may be the slower one
        axis.bar(0, 0, color=colour, label=backend)
    axis.set_xlim(-0.5, len(operations) - 0.5)
    axis.set_yscale("log")
    bottom = 10.0 ** math.floor(math.log10(least / 2))
    axis.set_ylim(bottom, axis.get_ylim()[1] * 20)
    axis.yaxis.set_major_formatter(lambda value, _: seconds(value))
    broken = [name.replace("_", "_\n") if len(operations) > MOST_IN_A_ROW else name for name in operations]
    axis.set_xticks(range(len(operations)), broken, fontsize=10)
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)
    axis.set_title("Time of one call: prepared, with a number; paler, not prepared", fontsize=11)
    axis.legend(fontsize=9, ncols=len(report.backends), loc="upper left", frameon=False)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
