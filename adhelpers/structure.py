"""Trees: flatten, rebuild, match one to another, and the words for a mismatch."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

from adhelpers.errors import StructureMismatchError

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


def leaf_paths(treedef: TreeDef, name: str) -> list[str]:
    """The path of each leaf in words such as ``x['layers'][0]['w']``."""
    return [path.codify(name) for path in treedef.accessors()]


def key_orders(tree: Any) -> tuple[tuple[Any, ...], ...]:
    """The keys of each dict in their order, to which a `TreeDef` is blind."""
    import optree

    orders: list[tuple[Any, ...]] = []

    def look(node: Any) -> bool:
        if type(node) in _DICTS:
            orders.append(tuple(node))
        return False

    optree.tree_flatten(tree, is_leaf=look, namespace=NAMESPACE)
    return tuple(orders)


def arrange_like(tree: Any, name: str, partner: Any, partner_name: str) -> Any:
    """`tree` in the containers of `partner`: what may differ is the order of keys and the kind of dict."""

    def mismatch(detail: str = "") -> StructureMismatchError:
        advice = f"give an array for {name}" if partner_treedef.is_leaf() else f"build {name} like {partner_name}"
        return StructureMismatchError(
            f"{name} is {describe(tree)}, but {partner_name} is {describe(partner)}{detail}; {advice}"
        )

    children, treedef = _flatten_one_level(tree)
    partner_children, partner_treedef = _flatten_one_level(partner)
    if type(tree) in _DICTS and type(partner) in _DICTS:
        missing = [key for key in partner if key not in tree]
        surplus = [key for key in tree if key not in partner]
        if missing or surplus:
            words = [f"{label} {keys}" for label, keys in (("missing", missing), ("unknown", surplus)) if keys]
            detail = f" (keys {', '.join(words)})"
            raise mismatch(detail)
        children = [tree[key] for key in partner_treedef.entries()]
    elif treedef != partner_treedef:
        alike = describe(tree) == describe(partner)
        raise mismatch(" whose parts that are no leaves differ" if alike else "")
    if partner_treedef.is_leaf():
        return tree
    # Names of children are worked out for both, since a registered node may name them as it likes.
    names, partner_names = ([a.codify(n) for a in partner_treedef.accessors()] for n in (name, partner_name))
    arranged = map(arrange_like, children, names, partner_children, partner_names)
    return partner_treedef.unflatten(list(arranged))


def _flatten_one_level(node: Any) -> tuple[list[Any], Any]:
    import optree

    return optree.tree_flatten(node, is_leaf=lambda other: other is not node, namespace=NAMESPACE)


_DICTS = (dict, OrderedDict, defaultdict)


def describe(node: Any) -> str:
    """A node of a tree, in words for a message."""
    if node is None:
        return "None"
    kind = type(node).__name__
    detail = ""
    if type(node) in _DICTS:
        detail = f" with keys {list(node)}"
    elif isinstance(node, (tuple, list)):
        detail = f" of length {len(node)}"
    elif type(node).__module__ != "builtins":
        kind = f"{type(node).__module__.partition('.')[0]}.{kind}"
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    return f"{article} {kind}{detail}"
