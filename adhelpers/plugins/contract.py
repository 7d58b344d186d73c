"""`ADBackend`: the contract that a plugin fulfils.

Core flattens every structure, lifts and checks every leaf; a backend sees only flat tuples of arrays.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Self

from adhelpers.errors import ArgumentTypeError, UnsupportedOperationError
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.containers import SINGLE, TreeDef, flatten
from adhelpers.plugins.formulations import Formulation, SecondOrder, fewest_vectors_first
from adhelpers.plugins.functions import Array, JVPSweep, LeafFunction, Leaves, Pullback, Pushforward, VJPSweep
from adhelpers.plugins.objects import is_numpy
from adhelpers.plugins.origin import raised_by_library
from adhelpers.plugins.rule import Rule

_NO_CONTEXT = contextlib.nullcontext()

AT_ONCE = "all at once"
ONE_BY_ONE = "one by one"
"""How many vectors are pushed: names of ways to sweep."""


@dataclass(frozen=True, kw_only=True)
class ADBackend(ABC):
    """One way to differentiate; a concrete backend is a frozen dataclass that holds its options.

    A subclass is decorated with ``@dataclass(frozen=True, kw_only=True)``, sets `name` and `capabilities`,
    recognises and converts arrays (`is_array`, `asarray`), and implements `jvp` or `vjp` or both: core derives
    whatever is left out. Everything else has a default, which its docstring tells. Core flattens, lifts and checks;
    a backend sees flat tuples of arrays, each of which may be a tracer of an enclosing derivative.

    Parameters
    ----------
    fallback
        Whether core may derive what the framework has no rule for: the product with the Jacobian from
        two pullbacks, the product with its transpose from a sweep of pushforwards. With ``False`` a
        missing rule raises `UnsupportedOperationError` at once.

    Attributes
    ----------
    name
        As in the `BackendDescription`.
    capabilities
        What the backend promises.
    known_failures
        Scenarios of the suite that it cannot pass, each with its kind of failure and a reason: ``"wrong value: ..."``.
    conversion
        The call that makes an array of this framework from a foreign one, such as ``"torch.from_dlpack"``;
        messages quote it.
    compiled_takes_numpy
        Whether what `compile` returns may be called with NumPy's arrays in place of the framework's, of a dtype that
        `asarray` keeps.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    known_failures: ClassVar[Mapping[str, str]] = {}
    conversion: ClassVar[str | None] = None
    compiled_takes_numpy: ClassVar[bool] = False

    fallback: bool = True

    def __post_init__(self) -> None:
        """Refuse an option that is on or off, but is given something else: ``"no"`` would count as yes."""
        for option in fields(self):
            value = getattr(self, option.name)
            if option.type in (bool, "bool") and not isinstance(value, bool):
                msg = f"{option.name} is {value!r}; write True or False"
                raise ArgumentTypeError(msg)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.jvp is ADBackend.jvp and cls.vjp is ADBackend.vjp:
            msg = f"{cls.__name__} implements neither jvp nor vjp; a backend needs at least one of the two"
            raise ArgumentTypeError(msg)

    # -- recognise and convert ---------------------------------------------------------------------

    @abstractmethod
    def is_array(self, leaf: object) -> bool:
        """Whether `leaf` is an array of this framework, or one of its tracers.

        What it declines core hands to `asarray`, if it is a NumPy array or a number, or refuses. Where NumPy's
        arrays are the framework's own, scalars are arrays too, but neither subclasses (masked arrays) nor
        foreign byte orders: ``isinstance(leaf, np.generic) or type(leaf) is np.ndarray and leaf.dtype.isnative``.
        """

    @abstractmethod
    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Lift a Python float or complex, or a NumPy array.

        A number takes dtype and device of `like`, an array of this backend or a tracer, and without one the
        framework's default. A NumPy array keeps its dtype, in the machine's byte order, whatever its strides, and
        takes the device of `like`. The result must not share memory with `leaf`. Raise `DTypeError` for a dtype
        that would be narrowed, saying how to turn it on. Core never asks for anything else.
        """

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """Split `tree` into leaves and a definition.

        By default optree's containers are known: those of Python, and what is registered with it in the namespace
        ``"adhelpers"``. Override for a framework's own.
        """
        if self.is_array(tree):
            return (tree,), SINGLE
        return flatten(tree)

    def in_own_containers(self, tree: Any, error: Exception) -> Any:
        """`tree`, which `f` was given and raised `error`, in containers of the framework's own, to call `f` once more.

        None, as by default, if it failed for another reason: the error is `f`'s then. Override it for a framework whose
        functions find tracers only in its own containers.
        """
        return None

    def array_namespace(self, *arrays: Array) -> Any:
        """The array-API namespace of `arrays`, which may be tracers.

        By default array_api_compat's, which knows the usual frameworks and arrays with ``__array_namespace__``, and
        refuses tracers of one type beside arrays of another. Core itself needs of a namespace: abs, any, astype,
        concat, eye, finfo, isdtype, isfinite, max, ones, ones_like, permute_dims, real, reshape, stack, sum, where,
        zeros, zeros_like.
        """
        import array_api_compat

        try:
            return array_api_compat.array_namespace(*arrays)
        except TypeError as error:
            kinds = ", ".join(sorted({type(array).__name__ for array in arrays}))
            msg = f"backend {self.name!r} must override array_namespace, to know the namespace of {kinds} ({error})"
            raise ArgumentTypeError(msg) from error

    def special_namespace(self, *arrays: Array) -> Any:
        """The special functions of `arrays` by the names of `adhelpers.special_namespace`; by default SciPy's."""
        from adhelpers.plugins import numpy_special

        return numpy_special

    def to_numpy(self, leaf: Array) -> Any:
        """The values of `leaf`, which is not traced, as a NumPy array on the host; by default ``numpy.asarray``."""
        import numpy as np

        return np.asarray(leaf)

    def device(self, leaf: Array) -> object:
        """Where `leaf` lies, or None where that cannot be said; by default its attribute ``device``."""
        return getattr(leaf, "device", None)

    def is_traced(self, leaf: Array) -> bool:
        """Whether `leaf` has no value to look at now, because it stands for values to come.

        Tracers that carry a value, such as dual numbers, are not traced in this sense. Nothing may be computed to
        tell: some frameworks take what is looked at for a constant from then on. By default True for arrays of JAX,
        Dask and ndonnx and for those of unknown shape, and False for all others: override it for a framework whose
        tracers have no values.
        """
        import array_api_compat as known

        if known.is_jax_array(leaf) or known.is_dask_array(leaf) or known.is_ndonnx_array(leaf):
            return True
        return any(length is None for length in getattr(leaf, "shape", ()))

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` as a constant to every enclosing derivative; it may share memory with `leaf`.

        The default returns `leaf` itself, which is right only where no tracer ever reaches `f`.
        """
        return leaf

    def copy(self, leaf: Array) -> Array:
        """`leaf` in memory of its own, which `f` may write to, or a caller.

        To an enclosing derivative it is `leaf`. By default what ``numpy.array`` makes of NumPy's, scalars included, and
        ``astype`` of the namespace of others. Return `leaf` itself where nobody can write to arrays.
        """
        if is_numpy(leaf):
            import numpy as np

            return np.array(leaf)
        return self.array_namespace(leaf).astype(leaf, leaf.dtype)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """A context entered around each operation, user's function and conversions included; by default none."""
        return _NO_CONTEXT

    def double_precision(self) -> Self:
        """This backend with whatever option it needs to accept 64-bit data; by default none is needed."""
        return self

    # -- differentiate: one of the two is enough -----------------------------------------------------

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push the tangents `u` forward through `f` at `x`: ``(outputs, tangents, aux)``.

        `f` is called once, with copies of `x` that it may change in place. The backend owes arrays (0-d ones
        included) in memory that they share neither with `x` and `u` nor with one another, the exact shape and dtype
        of each output, and zeros, never None, for an output that does not depend on `x`. Outputs and aux must
        come back free of this call's tracers; those of enclosing derivatives stay. By default core takes two
        pullbacks.
        """
        msg = f"backend {self.name!r} has no forward mode"
        raise UnsupportedOperationError(msg)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """Evaluate `f` at `x` once: ``(outputs, pullback, aux)``.

        ``pullback(cotangents)`` returns one array for each leaf of `x`: the transpose of `jvp` under
        ``Re(sum(a * b))``, without conjugation. It may be called any number of times and is itself
        differentiable in its cotangents. What `jvp` owes holds here too. By default core pushes each element of `x`
        forward, in chunks through `jvp_sweep`.
        """
        msg = f"backend {self.name!r} has no reverse mode"
        raise UnsupportedOperationError(msg)

    # -- optional: many products at one point --------------------------------------------------------

    def linearize(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pushforward | None, Pullback | None, Leaves]:
        """Evaluate `f` at `x` once, for many products: ``(outputs, pushforward, pullback, aux)``.

        Both maps may be called any number of times, are differentiable in their vectors, and owe what `jvp` and `vjp`
        owe; if the framework can do without, they do not run `f` again. One of them may be None: core takes it for the
        transpose of the other, by `vjp`, or pushes each element of `x` if there is none. Core asks `vjp_sweeps` for
        the ways to push many vectors through either. A backend that compiles returns maps which `flatten` takes apart,
        as `jax.tree_util.Partial` is, so that compiled code can return them. By default the pullback of `vjp`, and
        `jvp` for each push, and nothing is compiled.
        """
        if self.has_reverse:
            outputs, pullback, aux = self.vjp(f, x)
            return outputs, lambda tangents: self.jvp(f, x, tangents)[1], pullback, aux
        zeros = tuple([self.array_namespace(leaf).zeros_like(leaf) for leaf in x])
        outputs, _, aux = self.jvp(f, x, zeros)
        return outputs, lambda tangents: self.jvp(f, x, tangents)[1], None, aux

    # -- optional: functions that bring their own derivative -------------------------------------------

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """``rule.call(*x)``, whose derivative is the rule's, of whatever order.

        It holds in the operations here and in the framework's own transformations. What is asked of `jvp` and `vjp`
        is asked of it: arrays of exact shapes and dtypes, and derivatives that are zeros, never None. Raise
        `ArgumentError` if a constant of the rule varies, or an array that its functions close over does: the derivative
        by that would be lost. By default `rule.call`, which the framework differentiates as it is, and an error if it
        cannot be traced; core logs that once.
        """
        if rule.host is not None:
            msg = f"backend {self.name!r} knows no rules, and cannot differentiate {rule.name}, which computes by NumPy"
            raise UnsupportedOperationError(msg)
        return rule.call(*x)

    # -- optional: many vectors at one point, stacked on a leading axis ------------------------------

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push many tangents forward at one point: ``(outputs, stacked tangents, aux)``.

        Each array of `tangents`, and of the stacked result, has one axis more than its partner, in front. By
        default a loop over `jvp`, which calls `f` for each vector; override it where the framework can do better.
        """
        columns = []
        for k in range(tangents[0].shape[0]):
            outputs, column, aux = self.jvp(f, x, tuple(t[k, ...] for t in tangents))
            columns.append(column)
        return outputs, self.stack(columns), aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        """Pull many cotangents back, stacked as in `jvp_sweep`; by default in a loop."""
        return self.stack([pullback(tuple(c[k, ...] for c in cotangents)) for k in range(cotangents[0].shape[0])])

    def jvp_sweeps(self, f: LeafFunction, x: Leaves) -> Mapping[str, JVPSweep]:
        """The ways to push many tangents at `x`, by name, the fastest first.

        Each is a function of the tangents and returns what `jvp_sweep` does. Core proves a way by a single product when
        it first takes it for a function, and goes on to the next where it raises or is wrong. The last one must have
        single products, for it is not doubted. By default `jvp_sweep` and, if it is overridden, then a loop.
        """
        loop = {ONE_BY_ONE: partial(ADBackend.jvp_sweep, self, f, x)}
        if type(self).jvp_sweep is ADBackend.jvp_sweep:
            return loop
        return {AT_ONCE: partial(self.jvp_sweep, f, x), **loop}

    def vjp_sweeps(self, pullback: Pullback) -> Mapping[str, VJPSweep]:
        """The ways to pull many cotangents back, as in `jvp_sweeps`."""
        loop = {ONE_BY_ONE: partial(ADBackend.vjp_sweep, self, pullback)}
        if type(self).vjp_sweep is ADBackend.vjp_sweep:
            return loop
        return {AT_ONCE: partial(self.vjp_sweep, pullback), **loop}

    def stack(self, rows: Sequence[Leaves]) -> Leaves:
        """Many tuples of leaves as one tuple of stacks, the new axis in front; by default the namespace's stack."""
        return tuple(self.array_namespace(*leaves).stack(leaves) for leaves in zip(*rows, strict=True))

    def formulations(self, n: int, m: int, batch: int) -> Sequence[Formulation]:
        """The ways to compute a batched Jacobian of n inputs and m outputs, the fastest first.

        The sizes are those of one batch element. Core takes the first that it may, and both sweeps must be among
        them. Copies, for which `f` is called on a larger batch, are for functions that were seen to allow it; samples
        for what `compile` compiles, where sweeps and samples are all tried, and the fastest is taken. By default the
        sweep with fewer vectors first.
        """
        return fewest_vectors_first(n, m, batch)

    def sample_jacobian(self, f: LeafFunction, x: Array, axis: int, mode: str) -> tuple[Array, Array]:
        """``f(x)`` and the Jacobian of each sample, in ``"forward"`` or ``"reverse"`` mode.

        With `axis` -1, x has shape ``(N1, ..., B)`` and the results ``(M1, ..., B)`` and ``(M1, ..., N1, ..., B)``;
        with `axis` 0 the batch comes first in all three. `f` takes a batch, of a single sample for one. Only asked
        for if `formulations` has samples, of real functions without aux, and with what `compile` traces.
        """
        msg = f"backend {self.name!r} has no way to differentiate sample by sample"
        raise UnsupportedOperationError(msg)

    def keeps(self, leaf: Array) -> bool:
        """Whether `leaf`, a result or made by the namespace, is a mere value.

        Core keeps basis vectors for later calls, in any thread, and compares results with one another, only where
        this is True; and a function that brings a rule is called as it is where this is True of all that it is given.
        Say False of what belongs to a graph, a transformation or a mode, dual numbers included. By default whether it
        is not traced.
        """
        return not self.is_traced(leaf)

    # -- optional: what a sweep should know ----------------------------------------------------------

    @property
    def has_reverse(self) -> bool:
        """Whether the backend has a reverse mode of its own."""
        return type(self).vjp is not ADBackend.vjp

    @property
    def second_order(self) -> SecondOrder:
        """The fastest way to second derivatives, such as ``"reverse-over-reverse"``.

        By default forward over reverse mode, or what there is of them.
        """
        if type(self).jvp is ADBackend.jvp:
            return "reverse-over-reverse"
        return "forward-over-reverse" if self.has_reverse else "forward-over-forward"

    def relative_error(self, epsilon: float) -> float:
        """The error of a derivative relative to ``|f| / |x|``, `epsilon` being the dtype's; by default just that.

        The conformance suite holds the backend to it, and to at least half of the digits: from `epsilon` to its root.
        """
        return epsilon

    # -- optional: compilation -----------------------------------------------------------------------

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` of arrays, compiled: what `adhelpers.prepare` calls many times.

        It takes arrays of this backend, and perhaps NumPy's, and returns arrays in any structure. The compiled one is
        called with arrays of any shape and dtype, and returns what `function` does, containers included. It is called
        outside of `scope` too, and enters it where it needs it. By default `function` itself.
        """
        return function

    @property
    def compiles(self) -> bool:
        """Whether `compile` does."""
        return type(self).compile is not ADBackend.compile

    def eager(self) -> Self:
        """This backend without the option that makes it compile every single call; by default it has none.

        Where this is another backend, each operation is prepared, and remembered with its function.
        """
        return self

    # -- optional: whose error it is ------------------------------------------------------------------

    def is_missing_rule(self, error: Exception) -> bool:
        """Whether `error` is the framework's own word that it has no derivative rule; by default never.

        Only the framework's own errors count, not those of the user's function, whatever their type or text:
        `adhelpers.extend.raised_by_library` tells them apart. An `UnsupportedOperationError` needs no mention here.
        """
        return False

    def is_own_error(self, error: Exception) -> bool:
        """Whether the framework raised `error`, in whatever words, and not the user's function.

        Raised in a sweep, it leads to the next of `jvp_sweeps` or `vjp_sweeps`. By default whether the package of this
        class raised it, or compiled code; a plugin whose framework is another package asks
        `adhelpers.extend.raised_by_library` about that.
        """
        return raised_by_library(error, type(self).__module__.partition(".")[0])
