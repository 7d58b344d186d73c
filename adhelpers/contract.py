"""`ADBackend`: the contract that a plugin fulfils.

Core flattens every structure, lifts and checks every leaf; a backend sees only flat tuples of arrays.
"""

from __future__ import annotations

import contextlib
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from adhelpers import structure
from adhelpers.errors import UnsupportedOperationError

Array = Any
"""An array, or a tracer, of whatever framework the backend serves."""

Leaves = tuple[Array, ...]
LeafFunction = Callable[..., tuple[Leaves, Leaves]]
"""``f(*leaves) -> (outputs, aux)``: the user's function between flat tuples of arrays."""
Pullback = Callable[[Leaves], Leaves]


class Capability(enum.Enum):
    """What a backend promises, natively or through what core derives."""

    FORWARD = "forward"
    REVERSE = "reverse"
    COMPLEX = "complex"
    NESTING = "nesting"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    COMPILE = "compile"
    THREADS = "threads"


@dataclass(frozen=True, kw_only=True)
class ADBackend(ABC):
    """One way to differentiate; a concrete backend is a frozen dataclass that holds its options.

    A subclass sets `name` and `capabilities`, recognises and converts arrays (`is_array`, `asarray`), and
    implements `jvp` or `vjp` or both: core derives whatever is left out. Everything else has a default.

    Parameters
    ----------
    fallback
        Whether core may derive what the framework has no rule for: the product with the Jacobian from
        two pullbacks, the product with its transpose from a sweep of pushforwards. With ``False`` a
        missing rule raises `UnsupportedOperationError` at once.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    known_failures: ClassVar[Mapping[str, str]] = {}
    conversion: ClassVar[str | None] = None
    """The call that makes an array of this framework from a foreign one; error messages quote it."""

    fallback: bool = True

    def __post_init__(self) -> None:
        """Refuse an option that is on or off, but is given something else: ``"no"`` would count as yes."""
        for option in fields(self):
            value = getattr(self, option.name)
            if option.type in (bool, "bool") and not isinstance(value, bool):
                msg = f"{option.name} is {value!r}; write True or False"
                raise TypeError(msg)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.jvp is ADBackend.jvp and cls.vjp is ADBackend.vjp:
            msg = f"{cls.__name__} implements neither jvp nor vjp; a backend needs at least one of the two"
            raise TypeError(msg)

    # -- recognise and convert ---------------------------------------------------------------------

    @abstractmethod
    def is_array(self, leaf: object) -> bool:
        """Whether `leaf` is an array of this framework, or one of its tracers."""

    @abstractmethod
    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Lift a Python float or complex (dtype and device of `like`), or a NumPy array (its dtype kept).

        The result must not share memory with `leaf`. Core never asks for anything else.
        """

    def flatten(self, tree: Any) -> tuple[Leaves, structure.TreeDef]:
        """Split `tree` into leaves and a definition; override for a framework's own containers."""
        if self.is_array(tree):
            return (tree,), structure.SINGLE
        return structure.flatten(tree)

    def array_namespace(self, *arrays: Array) -> Any:
        """The array-API namespace of `arrays`, which may be tracers."""
        import array_api_compat

        return array_api_compat.array_namespace(*arrays)

    def to_numpy(self, leaf: Array) -> Any:
        """`leaf` as a NumPy array on the host."""
        import numpy as np

        return np.asarray(leaf)

    def device(self, leaf: Array) -> object:
        """Where `leaf` lies, or None where that cannot be said, as for a tracer."""
        return getattr(leaf, "device", None)

    def is_traced(self, leaf: Array) -> bool:
        """Whether `leaf` has no value to look at now, because a transformation traces it."""
        import array_api_compat

        return bool(array_api_compat.is_lazy_array(leaf))

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` as a constant to every enclosing derivative."""
        return leaf

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """A context entered around each operation, user's function and conversions included."""
        return contextlib.nullcontext()

    def double_precision(self) -> Self:
        """This backend with whatever option it needs to accept 64-bit data."""
        return self

    # -- differentiate: one of the two is enough -----------------------------------------------------

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push the tangents `u` forward through `f` at `x`: ``(outputs, tangents, aux)``.

        The backend owes fresh memory, the exact dtype of each output, and zeros, never None, for an
        output that does not depend on `x`. `aux` must come back free of tracers.
        """
        msg = f"backend {self.name!r} has no forward mode"
        raise UnsupportedOperationError(msg)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """Evaluate `f` at `x` once: ``(outputs, pullback, aux)``.

        ``pullback(cotangents)`` returns one array for each leaf of `x`: the transpose of `jvp` under
        ``Re(sum(a * b))``, without conjugation. It may be called any number of times and is itself
        differentiable in its cotangents. What `jvp` owes holds here too.
        """
        msg = f"backend {self.name!r} has no reverse mode"
        raise UnsupportedOperationError(msg)

    # -- optional: many vectors at one point, stacked on a leading axis ------------------------------

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push many tangents forward at one point: ``(outputs, stacked tangents, aux)``.

        Each array of `tangents`, and of the stacked result, has one axis more than its partner, in front.
        """
        columns = []
        for k in range(tangents[0].shape[0]):
            outputs, column, aux = self.jvp(f, x, tuple(t[k, ...] for t in tangents))
            columns.append(column)
        return outputs, self.stack(columns), aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        """Pull many cotangents back, stacked as in `jvp_sweep`."""
        return self.stack([pullback(tuple(c[k, ...] for c in cotangents)) for k in range(cotangents[0].shape[0])])

    def stack(self, rows: Sequence[Leaves]) -> Leaves:
        """Many tuples of leaves as one tuple of stacks, the new axis in front."""
        return tuple(self.array_namespace(*leaves).stack(leaves) for leaves in zip(*rows, strict=True))

    # -- optional: what a sweep should know ----------------------------------------------------------

    @property
    def has_reverse(self) -> bool:
        """Whether the backend has a reverse mode of its own."""
        return type(self).vjp is not ADBackend.vjp

    def relative_error(self, epsilon: float) -> float:
        """The rounding error of a derivative relative to ``|f| / |x|``, `epsilon` being the dtype's."""
        return epsilon

    # -- optional: missing rules ---------------------------------------------------------------------

    def is_missing_rule(self, error: Exception) -> bool:
        """Whether `error` is the framework's own word that it has no derivative rule."""
        return isinstance(error, UnsupportedOperationError)
