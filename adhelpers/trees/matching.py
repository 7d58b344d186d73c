"""Match one tree to another, leaf by leaf, and word a mismatch."""

from __future__ import annotations

from typing import Any

from adhelpers.errors import StructureMismatchError
from adhelpers.plugins.containers import DICTS, NAMESPACE, TreeDef, describe
from adhelpers.trees.constants import Constant


def leaf_paths(treedef: TreeDef, name: str) -> list[str]:
    """The path of each leaf, such as ``x['layers'][0]['w']``."""
    return [path.codify(name) for path in treedef.accessors()]


def key_orders(tree: Any) -> tuple[tuple[Any, ...], ...]:
    """The keys of each dict in their order, which a `TreeDef` ignores."""
    import optree

    orders: list[tuple[Any, ...]] = []

    def look(node: Any) -> bool:
        if type(node) in DICTS:
            orders.append(tuple(node))
        return False

    optree.tree_flatten(tree, is_leaf=look, namespace=NAMESPACE)
    return tuple(orders)


def arrange_like(tree: Any, name: str, partner: Any, partner_name: str, absent: Constant | None = None) -> Any:
    """`tree` in the containers of `partner`; only the order of keys and the type of dict may differ.

    Where the partner has a `Constant`, `tree` has None or a constant, and the result has None. With `absent`,
    `tree` may have None in place of any part, and the result has `absent` for each leaf of that part. `tree` may then
    have anything where the partner has None or a constant.
    """
    if absent is not None and (tree is None or partner is None or type(partner) is Constant):
        import optree

        return optree.tree_map(lambda _: absent, partner, namespace=NAMESPACE)
    if type(partner) is Constant:
        if tree is None or type(tree) is Constant or tree is partner.value:
            return None
        msg = f"{name} is {describe(tree)}, but {partner_name} is a constant; give None for {name}"
        raise StructureMismatchError(msg)

    def mismatch(detail: str = "") -> StructureMismatchError:
        advice = f"give an array for {name}" if partner_treedef.is_leaf() else f"build {name} like {partner_name}"
        return StructureMismatchError(
            f"{name} is {describe(tree)}, but {partner_name} is {describe(partner)}{detail}; {advice}"
        )

    children, treedef = _flatten_one_level(tree)
    partner_children, partner_treedef = _flatten_one_level(partner)
    if type(tree) in DICTS and type(partner) in DICTS:
        missing = [key for key in partner if key not in tree]
        surplus = [key for key in tree if key not in partner]
        if missing or surplus:
            words = [f"{label} {keys}" for label, keys in (("missing", missing), ("unknown", surplus)) if keys]
            detail = f" (keys {', '.join(words)})"
            raise mismatch(detail)
        children = [tree[key] for key in partner_treedef.entries()]
    elif treedef != partner_treedef:
        alike = describe(tree) == describe(partner)
        raise mismatch(" whose non-leaf parts differ" if alike else "")
    if partner_treedef.is_leaf():
        return tree
    # Name the children of both, because a registered node chooses the names.
    names, partner_names = ([a.codify(n) for a in partner_treedef.accessors()] for n in (name, partner_name))
    parts = zip(children, names, partner_children, partner_names, strict=True)
    return partner_treedef.unflatten([arrange_like(*part, absent) for part in parts])


def _flatten_one_level(node: Any) -> tuple[list[Any], Any]:
    import optree

    return optree.tree_flatten(node, is_leaf=lambda other: other is not node, namespace=NAMESPACE)
