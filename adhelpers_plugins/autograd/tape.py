"""A trace on a tape, which can be replayed: it keeps each primitive's rule, bound to its arguments."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from autograd.core import JVPNode
from autograd.tracer import Node, notrace_primitives, trace_stack
from numpy import ndarray

from adhelpers.extend import LeafFunction, Leaves
from adhelpers_plugins.autograd.derivatives import Sum, added, alike, checked, copied, push_singly, refuse_if_autograds
from adhelpers_plugins.autograd.operands import kept
from adhelpers_plugins.autograd.rules import FORWARD, REVERSE, WATCHED, Mode, Rule, makes_arrays
from adhelpers_plugins.autograd.tracing import TRACING, trace


class TapeNode(Node):  # type: ignore[misc]
    """An application of a primitive, or an argument of the function; rules of NumPy's functions are bound at once.

    Attributes
    ----------
    replay
        From the tangents of the parents to that of the value, or from the value's cotangent to the parents'.
        Not set while a rule waits to be bound, as those of a `DualNode` wait.
    rest
        The arguments of a waiting rule, besides `function` and `argnums`.
    shape, dtype
        Those of the value, which itself need not be kept.
    number
        A number higher than that of each parent.
    makes
        The result of `makes_arrays`.
    lent
        The caller's arrays that the rule uses.
    """

    __slots__ = ("argnums", "dtype", "function", "lent", "makes", "number", "parents", "replay", "rest", "shape")

    mode: ClassVar[Mode]
    parents: Sequence[TapeNode]
    _numbers = itertools.count()

    def __init__(  # as autograd calls it for each application of a primitive
        self,
        value: Any,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        parents: Sequence[TapeNode],
    ) -> None:
        self.initialize_root(value)
        self.number = next(self._numbers)
        self.function = function
        self.argnums = argnums
        self.parents = parents
        self.makes = makes_arrays(function, value, args, kwargs)
        if not self.makes:
            self.mode.refuse_out(function, argnums, value, args, kwargs)
        args, kwargs, self.lent = kept(args, kwargs, argnums)
        if self.makes:
            try:
                self.bind(value, args, kwargs)
            except Exception:  # noqa: BLE001  # it will fail again if it matters
                pass
            else:
                return
        self.rest = (value, args, kwargs)

    def initialize_root(self, value: Any) -> None:
        """Make this node an argument."""
        self.shape = getattr(value, "shape", None)
        self.dtype = getattr(value, "dtype", None)
        self.parents = ()
        self.makes = False

    def bind(self, value: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Set `replay`."""
        raise NotImplementedError


class PushNode(TapeNode):
    """A node of a tape for tangents."""

    __slots__ = ()
    mode = FORWARD

    def bind(self, value: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:  # noqa: D102
        rule = FORWARD.rule(self.function, self.argnums, value, args, kwargs)
        singly = len(self.argnums) > 1 and self.makes
        self.replay = functools.partial(push_singly if singly else _by_rule, rule, self.argnums, value, args, kwargs)


class PullNode(TapeNode):
    """A node of a tape for cotangents."""

    __slots__ = ()
    mode = REVERSE

    def bind(self, value: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:  # noqa: D102
        rule = REVERSE.rule(self.function, self.argnums, value, args, kwargs)
        self.replay = rule(self.argnums, value, args, kwargs)


# Functions without a derivative, such as floor, are not traced, as they are not in autograd's forward mode.
for _kind in (PushNode, PullNode):
    notrace_primitives[_kind] = notrace_primitives[JVPNode] - WATCHED


def _by_rule(
    rule: Rule, argnums: Sequence[int], value: Any, args: Sequence[Any], kwargs: dict[str, Any], tangents: Sequence[Any]
) -> Any:
    return rule(argnums, tangents, value, args, kwargs)


class Tape:
    """A trace to be replayed.

    Attributes
    ----------
    x
        The arguments of the function.
    outputs, aux
        Its results, free of the trace's boxes.
    """

    __slots__ = ("_ends", "_order", "_roots", "aux", "outputs", "x")

    def __init__(self, kind: type[TapeNode], f: LeafFunction, x: Leaves) -> None:
        self.x = x
        self._roots = [kind.new_root(leaf) for leaf in x]
        self.outputs, self._ends, self.aux = trace(f, x, self._roots)
        self._order = _in_order(self._ends)
        for node in self._order:
            if not hasattr(node, "replay"):
                self._bind(node)

    def _bind(self, node: TapeNode) -> None:
        with TRACING:
            top = trace_stack.top
            try:
                node.bind(*node.rest)
            except Exception as error:
                refuse_if_autograds(error, node.mode, node.function, node.argnums)
                raise
            finally:
                trace_stack.top = top
        del node.rest

    def _refuse_changed(self) -> None:
        for node in self._order:
            if node.lent:
                node.mode.refuse_changed(node.function, node.argnums, node.lent)

    def push(self, tangents: Leaves) -> Sequence[Any]:
        """The tangent of each output, or None if the output does not depend on `x`."""
        self._refuse_changed()
        pushed: dict[TapeNode | None, Any] = dict(zip(self._roots, tangents, strict=True))
        with TRACING:
            top = trace_stack.top
            try:
                for node in self._order:
                    tangent = node.replay([pushed[parent] for parent in node.parents])
                    if type(tangent) is not ndarray or not alike(tangent, node):
                        tangent = checked(tangent, node, node.function, node.argnums, FORWARD)
                    pushed[node] = tangent
            except Exception as error:
                refuse_if_autograds(error, node.mode, node.function, node.argnums)
                raise
            finally:
                trace_stack.top = top
        return [pushed.get(end) for end in self._ends]

    def pull(self, cotangents: Leaves) -> Sequence[Any]:
        """The cotangent of each argument, or None if no output depends on it."""
        self._refuse_changed()
        pulled: dict[TapeNode, Sum] = {}
        for end, cotangent in zip(self._ends, cotangents, strict=True):
            if end is not None:
                pulled[end] = added(pulled.get(end), cotangent)
        with TRACING:
            top = trace_stack.top
            try:
                for node in reversed(self._order):
                    # Some rules compute their results only when these are taken.
                    ingrads = tuple(node.replay(pulled.pop(node)[0]))
                    for parent, ingrad in zip(node.parents, ingrads, strict=True):
                        if type(ingrad) is not ndarray or not alike(ingrad, parent):
                            ingrad = checked(ingrad, parent, node.function, node.argnums, REVERSE)
                        if not node.makes:
                            ingrad = copied(ingrad)
                        pulled[parent] = added(pulled.get(parent), ingrad)
            except Exception as error:
                refuse_if_autograds(error, node.mode, node.function, node.argnums)
                raise
            finally:
                trace_stack.top = top
        return [pulled[root][0] if root in pulled else None for root in self._roots]


def _in_order(ends: Sequence[TapeNode | None]) -> list[TapeNode]:
    """The applications of primitives that the ends depend on, each after its parents."""
    found: dict[int, TapeNode] = {}
    stack = [end for end in ends if end is not None]
    while stack:  # no recursion, because traces are deep
        node = stack.pop()
        if node.parents and node.number not in found:
            found[node.number] = node
            stack += node.parents
    return [found[number] for number in sorted(found)]
