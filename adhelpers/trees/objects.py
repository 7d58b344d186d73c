"""Objects that no backend takes apart, and the arrays that they hold."""

from __future__ import annotations

import gc
from collections import deque
from types import FunctionType, ModuleType
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import NAMESPACE, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leaves import is_numpy

_MOST = 1000
"""How many objects are looked at: arrays lie close to what holds them, and behind a logger lies everything."""

_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range})


def arrays_held(backend: ADBackend, leaf: Any) -> Leaves:
    """The backend's arrays that a leaf holds which is none, in whatever attributes, elements and closures."""
    if type(leaf) in _ATOMS or (is_numpy(leaf) and leaf.dtype.kind != "O"):
        return ()
    found: dict[int, Any] = {}
    seen, queue = {id(leaf)}, deque([leaf])
    while queue and len(seen) < _MOST:
        for part in _parts(queue.popleft()):
            if id(part) in seen or type(part) in _ATOMS:
                continue
            seen.add(id(part))
            if backend.is_array(part):
                found[id(part)] = part
            else:
                queue.append(part)
    return tuple(found.values())


def _parts(node: Any) -> list[Any]:
    """What an object refers to, but for its type and what is common to all functions of a module."""
    if isinstance(node, (type, ModuleType)):
        return []
    if isinstance(node, FunctionType):
        return [*(node.__closure__ or ()), node.__defaults__, node.__kwdefaults__, node.__dict__]
    if is_numpy(node):
        return list(node.flat) if node.dtype.kind == "O" else []
    return gc.get_referents(node)


def cannot_be_freed(leaf: Any, name: str) -> ArgumentTypeError:
    """The error for an object that holds tracers."""
    kind = describe(leaf)
    return ArgumentTypeError(
        f"{name} is {kind}, which holds arrays of the derivative being taken; they would leak, for only containers are "
        f"taken apart: return its arrays in a dict or a tuple, or register its type with optree.register_pytree_node"
        f"(..., namespace={NAMESPACE!r})"
    )
