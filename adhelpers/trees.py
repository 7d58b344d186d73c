"""The user's point and function between structures on one side and flat tuples of arrays on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adhelpers import structure
from adhelpers.contract import ADBackend, Array, Leaves
from adhelpers.leaves import (
    check_inexact,
    check_like_partner,
    is_complex,
    is_known,
    is_like,
    is_number,
    lift,
    lift_beside,
)


@dataclass(frozen=True, slots=True)
class LeafName:
    """What a message calls a leaf, such as ``x['layers'][0]['w']``: worked out only if a message is."""

    tree_name: str
    treedef: structure.TreeDef
    index: int

    def __str__(self) -> str:
        return structure.leaf_paths(self.treedef, self.tree_name)[self.index]


@dataclass(slots=True)
class Tree:
    """A structure of differentiable arrays: its leaves, and how to put them back."""

    backend: ADBackend
    name: str
    """What messages call it: ``"x"`` or ``"f(x)"``."""
    leaves: Leaves
    treedef: structure.TreeDef

    @classmethod
    def read(cls, backend: ADBackend, tree: Any, name: str, like: Array | None = None) -> Tree:
        """Flatten what the user gave or returned, lift its leaves and require them to be inexact.

        Numbers get the precision and device of `like` or, without it, of the first array beside them that is real, or
        complex, as they are.
        """
        if _is_ready(backend, tree, like):  # one array, by far the commonest: no tree work
            return cls(backend, name, (tree,), structure.SINGLE)
        leaves, treedef = backend.flatten(tree)
        lifted = list(leaves)
        arrays: list[Array] = []
        for i in sorted(range(len(leaves)), key=lambda i: is_number(leaves[i])):  # arrays first, then numbers
            leaf, partner = leaves[i], like
            if like is None and is_number(leaf):
                same = (array for array in arrays if is_complex(backend, array) == isinstance(leaf, complex))
                partner = next(same, None)
            if not _is_ready(backend, leaf, partner):
                leaf_name = LeafName(name, treedef, i)
                lifted[i] = lift_beside(backend, leaf, leaf_name, partner)
                check_inexact(backend, lifted[i], leaf_name)
            arrays.append(lifted[i])
        return cls(backend, name, tuple(lifted), treedef)

    def rebuild(self, leaves: Leaves) -> Any:
        """The structure with other leaves."""
        return leaves[0] if self.treedef is structure.SINGLE else self.treedef.unflatten(leaves)

    def read_partner(self, partner: Any, name: str) -> Leaves:
        """The leaves of `partner`, which must match this tree leaf by leaf in shape, dtype and device."""
        if self.treedef is structure.SINGLE and is_like(self.backend, partner, self.leaves[0]):
            return (partner,)
        leaves, treedef = self.backend.flatten(partner)
        if treedef is not self.treedef and treedef != self.treedef:
            mine = self.rebuild(self.leaves)
            leaves, _ = self.backend.flatten(structure.arrange_like(partner, name, mine, self.name))
        lifted = list(leaves)
        for i, (leaf, like) in enumerate(zip(leaves, self.leaves, strict=True)):
            if not is_like(self.backend, leaf, like):
                leaf_name = LeafName(name, self.treedef, i)
                lifted[i] = lift(self.backend, leaf, leaf_name, like)
                check_like_partner(self.backend, lifted[i], leaf_name, like, LeafName(self.name, self.treedef, i))
        return tuple(lifted)


def _is_ready(backend: ADBackend, leaf: Any, like: Array | None) -> bool:
    """Whether `leaf` can be taken as it is. Beside `like` NumPy arrays may have to be lifted."""
    return is_known(backend, leaf) and (like is None or type(leaf) is type(like))


def require_tuple(args: object) -> None:
    """Refuse one further argument where all of them are wanted: an array would be taken apart."""
    if not isinstance(args, (tuple, list)):
        msg = f"args is {structure.describe(args)}, but must be a tuple; for one argument write args=(argument,)"
        raise TypeError(msg)


class LeafwiseFunction:
    """The user's function as a plugin sees it: arrays in, ``(outputs, aux)`` out, both flat tuples of arrays.

    It lives for one call of an operation and remembers how the latest result was built, but none of its
    arrays, which may be tracers.
    """

    def __init__(self, f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool) -> None:
        require_tuple(args)
        self.function = f
        self._x = x
        self.args = args
        self.has_aux = has_aux

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """Call the user's function on arrays, or tracers, in place of the leaves of `x`."""
        result = self.function(self._x.rebuild(leaves), *self.args)
        aux: Leaves = ()
        if self.has_aux:
            result, aux = self._split_aux(result)
        output = Tree.read(self._x.backend, result, "f(x)", leaves[0] if leaves else None)
        self._output_treedef = output.treedef
        return output.leaves, aux

    def output(self, leaves: Leaves) -> Tree:
        """The latest result with the arrays that came back through the plugin."""
        return Tree(self._x.backend, "f(x)", leaves, self._output_treedef)

    def aux(self, arrays: Leaves) -> Any:
        """The latest aux with the arrays that came back through the plugin."""
        remaining = iter(arrays)
        return self._aux_treedef.unflatten([next(remaining) if leaf is _ARRAY else leaf for leaf in self._aux_leaves])

    def _split_aux(self, result: Any) -> tuple[Any, Leaves]:
        if not isinstance(result, tuple) or len(result) != 2:
            msg = (
                f"with has_aux=True, f must return a pair (y, aux), but it returned "
                f"{structure.describe(result)}; return such a pair, or leave has_aux out"
            )
            raise TypeError(msg)
        y, aux = result
        leaves, self._aux_treedef = self._x.backend.flatten(aux)
        # Only arrays travel through the plugin, which frees them of tracers; all else is kept aside.
        is_array = self._x.backend.is_array
        self._aux_leaves = [_ARRAY if is_array(leaf) else leaf for leaf in leaves]
        return y, tuple(leaf for leaf in leaves if is_array(leaf))


_ARRAY = object()
"""Marks a place in aux whose array travels through the plugin."""
