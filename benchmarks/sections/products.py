"""The two products, against the frameworks' own calls."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import cells, ours
from benchmarks.contest import Contest, Outcome
from benchmarks.native import Native
from benchmarks.section import Dots, Section, Settings, Table, Verdict, show_ratio, show_time
from benchmarks.timing import Ratio

ABOUT = """\
One whole call of a product, from `x` and `u` to the result. "compiled" means a call of an operation that was prepared,
or a function that was jitted, before. A ratio is ours to theirs.
"""


@dataclass(frozen=True)
class Target:
    """The largest allowed ratio to a framework's call, on small problems and on others."""

    framework: str
    operation: str
    contender: str
    against: str
    small: float
    large: float


TARGETS = (
    Target("torch", "jvp", "ours", "func_jvp", 0.45, 1.05),
    Target("torch", "vjp", "ours", "func_vjp", 0.55, 1.05),
    Target("jax", "jvp", "ours", "jvp", 1.1, 1.1),
    Target("jax", "vjp", "ours", "vjp", 1.1, 1.1),
    Target("autograd", "jvp", "ours", "core_jvp", 1.05, 1.1),
    Target("autograd", "vjp", "ours", "core_vjp", 1.05, 1.1),
    Target("jax", "jvp, compiled", "ours, prepared", "jitted_jvp", 1.1, 1.1),
    Target("jax", "vjp, compiled", "ours, prepared", "jitted_vjp", 1.1, 1.1),
)


def run(settings: Settings) -> Section:
    """Every product on every framework."""
    problems = settings.some(cells.PRODUCTS)
    outcomes = [
        settings.hold(contest)
        for native in settings.natives
        for operation in ("jvp", "vjp")
        for problem in problems
        for contest in contests(native, operation, problem)
    ]
    frameworks = {native.name for native in settings.natives}
    return Section(
        "products",
        "Products",
        ABOUT,
        outcomes,
        [_table(outcomes)],
        [verdict for target in TARGETS if target.framework in frameworks for verdict in _verdicts(target, outcomes)],
        [_picture(outcomes)],
    )


def contests(native: Native, operation: str, problem: cells.Product) -> list[Contest]:
    """One-shot, and compiled if the framework compiles."""
    f = problem.bind(native.xp, native.asarray)
    x, u = native.asarray(problem.point()), native.asarray(problem.direction(operation))
    reference = problem.reference(operation)
    one_shot = [
        *ours.products(native, operation, f, x, u),
        *native.eager[operation].contenders(native.finish, f, (), x, u),
    ]
    held = [Contest(problem.name, native.name, operation, tuple(one_shot), reference)]
    if native.compiled:
        compiled = [
            *ours.compiled_products(native, operation, f, x, u),
            *native.compiled[operation].contenders(native.finish, f, (), x, u),
        ]
        held.append(Contest(problem.name, native.name, f"{operation}, compiled", tuple(compiled), reference))
    return held


def _verdicts(target: Target, outcomes: list[Outcome]) -> list[Verdict]:
    """One on small problems and one on others, or one on all if the limit is the same."""
    measured: dict[bool, dict[str, Ratio]] = {True: {}, False: {}}
    small = {problem.name: problem.small for problem in cells.PRODUCTS}
    for outcome in outcomes:
        if (outcome.framework, outcome.operation) == (target.framework, target.operation):
            ratio = outcome.ratio(target.contender, target.against)
            if ratio is not None:
                measured[small[outcome.case]][outcome.case] = ratio
    words = f"{target.framework} {target.operation}: {target.contender} to `{target.against}`"
    if target.small == target.large:
        return [Verdict.worst_of(words, measured[True] | measured[False], target.large)]
    return [
        Verdict.worst_of(f"{words}, small", measured[True], target.small),
        Verdict.worst_of(f"{words}, large", measured[False], target.large),
    ]


def _table(outcomes: list[Outcome]) -> Table:
    headers = ("framework", "product", "problem", "ours, µs", "obvious, µs", "ratio", "fastest by hand", "µs", "ratio")
    rows = []
    for outcome in outcomes:
        obvious, fastest = outcome.fastest_native(only_obvious=True), outcome.fastest_native()
        for name, kind in outcome.kinds.items():
            if kind == "ours" and name in outcome.seconds and obvious is not None and fastest is not None:
                rows.append((
                    outcome.framework,
                    outcome.operation + name.removeprefix("ours"),
                    outcome.case,
                    show_time(outcome.microseconds(name)),
                    show_time(outcome.microseconds(obvious)),
                    show_ratio(outcome.ratio(name, obvious)),
                    f"`{fastest}`",
                    show_time(outcome.microseconds(fastest)),
                    show_ratio(outcome.ratio(name, fastest)),
                ))  # fmt: skip
    return Table("Medians, with the quartiles of ratios", headers, rows)


def _picture(outcomes: list[Outcome]) -> Dots:
    series: dict[str, dict[str, float]] = {}
    for outcome in outcomes:
        obvious = outcome.fastest_native(only_obvious=True)
        for name in outcome.seconds:
            ratio = None if obvious is None else outcome.ratio(name, obvious)
            if ratio is not None and outcome.kinds[name] == "ours":
                row = f"{outcome.framework} {outcome.operation}{name.removeprefix('ours')}"
                series.setdefault(outcome.case, {})[row] = ratio.median
    return Dots("products", "Products", "time of ours over the framework's obvious call", series)
