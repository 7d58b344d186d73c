"""A trace with a tangent beside each value, pushed while the function runs.

autograd's own ``make_jvp`` does the same for one argument, and one tangent after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd.core import JVPNode
from autograd.tracer import Node, notrace_primitives, trace_stack
from numpy import ndarray

from adhelpers.extend import Array, LeafFunction, Leaves
from adhelpers_plugins.autograd.derivatives import alike, checked, copied, push_singly, refuse_if_autograds
from adhelpers_plugins.autograd.operands import kept
from adhelpers_plugins.autograd.rules import FORWARD, NUMPYS, WATCHED, makes_arrays
from adhelpers_plugins.autograd.tracing import TRACING, trace


class DualNode(Node):  # type: ignore[misc]  # autograd is not typed
    """The tangent of a value: a rule of NumPy's functions pushes it at once, as in autograd.

    Any other rule may be costly, fail or warn, so it waits until an output depends on it.

    Attributes
    ----------
    tangent
        Not set while it waits.
    application, lent, parents
        What it waits with; `lent` are the caller's arrays in it.
    makes
        What `makes_arrays` tells.
    """

    __slots__ = ("application", "lent", "makes", "parents", "tangent")

    tangent: Any

    def __init__(  # as autograd calls it for each application of a primitive
        self,
        value: Any,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        parents: Sequence[DualNode],
    ) -> None:
        self.makes = makes_arrays(function, value, args, kwargs)
        if self.makes:
            try:
                self.tangent = _push(function, argnums, value, args, kwargs, [parent.tangent for parent in parents])
            except Exception:  # noqa: BLE001  # a parent waits; or the rule fails, and will again if it matters
                pass
            else:
                return
        else:
            FORWARD.refuse_out(function, argnums, value, args, kwargs)
        args, kwargs, self.lent = kept(args, kwargs, argnums)
        self.application = (function, argnums, value, args, kwargs)
        self.parents = parents

    def initialize_root(self, tangent: Array) -> None:
        """Make this node an argument."""
        self.makes = False
        self.tangent = tangent

    def complete(self) -> None:
        """Push the parents of this tangent, and then the tangent."""
        stack = [self]
        while stack:  # no recursion, because traces are deep
            node = stack[-1]
            if hasattr(node, "tangent"):
                stack.pop()
            elif waiting := [parent for parent in node.parents if not hasattr(parent, "tangent")]:
                stack += waiting
            else:
                FORWARD.refuse_changed(*node.application[:2], node.lent)
                try:
                    tangent = _push(*node.application, [parent.tangent for parent in node.parents])
                except Exception as error:
                    refuse_if_autograds(error, FORWARD, *node.application[:2])
                    raise
                node.tangent = tangent if node.makes else copied(tangent)


def _push(
    function: Callable[..., Any],
    argnums: Sequence[int],
    value: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any],
    tangents: Sequence[Any],
) -> Any:
    """The tangent of `value`."""
    rule = FORWARD.rule(function, argnums, value, args, kwargs)
    if len(argnums) > 1 and function in NUMPYS:
        tangent = push_singly(rule, argnums, value, args, kwargs, tangents)
    else:
        tangent = rule(argnums, tangents, value, args, kwargs)
    if type(tangent) is ndarray and type(value) is ndarray and alike(tangent, value):
        return tangent
    return checked(tangent, value, function, argnums, FORWARD)


# Functions without a derivative, such as floor, are not traced, as they are not in autograd's forward mode.
notrace_primitives[DualNode] = notrace_primitives[JVPNode] - WATCHED


def push_through(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Sequence[DualNode | None], Leaves]:
    """`trace` with tangents: each returned node has one."""
    outputs, nodes, aux = trace(f, x, [DualNode.new_root(tangent) for tangent in u])
    for node in nodes:
        if node is not None and not hasattr(node, "tangent"):
            with TRACING:
                top = trace_stack.top
                try:
                    node.complete()
                finally:
                    trace_stack.top = top
    return outputs, nodes, aux
