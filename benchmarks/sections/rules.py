"""Functions with a derivative rule: by `custom_rule`, and by the framework's own function for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import adhelpers
from benchmarks.contest import Contender, Contest, Outcome
from benchmarks.native import Native, Operation, call
from benchmarks.section import Section, Settings, Table, Verdict, show_ratio, show_time, to_fastest

ABOUT = """\
The gradient of a sum of sines with a rule, by the framework's own transformation. The rule is by `custom_rule` or by
the framework's own function for rules. The task "call" compares a call without derivatives with the function itself.
"""

SIZES = (3, 100, 10_000)


@adhelpers.custom_rule
def sine(x: Any) -> Any:
    """Of each element."""
    return adhelpers.array_namespace(x).sin(x)


@sine.defvjp
def _(x: Any, y: Any, v: Any) -> Any:
    return adhelpers.array_namespace(x).cos(x) * v


def run(settings: Settings) -> Section:
    """Gradients, and calls outside of derivatives, on every framework."""
    outcomes = []
    for native in settings.natives:
        for size in settings.some(SIZES):
            x = np.random.default_rng(0).standard_normal(size)
            outcomes += [settings.hold(_gradients(native, task, size, x)) for task in native.rules.tasks]
            outcomes.append(settings.hold(_calls(native, size, x)))
    verdicts = [
        Verdict.worst_of(
            f"{native.name} {task}: a rule to the framework's own", to_fastest(outcomes, native.name, task), limit
        )
        for native in settings.natives
        for task, (_, limit) in native.rules.tasks.items()
    ]
    return Section("rules", "Rules", ABOUT, outcomes, [_table(outcomes)], verdicts)


def _gradients(native: Native, task: str, size: int, x: np.ndarray) -> Contest:
    make, _ = native.rules.tasks[task]
    point = native.asarray(x)
    by_hand = [
        Contender(own.__name__, "obvious", call(native.finish, partial(make, own), point)) for own in native.rules.own
    ]
    ours = Contender("ours", "ours", call(native.finish, partial(make, sine), point))
    return Contest(f"n={size}", native.name, task, (ours, *by_hand), np.cos(x))


def _calls(native: Native, size: int, x: np.ndarray) -> Contest:
    def plain() -> Operation:
        return sine.__wrapped__

    def ours() -> Operation:
        return sine

    point = native.asarray(x)
    contenders = (
        Contender("ours", "ours", call(native.finish, ours, point)),
        Contender("the function itself", "obvious", call(native.finish, plain, point)),
    )
    return Contest(f"n={size}", native.name, "call", contenders, np.sin(x))


def _table(outcomes: list[Outcome]) -> Table:
    headers = ("framework", "task", "elements", "µs", "the framework's own, µs", "ratio")
    rows = []
    for outcome in outcomes:
        fastest = outcome.fastest_native()
        if "ours" in outcome.seconds and fastest is not None:
            rows.append((
                outcome.framework,
                outcome.operation,
                outcome.case,
                show_time(outcome.microseconds("ours")),
                show_time(outcome.microseconds(fastest)),
                show_ratio(outcome.ratio("ours", fastest)),
            ))  # fmt: skip
    return Table("Medians, with the quartiles of ratios", headers, rows)
