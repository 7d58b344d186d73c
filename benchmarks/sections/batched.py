"""The batched Jacobian, against every formulation by hand, over a grid of shapes."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import cells, ours
from benchmarks.contest import Contest, Outcome
from benchmarks.native import Native
from benchmarks.section import Dots, Section, Settings, Table, Verdict, show_ratio, show_time
from benchmarks.timing import Ratio

ABOUT = """\
A row, such as "N to M, B", is a batch of B functions from N numbers to M. Ratios are to the fastest formulation by hand
in that row, which one knows only after trying all. "compiled" means a call of an operation that was prepared, or a
function that was jitted, before.
"""
COMPILED = "jacobian, compiled"


def run(settings: Settings) -> Section:
    """Every cell on every framework."""
    section = Section("batched", "Batched Jacobians", ABOUT)
    for native in settings.natives:
        for operation in operations(native):
            # If a framework compiles, nobody in a hurry calls it uncompiled: targets are for compiled calls.
            aside = bool(native.compiled) and operation != COMPILED
            cases = settings.some(cells.CELLS, aside=aside)
            outcomes = [settings.hold(contest(native, cell, operation)) for cell in cases]
            section.outcomes += outcomes
            section.tables.append(table(f"{native.name}: {operation}", outcomes))
            section.verdicts += _verdicts(native, operation, outcomes)
            series = {
                name: {o.case: ratio.median for o in outcomes if (ratio := o.to_fastest(name)) is not None}
                for name in _names(outcomes)
            }
            picture = picture_name("batched", native, operation)
            title, axis = f"{native.name}: {operation}", "time over that of the fastest by hand"
            section.pictures.append(Dots(picture, title, axis, series))
    return section


def contest(native: Native, cell: cells.Cell, operation: str) -> Contest:
    """All of ours and all by hand, either one-shot or compiled."""
    f, x = cell.bind(native.xp, native.asarray), native.asarray(cell.batch_of_points())
    if operation == COMPILED:
        mine, theirs = ours.compiled_jacobians(native, f, x), native.compiled["jacobian"]
    else:
        mine, theirs = ours.jacobians(native, f, x), native.eager["jacobian"]
    contenders = (*mine, *theirs.contenders(native.finish, f, (cell,), x))
    return Contest(cell.name, native.name, operation, contenders, cell.reference())


def operations(native: Native) -> tuple[str, ...]:
    """One-shot, and compiled where the framework compiles."""
    return ("jacobian", COMPILED) if native.compiled else ("jacobian",)


def picture_name(section: str, native: Native, operation: str) -> str:
    """The file of a picture."""
    return f"{section}-{native.name}{'-compiled' * (operation == COMPILED)}"


def _verdicts(native: Native, operation: str, outcomes: list[Outcome]) -> list[Verdict]:
    contender = "ours, prepared" if operation == COMPILED else "ours"
    words = f"{native.name} {operation}: {contender}"
    to_fastest = {o.case: ratio for o in outcomes if (ratio := o.to_fastest(contender)) is not None}
    verdicts = []
    if operation == COMPILED or not native.compiled:  # if a framework compiles, the target is for compiled calls
        verdicts += [
            Verdict.mean_of(f"{words} to the fastest by hand, geometric mean", to_fastest, 1.1),
            Verdict.worst_of(f"{words} to the fastest by hand, worst cell", to_fastest, 1.3),
        ]
    verdicts.append(
        Verdict.worst_of(f"{words}, automatic to the better mode", _ratios(contender, _better_mode, outcomes), 1.15)
    )
    if operation != COMPILED:
        unchecked = _ratios(contender, lambda _: "ours, unchecked", outcomes)
        verdicts.append(Verdict.worst_of(f"{words}, default `check` to none, function repeated", unchecked, 1.05))
    return verdicts


def _better_mode(outcome: Outcome) -> str | None:
    return outcome.fastest(["ours, forward", "ours, reverse"])


def _ratios(contender: str, other: Callable[[Outcome], str | None], outcomes: list[Outcome]) -> dict[str, Ratio]:
    ratios = {}
    for outcome in outcomes:
        against = other(outcome)
        ratio = None if against is None else outcome.ratio(contender, against)
        if ratio is not None:
            ratios[outcome.case] = ratio
    return ratios


def _names(outcomes: list[Outcome]) -> list[str]:
    return list(dict.fromkeys(name for outcome in outcomes for name in outcome.seconds))


def table(caption: str, outcomes: list[Outcome]) -> Table:
    """A row for each case: the fastest by hand, and how many times slower ours and the best obvious one are."""
    mine = [name for name in _names(outcomes) if any(o.kinds[name] == "ours" for o in outcomes if name in o.kinds)]
    headers = ("cell", "fastest by hand", "µs", "obvious", *mine)
    rows = []
    for outcome in outcomes:
        fastest, obvious = outcome.fastest_native(), outcome.fastest_native(only_obvious=True)
        if fastest is not None:
            rows.append((
                outcome.case,
                f"`{fastest}`",
                show_time(outcome.microseconds(fastest)),
                "—" if obvious is None else show_ratio(outcome.to_fastest(obvious)),
                *(show_ratio(outcome.to_fastest(name)) for name in mine),
            ))  # fmt: skip
    return Table(caption, headers, rows)
