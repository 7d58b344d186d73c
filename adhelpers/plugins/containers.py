"""The containers that every backend knows: flatten and rebuild them, and the words for one in a message."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

NAMESPACE = "adhelpers"
"""The optree namespace under which containers may be registered for this library alone."""


class TreeDef(Protocol):
    """What is left of a tree without its leaves; comparable with ``==``."""

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        """Build the tree with other leaves."""

    def accessors(self) -> list[Any]:
        """The path to each leaf, as optree has it."""


class _SingleLeaf:
    """The definition of a tree that is one leaf: the commonest case, spared all tree work."""

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
    """Leaves and definition of nested dict, list, tuple, namedtuple, OrderedDict, None and registered nodes."""
    import optree

    leaves, treedef = optree.tree_flatten(tree, namespace=NAMESPACE)
    return tuple(leaves), SINGLE if len(leaves) == 1 and leaves[0] is tree else treedef


DICTS = (dict, OrderedDict, defaultdict)


def describe(node: Any) -> str:
    """A node of a tree, in words for a message."""
    if node is None:
        return "None"
    kind = type(node).__name__
    detail = ""
    if type(node) in DICTS:
        detail = f" with keys {list(node)}"
    elif isinstance(node, (tuple, list)):
        detail = f" of length {len(node)}"
    elif type(node).__module__ != "builtins":
        kind = f"{type(node).__module__.partition('.')[0]}.{kind}"
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return f"{article} {kind}{detail}"
