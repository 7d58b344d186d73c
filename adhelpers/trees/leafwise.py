"""`LeafwiseFunction`: the user's function on flat tuples of arrays."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import SINGLE, TreeDef, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.plugins.objects import arrays_held, cannot_be_freed, is_numpy
from adhelpers.trees.kinds import hashed, kind_of
from adhelpers.trees.leaves import is_ready
from adhelpers.trees.matching import leaf_paths
from adhelpers.trees.tree import Tree


def require_tuple(args: object) -> None:
    """Refuse `args` that is not a tuple: an array would be unpacked into several arguments."""
    if not isinstance(args, (tuple, list)):
        msg = f"args is {describe(args)}, but must be a tuple; for one argument write args=(argument,)"
        raise ArgumentTypeError(msg)


class LeafwiseFunction:
    """The user's function for a plugin: it takes arrays and returns ``(outputs, aux)``, both flat tuples of arrays.

    It lives for one call of an operation and remembers the structure of the latest result, but no arrays, which may be
    tracers. Non-arrays in aux come from the first call, which is at `x` like the arrays; finite differences later call
    `f` at other points.
    """

    __slots__ = ("_aux", "_output_treedef", "_signature", "_x", "args", "function", "has_aux")
    kind = "values"
    _output_treedef: TreeDef

    def __init__(self, f: Callable[..., Any], x: Tree, args: tuple[Any, ...], *, has_aux: bool) -> None:
        if type(args) is not tuple:
            require_tuple(args)
        self.function = f
        self._x = x
        self.args = args
        self.has_aux = has_aux
        self._aux: _Aux | None = None
        self._signature: Hashable = None

    @property
    def signature(self) -> Hashable:
        """What distinguishes calls of `function` besides the shapes of leaves: the structure of `x`, and `args`.

        It is ``()`` for one array and no `args`.
        """
        if self._signature is None:
            x = self._x
            structure = () if x.treedef is SINGLE else (hashed(x.treedef),)
            constants = () if x.marked is None else tuple([kind_of(c.value) for c in x.marked.places if c is not None])
            self._signature = (*structure, *constants, *map(kind_of, self.args))
        return self._signature

    def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
        """Call the user's function on arrays, or tracers, in place of the leaves of `x`."""
        x = self._x.for_function(leaves)
        try:
            result = self.function(x, *self.args)
        except Exception as error:
            again = self._x.backend.in_own_containers(x, error)
            if again is None:
                raise
            result = self.function(again, *self.args)
        aux: Leaves = ()
        if self.has_aux:
            result, aux = self._split_aux(result, leaves)
        backend, like = self._x.backend, leaves[0] if leaves else None
        if is_ready(backend, result, like):
            self._output_treedef = SINGLE
            return (result,), aux
        output = Tree.read(backend, result, "f(x)", like)
        self._output_treedef = output.treedef
        return output.leaves, aux

    def output(self, leaves: Leaves) -> Tree:
        """The structure of the latest result with the arrays that the plugin returned."""
        return Tree(self._x.backend, "f(x)", leaves, self._output_treedef)

    def rebuild(self, leaves: Leaves) -> Any:
        """Arrays in the structure of the latest result."""
        treedef = self._output_treedef
        return leaves[0] if treedef is SINGLE else treedef.unflatten(leaves)

    def aux(self, arrays: Leaves) -> Any:
        """The aux of the first call with the arrays that the plugin returned."""
        assert self._aux is not None, "f was called"
        return self._aux.rebuilt(self._x.backend, arrays)

    def _split_aux(self, result: Any, x: Leaves) -> tuple[Any, Leaves]:
        if not isinstance(result, tuple) or len(result) != 2:
            msg = (
                f"with has_aux=True, f must return a pair (y, aux), but it returned "
                f"{describe(result)}; return such a pair, or leave has_aux out"
            )
            raise ArgumentTypeError(msg)
        y, aux = result
        backend = self._x.backend
        leaves, treedef = backend.flatten(aux)
        # Only arrays travel through the plugin, which replaces tracers by values; everything else stays here.
        arrays = tuple([leaf for leaf in leaves if backend.is_array(leaf)])
        # NumPy arrays are copied, because f may overwrite them at the next call.
        kept = [_ARRAY if backend.is_array(leaf) else leaf.copy() if is_numpy(leaf) else leaf for leaf in leaves]
        tracers = frozenset(map(type, x))
        held = [
            (i, array)
            for i, leaf in enumerate(kept)
            if leaf is not _ARRAY
            for array in arrays_held(backend.is_array, leaf)
            if type(array) in tracers and not backend.keeps(array)  # others are not tracers of this call
        ]
        if self._aux is None:
            self._aux = _Aux(treedef, kept, held)
        return y, (*arrays, *[array for _, array in held])


@dataclass(frozen=True, slots=True)
class _Aux:
    """An aux without its arrays.

    Attributes
    ----------
    leaves
        The leaves, with a mark in place of each array.
    held
        Arrays inside objects among the leaves that may be tracers of this call, each with the number of its leaf. They
        travel behind the other arrays to find out, because nothing can replace a tracer inside an object.
    """

    treedef: TreeDef
    leaves: list[Any]
    held: list[tuple[int, Array]]

    def rebuilt(self, backend: ADBackend, arrays: Leaves) -> Any:
        """The aux with these arrays."""
        remaining = iter(arrays)
        leaves = [next(remaining) if leaf is _ARRAY else leaf for leaf in self.leaves]
        for (i, array), freed in zip(self.held, remaining, strict=True):
            if _is_of_call(backend, array, freed):
                raise cannot_be_freed(leaves[i], leaf_paths(self.treedef, "aux")[i])
        return self.treedef.unflatten(leaves)


def _is_of_call(backend: ADBackend, array: Array, freed: Array) -> bool:
    """Whether the plugin replaced `array`, a tracer of this call; tracers of enclosing calls stay as they are."""
    if freed is array or backend.keeps(array):
        return False
    return backend.is_traced(array) or backend.keeps(freed)


_ARRAY = object()
"""Marks the place of an array in aux that travels through the plugin."""
