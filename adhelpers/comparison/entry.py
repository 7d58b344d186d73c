"""`compare`: what is asked for is checked here, and run elsewhere, so that importing this costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from adhelpers.comparison.given import (
    Function,
    functions_for,
    in_words,
    is_wide,
    name_of,
    numpy_data,
    ports_of,
    reference_of,
    settings_of,
    usable_backends,
)
from adhelpers.comparison.report import ComparisonReport
from adhelpers.plugins.contract import ADBackend

if TYPE_CHECKING:
    pass

REFERENCE = "finite-difference"
"""What a function without closed forms is compared to."""

Progress = Callable[[str], None]


def compare(
    f: Function | Mapping[str, Function],
    x: Any,
    u: Any = None,
    *,
    backends: Sequence[str | ADBackend] | None = None,
    operations: Sequence[str] | None = None,
    batch_axis: Literal[-1, 0] = -1,
    reference: str | ADBackend | None = REFERENCE,
    rtol: float | None = None,
    atol: float | None = None,
    timing: bool = True,
    seed: int = 0,
) -> ComparisonReport:
    """See where frameworks differ: `f` and its derivatives on every backend, against one another and a reference.

    Parameters
    ----------
    f
        A function written with `adhelpers.array_namespace`; or ports of one model, ``{backend name: function}``.
    x
        Where to compare: NumPy data, floating or complex, in any structure. It is converted for each backend, in 64
        bits too, and no framework's global setting is touched.
    u
        The tangent if it has the structure and shapes of `x`, the cotangent if it has those of ``f(x)``, both if both.
        What is not given is drawn from a normal distribution.
    backends
        Names or backends; None for those of the ports, or else for all that are installed.
    operations
        Some of ``"jvp"``, ``"vjp"`` and ``"batched_jacobian"``; None for all, without the last where `f` maps no
        batch. The value of `f` is compared always.
    batch_axis
        Where the batch is, for batched Jacobians: -1 or 0.
    reference
        The backend that derivatives are held to besides; None for none. Differences run on NumPy arrays; where they
        cannot, on those of the port that most others agree with.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`. By default two thirds of the digits of
        the dtype, and what rounding `x` otherwise changes; half of the digits that differences have, for these. No
        comparison with differences is tighter than these can tell. The report states them. That `f` solves with an
        ill-conditioned matrix of its own does not show when `x` is rounded: give `rtol` then.
    timing
        Whether to repeat calls to time them; otherwise the report has no times.
    seed
        The seed of all that is drawn.

    Returns
    -------
    ComparisonReport
        What agrees and what differs, by how much and where. ``report.agree`` tells whether all does.

    Raises
    ------
    TypeError, ValueError, DTypeError
        What is given cannot be compared. What a function raises on a backend stands in the report instead.
    BackendNotFoundError, BackendLoadError
        A backend that was named cannot be used.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> def model(x):
    ...     xp = adhelpers.array_namespace(x["a"])
    ...     return {"output": xp.tanh(x["a"]) * x["b"], "norm": xp.sum(x["a"] ** 2)}
    >>> x = {"a": numpy.asarray([0.1, 0.2]), "b": numpy.asarray([1.0, 2.0])}
    >>> report = adhelpers.compare(model, x, backends=["finite-difference"], timing=False)
    >>> report.agree
    True
    >>> print(report)  # doctest: +ELLIPSIS
    Comparison of model at x of 2 leaves, float64
    ...
    3 of 3 results agree.
    """
    return compare_function(
        f,
        x,
        u,
        backends=backends,
        operations=operations,
        batch_axis=batch_axis,
        reference=reference,
        rtol=rtol,
        atol=atol,
        timing=timing,
        seed=seed,
    )


def compare_function(
    f: Function | Mapping[str, Function],
    x: Any,
    u: Any = None,
    *,
    backends: Sequence[str | ADBackend] | None = None,
    operations: Sequence[str] | None = None,
    batch_axis: Literal[-1, 0] = -1,
    reference: str | ADBackend | None = REFERENCE,
    rtol: float | None = None,
    atol: float | None = None,
    timing: bool = True,
    seed: int = 0,
    name: str | None = None,
    progress: Progress | None = None,
) -> ComparisonReport:
    """`compare`, under a name, and telling elsewhere than on a terminal what is being done."""
    from adhelpers.comparison.participants import Participant
    from adhelpers.comparison.run import Comparison
    from adhelpers.comparison.shown.progress import on_terminal
    from adhelpers.comparison.task import Task

    settings = settings_of(operations, batch_axis, rtol, atol, timing, seed)
    x = numpy_data(x, "x")
    u = None if u is None else numpy_data(u, "u")
    wide = is_wide(x) or is_wide(u)
    ports = ports_of(f)
    if ports is not None and backends is None:
        backends = list(ports)
    usable, notes = usable_backends(backends, wide=wide)
    functions = functions_for(usable, f, ports)
    participants = tuple(Participant(label, backend, functions[label]) for label, backend in usable.items())
    name = name or name_of(functions)
    held_to = reference_of(reference, participants, wide=wide)
    task = Task(name, participants, x, u, held_to, ported=ports is not None)
    if progress is not None:
        found = Comparison(task, settings, progress).run()
    else:
        with on_terminal() as report:
            found = Comparison(task, settings, report).run()
    title = f"Comparison of {name} at x of {in_words(x)}"
    return ComparisonReport(
        title,
        tuple(usable),
        tuple(found.results),
        tuple(found.pairs),
        tuple(found.findings),
        (
            *notes,
            *(
                [f"reference: {held_to.label}; a result begins with its largest relative deviation from it"]
                if held_to is not None
                else []
            ),
            *found.notes,
        ),
        None if held_to is None else held_to.label,
    )


def compare_gallery(
    *,
    backends: Sequence[str | ADBackend] | None = None,
    operations: Sequence[str] | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    timing: bool = True,
    progress: Progress = lambda text: None,
) -> ComparisonReport:
    """The built-in functions on every backend, against closed forms."""
    from adhelpers.comparison import gallery
    from adhelpers.comparison.participants import Participant
    from adhelpers.comparison.run import Comparison
    from adhelpers.comparison.task import Task

    settings = settings_of(operations, -1, rtol, atol, timing, 0)
    usable, notes = usable_backends(backends, wide=True)
    all_found = []
    for p in gallery.problems():
        closed = {"jvp": p.jvp, "vjp": p.vjp}
        if p.jacobian is not None:
            closed["batched_jacobian"] = p.jacobian
        participants = tuple(Participant(label, backend, p.f) for label, backend in usable.items())
        task = Task(p.name, participants, p.x, tangent=p.tangent, cotangent=p.cotangent, closed_forms=closed)
        all_found.append(Comparison(task, settings, progress).run())
    return ComparisonReport(
        "Deviation from closed forms, and time per call",
        tuple(usable),
        tuple(result for found in all_found for result in found.results),
        tuple(pair for found in all_found for pair in found.pairs),
        tuple(finding for found in all_found for finding in found.findings),
        tuple(notes),
        "closed forms",
    )
