"""The arguments of `compare`: data, functions and backends, checked."""

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
from adhelpers.trees.constants import Constant
from adhelpers.trees.matching import leaf_paths

Function = Callable[[Any], Any]


def numpy_data(tree: Any, name: str) -> Any:
    """NumPy data in any structure, with numbers as arrays; everything else is refused."""
    leaves, treedef = flatten(tree)
    if not leaves:
        msg = f"{name} has no leaves to differentiate; give floating or complex NumPy data"
        raise ArgumentError(msg)
    arrays = []
    for leaf, path in zip(leaves, leaf_paths(treedef, name), strict=True):
        if type(leaf) is Constant:
            msg = (
                f"{path} is a Constant, but {name} must be NumPy data that is differentiated; leave it out, and close "
                "over it in f, for example lambda x: f({**x, 'n': 3})"
            )
            raise ArgumentTypeError(msg)
        if not isinstance(leaf, (float, complex, np.ndarray, np.generic)) or isinstance(leaf, np.ma.MaskedArray):
            what = describe(leaf)
            msg = f"{path} is {what}, but {name} must be NumPy data; pass NumPy arrays, which compare converts itself"
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
    """The named backends, or all that are registered, and notes about those left out.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No backend is left, or an entry is not a name or backend.
    BackendNotFoundError, BackendLoadError
        A named backend cannot be used.
    """
    if isinstance(names, (str, ADBackend)):
        names = [names]
    if names is not None and not isinstance(names, Iterable):
        msg = f"backends must be names or backends, but {describe(names)} was given; write backends=['autograd', 'jax']"
        raise ArgumentTypeError(msg)
    usable: dict[str, ADBackend] = {}
    errors: dict[str, Exception] = {}
    notes: list[str] = []
    for name in sorted(lookup.current().descriptions) if names is None else names:
        try:
            backend = name if isinstance(name, ADBackend) else lookup.backend(name)
            backend = backend.double_precision() if wide else backend
        except Exception as error:
            if names is not None:
                raise
            errors[str(name)] = error
            continue
        if names is None and wide and Capability.FLOAT64 not in backend.capabilities:
            notes.append(f"{name} was left out: it has no double precision, but x is float64; give x in float32")
            continue
        label = backend.name
        if usable.get(label, backend) != backend:
            label = repr(backend)
        usable[label] = backend
    if not usable:
        msg = "there is no backend to compare; name one in backends (`adhelpers backends` lists what is installed)"
        raise ArgumentError(msg)
    return usable, notes + _left_out(errors)


def _left_out(errors: Mapping[str, Exception]) -> list[str]:
    """Notes about backends that do not load; frameworks that are not installed share one note."""
    described = lookup.current().descriptions
    missing = [name for name in errors if described[name].framework and described[name].framework_version is None]
    notes = [f"{name} was left out: {error}" for name, error in errors.items() if name not in missing]
    if missing:
        notes.append(f"not installed, so not compared: {', '.join(missing)}; `adhelpers backends` tells what to type")
    return notes


def ports_of(f: Any) -> dict[str, Function] | None:
    """The ports of one model, by backend; None for one function."""
    if isinstance(f, ADBackend) or (not callable(f) and not isinstance(f, dict)):
        msg = f"f must be a function, or a dict from backend names to functions, but {describe(f)} was given"
        raise ArgumentTypeError(msg)
    if callable(f):
        return None
    wrong = [name for name, function in f.items() if not isinstance(name, str) or not callable(function)]
    if wrong or not f:
        problem = f"these do not: {', '.join(map(repr, wrong))}" if wrong else "it is empty"
        msg = f"f must map backend names to functions, but {problem}"
        raise ArgumentTypeError(msg)
    return dict(f)


def both_ways(
    f: Any, usable: Mapping[str, ADBackend], functions: Mapping[str, Function]
) -> tuple[dict[str, ADBackend], dict[str, Function]]:
    """Backends and functions, each with a second entry without the rule of `f`."""
    if not isinstance(f, CustomRule):
        msg = f"without_rule=True needs a function made by adhelpers.custom_rule, but {describe(f)} was given"
        raise ArgumentTypeError(msg)
    plain = {f"{label} without rule": b for label, b in usable.items() if Capability.RULES in b.capabilities}
    return {**usable, **plain}, {**functions, **dict.fromkeys(plain, f.__wrapped__)}


def reference_of(
    reference: str | ADBackend | None, participants: Sequence[Participant], *, wide: bool
) -> Participant | None:
    """The reference for derivatives."""
    if reference is None:
        return None
    ((label, backend),) = usable_backends([reference], wide=wide)[0].items()
    mine = next((p for p in participants if p.backend == backend), None)
    if any(p.label == label for p in participants):  # one with other options: reports distinguish them by label
        label = repr(backend)
    return mine or Participant(label, backend, participants[0].f)


def is_wide(tree: Any) -> bool:
    """Whether the data has 64 bits anywhere."""
    return any(leaf.dtype.name in ("float64", "complex128") for leaf in flatten(tree)[0])


def functions_for(usable: Mapping[str, ADBackend], f: Any, ports: Mapping[str, Function] | None) -> dict[str, Function]:
    """The function of each backend."""
    if ports is None:
        return dict.fromkeys(usable, f)
    missing = [label for label in usable if label not in ports]
    if missing:
        msg = f"f has functions for {', '.join(ports)}, but none for {', '.join(missing)}; give it one, or leave it out"
        raise ArgumentError(msg)
    return {label: ports[label] for label in usable}


def name_of(functions: Mapping[str, Function]) -> str:
    """The name of the functions in a report."""
    return "/".join(dict.fromkeys(map(_own_name, functions.values())))


def _own_name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def in_words(x: Any) -> str:
    """The shape of `x`, or how many leaves it has, and its dtypes."""
    leaves, _ = flatten(x)
    dtypes = " and ".join(dict.fromkeys(str(leaf.dtype) for leaf in leaves))
    return f"{f'shape {leaves[0].shape}' if len(leaves) == 1 else f'{len(leaves)} leaves'}, {dtypes}"
