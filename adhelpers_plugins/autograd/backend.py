"""HIPS autograd, through a tape of its primitives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import array_api_compat.numpy
import numpy as np
from autograd.builtins import DictBox, SequenceBox
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import box_type_mappings, getval, isbox

from adhelpers.extend import (
    SINGLE,
    ADBackend,
    Array,
    Capability,
    Formulation,
    JVPSweep,
    LeafFunction,
    Leaves,
    Pullback,
    Rule,
    TreeDef,
    VJPSweep,
    fewest_vectors_first,
)
from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.containers import in_own_containers
from adhelpers_plugins.autograd.custom_rules import apply_rule, follows_rule
from adhelpers_plugins.autograd.derivatives import box_of_array, copy, in_dtype_of, to_complex
from adhelpers_plugins.autograd.dual import push_through
from adhelpers_plugins.autograd.tape import PullNode, PushNode, Tape


@dataclass(frozen=True, kw_only=True)
class AutogradBackend(ADBackend):
    """Derivatives by HIPS autograd, on NumPy arrays.

    `f` must be written with ``autograd.numpy``, or with ``adhelpers.array_namespace(x)``. It must not wait
    for another thread that calls an operation: tracing holds a process-wide lock.

    `f` may write again to its own arrays, and they may be changed after `linearize`: rules get copies of those of up to
    10,000 elements. Of a larger one 64 elements are compared before a rule uses it later, which then raises
    `ArgumentError`; a change of a few others, or of an array in an object or a dict, is not noticed.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([1.0, 2.0])
    >>> adhelpers.jacobian_vector_product(lambda x: x**2, "autograd", x, x)
    array([2., 8.])
    """

    name: ClassVar[str] = "autograd"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        set(Capability) - {Capability.COMPILE, Capability.BFLOAT16}
    )

    conversion: ClassVar[str | None] = "numpy.asarray"

    def is_array(self, leaf: Any) -> bool:
        """True for NumPy arrays and scalars in the machine's byte order, and boxes; subclasses have no box."""
        kind = type(leaf)
        if kind is np.ndarray or isinstance(leaf, np.generic):
            return bool(leaf.dtype.isnative)
        return kind is ArrayBox

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Make a NumPy array."""
        if isinstance(leaf, (np.ndarray, np.generic)):
            return np.array(leaf, dtype=leaf.dtype.newbyteorder("="))
        return np.array(leaf, dtype=None if like is None else like.dtype)

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """As usual; a box of a container, such as the result of ``eigh``, becomes a container of boxes of arrays."""
        if self.is_array(tree):
            return (box_of_array(tree),), SINGLE
        leaves, treedef = super().flatten(tree)
        if any(isinstance(leaf, _CONTAINERS) for leaf in leaves):
            return self.flatten(treedef.unflatten(map(_opened, leaves)))
        return tuple(map(box_of_array, leaves)), treedef

    def in_own_containers(self, tree: Any, error: Exception) -> Any:
        """Convert to containers of ``autograd.builtins``, which primitives such as ``odeint`` look into."""
        return in_own_containers(tree, error)

    def array_namespace(self, *arrays: Array) -> Any:
        """array_api_compat's NumPy; for boxes, which a rule's vector may be, a namespace over autograd's NumPy."""
        return namespace if any(map(isbox, arrays)) or follows_rule() else array_api_compat.numpy

    def special_namespace(self, *arrays: Array) -> Any:
        """SciPy's functions, or for boxes their counterparts in ``autograd.scipy``."""
        if not (any(map(isbox, arrays)) or follows_rule()):
            return super().special_namespace(*arrays)
        from adhelpers_plugins.autograd import special  # which needs SciPy

        return special

    def to_complex(self, real: Array, imaginary: Array) -> Array:
        """Joined by a primitive, which every trace sees."""
        return to_complex(real, imaginary)

    def to_numpy(self, leaf: Array) -> Any:
        """The array itself, or the innermost value of a box."""
        return np.asarray(getval(leaf))

    def device(self, leaf: Array) -> object:
        """NumPy has one device."""
        return None

    def is_traced(self, leaf: Array) -> bool:
        """False: a box always knows its value."""
        return False

    def keeps(self, leaf: Array) -> bool:
        """False for a box."""
        return not isbox(leaf)

    def stop_gradient(self, leaf: Array) -> Array:
        """The value inside every box."""
        return leaf if type(leaf) is np.ndarray else getval(leaf)

    def copy(self, leaf: Array) -> Array:
        """A copy of an array; a box itself, because nobody can write to it."""
        return copy(leaf)

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push the tangents while `f` runs."""
        values, nodes, aux = push_through(f, x, u)
        taken = set(map(id, u))
        outputs, pushed = [], []
        for y, node in zip(values, nodes, strict=True):
            if node is None:
                y = copy(y)
                outputs.append(y)
                pushed.append(np.zeros(y.shape, dtype=y.dtype))
            else:
                y = _own(y, taken) if node.makes else copy(y)
                outputs.append(y)
                pushed.append(_like(y, node.tangent, taken))
        return tuple(outputs), tuple(pushed), _copies(aux)

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        """Copies of a small batch first: each primitive then runs once instead of once for each vector."""
        return fewest_vectors_first(n, m, batch, copied=_SMALL)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Replay the JVP rules for each tangent on one tape."""
        tape = Tape(PushNode, f, x)
        outputs = _copies(tape.outputs)
        return outputs, self._sweep(tape.push, tangents, outputs), _copies(tape.aux)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, TapePullback, Leaves]:
        """Keep the VJP rules on a tape. They may hold the outputs, so these are copied."""
        tape = Tape(PullNode, f, x)
        return _copies(tape.outputs), TapePullback(tape), _copies(tape.aux)

    def linearize(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, None, TapePullback, Leaves]:
        """The tape, whose transpose is the pushforward."""
        outputs, pullback, aux = self.vjp(f, x)
        return outputs, None, pullback, aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        """Replay the VJP rules for each cotangent on one tape."""
        if isinstance(pullback, TapePullback):
            return self._sweep(pullback.tape.pull, cotangents, pullback.tape.x)
        return super().vjp_sweep(pullback, cotangents)

    def jvp_sweeps(self, f: LeafFunction, x: Leaves) -> dict[str, JVPSweep]:
        """One sweep, which applies the rules to each tangent by itself."""
        return {"one by one": partial(self.jvp_sweep, f, x)}

    def vjp_sweeps(self, pullback: Pullback) -> dict[str, VJPSweep]:
        """The same for cotangents."""
        return {"one by one": partial(self.vjp_sweep, pullback)}

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """Apply the rule as a primitive, which every trace sees."""
        return apply_rule(rule, x)

    def _sweep(self, replay: Callable[[Leaves], Sequence[Any]], vectors: Leaves, partners: Leaves) -> Leaves:
        """The results of `replay` for each of the stacked vectors, stacked, each leaf in the dtype of its partner."""
        count = len(vectors[0])
        stacks = tuple([np.empty((count, *partner.shape), dtype=partner.dtype) for partner in partners])
        for k in range(count):
            row = replay(tuple([vector[k] for vector in vectors]))
            if any(map(isbox, row)):  # and so is every other one
                rows = [row, *(replay(tuple([vector[k] for vector in vectors])) for k in range(1, count))]
                return self.stack([tuple(map(_like, partners, row, itertools.repeat(set()))) for row in rows])
            for stack, derivative in zip(stacks, row, strict=True):
                stack[k] = 0.0 if derivative is None else derivative
        return stacks


