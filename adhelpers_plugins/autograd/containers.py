"""autograd's own containers: it sees boxes in a plain container only if a function takes that apart."""

from __future__ import annotations

import traceback
from typing import Any

import autograd.builtins
import autograd.numpy as anp
from autograd.tracer import isbox

from adhelpers.extend import ArgumentTypeError
from adhelpers_plugins.autograd.rules import lies_in_libraries

_OWN: dict[Any, Any] = {tuple: autograd.builtins.tuple, list: autograd.builtins.list, dict: autograd.builtins.dict}

_PRIMITIVE = anp.exp.__code__
"""The code of every primitive, which looks for boxes among its arguments."""


def in_own_containers(tree: Any, error: Exception) -> Any:
    """`tree` in autograd's containers, if `error` shows that a primitive received one of its plain containers.

    Returns None for any other error. If the plain container is not part of `tree`, it raises with what to write.
    """
    function, container = _refused(error)
    if container is None:
        return None
    if any(node is container for node in _nodes(tree)):
        return _own(tree)
    kind = type(container).__name__
    msg = (
        f"f gave autograd's {function} a plain {kind} with arrays that depend on x, and autograd does not see "
        f"them there ({error}); wrap it, as in autograd.builtins.{kind}(...)"
    )
    raise ArgumentTypeError(msg) from error


def _refused(error: Exception) -> tuple[str, Any]:
    """The primitive that raised `error`, and a plain container with boxes among its arguments."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code is _PRIMITIVE:
            for argument in frame.f_locals["args"]:
                if any(map(isbox, _nodes(argument))) and not isbox(argument) and lies_in_libraries(error, frame):
                    return frame.f_locals["f_raw"].__name__, argument
    return "", None


def _nodes(tree: Any) -> list[Any]:
    """A tree of plain containers, and all that is in it."""
    if type(tree) not in _OWN:
        return [tree]
    children = tree.values() if type(tree) is dict else tree
    return [tree, *(node for child in children for node in _nodes(child))]


def _own(tree: Any) -> Any:
    own: Any = _OWN.get(type(tree))
    if own is None:
        return tree
    return own({key: _own(child) for key, child in tree.items()} if type(tree) is dict else map(_own, tree))
