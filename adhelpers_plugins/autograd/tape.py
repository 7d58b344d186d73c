"""One trace of a function, on which tangents and cotangents are replayed any number of times.

autograd's own ``make_jvp`` runs the function once per tangent, and its ``make_vjp`` takes one argument. The
tape records every primitive application once, for all arguments; forward mode replays the primitives' JVP
rules in order, reverse mode their VJP rules backwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.core import JVPNode, add_outgrads
from autograd.tracer import Node, getval, isbox, new_box, notrace_primitives, trace_stack

from adhelpers.contract import LeafFunction, Leaves
from adhelpers_plugins.autograd.rules import FORWARD, REVERSE, WATCHED, Mode


class _Tracing:
    """Holds autograd's count of traces: one thread at a time, and put back however the block ends.

    The count is a global that autograd itself leaves wrong after an exception. Rules are replayed under it
    too, for some trace functions of their own (fixed points, differential equations).
    """

    __slots__ = ("_top",)
    _lock = threading.RLock()

    def __enter__(self) -> int:
        self._lock.acquire()
        self._top: int = trace_stack.top
        return self._top

    def __exit__(self, *exception: object) -> None:
        trace_stack.top = self._top
        self._lock.release()


class TapeNode(Node):  # type: ignore[misc]  # autograd is not typed
    """One application of a primitive, or an argument of the function."""

    __slots__ = ("argnums", "args", "function", "kwargs", "parents", "pull", "value")

    def __init__(
        self,
        value: Any,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        parents: Sequence[TapeNode],
    ) -> None:
        self.value = value
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.argnums = argnums
        self.parents = parents

    def initialize_root(self, value: Any) -> None:
        """Make this node an argument."""
        self.value = value
        self.parents = ()


# Functions without a derivative, such as floor, do not appear on a tape, as they do not in forward mode.
notrace_primitives[TapeNode] = notrace_primitives[JVPNode] - WATCHED


class Tape:
    """The trace of ``f(*x)``.

    Attributes
    ----------
    outputs, aux
        The results of `f`, free of this trace's boxes.
    """

    def __init__(self, f: LeafFunction, x: Leaves) -> None:
        self._roots = tuple(map(TapeNode.new_root, x))
        with _Tracing() as top:
            trace_stack.top = level = top + 1
            outputs, aux = f(*(new_box(leaf, level, root) for leaf, root in zip(x, self._roots, strict=True)))
        self.x = x
        self.outputs = tuple(_unbox(y, level) for y in outputs)
        self.aux = tuple(_unbox_within(leaf, level) for leaf in aux)
        self._ends = tuple(y._node if _belongs(y, level) else None for y in outputs)
        self._order = _in_order(self._ends)

    def push(self, tangents: Leaves) -> tuple[Any, ...]:
        """The tangent of each output, None where the output does not depend on `x`."""
        pushed: dict[TapeNode, Any] = dict(zip(self._roots, tangents, strict=True))
        with _Tracing():
            for node in self._order:
                if node not in pushed:
                    incoming = [pushed[parent] for parent in node.parents]
                    rule = FORWARD.rule(node)
                    try:
                        tangent = rule(node.argnums, incoming, node.value, node.args, node.kwargs)
                    except Exception as error:
                        FORWARD.refuse_if_autograds(error, node)
                        raise
                    pushed[node] = _checked(tangent, node.value, node, FORWARD)
        return tuple(None if end is None else pushed[end] for end in self._ends)

    def prepare_pull(self) -> None:
        """Look up every VJP rule, so that a missing one is an error now and not at the first cotangent."""
        with _Tracing():
            for node in self._order:
                if node.parents:
                    rule = REVERSE.rule(node)
                    try:
                        node.pull = rule(node.argnums, node.value, node.args, node.kwargs)
                    except Exception as error:
                        REVERSE.refuse_if_autograds(error, node)
                        raise

    def pull(self, cotangents: Leaves) -> tuple[Any, ...]:
        """The cotangent of each argument, None where no output depends on it."""
        pulled: dict[TapeNode, Any] = {}
        for end, cotangent in zip(self._ends, cotangents, strict=True):
            if end is not None:
                added = add_outgrads(pulled.get(end), cotangent)
                pulled[end] = _as_array(added) if added[1] else added
        with _Tracing():
            for node in reversed(self._order):
                if node.parents:
                    outgrad = pulled.pop(node)[0]
                    try:
                        ingrads = tuple(node.pull(outgrad))  # some rules compute them only when they are taken
                    except Exception as error:
                        REVERSE.refuse_if_autograds(error, node)
                        raise
                    for parent, ingrad in zip(node.parents, ingrads, strict=True):
                        ingrad = _checked(ingrad, parent.value, node, REVERSE)
                        added = add_outgrads(pulled.get(parent), ingrad)
                        pulled[parent] = _as_array(added) if added[1] else added
        return tuple(pulled[root][0] if root in pulled else None for root in self._roots)


def _belongs(value: Any, level: int) -> bool:
    return bool(isbox(value) and value._trace == level)


def _unbox(value: Any, level: int) -> Any:
    return value._value if _belongs(value, level) else value


def _unbox_within(leaf: Any, level: int) -> Any:
    """The same for an array, which may hold boxes as objects."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "O":
        # Written by a ufunc, each object stays one element, even if it is an array.
        return np.frompyfunc(lambda element: _unbox(element, level), 1, 1)(leaf, out=np.empty_like(leaf))
    return _unbox(leaf, level)


def _as_array(added: tuple[Any, bool]) -> tuple[Any, bool]:
    """A sum that autograd takes for one to be changed in place, which a NumPy scalar cannot be."""
    total, mutable = added
    return (anp.array(total), mutable) if isinstance(getval(total), np.generic) else added


def _checked(derivative: Any, value: Any, node: TapeNode, mode: Mode) -> Any:
    """A rule's result as a derivative of `value`: some of autograd's rules get shapes or complex numbers wrong."""
    shape, expected = getattr(derivative, "shape", None), getattr(value, "shape", None)
    if shape is None or expected is None:  # tuples and autograd's sparse gradients
        return derivative
    if shape != expected:
        raise mode.unsupported(node, f"is wrong: it has shape {shape} for a value of shape {expected}")
    if derivative.dtype.kind == "c" and not np.iscomplexobj(value):
        return anp.real(derivative)
    return derivative


def _in_order(ends: Sequence[TapeNode | None]) -> list[TapeNode]:
    """The nodes that the ends depend on, each after its parents; without recursion, for traces are deep."""
    order: list[TapeNode] = []
    done: set[TapeNode] = set()
    stack = [(end, False) for end in ends if end is not None]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            for parent in node.parents:
                if parent not in done:
                    stack.append((parent, False))  # noqa: PERF401  # a generator costs more than it saves here
    return order