_SMALL = 100_000
"""Up to this many elements in all copies of a batch, one product at the copies is faster than one for each vector.

Measured by ``python -m benchmarks --only batched --backends autograd``.
"""


class TapePullback:
    """Replays the VJP rules of a tape for one cotangent of each output."""

    __slots__ = ("tape",)

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def __call__(self, cotangents: Leaves) -> Leaves:
        """The cotangent of each argument."""
        taken = set(map(id, cotangents))
        pulled = zip(self.tape.x, self.tape.pull(cotangents), strict=True)
        return tuple([_like(leaf, cotangent, taken) for leaf, cotangent in pulled])


_CONTAINERS = (SequenceBox, DictBox)


def _opened(leaf: Any) -> Any:
    """A plain container of boxes in place of a box of a container."""
    if not isinstance(leaf, _CONTAINERS):
        return leaf
    value = getval(leaf)
    if isinstance(value, dict):
        return {key: _item(leaf, key, item) for key, item in value.items()}
    items = [_item(leaf, i, item) for i, item in enumerate(value)]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _item(container: Any, key: Any, value: Any) -> Any:
    """One item, traced unless it is something that no box can hold."""
    return container[key] if type(value) in box_type_mappings else value


def _copies(leaves: Leaves) -> Leaves:
    return tuple(map(copy, leaves))


def _own(leaf: Any, taken: set[int]) -> Array:
    """An array of a trace's making as it is, unless it is a view or taken, by its id, for another result."""
    if type(leaf) is np.ndarray and leaf.base is None and id(leaf) not in taken:
        taken.add(id(leaf))
        return leaf
    return copy(leaf)


def _like(partner: Array, derivative: Any, taken: set[int]) -> Array:
    """A derivative in the dtype of its partner; zeros if there is no dependence."""
    if derivative is None:
        return np.zeros(partner.shape, dtype=partner.dtype)
    return in_dtype_of(partner, _own(derivative, taken))
