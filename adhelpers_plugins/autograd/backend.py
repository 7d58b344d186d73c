"""HIPS autograd, through a tape of its primitives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat.numpy
import numpy as np
from autograd.builtins import DictBox, SequenceBox
from autograd.numpy.numpy_boxes import ArrayBox
from autograd.tracer import box_type_mappings, getval, isbox

from adhelpers import ADBackend, Capability
from adhelpers.contract import Array, LeafFunction, Leaves, Pullback
from adhelpers.structure import SINGLE, TreeDef
from adhelpers_plugins.autograd import namespace
from adhelpers_plugins.autograd.tape import Tape


@dataclass(frozen=True, kw_only=True)
class AutogradBackend(ADBackend):
    """Derivatives by HIPS autograd, on NumPy arrays.

    `f` must be written with ``autograd.numpy``, or with ``adhelpers.array_namespace(x)``. It must not wait
    for another thread that calls an operation: tracing holds a process-wide lock.

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
        """NumPy arrays and scalars in the machine's byte order, and boxes; no subclass, for which there is no box."""
        kind = type(leaf)
        if kind is np.ndarray or isinstance(leaf, np.generic):
            return bool(leaf.dtype.isnative)
        return kind is ArrayBox

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """A NumPy array."""
        if isinstance(leaf, (np.ndarray, np.generic)):
            return np.array(leaf, dtype=leaf.dtype.newbyteorder("="))
        return np.array(leaf, dtype=None if like is None else like.dtype)

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """A box of a container, such as the result of ``eigh``, becomes a container of boxes."""
        if self.is_array(tree):
            return (tree,), SINGLE
        leaves, treedef = super().flatten(tree)
        if any(isinstance(leaf, _CONTAINERS) for leaf in leaves):
            return self.flatten(treedef.unflatten(map(_opened, leaves)))
        return leaves, treedef

    def array_namespace(self, *arrays: Array) -> Any:
        """array_api_compat's NumPy, or for boxes its counterpart over ``autograd.numpy``."""
        return namespace if any(map(isbox, arrays)) else array_api_compat.numpy

    def special_namespace(self, *arrays: Array) -> Any:
        """SciPy's functions, or for boxes their counterparts in ``autograd.scipy``."""
        if not any(map(isbox, arrays)):
            return super().special_namespace(*arrays)
        from adhelpers_plugins.autograd import special  # which needs SciPy

        return special

    def to_numpy(self, leaf: Array) -> Any:
        """The array itself, or the innermost value of a box."""
        return np.asarray(getval(leaf))

    def device(self, leaf: Array) -> object:
        """NumPy has one device."""
        return None

    def is_traced(self, leaf: Array) -> bool:
        """False: a box always knows its value."""
        return False

    def stop_gradient(self, leaf: Array) -> Array:
        """The value inside every box."""
        return getval(leaf)

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Replay the JVP rules once."""
        tape = Tape(f, x)
        outputs = _results(tape.outputs)
        return outputs, _like(outputs, tape.push(u)), _results(tape.aux)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Replay the JVP rules for each tangent on one tape."""
        tape = Tape(f, x)
        outputs = _results(tape.outputs)
        columns = [_like(outputs, tape.push(tuple(t[k] for t in tangents))) for k in range(tangents[0].shape[0])]
        return outputs, self.stack(columns), _results(tape.aux)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """Replay the VJP rules for each cotangent on one tape."""
        tape = Tape(f, x)
        tape.prepare_pull()
        return (
            _results(tape.outputs),
            lambda cotangents: _like(x, tape.pull(cotangents)),
            _results(tape.aux),
        )


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


def _results(leaves: Leaves) -> Leaves:
    return tuple(map(_fresh, leaves))


def _fresh(leaf: Any) -> Array:
    """An array in memory of its own; boxes belong to an enclosing trace and cannot be written to."""
    return leaf if isbox(leaf) else np.array(leaf)


def _like(partners: Leaves, derivatives: tuple[Any, ...]) -> Leaves:
    """Derivatives as fresh arrays in the dtypes of their partners, zeros where there is no dependence."""
    return tuple(_cast(d, p) for p, d in zip(partners, derivatives, strict=True))


def _cast(derivative: Any, partner: Array) -> Array:
    if derivative is None:
        return np.zeros(partner.shape, dtype=partner.dtype)
    derivative = _fresh(derivative)
    if derivative.dtype == partner.dtype:
        return derivative
    # autograd's rules for mean, var and max take float32 to float64.
    xp = namespace if isbox(derivative) else array_api_compat.numpy
    return xp.astype(derivative, partner.dtype)
