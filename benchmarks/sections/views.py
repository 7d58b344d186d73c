"""Functions for SciPy's solvers: a view, against glue by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import adhelpers.scipy
from benchmarks.contest import Contender, Contest, Kind, Outcome
from benchmarks.losses import Loss, rosenbrock, rosenbrock_gradient
from benchmarks.native import Native
from benchmarks.section import Section, Settings, Table, Verdict, show_ratio, show_time

ABOUT = """\
Each time is that of two calls at two points, as SciPy's solvers make them, from a NumPy vector of 100 numbers to NumPy
arrays. Glue by hand knows everything beforehand: shapes, dtypes, and that no result is requested twice at one point.
"""
LIMIT = 1.2
N = 100
LOSS = Loss(f"Rosenbrock, N={N}", rosenbrock, rosenbrock_gradient, N)
MATRIX = np.random.default_rng(0).standard_normal((N, N)) / np.sqrt(N)


def run(settings: Settings) -> Section:
    """Each callable on every framework."""
    contests = [contest for native in settings.natives for contest in settings.some(_contests(native))]
    outcomes = [settings.hold(contest) for contest in contests]
    return Section("views", "Views for SciPy", ABOUT, outcomes, [_table(outcomes)], list(map(_verdict, outcomes)))


def _contests(native: Native) -> list[Contest]:
    x, u, matrix = LOSS.point(), LOSS.direction(), native.asarray(MATRIX)
    loss = LOSS.bind(native.xp, native.asarray)

    def layer(x: Any) -> Any:
        return native.xp.tanh(matrix @ x)

    def gradient(x: Any) -> Any:
        return objective.value_and_gradient(x)[1]

    backend = native.backend.double_precision()
    objective, residuals = (adhelpers.scipy.view(f, backend, x) for f in (loss, layer))
    slopes = (1.0 - np.tanh(MATRIX @ x) ** 2)[:, None] * MATRIX
    product = LOSS.reference("hessian_vector_product")
    return [
        _contest(
            native,
            "value and gradient",
            loss,
            lambda x: objective.value_and_gradient(x)[1],
            LOSS.reference("gradient"),
            x,
        ),
        _contest(native, "Hessian product", loss, objective.hessian_product, product, x, u),
        _contest(native, "Jacobian", layer, residuals.jacobian, slopes, x),
    ]


def _contest(
    native: Native, operation: str, f: Callable[..., Any], ours: Callable[..., Any], reference: Any, *vectors: Any
) -> Contest:
    contenders = [Contender("ours", "ours", _at_two_points(ours, *vectors))]
    formulations = native.glue[operation]
    for make in formulations:
        kind: Kind = "obvious" if make in formulations.obvious else "by hand"
        contenders.append(Contender(make.__name__, kind, _at_two_points(make(f), *vectors)))
    return Contest(f"n={N}", native.name, operation, tuple(contenders), reference)


def _at_two_points(op: Callable[..., Any], x: Any, *rest: Any) -> Callable[[], Any]:
    """A view remembers the latest point, so another point comes between."""
    other = x + 0.1

    def call() -> Any:
        op(other, *rest)
        return op(x, *rest)

    return call


def _verdict(outcome: Outcome) -> Verdict:
    fastest = outcome.fastest_native()
    ratio = None if fastest is None else outcome.ratio("ours", fastest)
    words = f"{outcome.framework} {outcome.operation}: a view to the fastest glue by hand"
    return Verdict.worst_of(words, {} if ratio is None else {outcome.case: ratio}, LIMIT)


def _table(outcomes: list[Outcome]) -> Table:
    headers = ("framework", "call", "ours, µs", "fastest by hand", "µs", "ratio")
    rows = []
    for outcome in outcomes:
        fastest = outcome.fastest_native()
        if fastest is not None and "ours" in outcome.seconds:
            rows.append((
                outcome.framework,
                outcome.operation,
                show_time(outcome.microseconds("ours")),
                f"`{fastest}`",
                show_time(outcome.microseconds(fastest)),
                show_ratio(outcome.ratio("ours", fastest)),
            ))  # fmt: skip
    return Table("Medians of two calls, with the quartiles of ratios", headers, rows)
