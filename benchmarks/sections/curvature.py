"""Gradients, Hessians and their products, against every formulation by hand; prepared where a framework compiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import adhelpers
from benchmarks.contest import Contender, Contest, Outcome
from benchmarks.losses import BATCHES, MATRICES, VECTORS, Loss
from benchmarks.native import Native, Operation, call
from benchmarks.section import Dots, Section, Settings, Table, Verdict, show_ratio, show_time
from benchmarks.timing import Ratio

ABOUT = """\
If a framework compiles, all contenders are compiled, ours by `prepare`. Otherwise each time is that of one plain call.
Each row has two ratios: to the obvious formulation by hand, and to the fastest one, which one knows only after trying
all.
"""
OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[Loss, ...]]] = {
    "gradient": (adhelpers.gradient, VECTORS),
    "hessian_vector_product": (adhelpers.hessian_vector_product, VECTORS),
    "hessian": (adhelpers.hessian, MATRICES),
    "batched_hessian": (adhelpers.batched_hessian, BATCHES),
}


def run(settings: Settings) -> Section:
    """Every operation on every framework."""
    section = Section("curvature", "Gradients and Hessians", ABOUT)
    for native in settings.natives:
        outcomes = [
            settings.hold(contest(native, operation, loss))
            for operation, (_, losses) in OPERATIONS.items()
            for loss in settings.some(losses)
        ]
        section.outcomes += outcomes
        section.tables.append(_table(native, outcomes))
        section.verdicts += _verdicts(native, outcomes)
        section.pictures.append(_picture(native, outcomes))
    return section


def contest(native: Native, operation: str, loss: Loss) -> Contest:
    """Ours, and all by hand."""
    f, x = loss.bind(native.xp, native.asarray), native.asarray(loss.point())
    point = (x, native.asarray(loss.direction())) if operation == "hessian_vector_product" else (x,)
    ours = OPERATIONS[operation][0]
    make: Callable[..., Operation]
    if native.compiled:
        make = partial(adhelpers.prepare, ours, f, native.backend, *point)
    else:
        make = partial(partial, ours, f, native.backend)
    formulations = (native.compiled or native.eager)[operation]
    made_of = (loss,) if loss.batch else ()
    contenders = (
        Contender("ours", "ours", call(native.finish, make, *point)),
        *formulations.contenders(native.finish, f, made_of, *point),
    )
    return Contest(loss.name, native.name, operation, contenders, loss.reference(operation))


def _verdicts(native: Native, outcomes: list[Outcome]) -> list[Verdict]:
    verdicts = []
    for operation in ("gradient", "hessian_vector_product", "hessian"):
        to_fastest = {
            o.case: ratio for o in outcomes if o.operation == operation and (ratio := o.to_fastest("ours")) is not None
        }
        words = f"{native.name} {operation}: ours to the fastest by hand"
        verdicts.append(Verdict.worst_of(words, to_fastest, 1.1))
    if native.name == "torch":
        verdicts.append(_against("hessian_vector_product", "func_jvp_of_grad", 0.3, outcomes))
        verdicts.append(_against("batched_hessian", "vmap_hessian", 0.25, outcomes, "N=16, B=256"))
    return verdicts


def _against(operation: str, other: str, limit: float, outcomes: list[Outcome], case: str = "") -> Verdict:
    ratios: dict[str, Ratio] = {}
    for outcome in outcomes:
        ratio = outcome.ratio("ours", other)
        if outcome.operation == operation and outcome.case.endswith(case) and ratio is not None:
            ratios[outcome.case] = ratio
    return Verdict.worst_of(f"torch {operation}: ours to `{other}`", ratios, limit)


def _table(native: Native, outcomes: list[Outcome]) -> Table:
    headers = ("operation", "problem", "ours, µs", "obvious, µs", "ratio", "fastest by hand", "µs", "ratio")
    rows = []
    for outcome in outcomes:
        fastest, obvious = outcome.fastest_native(), outcome.fastest_native(only_obvious=True)
        if fastest is not None and "ours" in outcome.seconds:
            rows.append((
                outcome.operation,
                outcome.case,
                show_time(outcome.microseconds("ours")),
                "—" if obvious is None else show_time(outcome.microseconds(obvious)),
                "—" if obvious is None else show_ratio(outcome.ratio("ours", obvious)),
                f"`{fastest}`",
                show_time(outcome.microseconds(fastest)),
                show_ratio(outcome.to_fastest("ours")),
            ))  # fmt: skip
    return Table(native.name + (", compiled" if native.compiled else ""), headers, rows)


def _picture(native: Native, outcomes: list[Outcome]) -> Dots:
    series: dict[str, dict[str, float]] = {}
    for outcome in outcomes:
        for name in outcome.seconds:
            kind = outcome.kinds[name]
            ratio = outcome.to_fastest(name)
            if ratio is not None:
                best = series.setdefault(kind, {})
                case = f"{outcome.operation}, {outcome.case}"
                best[case] = min(best.get(case, ratio.median), ratio.median)
    return Dots(
        f"curvature-{native.name}",
        f"{native.name}: gradients and Hessians",
        "time over that of the fastest by hand",
        {kind: series[kind] for kind in ("ours", "obvious", "by hand") if kind in series},
    )
