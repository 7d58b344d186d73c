"""`compare`: what is asked for is checked here, and run elsewhere, so that importing this costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from adhelpers import registry, structure
from adhelpers.comparison.report import ComparisonReport
from adhelpers.contract import ADBackend
from adhelpers.errors import DTypeError

if TYPE_CHECKING:
    from adhelpers.comparison.participants import Participant

OPERATIONS = ("jvp", "vjp", "batched_jacobian")
REFERENCE = "finite-difference"
"""What a function without closed forms is compared to."""

Function = Callable[[Any], Any]
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
    from adhelpers.comparison.progress import on_terminal
    from adhelpers.comparison.run import Comparison
    from adhelpers.comparison.task import Task

    settings = settings_of(operations, batch_axis, rtol, atol, timing, seed)
    x = numpy_data(x, "x")
    u = None if u is None else numpy_data(u, "u")
    wide = _is_wide(x) or _is_wide(u)
    ports = _ports(f)
    if ports is not None and backends is None:
        backends = list(ports)
    usable, notes = usable_backends(backends, wide=wide)
    missing = [label for label in usable if ports is not None and label not in ports]
    if ports is not None and missing:
        msg = f"f has no function for {', '.join(missing)}, but one for {', '.join(ports)}; give one, or leave them out"
        raise ValueError(msg)
    participants = tuple(
        Participant(label, backend, f if ports is None else ports[label])  # type: ignore[arg-type]
        for label, backend in usable.items()
    )
    name = name or _name(f, ports)
    held_to = _reference(reference, participants, wide=wide)
    task = Task(name, participants, x, u, held_to, ported=ports is not None)
    if progress is not None:
        found = Comparison(task, settings, progress).run()
    else:
        with on_terminal() as report:
            found = Comparison(task, settings, report).run()
    title = f"Comparison of {name} at x of {_words(x)}"
    return ComparisonReport(
        title,
        tuple(usable),
        tuple(found.results),
        tuple(found.pairs),
        tuple(found.findings),
        (*notes, *([f"reference: {held_to.label}"] if held_to is not None else []), *found.notes),
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
    from adhelpers import gallery
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


# -- what is given ------------------------------------------------------------------------------------


def settings_of(
    operations: Sequence[str] | None, batch_axis: Any, rtol: float | None, atol: float | None, timing: bool, seed: int
) -> Any:
    """The options that do not depend on the function, checked."""
    from adhelpers.comparison.task import Settings

    if isinstance(operations, str):
        operations = [operations]
    unknown = [name for name in operations or () if name not in ("value", *OPERATIONS)]
    if unknown or (operations is not None and not list(operations)):
        msg = f"operations are some of {', '.join(OPERATIONS)}, but {', '.join(map(str, unknown)) or 'none'} was given"
        raise ValueError(msg)
    if batch_axis not in (-1, 0) or isinstance(batch_axis, bool):
        msg = f"batch_axis is {batch_axis!r}; write -1 for the batch last, or 0 for the batch first"
        raise ValueError(msg)
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance is not None and not tolerance >= 0.0:
            msg = f"{name} is {tolerance!r}, but must be a number from 0 upwards, or None for the default"
            raise ValueError(msg)
    explicit = operations is not None
    return Settings(tuple(operations or OPERATIONS), explicit, batch_axis, rtol, atol, timing, seed)


def numpy_data(tree: Any, name: str) -> Any:
    """NumPy data in any structure, numbers as arrays; anything else is refused."""
    import numpy as np

    leaves, treedef = structure.flatten(tree)
    if not leaves:
        msg = f"{name} has no leaves to differentiate; give floating or complex NumPy data"
        raise ValueError(msg)
    arrays = []
    for leaf, path in zip(leaves, structure.leaf_paths(treedef, name), strict=True):
        if not isinstance(leaf, (float, complex, np.ndarray, np.generic)) or isinstance(leaf, np.ma.MaskedArray):
            what = structure.describe(leaf)
            msg = f"{path} is {what}, but {name} is NumPy data, which is converted for each backend; pass NumPy arrays"
            raise (DTypeError if isinstance(leaf, int) else TypeError)(msg)
        array = np.asarray(leaf)
        if array.dtype.kind not in "fcV" or array.dtype.names is not None:
            msg = (
                f"{path} has dtype {array.dtype}, but only floating and complex data can be differentiated; "
                "convert it with astype(float), or close over it in f"
            )
            raise DTypeError(msg)
        arrays.append(array)
    return treedef.unflatten(arrays)


def usable_backends(
    names: Sequence[str | ADBackend] | None, *, wide: bool = True
) -> tuple[dict[str, ADBackend], list[str]]:
    """The backends of those names, or all that are registered, and what is to be said of others.

    Raises
    ------
    BackendNotFoundError, BackendLoadError
        One that was named cannot be used.
    """
    if isinstance(names, (str, ADBackend)):
        names = [names]
    usable: dict[str, ADBackend] = {}
    notes = []
    for name in sorted(registry.current().descriptions) if names is None else names:
        try:
            backend = name if isinstance(name, ADBackend) else registry.backend(name)
            backend = backend.double_precision() if wide else backend
        except Exception as error:
            if names is not None:
                raise
            notes.append(f"{name} was left out: {error}")
            continue
        label = backend.name
        if usable.get(label, backend) != backend:
            label = repr(backend)
        usable[label] = backend
    if not usable:
        msg = "there is no backend to compare; `adhelpers backends` lists what is installed"
        raise ValueError(msg)
    return usable, notes


def _ports(f: Any) -> dict[str, Function] | None:
    if isinstance(f, ADBackend) or (not callable(f) and not isinstance(f, dict)):
        msg = f"f must be a function, or a dict of backend names and functions, but {structure.describe(f)} was given"
        raise TypeError(msg)
    if callable(f):
        return None
    wrong = [name for name, function in f.items() if not isinstance(name, str) or not callable(function)]
    if wrong or not f:
        msg = f"f is a dict of backend names and functions, but {', '.join(map(repr, wrong)) or 'it is empty'}"
        raise TypeError(msg)
    return dict(f)


def _reference(
    reference: str | ADBackend | None, participants: Sequence[Participant], *, wide: bool
) -> Participant | None:
    from adhelpers.comparison.participants import Participant

    if reference is None:
        return None
    ((label, backend),) = usable_backends([reference], wide=wide)[0].items()
    mine = next((p for p in participants if p.backend == backend), None)
    return mine or Participant(label, backend, participants[0].f)


def _is_wide(tree: Any) -> bool:
    """Whether the data have 64 bits somewhere."""
    return any(leaf.dtype.name in ("float64", "complex128") for leaf in structure.flatten(tree)[0])


def _name(f: Any, ports: Mapping[str, Function] | None) -> str:
    names = dict.fromkeys(_own_name(function) for function in ports.values()) if ports else [_own_name(f)]
    return "/".join(names)


def _own_name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _words(x: Any) -> str:
    leaves, _ = structure.flatten(x)
    dtypes = " and ".join(dict.fromkeys(str(leaf.dtype) for leaf in leaves))
    return f"{f'shape {leaves[0].shape}' if len(leaves) == 1 else f'{len(leaves)} leaves'}, {dtypes}"
