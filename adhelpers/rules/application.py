"""One call of a function with a rule: it connects the user's structures and the flat tuples of a backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adhelpers.engine import derived
from adhelpers.errors import ArgumentError
from adhelpers.plugins.containers import SINGLE, TreeDef, flatten
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.plugins.objects import is_numpy, native
from adhelpers.plugins.rule import Rule, run_for
from adhelpers.trees.matching import arrange_like
from adhelpers.trees.tree import Tree


@dataclass(slots=True)
class Functions:
    """The user's function and its rule, on structures."""

    name: str
    f: Callable[..., Any]
    jvp: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | None = None
    shapes: Callable[..., Any] | None = None


class Application:
    """A call of the function at a point, with further arguments.

    Arrays among the arguments travel beside `x` as constants, because a tracing framework must see them. All other
    arguments stay as they are. After the result, no array is held: a framework may keep the rule longer than its
    tracers live.
    """

    __slots__ = ("_args", "_backend", "_count", "_functions", "_leaves", "_output", "_treedef")

    def __init__(self, functions: Functions, point: Tree, args: tuple[Any, ...]) -> None:
        self._functions = functions
        self._backend = backend = point.backend
        self._treedef = point.treedef
        self._count = len(point.leaves)
        self._leaves = point.leaves
        self._args: list[tuple[list[Any], TreeDef]] = []
        for arg in args:
            leaves, treedef = backend.flatten(arg)
            self._leaves += tuple([leaf for leaf in leaves if _is_own(backend, leaf)])
            self._args.append(([_ARRAY if _is_own(backend, leaf) else leaf for leaf in leaves], treedef))
        self._output: TreeDef  # known once the function was called

    def result(self) -> Any:
        """The result of the function, with the rule as its derivative."""
        backend, leaves = self._backend, self._leaves
        if all(map(backend.keeps, leaves)):  # plain values, which nobody differentiates
            outputs = self._call(*leaves)
            if all(map(backend.keeps, outputs)):
                return _rebuilt(self._output, outputs)
        # It may be traced without getting a tracer, or close over one: the backend can tell.
        outputs = backend.apply_rule(*self.given())
        return _rebuilt(self._output, outputs)

    def given(self) -> tuple[Rule, Leaves]:
        """The rule and the arrays for a backend, constants after the leaves of `x`; from now on no array is held."""
        functions = self._functions
        leaves, self._leaves = self._leaves, ()
        is_opaque = functions.shapes is not None
        rule = Rule(
            name=functions.name,
            call=self._call,
            jvp=self._pushed_by_transposition if functions.jvp is None else self._pushed,
            vjp=self._pulled_by_transposition if functions.vjp is None else self._pulled,
            constants=len(leaves) - self._count,
            host=self._host if is_opaque else None,
            shapes=self._shapes if is_opaque else None,
        )
        return rule, leaves

    # -- the functions of the rule, between leaves --------------------------------------------------

    def _call(self, *leaves: Array) -> Leaves:
        if self._functions.shapes is not None:
            return self._call_on_values(leaves)
        y = self._of_user(self._functions.f, leaves)
        tree = Tree.read(self._backend, y, f"the result of {self._functions.name}", leaves[0] if leaves else None)
        self._output = tree.treedef
        return tree.leaves

    def _call_on_values(self, leaves: Leaves) -> Leaves:
        import numpy as np

        shapes = self._shapes(*leaves)
        expected = Tree(self._backend, "shapes(x)", shapes, self._output)
        copies = tuple([np.array(self._backend.to_numpy(leaf)) for leaf in leaves])  # because f may write to them
        y = self._of_user(self._functions.f, copies)
        return expected.read_partner(y, f"the result of {self._functions.name}")

    def _pushed(self, x: Leaves, y: Leaves, u: Leaves) -> Leaves:
        v = self._of_user(self._functions.jvp, x, _rebuilt(self._output, y), _rebuilt(self._treedef, u))
        output = Tree(self._backend, "f(x)", y, self._output)
        return output.read_partner(v, f"the result of the JVP rule of {self._functions.name}")

    def _pulled(self, x: Leaves, y: Leaves, v: Leaves) -> Leaves:
        u = self._of_user(self._functions.vjp, x, _rebuilt(self._output, y), _rebuilt(self._output, v))
        point = Tree(self._backend, "x", x[: self._count], self._treedef)
        return point.read_partner(u, f"the result of the VJP rule of {self._functions.name}")

    def _pushed_by_transposition(self, x: Leaves, y: Leaves, u: Leaves) -> Leaves:
        return derived.transposed(self._backend, lambda v: self._pulled(x, y, v), y)(u)

    def _pulled_by_transposition(self, x: Leaves, y: Leaves, v: Leaves) -> Leaves:
        point = x[: self._count]
        return derived.transposed(self._backend, lambda u: self._pushed(x, y, u), point)(v)

    def _shapes(self, *leaves: Array) -> Leaves:
        shapes = self._of_user(self._functions.shapes, leaves)
        if not all(
            hasattr(leaf, "dtype") or type(leaf) in (float, complex) for leaf in self._backend.flatten(shapes)[0]
        ):
            msg = (
                f"shapes(x, *args) of {self._functions.name} returned {shapes!r}; return arrays of the structure, "
                "shapes and dtypes of the result, such as xp.zeros_like(x)"
            )
            raise ArgumentError(msg)
        tree = Tree.read(self._backend, shapes, "shapes(x)")
        self._output = tree.treedef
        return tree.leaves

    def _host(self, *leaves: Any) -> Leaves:
        import numpy as np

        y = self._of_user(self._functions.f, leaves)
        arrays, treedef = flatten(y)
        if treedef != self._output:
            mine = self._output.unflatten(range(len(self._output.accessors())))
            arrays, _ = flatten(arrange_like(y, f"the result of {self._functions.name}", mine, "shapes(x)"))
        return tuple([native(np.asarray(array)) for array in arrays])

    # -- structures ---------------------------------------------------------------------------------

    def _of_user(self, function: Any, leaves: Leaves, *vectors: Any) -> Any:
        """The result of a user's function at ``(x, *vectors, *args)``."""
        x = _rebuilt(self._treedef, leaves[: self._count])
        if not self._args:
            return run_for(self._backend, function, x, *vectors)
        constants = iter(leaves[self._count :])
        args = [
            treedef.unflatten([next(constants) if leaf is _ARRAY else leaf for leaf in kept])
            for kept, treedef in self._args
        ]
        return run_for(self._backend, function, x, *vectors, *args)


def _rebuilt(treedef: TreeDef, leaves: Leaves) -> Any:
    return leaves[0] if treedef is SINGLE else treedef.unflatten(leaves)


def _is_own(backend: ADBackend, leaf: Any) -> bool:
    """Whether an argument is an array of the framework, which may be a tracer."""
    return backend.is_array(leaf) and not is_numpy(leaf)


_ARRAY = object()
"""Marks the place of an argument whose array travels beside `x`."""
