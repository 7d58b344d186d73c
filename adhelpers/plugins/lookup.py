"""Look-up of a backend by name, and inference from arrays."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from adhelpers.errors import AmbiguousBackendError, ArgumentTypeError
from adhelpers.plugins.containers import TreeDef, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.discovery import scan
from adhelpers.plugins.objects import ATOMS, is_numpy
from adhelpers.plugins.registry import Registry, several, types
from adhelpers.plugins.rule import runs_for

_lock = threading.RLock()
_scanned: Registry | None = None


def current() -> Registry:
    """The registry of this process; entry points are scanned at the first call."""
    global _scanned
    if _scanned is None:
        with _lock:
            if _scanned is None:
                _scanned = scan()
    return _scanned


def backend(name: str, **options: Any) -> ADBackend:
    """The backend called `name`, with options.

    Parameters
    ----------
    name
        One of the names that ``adhelpers backends`` lists: ``"jax"``, ``"torch"``, ``"autograd"``,
        ``"finite-difference"``, or the name of an installed plugin.
    **options
        Fields of the backend's class, such as ``fallback=False``.

    Raises
    ------
    BackendNotFoundError
        No plugin registers that name.
    BackendLoadError
        The plugin or its framework cannot be imported.

    Examples
    --------
    >>> import adhelpers
    >>> adhelpers.backend("finite-difference", order=4)
    FiniteDifferenceBackend(fallback=True, order=4, relative=False)
    """
    if not isinstance(name, str):
        msg = f"a backend's name is a string such as 'finite-difference', but {name!r} was given"
        raise ArgumentTypeError(msg)
    if not options:
        return current().instance(name)
    cls = current().implementation(name)
    known = [option.name for option in fields(cls)]
    unknown = [option for option in options if option not in known]
    if unknown:
        msg = f"backend {name!r} has no option {', '.join(map(repr, unknown))}; its options are {', '.join(known)}"
        raise ArgumentTypeError(msg)
    return cls(**options)


def owner_of(leaves: Iterable[Any]) -> ADBackend | None:
    """The backend that claims the arrays among `leaves`, or None; arrays of two frameworks raise.

    If several backends claim one framework's arrays, the shipped backend is returned, or the first of the others.
    """
    return (_scanned or current()).owner_of(tuple(leaves))


def rule_runs_for(arrays: tuple[Any, ...]) -> ADBackend | None:
    """The backend for which a rule runs, if all of `arrays` are that backend's, though no backend claims them.

    In a rule NumPy's arrays may stand beside tracers, and the functions of their namespace then receive tracers too.
    """
    backend: ADBackend | None = runs_for()
    return backend if backend is not None and all(map(backend.is_array, arrays)) else None


def owner_within(tree: Any) -> ADBackend | None:
    """`owner_of` the arrays in a structure, which may be one that only a framework can take apart."""
    leaves = flatten(tree)[0]
    owner = _owner_of_arrays(leaves)
    if owner is None and not all(is_numpy(leaf) or type(leaf) in ATOMS for leaf in leaves):
        inside = (_owner_of_arrays(backend.flatten(tree)[0]) for backend in current().loaded())
        owner = next((found for found in inside if found is not None), None)
    return owner


def open_up(tree: Any) -> tuple[tuple[Any, ...], TreeDef]:
    """`flatten`, after each imported framework has looked for its own containers among the leaves."""
    leaves, treedef = flatten(tree)
    registry = current()
    unknown = [leaf for leaf in leaves if not (type(leaf) in ATOMS or is_numpy(leaf) or registry.claims((leaf,)))]
    if not unknown:
        return leaves, treedef
    for backend in registry.loaded():
        backend.flatten(unknown)
    return flatten(tree)


def _owner_of_arrays(leaves: Iterable[Any]) -> ADBackend | None:
    return owner_of(leaf for leaf in leaves if hasattr(leaf, "dtype"))


def advice_about(leaf: Any) -> str | None:
    """What to write instead of a leaf of `x` that is not an array but holds some; None if that is not known."""
    return current().advice_about(leaf)


def advice_about_holder(leaf: Any) -> str | None:
    """The same for a type that a plugin lists in `holders`, such as a module."""
    return current().advice_about_holder(leaf)


def infer(x: Any) -> ADBackend:
    """The one backend that claims the arrays in `x`; raises `AmbiguousBackendError` otherwise.

    If no backend claims them, they may still belong to the backend for which a rule runs: some frameworks use NumPy's.
    """
    leaves = (x,) if hasattr(x, "dtype") else flatten(x)[0]
    claims = current().claims(leaves) or _claims_in_foreign_containers(x)
    if not claims:
        backend: ADBackend | None = runs_for()
        if backend is not None and all(map(backend.is_array, leaves)):
            return backend
        advice = next(filter(None, map(advice_about, leaves)), None)
        names = ", ".join(map(repr, sorted(current().descriptions)))
        msg = (
            f"backend=None lets the arrays in x decide, but no backend owns {types(leaves) or 'an x without leaves'}; "
            f"{advice or f'name one of {names}'}"
        )
        raise AmbiguousBackendError(msg)
    claiming = frozenset.union(*claims)
    if len(claiming) > 1:
        raise several(leaves, claims)
    return current().instance(*claiming)


def _claims_in_foreign_containers(x: Any) -> list[frozenset[str]]:
    """The claims on leaves that only a framework finds in its own containers."""
    for backend in current().loaded():
        claims = current().claims(backend.flatten(x)[0])
        if claims:
            return claims
    return []
