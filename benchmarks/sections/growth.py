"""How the time of a batched Jacobian grows with N, M and B."""

from __future__ import annotations

from benchmarks import cells
from benchmarks.native import Native
from benchmarks.section import Curves, Panel, Section, Settings
from benchmarks.sections import batched

ABOUT = """\
One dense layer. One of N, M and B grows, and the other two stay. Ratios are to the fastest formulation by hand at that
size.
"""
STAY = {"N": 8, "M": 8, "B": 64}
POWERS = tuple(2**k for k in range(1, 9))
SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    "smoke": {"B": (1, 4)},
    "quick": {"N": (2, 16, 128), "M": (2, 16, 128), "B": (1, 32, 1024)},
    "full": {"N": POWERS, "M": POWERS, "B": (1, 4, 16, 64, 256, 1024, 4096, 16384)},
}


def run(settings: Settings) -> Section:
    """Along every axis on every framework."""
    section = Section("growth", "Growth", ABOUT)
    for native in settings.natives:
        for operation in batched.operations(native)[0 if settings.size == "full" else -1 :]:
            panels = [_along(axis, operation, native, settings, section) for axis in SIZES[settings.size]]
            name = batched.picture_name("growth", native, operation)
            section.pictures.append(Curves(name, f"{native.name}: {operation}", "µs", panels))
    return section


def _along(axis: str, operation: str, native: Native, settings: Settings, section: Section) -> Panel:
    """Measure along an axis, add to the section, and return the panel to draw."""
    outcomes, series = [], dict[str, list[tuple[float, float]]]()
    for size in SIZES[settings.size][axis]:
        sizes = STAY | {axis: size}
        cell = cells.layer_cell(sizes["N"], sizes["M"], sizes["B"])
        outcome = settings.hold(batched.contest(native, cell, operation))
        outcomes.append(outcome)
        for name in outcome.seconds:
            series.setdefault(name, []).append((size, outcome.microseconds(name)))
    section.outcomes += outcomes
    section.tables.append(batched.table(f"{native.name}: {operation}, {axis} grows", outcomes))
    return Panel(axis, series)
