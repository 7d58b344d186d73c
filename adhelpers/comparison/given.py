"""What `compare` is given: options, data, functions and backends, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adhelpers.errors import DTypeError
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import describe, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.trees.matching import leaf_paths

if TYPE_CHECKING:
    from adhelpers.comparison.participants import Participant

OPERATIONS = ("jvp", "vjp", "batched_jacobian")

Function = Callable[[Any], Any]


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

    leaves, treedef = flatten(tree)
    if not leaves:
        msg = f"{name} has no leaves to differentiate; give floating or complex NumPy data"
        raise ValueError(msg)
    arrays = []
    for leaf, path in zip(leaves, leaf_paths(treedef, name), strict=True):
        if not isinstance(leaf, (float, complex, np.ndarray, np.generic)) or isinstance(leaf, np.ma.MaskedArray):
            what = describe(leaf)
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
    for name in sorted(lookup.current().descriptions) if names is None else names:
        try:
            backend = name if isinstance(name, ADBackend) else lookup.backend(name)
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


def ports_of(f: Any) -> dict[str, Function] | None:
    """The ports of one model, by backend; None for one function."""
    if isinstance(f, ADBackend) or (not callable(f) and not isinstance(f, dict)):
        msg = f"f must be a function, or a dict of backend names and functions, but {describe(f)} was given"
        raise TypeError(msg)
    if callable(f):
        return None
    wrong = [name for name, function in f.items() if not isinstance(name, str) or not callable(function)]
    if wrong or not f:
        msg = f"f is a dict of backend names and functions, but {', '.join(map(repr, wrong)) or 'it is empty'}"
        raise TypeError(msg)
    return dict(f)


def reference_of(
    reference: str | ADBackend | None, participants: Sequence[Participant], *, wide: bool
) -> Participant | None:
    """Who derivatives are held to."""
    from adhelpers.comparison.participants import Participant

    if reference is None:
        return None
    ((label, backend),) = usable_backends([reference], wide=wide)[0].items()
    mine = next((p for p in participants if p.backend == backend), None)
    return mine or Participant(label, backend, participants[0].f)


def is_wide(tree: Any) -> bool:
    """Whether the data have 64 bits somewhere."""
    return any(leaf.dtype.name in ("float64", "complex128") for leaf in flatten(tree)[0])


def functions_for(usable: Mapping[str, ADBackend], f: Any, ports: Mapping[str, Function] | None) -> dict[str, Function]:
    """The function of each backend."""
    if ports is None:
        return dict.fromkeys(usable, f)
    missing = [label for label in usable if label not in ports]
    if missing:
        msg = f"f has no function for {', '.join(missing)}, but one for {', '.join(ports)}; give one, or leave them out"
        raise ValueError(msg)
    return {label: ports[label] for label in usable}


def name_of(functions: Mapping[str, Function]) -> str:
    """What a report calls them."""
    return "/".join(dict.fromkeys(map(_own_name, functions.values())))


def _own_name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def in_words(x: Any) -> str:
    """The shape of `x`, or how many leaves it has, and its dtypes."""
    leaves, _ = flatten(x)
    dtypes = " and ".join(dict.fromkeys(str(leaf.dtype) for leaf in leaves))
    return f"{f'shape {leaves[0].shape}' if len(leaves) == 1 else f'{len(leaves)} leaves'}, {dtypes}"
