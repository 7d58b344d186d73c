"""Many products at one point: a kept linear map, against a pullback or a graph that is kept by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import adhelpers
from benchmarks import cells, losses
from benchmarks.contest import Contender, Contest, Outcome
from benchmarks.native import Native, call
from benchmarks.section import Section, Settings, Table, Verdict, show_ratio, show_time, to_fastest

ABOUT = """\
One product by a linear map that was made before, by `linearize` or `linearize_gradient`. On a framework that compiles,
the map is prepared. It is compared with a pullback or a graph that is kept by hand. Other rows show the whole
operation, which starts over in each call, and SciPy's operator, which also converts to NumPy arrays and back.
"""

LIMITS = {"torch": 1.1, "jax": 1.1, "autograd": 1.2}
"""A product may take this many times the time of one kept by hand."""

ONE_SHOT: dict[str, Callable[..., Any]] = {
    "pull": adhelpers.vector_jacobian_product,
    "push of a gradient": adhelpers.hessian_vector_product,
}


def run(settings: Settings) -> Section:
    """Pulls, and products of Hessians, on every framework."""
    outcomes = []
    for native in settings.natives:
        for problem in settings.some(cells.PRODUCTS):
            f, x = problem.bind(native.xp, native.asarray), native.asarray(problem.point())
            u, reference = native.asarray(problem.direction("vjp")), problem.reference("vjp")
            outcomes.append(settings.hold(_contest(native, "pull", problem.name, f, x, u, reference)))
        for loss in settings.some(losses.VECTORS):
            f, x = loss.bind(native.xp, native.asarray), native.asarray(loss.point())
            u, reference = native.asarray(loss.direction()), loss.reference("hessian_vector_product")
            outcomes.append(settings.hold(_contest(native, "push of a gradient", loss.name, f, x, u, reference)))
    verdicts = [_verdict(native.name, operation, outcomes) for native in settings.natives for operation in ONE_SHOT]
    return Section("maps", "Linear maps", ABOUT, outcomes, [_table(outcomes)], verdicts)


def _contest(native: Native, operation: str, case: str, f: Any, x: Any, u: Any, reference: Any) -> Contest:
    linearize = adhelpers.linearize if operation == "pull" else adhelpers.linearize_gradient

    def at_point() -> Any:
        if native.compiled:
            return adhelpers.prepare(linearize, f, native.backend, x)(x)
        return linearize(f, native.backend, x)

    def product() -> Any:
        made = at_point()
        multiply = made.pull if operation == "pull" else made.push
        return lambda x, u: multiply(u)

    def by_operator() -> Any:
        operator = at_point().operator()
        multiply = operator.rmatvec if operation == "pull" else operator.matvec
        return lambda x, u: multiply(u)

    def each_time() -> Any:
        return partial(ONE_SHOT[operation], f, native.backend)

    vector = native.backend.to_numpy(u).reshape(-1)
    contenders = [Contender("ours", "ours", call(native.finish, product, x, u))]
    if vector.shape == tuple(u.shape) and vector.shape == tuple(x.shape):  # or else the result has another shape
        contenders.append(Contender("ours, as SciPy's operator", "ours", call(lambda v: v, by_operator, x, vector)))
    if not native.compiled:
        one_shot = ONE_SHOT[operation]
        contenders.append(
            Contender(
                "ours, each time",
                "ours",
                call(native.finish, lambda: lambda x, u: one_shot(f, native.backend, x, u), x, u),
            )
        )
    by_hand = native.maps[operation].contenders(native.finish, f, (x,), x, u)
    return Contest(case, native.name, operation, (*contenders, *by_hand), reference)


def _verdict(framework: str, operation: str, outcomes: list[Outcome]) -> Verdict:
    measured = to_fastest(outcomes, framework, operation)
    return Verdict.worst_of(f"{framework} {operation}: a linear map to one kept by hand", measured, LIMITS[framework])


def _table(outcomes: list[Outcome]) -> Table:
    headers = ("framework", "product", "problem", "contender", "µs", "by hand, µs", "ratio")
    rows = []
    for outcome in outcomes:
        fastest = outcome.fastest_native()
        for name, kind in outcome.kinds.items():
            if kind == "ours" and name in outcome.seconds and fastest is not None:
                rows.append((
                    outcome.framework,
                    outcome.operation,
                    outcome.case,
                    name,
                    show_time(outcome.microseconds(name)),
                    show_time(outcome.microseconds(fastest)),
                    show_ratio(outcome.ratio(name, fastest)),
                ))  # fmt: skip
    return Table("Medians, with the quartiles of ratios", headers, rows)
