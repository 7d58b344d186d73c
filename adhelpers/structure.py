"""Trees: flatten, rebuild, match one to another, and the words for a mismatch."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from adhelpers.errors import StructureMismatchError

NAMESPACE = "adhelpers"
"""The optree namespace under which containers may be registered for this library alone."""


class TreeDef(Protocol):
    """What is left of a tree without its leaves; comparable with ``==``."""

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        """Build the tree with other leaves."""


class _SingleLeaf:
    """The definition of a tree that is one array: the commonest case, spared all tree work."""

    def unflatten(self, leaves: Iterable[Any], /) -> Any:
        (leaf,) = leaves
        return leaf

    def __repr__(self) -> str:
        return "*"


SINGLE = _SingleLeaf()

Flatten = Callable[[Any], tuple[tuple[Any, ...], TreeDef]]


def flatten(tree: Any) -> tuple[tuple[Any, ...], TreeDef]:
    """Leaves and definition of nested dict, list, tuple, namedtuple, OrderedDict, None and registered nodes."""
    import optree

    leaves, treedef = optree.tree_flatten(tree, namespace=NAMESPACE)
    return tuple(leaves), treedef


def leaf_paths(tree: Any, name: str) -> list[str]:
    """The path of each leaf in words such as ``x['layers'][0]['w']``."""
    import optree

    return [path.codify(name) for path in optree.tree_accessors(tree, namespace=NAMESPACE)]


def flatten_like(
    tree: Any, name: str, partner: Any, partner_name: str, partner_treedef: TreeDef, flatten: Flatten
) -> tuple[Any, ...]:
    """The leaves of `tree` in the order of its partner's, or `StructureMismatchError`."""
    leaves, treedef = flatten(tree)
    if treedef is not partner_treedef and treedef != partner_treedef:
        leaves, _ = flatten(_arrange_like(tree, name, partner, partner_name, flatten))
    return leaves


def _arrange_like(tree: Any, name: str, partner: Any, partner_name: str, flatten: Flatten) -> Any:
    """`tree` in the containers of `partner`: what may differ is the order of keys and the kind of dict."""

    def mismatch(detail: str = "") -> StructureMismatchError:
        return StructureMismatchError(
            f"{name} is {describe(tree)}, but {partner_name} is {describe(partner)}{detail}; "
            f"build {name} with the containers and keys of {partner_name}"
        )

    def children(keys: Iterable[Any], path: Callable[[Any], str], get: Callable[[Any, Any], Any]) -> list[Any]:
        return [
            _arrange_like(get(tree, key), name + path(key), get(partner, key), partner_name + path(key), flatten)
            for key in keys
        ]

    if type(partner) in _DICTS and type(tree) in _DICTS:
        missing = [key for key in partner if key not in tree]
        surplus = [key for key in tree if key not in partner]
        if missing or surplus:
            words = [f"{label} {keys}" for label, keys in (("missing", missing), ("unknown", surplus)) if keys]
            detail = f" (keys {', '.join(words)})"
            raise mismatch(detail)
        arranged = children(partner, lambda key: f"[{key!r}]", lambda node, key: node[key])
        return (
            OrderedDict(zip(partner, arranged, strict=True))
            if type(partner) is OrderedDict
            else dict(zip(partner, arranged, strict=True))
        )
    if type(tree) is type(partner) and isinstance(partner, (tuple, list)) and len(tree) == len(partner):
        fields = getattr(partner, "_fields", None)
        if fields is not None:
            return type(partner)(*children(fields, lambda field: f".{field}", getattr))
        indices = range(len(partner))
        return type(partner)(children(indices, lambda i: f"[{i}]", lambda node, i: node[i]))
    leaves, treedef = flatten(tree)
    partner_leaves, partner_treedef = flatten(partner)
    both_leaves = _is_leaf(tree, leaves) and _is_leaf(partner, partner_leaves)
    if not both_leaves and treedef != partner_treedef:
        raise mismatch()
    return tree


_DICTS = (dict, OrderedDict, defaultdict)


def _is_leaf(tree: Any, leaves: tuple[Any, ...]) -> bool:
    return len(leaves) == 1 and leaves[0] is tree


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
