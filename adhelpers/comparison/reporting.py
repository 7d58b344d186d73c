"""Reports on one function and on the gallery: read the arguments, compare, and assemble the report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adhelpers.comparison import gallery
from adhelpers.comparison.diagnosis.findings import Findings
from adhelpers.comparison.given import (
    Function,
    both_ways,
    functions_for,
    in_words,
    is_wide,
    name_of,
    numpy_data,
    ports_of,
    reference_of,
    usable_backends,
)
from adhelpers.comparison.operations import DEFAULT
from adhelpers.comparison.participants import Participant
from adhelpers.comparison.report import ComparisonReport
from adhelpers.comparison.run import Comparison, Progress
from adhelpers.comparison.shown.progress import on_terminal
from adhelpers.comparison.task import Settings, Task
from adhelpers.errors import ArgumentError
from adhelpers.plugins.contract import ADBackend

Backends = Sequence[str | ADBackend] | None


def compare_function(
    f: Function | Mapping[str, Function],
    x: Any,
    u: Any,
    settings: Settings,
    *,
    backends: Backends,
    reference: str | ADBackend | None,
    name: str | None = None,
    progress: Progress | None = None,
    without_rule: bool = False,
) -> ComparisonReport:
    """`adhelpers.compare`, with the same parameters, a `name` for `f`, and a `progress` that is told each step."""
    x = numpy_data(x, "x")
    u = None if u is None else numpy_data(u, "u")
    wide = is_wide(x) or is_wide(u)
    ports = ports_of(f)
    if ports is not None and backends is None:
        backends = list(ports)
    usable, notes = usable_backends(backends, wide=wide)
    functions = functions_for(usable, f, ports)
    if without_rule:
        usable, functions = both_ways(f, usable, functions)
    participants = tuple(Participant(label, backend, functions[label]) for label, backend in usable.items())
    name = name or name_of(functions)
    held_to = reference_of(reference, participants, wide=wide)
    task = Task(name, participants, x, u, held_to, ported=ports is not None)
    with on_terminal() if progress is None else contextlib.nullcontext(progress) as tell:
        found = Comparison(task, settings, tell).run()
    label = None if held_to is None else held_to.label
    if label is not None:
        notes.append(f"reference: {label}; each deviation is the largest relative one of all entries")
    return _report(f"Comparison of {name} at x of {in_words(x)}", usable, [found], [*notes, *found.notes], label)


def compare_gallery(
    settings: Settings | None = None, *, backends: Backends = None, progress: Progress = lambda text: None
) -> ComparisonReport:
    """The built-in functions on every backend, against closed forms."""
    # The gallery has the batch last, and no random vectors.
    settings = replace(settings or Settings(), batch_axis=-1, seed=0)
    unknown = [name for name in settings.asked if name not in DEFAULT]
    if unknown:
        msg = (
            f"the gallery has closed forms for {', '.join(DEFAULT)}, but none for {', '.join(unknown)}; "
            "compare your own function: adhelpers compare FILE.py:function --shape 3,5"
        )
        raise ArgumentError(msg)
    usable, notes = usable_backends(backends, wide=True)
    found = []
    problems = list(gallery.problems())
    for i, p in enumerate(problems, start=1):
        closed = {"jvp": p.jvp, "vjp": p.vjp}
        if p.jacobian is not None:
            closed["batched_jacobian"] = p.jacobian
        participants = tuple(Participant(label, backend, p.f) for label, backend in usable.items())
        task = Task(p.name, participants, p.x, tangent=p.tangent, cotangent=p.cotangent, closed_forms=closed)
        found.append(Comparison(task, settings, _counting(progress, f"{i} of {len(problems)}")).run())
    title = f"Comparison of {len(problems)} well-known functions with their closed forms"
    return _report(title, usable, found, notes, "closed forms")


def _counting(progress: Progress, count: str) -> Progress:
    return lambda text: progress(f"{count}, {text}")


def _report(
    title: str, backends: Iterable[str], found: Sequence[Findings], notes: Iterable[str], reference: str | None
) -> ComparisonReport:
    return ComparisonReport(
        title,
        tuple(backends),
        tuple(result for one in found for result in one.results),
        tuple(pair for one in found for pair in one.pairs),
        tuple(finding for one in found for finding in one.findings),
        tuple(notes),
        reference,
    )
