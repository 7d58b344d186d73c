"""What `compare` is given: data, functions and backends, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from adhelpers.comparison.participants import Participant
from adhelpers.errors import ArgumentError, ArgumentTypeError, DTypeError
from adhelpers.plugins import lookup
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.containers import describe, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.rules.custom_rule import CustomRule
from adhelpers.trees.matching import leaf_paths

Function = Callable[[Any], Any]


def numpy_data(tree: Any, name: str) -> Any:
    """NumPy data in any structure, numbers as arrays; anything else is refused."""
    leaves, treedef = flatten(tree)
    if not leaves:
        msg = f"{name} has no leaves to differentiate; give floating or complex NumPy data"
        raise ArgumentError(msg)
    arrays = []
    for leaf, path in zip(leaves, leaf_paths(treedef, name), strict=True):
        if not isinstance(leaf, (float, complex, np.ndarray, np.generic)) or isinstance(leaf, np.ma.MaskedArray):
            what = describe(leaf)
            msg = f"{path} is {what}, but {name} is NumPy data, which is converted for each backend; pass NumPy arrays"
            raise (DTypeError if isinstance(leaf, int) else ArgumentTypeError)(msg)
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
    ArgumentError, ArgumentTypeError
        None is left, or these are no names and backends.
    BackendNotFoundError, BackendLoadError
        One that was named cannot be used.
    """
    if isinstance(names, (str, ADBackend)):
        names = [names]
    if names is not None and not isinstance(names, Iterable):
        msg = f"backends are names or backends, but {describe(names)} was given; write backends=['autograd', 'jax']"
        raise ArgumentTypeError(msg)
    usable: dict[str, ADBackend] = {}
    errors: dict[str, Exception] = {}
    for name in sorted(lookup.current().descriptions) if names is None else names:
        try:
            backend = name if isinstance(name, ADBackend) else lookup.backend(name)
            backend = backend.double_precision() if wide else backend
        except Exception as error:
            if names is not None:
                raise
            errors[str(name)] = error
            continue
        label = backend.name
        if usable.get(label, backend) != backend:
            label = repr(backend)
        usable[label] = backend
    if not usable:
        msg = "there is no backend to compare; `adhelpers backends` lists what is installed"
        raise ArgumentError(msg)
    return usable, _left_out(errors)


def _left_out(errors: Mapping[str, Exception]) -> list[str]:
    """What is said of backends that do not load: a framework that is not installed is no fault."""
    described = lookup.current().descriptions
    missing = [name for name in errors if described[name].framework and described[name].framework_version is None]
    notes = [f"{name} was left out: {error}" for name, error in errors.items() if name not in missing]
    if missing:
        notes.append(
            f"not installed, and so not compared: {', '.join(missing)}; `adhelpers backends` tells what to type"
        )
    return notes


def ports_of(f: Any) -> dict[str, Function] | None:
    """The ports of one model, by backend; None for one function."""
    if isinstance(f, ADBackend) or (not callable(f) and not isinstance(f, dict)):
        msg = f"f must be a function, or a dict of backend names and functions, but {describe(f)} was given"
        raise ArgumentTypeError(msg)
    if callable(f):
        return None
    wrong = [name for name, function in f.items() if not isinstance(name, str) or not callable(function)]
    if wrong or not f:
        msg = f"f is a dict of backend names and functions, but {', '.join(map(repr, wrong)) or 'it is empty'}"
        raise ArgumentTypeError(msg)
    return dict(f)


def both_ways(
    f: Any, usable: Mapping[str, ADBackend], functions: Mapping[str, Function]
) -> tuple[dict[str, ADBackend], dict[str, Function]]:
    """Backends and functions with those beside them that do without the rule of `f`."""
    if not isinstance(f, CustomRule):
        msg = f"without_rule=True takes a function that adhelpers.custom_rule has made, but {describe(f)} was given"
        raise ArgumentTypeError(msg)
    plain = {f"{label} without rule": b for label, b in usable.items() if Capability.RULES in b.capabilities}
    return {**usable, **plain}, {**functions, **dict.fromkeys(plain, f.__wrapped__)}


def reference_of(
    reference: str | ADBackend | None, participants: Sequence[Participant], *, wide: bool
) -> Participant | None:
    """Who derivatives are held to."""
    if reference is None:
        return None
    ((label, backend),) = usable_backends([reference], wide=wide)[0].items()
    mine = next((p for p in participants if p.backend == backend), None)
    if any(p.label == label for p in participants):  # one with other options: reports tell them by their labels
        label = repr(backend)
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
        raise ArgumentError(msg)
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
