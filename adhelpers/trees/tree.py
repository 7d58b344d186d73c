"""`Tree`: the user's point or result, converted between a structure and a flat tuple of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ArgumentTypeError, ShapeMismatchError
from adhelpers.plugins.containers import SINGLE, TreeDef, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.constants import Constant, Marked
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
    """The name of a leaf in a message, such as ``x['layers'][0]['w']``, made only when a message is."""

    tree_name: str
    treedef: TreeDef
    index: int

    def __str__(self) -> str:
        return leaf_paths(self.treedef, self.tree_name)[self.index]


@dataclass(slots=True)
class Tree:
    """A structure of differentiable arrays: its leaves, and how to rebuild it."""

    backend: ADBackend
    name: str
    """The name in messages: ``"x"`` or ``"f(x)"``."""
    leaves: Leaves
    treedef: TreeDef
    """The structure of results, with None for a constant."""
    marked: Marked | None = None
    """The structure for `f`, if it has constants."""

    @classmethod
    def read_point(cls, backend: ADBackend, x: Any, name: str = "x") -> Tree:
        """`read` a structure that may have constants."""
        if is_ready(backend, x):  # one array, the most common case: no tree work
            return cls(backend, name, (x,), SINGLE)
        leaves, treedef = backend.flatten(x)
        if Constant not in map(type, leaves):
            return cls(backend, name, _lifted(backend, leaves, treedef, name), treedef)
        marked = Marked(treedef, tuple([leaf if type(leaf) is Constant else None for leaf in leaves]))
        varying = tuple([leaf for leaf in leaves if type(leaf) is not Constant])
        msg = f"{name} is {describe(x)}, which cannot hold None; pass its constants in args or a closure"
        try:
            leaves, treedef = backend.flatten(marked.filled(varying, lambda constant: None))
        except Exception as error:  # from the container
            raise ArgumentTypeError(msg) from error
        if len(leaves) != len(varying):
            raise ArgumentTypeError(msg)
        return cls(backend, name, _lifted(backend, leaves, treedef, name), treedef, marked)

    @classmethod
    def read(cls, backend: ADBackend, tree: Any, name: str, like: Array | None = None) -> Tree:
        """Flatten the user's structure, convert its leaves and require them to be floating or complex.

        Numbers get the precision and device of `like`. Without `like` they take those of the first array that is real
        or complex like them.
        """
        if is_ready(backend, tree, like):
            return cls(backend, name, (tree,), SINGLE)
        leaves, treedef = backend.flatten(tree)
        return cls(backend, name, _lifted(backend, leaves, treedef, name, like), treedef)

    def rebuild(self, leaves: Leaves) -> Any:
        """A result with this structure: other leaves, and None for each constant."""
        return leaves[0] if self.treedef is SINGLE else self.treedef.unflatten(leaves)

    def for_function(self, leaves: Leaves) -> Any:
        """The argument of `f`: the structure with other leaves, and with the values of constants."""
        return self.rebuild(leaves) if self.marked is None else self.marked.filled(leaves, lambda c: c.value)

    def as_given(self) -> Any:
        """The structure as the user gave it, with each `Constant`."""
        return self.rebuild(self.leaves) if self.marked is None else self.marked.filled(self.leaves, lambda c: c)

    def read_partner(self, partner: Any, name: str) -> Leaves:
        """The leaves of `partner`, which must match this tree in structure, shapes, dtypes and device."""
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
        """The leaves of many partners, stacked on an axis in front, and the number of partners."""
        lifted: list[Array] = []
        for i, (leaf, like) in enumerate(zip(self._arranged(stacks, name), self.leaves, strict=True)):
            leaf_name, partner_name = LeafName(name, self.treedef, i), LeafName(self.name, self.treedef, i)
            stack = lift(self.backend, leaf, leaf_name, like)
            wanted = (len(lifted[0]) if lifted else "k", *like.shape)
            if stack.shape[1:] != like.shape or not stack.shape or (lifted and len(stack) != len(lifted[0])):
                words = ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "")
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
        """The leaves of `partner` in the order of this tree; the containers must match."""
        leaves, treedef = self.backend.flatten(partner)
        if treedef is not self.treedef and treedef != self.treedef:
            leaves, _ = self.backend.flatten(arrange_like(partner, name, self.as_given(), self.name))
        return leaves


def _lifted(backend: ADBackend, leaves: Leaves, treedef: TreeDef, name: str, like: Array | None = None) -> Leaves:
    """The leaves of a structure as arrays of the backend; see `Tree.read`."""
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
    return tuple(lifted)
