"""The report as a picture: who deviates from whom, and what each costs."""

from __future__ import annotations

import math
from typing import Any

from adhelpers.comparison.results import Report

LEAST = 1e-17
"""What agrees exactly is drawn as this."""
MOST = 1.0
REFERENCE = "reference"


def figure(report: Report) -> Any:
    """Pairwise deviations as heat maps on a log scale, an operation each, and times as bars."""
    try:
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure
    except ImportError as error:
        msg = "the picture needs matplotlib: pip install 'adhelpers[plot]'"
        raise ImportError(msg) from error
    operations = list(dict.fromkeys(result.operation for result in report.results))
    count = max(1, len(operations))
    names, times = list(report.backends), _times(report, operations)
    if report.reference is not None and report.reference not in names:
        names.append(REFERENCE)
    side = 0.55 * len(names) + 1.4
    canvas = Figure(figsize=(max(7.0, side * count + 1.2), side + (3.6 if times else 1.0)), layout="constrained")
    canvas.suptitle(report.title)
    parts: Any = canvas.subfigures(2, 1, height_ratios=[side + 0.6, 2.8]) if times else (canvas, None)
    maps, bars = parts
    axes = maps.subplots(1, count, squeeze=False, sharey=True)[0]
    norm = LogNorm(LEAST, MOST)
    image = None
    for axis, operation in zip(axes, operations, strict=False):
        image = axis.imshow(_matrix(report, operation, names), norm=norm, cmap="viridis_r")
        axis.set_title(operation)
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(names)), names)
        _annotate(axis, _matrix(report, operation, names))
    if image is not None:
        maps.colorbar(image, ax=list(axes), label="largest relative deviation", shrink=0.85)
    if bars is not None:
        _draw_times(bars.subplots(), report.backends, operations, times)
    return canvas


def _matrix(report: Report, operation: str, names: list[str]) -> list[list[float]]:
    """The largest relative deviation of any function, NaN where there is none."""
    cells = [[math.nan] * len(names) for _ in names]
    found = [(pair.first, pair.second, pair.deviation) for pair in report.pairs if pair.operation == operation]
    results = [result for result in report.results if result.operation == operation]
    if REFERENCE in names:
        found += [(r.backend, REFERENCE, r.from_reference) for r in results if r.from_reference is not None]
    for first, second, deviation in found:
        i, j = names.index(first), names.index(second)
        value = min(MOST, max(LEAST, deviation.max_rel))
        for a, b in ((i, j), (j, i)):
            cells[a][b] = value if math.isnan(cells[a][b]) else max(value, cells[a][b])
    return cells


def _annotate(axis: Any, cells: list[list[float]]) -> None:
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            if not math.isnan(value):
                text = "0" if value <= LEAST else ("≥1" if value >= MOST else f"{value:.0e}".replace("e-0", "e-"))
                colour = "white" if value > 1e-8 else "black"
                axis.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)


def _times(report: Report, operations: list[str]) -> dict[tuple[str, str], float]:
    """The sum of the times of all functions, by operation and backend."""
    times: dict[tuple[str, str], float] = {}
    for result in report.results:
        if result.seconds is not None:
            place = result.operation, result.backend
            times[place] = times.get(place, 0.0) + result.seconds
    return times


def _draw_times(axis: Any, backends: tuple[str, ...], operations: list[str], times: dict[Any, float]) -> None:
    width = 0.8 / max(1, len(backends))
    for k, backend in enumerate(backends):
        placed = [
            (i, times[operation, backend]) for i, operation in enumerate(operations) if (operation, backend) in times
        ]
        if placed:
            positions = [i + (k - (len(backends) - 1) / 2) * width for i, _ in placed]
            axis.bar(positions, [seconds for _, seconds in placed], width, label=backend)
    axis.set_yscale("log")
    axis.set_xticks(range(len(operations)), operations)
    axis.set_ylabel("seconds, repeated call")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8, ncols=len(backends), loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False)
