"""The user's point and function between structures on one side and flat tuples of arrays on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ShapeMismatchError
from adhelpers.plugins.containers import SINGLE, TreeDef
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import (
    check_inexact,
    check_like_partner,
    is_complex,
    is_like,
    is_number,
    is_ready,
    lift,
    lift_beside,
)
from adhelpers.trees.matching import arrange_like, leaf_paths


@dataclass(frozen=True, slots=True)
class LeafName:
    """What a message calls a leaf, such as ``x['layers'][0]['w']``: worked out only if a message is."""

    tree_name: str
    treedef: TreeDef
    index: int

    def __str__(self) -> str:
        return leaf_paths(self.treedef, self.tree_name)[self.index]


@dataclass(slots=True)
class Tree:
    """A structure of differentiable arrays: its leaves, and how to put them back."""

    backend: ADBackend
    name: str
    """What messages call it: ``"x"`` or ``"f(x)"``."""
    leaves: Leaves
    treedef: TreeDef

    @classmethod
    def read(cls, backend: ADBackend, tree: Any, name: str, like: Array | None = None) -> Tree:
        """Flatten what the user gave or returned, lift its leaves and require them to be inexact.

        Numbers get the precision and device of `like` or, without it, of the first array beside them that is real, or
        complex, as they are.
        """
        if is_ready(backend, tree, like):  # one array, by far the commonest: no tree work
            return cls(backend, name, (tree,), SINGLE)
        leaves, treedef = backend.flatten(tree)
        lifted = list(leaves)
        arrays: list[Array] = []
        for i in sorted(range(len(leaves)), key=lambda i: is_number(leaves[i])):  # arrays first, then numbers
            leaf, partner = leaves[i], like
            if like is None and is_number(leaf):
                same = (array for array in arrays if is_complex(backend, array) == isinstance(leaf, complex))
                partner = next(same, None)
            if not is_ready(backend, leaf, partner):
                leaf_name = LeafName(name, treedef, i)
                lifted[i] = lift_beside(backend, leaf, leaf_name, partner)
                check_inexact(backend, lifted[i], leaf_name)
            arrays.append(lifted[i])
        return cls(backend, name, tuple(lifted), treedef)

    def rebuild(self, leaves: Leaves) -> Any:
        """The structure with other leaves."""
        return leaves[0] if self.treedef is SINGLE else self.treedef.unflatten(leaves)

    def read_partner(self, partner: Any, name: str) -> Leaves:
        """The leaves of `partner`, which must match this tree leaf by leaf in shape, dtype and device."""
        if self.treedef is SINGLE and is_like(self.backend, partner, self.leaves[0]):
            return (partner,)
        leaves = self._arranged(partner, name)
        lifted = list(leaves)
        for i, (leaf, like) in enumerate(zip(leaves, self.leaves, strict=True)):
            if not is_like(self.backend, leaf, like):
                leaf_name = LeafName(name, self.treedef, i)
                lifted[i] = lift(self.backend, leaf, leaf_name, like)
                check_like_partner(self.backend, lifted[i], leaf_name, like, LeafName(self.name, self.treedef, i))
        return tuple(lifted)

    def read_stacks(self, stacks: Any, name: str) -> tuple[Leaves, int]:
        """The leaves of many partners at once, stacked on an axis in front, and how many partners these are."""
        lifted: list[Array] = []
        for i, (leaf, like) in enumerate(zip(self._arranged(stacks, name), self.leaves, strict=True)):
            leaf_name, partner_name = LeafName(name, self.treedef, i), LeafName(self.name, self.treedef, i)
            stack = lift(self.backend, leaf, leaf_name, like)
            wanted = (len(lifted[0]) if lifted else "k", *like.shape)
            if stack.shape[1:] != like.shape or not stack.shape or (lifted and len(stack) != len(lifted[0])):
                words = ", ".join(map(str, wanted))
                msg = (
                    f"{leaf_name} has shape {tuple(stack.shape)}, but {partner_name} has {tuple(like.shape)}; "
                    f"vectors are stacked on an axis in front: give {leaf_name} the shape ({words})"
                )
                raise ShapeMismatchError(msg)
            if len(stack):
                check_like_partner(self.backend, stack[0, ...], leaf_name, like, partner_name)
            lifted.append(stack)
        return tuple(lifted), len(lifted[0]) if lifted else 0

    def _arranged(self, partner: Any, name: str) -> Leaves:
        """The leaves of `partner`, whose containers must match, in the order of this tree's."""
        leaves, treedef = self.backend.flatten(partner)
        if treedef is not self.treedef and treedef != self.treedef:
            leaves, _ = self.backend.flatten(arrange_like(partner, name, self.rebuild(self.leaves), self.name))
        return leaves
