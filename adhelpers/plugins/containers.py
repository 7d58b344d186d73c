"""The containers that every backend knows: flatten them, rebuild them, and describe one in a message."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

NAMESPACE = "adhelpers"
"""The optree namespace in which you register containers for this library only."""


class TreeDef(Protocol):
    """The structure of a tree without its leaves; comparable with ``==``."""

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        """Build the tree with other leaves."""

    def accessors(self) -> list[Any]:
        """The path to each leaf, as optree has it."""


class _SingleLeaf:
    """The definition of a tree that is a single leaf: the most common case, without tree work."""

    def accessors(self) -> list[Any]:
        import optree

        return [optree.PyTreeAccessor()]

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        (leaf,) = leaves
        return leaf

    def __repr__(self) -> str:
        return "*"


SINGLE = _SingleLeaf()


def flatten(tree: Any) -> tuple[tuple[Any, ...], TreeDef]:
    """The leaves and definition of nested dict, list, tuple, namedtuple, OrderedDict, None and registered nodes."""
    import optree

    leaves, treedef = optree.tree_flatten(tree, namespace=NAMESPACE)
    return tuple(leaves), SINGLE if len(leaves) == 1 and leaves[0] is tree else treedef


_lock = threading.Lock()
_known: set[type] = set()
"""The types registered by `make_known`; types that users registered with optree are not in this set."""


def make_known(
    types: Iterable[type],
    flatten: Callable[[Any], tuple[Iterable[Any], Any, Iterable[Any]]],
    unflatten: Callable[[Any, Iterable[Any]], Any],
) -> bool:
    """Register the containers of a framework, so that every backend knows them; returns whether there were any.

    They are registered in this library's own optree namespace. The core matches, rebuilds and names them like any
    other container, and nothing changes for other users of optree.

    Parameters
    ----------
    types
        Classes that are containers for the framework but not for optree.
    flatten
        ``flatten(node)`` returns three things: the children of a container, the rest of it without them, and a name
        for each child. The name is an object whose ``str`` is its step in a path, such as ``.weight`` or ``[0]``.
    unflatten
        ``unflatten(rest, children)`` builds the container with other children.
    """
    import optree

    types = set(types)
    if not types:
        return False
    with _lock:
        for cls in types - _known:
            optree.register_pytree_node(cls, flatten, unflatten, path_entry_type=_step(), namespace=NAMESPACE)
            _known.add(cls)
    return True


@functools.cache
def _step() -> Any:
    """The class of a step in the path to a leaf, written as the framework writes it."""
    import optree

    class Step(optree.PyTreeEntry):
        def codify(self, /, node: str = "") -> str:
            return f"{node}{self.entry}"

    return Step


DICTS = (dict, OrderedDict, defaultdict)


def describe(node: Any) -> str:
    """Describe a node of a tree in words, for a message."""
    if node is None:
        return "None"
    kind = type(node).__name__
    detail = ""
    if isinstance(node, Mapping):
        detail = f" with keys {list(node.keys())}"
    elif isinstance(node, (tuple, list)):
        detail = f" of length {len(node)}"
    elif type(node).__module__ != "builtins":
        kind = f"{type(node).__module__.partition('.')[0]}.{kind}"
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return f"{article} {kind}{detail}"
