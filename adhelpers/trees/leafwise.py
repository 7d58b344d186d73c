"""`LeafwiseFunction`: the user's function between flat tuples of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import describe
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.tree import Tree


def require_tuple(args: object) -> None:
    """Refuse one further argument where all of them are wanted: an array would be taken apart."""
    if not isinstance(args, (tuple, list)):
        msg = f"args is {describe(args)}, but must be a tuple; for one argument write args=(argument,)"
        raise ArgumentTypeError(msg)


class LeafwiseFunction:
    """The user's function as a plugin sees it: arrays in, ``(outputs, aux)`` out, both flat tuples of arrays.

    It lives for one call of an operation and remembers how the latest result was built, but none of its
    arrays, which may be tracers.
    """

    __slots__ = ("_aux_leaves", "_aux_treedef", "_output_treedef", "_x", "args", "function", "has_aux")
    kind = "values"

    def __init__(self, f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool) -> None:
        if type(args) is not tuple:
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
                f"{describe(result)}; return such a pair, or leave has_aux out"
            )
            raise ArgumentTypeError(msg)
        y, aux = result
        leaves, self._aux_treedef = self._x.backend.flatten(aux)
        # Only arrays travel through the plugin, which frees them of tracers; all else is kept aside.
        is_array = self._x.backend.is_array
        self._aux_leaves = [_ARRAY if is_array(leaf) else leaf for leaf in leaves]
        return y, tuple(leaf for leaf in leaves if is_array(leaf))


_ARRAY = object()
"""Marks a place in aux whose array travels through the plugin."""
