"""`ADBackend`: the contract that a plugin fulfils.

The core flattens every structure, lifts and checks every leaf; a backend sees only flat tuples of arrays.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Self

from adhelpers.errors import ArgumentTypeError, UnsupportedOperationError
from adhelpers.options import flag
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.containers import SINGLE, TreeDef, flatten
from adhelpers.plugins.formulations import ONE_BY_ONE, Formulation, SecondOrder, fewest_vectors_first
from adhelpers.plugins.functions import Array, JVPSweep, LeafFunction, Leaves, Pullback, Pushforward, VJPSweep
from adhelpers.plugins.objects import complex_of_numpy, is_numpy, is_seen_by_numpy
from adhelpers.plugins.origin import raised_by_library
from adhelpers.plugins.rule import Rule

_NO_CONTEXT = contextlib.nullcontext()


@dataclass(frozen=True, kw_only=True)
class ADBackend(ABC):
    """Differentiate with one framework; a concrete backend is a frozen dataclass whose fields are its options.

    Decorate a subclass with ``@dataclass(frozen=True, kw_only=True)``. Set `name` and `capabilities`, recognise and
    convert arrays (`is_array`, `asarray`), and implement `jvp` or `vjp` or both: the core derives the other. All other
    members have a default, which their docstrings describe. The core flattens, lifts and checks. A backend sees flat
    tuples of arrays, each of which may be a tracer of an enclosing derivative.

    Parameters
    ----------
    fallback
        Whether the core may use pullbacks or pushforwards of the other mode if the framework lacks a rule.
        With ``False`` a missing rule raises `UnsupportedOperationError` at once.

    Attributes
    ----------
    name
        The name in the `BackendDescription`.
    capabilities
        What the backend promises.
    known_failures
        Scenarios of the suite that it cannot pass, each with its kind of failure and a reason: ``"wrong value: ..."``.
    conversion
        The call that converts a foreign array, such as ``"torch.from_dlpack"``; messages quote it.
    pullback_calls_f
        Whether each pullback of `vjp` calls `f` again, because the framework wants cotangents before it calls `f`.
    compiled_takes_numpy
        Whether the function that `compile` returns also takes NumPy's arrays of every dtype that `asarray` keeps.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[Capability]]
    known_failures: ClassVar[Mapping[str, str]] = {}
    conversion: ClassVar[str | None] = None
    pullback_calls_f: ClassVar[bool] = False
    compiled_takes_numpy: ClassVar[bool] = False

    fallback: bool = True

    def __post_init__(self) -> None:
        """Refuse anything but True and False for a bool option: ``"no"`` would count as True."""
        for option in fields(self):
            if option.type in (bool, "bool"):
                flag(option.name, getattr(self, option.name))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.jvp is ADBackend.jvp and cls.vjp is ADBackend.vjp:
            msg = f"{cls.__name__} implements neither jvp nor vjp; a backend needs at least one of the two"
            raise ArgumentTypeError(msg)

    # -- recognise and convert ---------------------------------------------------------------------

    @abstractmethod
    def is_array(self, leaf: object) -> bool:
        """Whether `leaf` is an array of this framework, or one of its tracers.

        If this is False, the core hands a NumPy array or a number to `asarray`, and refuses anything else. If NumPy's
        arrays are the framework's own, accept NumPy's scalars too, but neither subclasses (masked arrays) nor
        foreign byte orders: ``isinstance(leaf, np.generic) or type(leaf) is np.ndarray and leaf.dtype.isnative``.
        """

    @abstractmethod
    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Lift a Python float or complex, or a NumPy array or scalar.

        A number takes the dtype and device of `like` (an array of this backend or a tracer), or without `like` the
        framework's default. A NumPy array of any strides keeps its dtype, in the machine's byte order, and takes the
        device of `like`. It may hold integers or booleans: lift it, and the core refuses the result. The result must
        not share memory with `leaf`. If a dtype would be narrowed, raise a `DTypeError` that says what to do.
        """

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """Split `tree` into leaves and a definition.

        By default Python's containers, and types registered with optree in the namespace ``"adhelpers"``, are split.
        Override it for a framework's own containers: hand them to `make_known`, and flatten again.
        """
        if self.is_array(tree):
            return (tree,), SINGLE
        return flatten(tree)

    def in_own_containers(self, tree: Any, error: Exception) -> Any:
        """Convert `tree`, with which `f` raised `error`, to the framework's own containers, to call `f` once more.

        Return None, as the default does, if `f` failed for another reason: its error then passes through. Override it
        for a framework whose functions find tracers only in its own containers.
        """
        return None

    def array_namespace(self, *arrays: Array) -> Any:
        """The array-API namespace of `arrays`, which may be tracers.

        By default array_api_compat's, which knows the usual frameworks and arrays with ``__array_namespace__``, and
        refuses tracers of one type beside arrays of another. `adhelpers.namespaces.needed` lists what the core needs.
        """
        import array_api_compat

        try:
            return array_api_compat.array_namespace(*arrays)
        except TypeError as error:
            kinds = ", ".join(sorted({type(array).__name__ for array in arrays}))
            msg = f"backend {self.name!r} must override array_namespace to find the namespace of {kinds} ({error})"
            raise ArgumentTypeError(msg) from error

    def special_namespace(self, *arrays: Array) -> Any:
        """The functions of `adhelpers.special_namespace`; by default SciPy's, or an error if they lose derivatives."""
        if not all(map(is_seen_by_numpy, arrays)):
            msg = f"backend {self.name!r} has no special functions by these names; call the framework's own functions"
            raise UnsupportedOperationError(msg)
        from adhelpers.plugins import numpy_special

        return numpy_special

    def to_numpy(self, leaf: Array) -> Any:
        """The values of an untraced `leaf` as a NumPy array, of its dtype if NumPy has it; by default ``asarray``."""
        import numpy as np

        return np.asarray(leaf)

    def to_complex(self, real: Array, imaginary: Array) -> Array:
        """``real + 1j * imaginary``; override it to keep `real` where `imaginary` is infinite, as for NumPy's."""
        return complex_of_numpy(real, imaginary) if is_numpy(real) and is_numpy(imaginary) else real + 1j * imaginary

    def device(self, leaf: Array) -> object:
        """The device of `leaf`, or None if that is unknown; by default its attribute ``device``."""
        return getattr(leaf, "device", None)

    def is_traced(self, leaf: Array) -> bool:
        """Whether the values of `leaf` must not be read now; by default True for arrays of JAX, Dask and ndonnx.

        The core reads values to verify sweeps and to find mixed batches; if this is True it does neither. Override it
        if tracers have no values, because reading them fails. Override it also if reading detaches them, as in lazy
        frameworks, because their derivative would be silently zero. Dual numbers carry a value, and are not traced.
        Check the type of `leaf` or its attributes, and compute nothing from it. If tracers look like other arrays,
        return True for all arrays while a transformation runs, yours or the framework's own.
        """
        import array_api_compat as known

        if known.is_jax_array(leaf) or known.is_dask_array(leaf) or known.is_ndonnx_array(leaf):
            return True
        return any(length is None for length in getattr(leaf, "shape", ()))

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` as a constant to every enclosing derivative; it may share memory with `leaf`.

        The default returns `leaf` itself, which is right only if no tracer ever reaches `f`.
        """
        return leaf

    def copy(self, leaf: Array) -> Array:
        """Copy `leaf`, so that `f` or a caller may write to the result.

        An enclosing derivative must see the copy as it sees `leaf`. By default ``numpy.array`` copies NumPy's arrays
        and scalars, and the namespace's ``astype`` copies others. If nobody can write to arrays, return `leaf` itself.
        """
        if is_numpy(leaf):
            import numpy as np

            return np.array(leaf)
        return self.array_namespace(leaf).astype(leaf, leaf.dtype)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """A context entered around each operation, including the user's function and conversions; by default none."""
        return _NO_CONTEXT

    def double_precision(self) -> Self:
        """This backend with the option that it needs to accept 64-bit data; by default the backend itself."""
        return self

    def scaled_to_x(self) -> Self:
        """This backend with steps in units of `x`, if it takes differences; by default the backend itself."""
        return self

    # -- differentiate: one of the two is enough -----------------------------------------------------

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push the tangents `u` forward through `f` at `x`: ``(outputs, tangents, aux)``.

        Call `f` once, with copies of `x` that it may change in place. Return arrays (0-d ones included) that share
        memory neither with `x` and `u` nor with one another, in the exact shape and dtype of each output. Return zeros,
        never None, for an output that does not depend on `x`. Remove this call's tracers from outputs and aux, and keep
        those of enclosing derivatives. By default the core takes two pullbacks.
        """
        msg = f"backend {self.name!r} has no forward mode"
        raise UnsupportedOperationError(msg)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """Evaluate `f` at `x` once: ``(outputs, pullback, aux)``.

        ``pullback(cotangents)`` returns an array for each leaf of `x`: the transpose of `jvp` under ``Re(sum(a * b))``,
        without conjugation. It may be called any number of times, and is differentiable in its cotangents. The rest is
        as in `jvp`. By default the core pushes each element of `x` forward, in chunks through `jvp_sweep`.
        """
        msg = f"backend {self.name!r} has no reverse mode"
        raise UnsupportedOperationError(msg)

    # -- optional: many products at one point --------------------------------------------------------

    def linearize(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pushforward | None, Pullback | None, Leaves]:
        """Evaluate `f` at `x` once, for many products: ``(outputs, pushforward, pullback, aux)``.

        Both maps may be called any number of times, are differentiable in their vectors, and meet the requirements of
        `jvp` and `vjp`. They do not run `f` again if the framework can avoid it. One of them may be None: the core then
        transposes the other by `vjp`, or without a `vjp` pushes each element of `x`. To push many vectors through
        either map, the core calls `vjp_sweeps`. If the backend compiles, return maps that `flatten` takes apart, such
        as `jax.tree_util.Partial`. By default the pullback of `vjp`, and `jvp` for each push, not compiled.
        """
        if self.has_reverse:
            outputs, pullback, aux = self.vjp(f, x)
            return outputs, lambda tangents: self.jvp(f, x, tangents)[1], pullback, aux
        zeros = tuple([self.array_namespace(leaf).zeros_like(leaf) for leaf in x])
        outputs, _, aux = self.jvp(f, x, zeros)
        return outputs, lambda tangents: self.jvp(f, x, tangents)[1], None, aux

    # -- optional: functions that bring their own derivative -------------------------------------------

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """``rule.call(*x)``, with the rule's derivative, of any order.

        The rule must hold here and in the framework's own transformations. As in `jvp` and `vjp`, return arrays of
        exact shapes and dtypes, and derivatives that are zeros, never None. Raise `ArgumentError` if a constant of the
        rule varies, or an array that its functions close over: that derivative would be lost. The default ignores the
        rule and lets the framework differentiate `rule.call`, which the core logs once, or raises if it cannot.
        """
        if rule.host is not None:
            msg = f"backend {self.name!r} knows no rules, and cannot differentiate {rule.name}, which computes by NumPy"
            raise UnsupportedOperationError(msg)
        return rule.call(*x)

    # -- optional: many vectors at one point, stacked on a leading axis ------------------------------

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Push many tangents forward at one point: ``(outputs, stacked tangents, aux)``.

        Each array of `tangents`, and of the stacked result, has one more axis than its partner, in front. By
        default a loop over `jvp`, which calls `f` for each vector; override it if the framework can do better.
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
        """The sweeps that push many tangents at `x`, by name, the fastest first.

        Each takes the tangents and returns what `jvp_sweep` does. When the core first uses a sweep for a function, it
        checks it against a single product, and goes on to the next if it raises or is wrong. The last sweep is not
        checked, so it must take single products. By default `jvp_sweep` if overridden, then a loop over `jvp`.
        """
        loop = {ONE_BY_ONE: partial(ADBackend.jvp_sweep, self, f, x)}
        if type(self).jvp_sweep is ADBackend.jvp_sweep:
            return loop
        return {"all at once": partial(self.jvp_sweep, f, x), **loop}

    def vjp_sweeps(self, pullback: Pullback) -> Mapping[str, VJPSweep]:
        """The sweeps that pull many cotangents back, as in `jvp_sweeps`."""
        loop = {ONE_BY_ONE: partial(ADBackend.vjp_sweep, self, pullback)}
        if type(self).vjp_sweep is ADBackend.vjp_sweep:
            return loop
        return {"all at once": partial(self.vjp_sweep, pullback), **loop}

    def stack(self, rows: Sequence[Leaves]) -> Leaves:
        """Stack many tuples of leaves into one tuple, with a new axis in front; by default by the namespace's stack."""
        return tuple(self.array_namespace(*leaves).stack(leaves) for leaves in zip(*rows, strict=True))

    def formulations(self, n: int, m: int, batch: int) -> Sequence[Formulation]:
        """The formulations of a batched Jacobian of n inputs and m outputs, the fastest first.

        The sizes are those of one batch element. The core takes the first formulation that applies, and both sweeps
        must be in the list. Copies call `f` on a larger batch: the core uses them for functions that have passed its
        check. Samples are used in functions that `compile` compiles: there the core tries all sweeps and samples, and
        takes the fastest. By default the sweep with fewer vectors first.
        """
        return fewest_vectors_first(n, m, batch)

    def sample_jacobian(self, f: LeafFunction, x: Array, axis: int, mode: str) -> tuple[Array, Array]:
        """``f(x)`` and the Jacobian of each sample, in ``"forward"`` or ``"reverse"`` mode.

        With `axis` -1, x has shape ``(N1, ..., B)`` and the results ``(M1, ..., B)`` and ``(M1, ..., N1, ..., B)``;
        with `axis` 0 the batch comes first in all three. `f` takes a batch of any size, also of a single sample. Only
        called if `formulations` has samples, for real functions without aux, in a function that `compile` traces.
        """
        msg = f"backend {self.name!r} cannot differentiate sample by sample"
        raise UnsupportedOperationError(msg)

    def keeps(self, leaf: Array) -> bool:
        """Whether `leaf` (a result, or made by the namespace) is a plain value; by default whether it is not traced.

        The core keeps a basis vector for later calls, in any thread, only if this is True for it. If this is True for
        all arguments of a function that has a rule, the core calls that function without its rule. Return False for
        arrays in a graph, a transformation or a mode, and for dual numbers: else vectors leak, and rules are lost.
        """
        return not self.is_traced(leaf)

    # -- optional: what a sweep should know ----------------------------------------------------------

    @property
    def has_reverse(self) -> bool:
        """Whether the backend overrides `vjp`."""
        return type(self).vjp is not ADBackend.vjp

    @property
    def second_order(self) -> SecondOrder:
        """The fastest composition of modes for second derivatives, such as ``"reverse-over-reverse"``.

        By default ``"forward-over-reverse"``, or twice the one mode that the backend implements.
        """
        if type(self).jvp is ADBackend.jvp:
            return "reverse-over-reverse"
        return "forward-over-reverse" if self.has_reverse else "forward-over-forward"

    def relative_error(self, epsilon: float) -> float:
        """The error of a derivative relative to ``|f| / |x|``, in the dtype of that `epsilon`; by default `epsilon`.

        Return more if functions of the framework are less exact than the dtype, or if you take differences. Checks and
        comparisons allow this error. The conformance suite holds the backend to it, and to half of the digits.
        """
        return epsilon

    def relative_step(self, epsilon: float) -> float:
        """The distance from `x` at which differences evaluate `f`, relative to ``|x|``; by default 0: rules.

        An outer difference divides the error of an inner derivative by its step; an outer rule leaves it as it is.
        """
        return 0.0

    # -- optional: compilation -----------------------------------------------------------------------

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile `function`, which `adhelpers.prepare` calls many times.

        `function` takes arrays of this backend, and NumPy's if `compiled_takes_numpy`, and returns arrays in any
        structure. The compiled function takes arrays of any shape and dtype, and returns the same results in the same
        containers. It may be called outside of `scope`, and must enter that if needed. By default `function` itself.
        """
        return function

    @property
    def compiles(self) -> bool:
        """Whether `compile` compiles; by default whether it is overridden."""
        return type(self).compile is not ADBackend.compile

    def eager(self) -> Self:
        """This backend without the option that makes it compile every single call; by default the backend itself.

        If this is another backend, the core prepares each operation, and remembers it with its function.
        """
        return self

    # -- optional: whose error it is ------------------------------------------------------------------

    def is_missing_rule(self, error: Exception) -> bool:
        """Whether the framework raised `error` because it has no derivative rule; by default False.

        Count only the framework's own errors, not those of the user's function, whatever their type or text:
        `adhelpers.extend.raised_by_library` tells them apart. An `UnsupportedOperationError` always counts.
        """
        return False

    def is_own_error(self, error: Exception) -> bool:
        """Whether the framework raised `error`, and not the user's function.

        If it is raised in a sweep, the core tries the next of `jvp_sweeps` or `vjp_sweeps`. By default whether this
        class's package raised it, or compiled code. For another package use `adhelpers.extend.raised_by_library`.
        """
        return raised_by_library(error, type(self).__module__.partition(".")[0])
