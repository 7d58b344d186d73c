"""JAX: its own transformations, applied to flat tuples of arrays."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from adhelpers.extend import (
    ADBackend,
    Array,
    Capability,
    DTypeError,
    Formulation,
    LeafFunction,
    Leaves,
    Pullback,
    Pushforward,
    Rule,
    TreeDef,
    fewest_vectors_first,
    raised_by_library,
)
from adhelpers_plugins.jax import namespace, special
from adhelpers_plugins.jax.abstract import abstract_jvp, is_abstract
from adhelpers_plugins.jax.compilation import compiled
from adhelpers_plugins.jax.containers import make_known
from adhelpers_plugins.jax.mending.mended import mended
from adhelpers_plugins.jax.names import enable_x64
from adhelpers_plugins.jax.rules.application import apply_rule

_MISSING_RULE = re.compile(
    r"can't apply forward-mode \w+ \(jvp\) to a custom_vjp"
    r"|Reverse-mode differentiation does not work for"
    r"|(Differentiation|JVP|Transpose) rule .*not implemented"
    r"|(derivatives?|gradients?|JVP|transpose) .*(not|only) (implemented|supported)"
    r"|Derivatives (not defined|of .* only valid)"
    r"|(callbacks|jvp) do(es)? not support (JVP|transpose|non-zero)"
    r"|cannot be differentiated"
    r"|required for backwards mode"
    r"|Linearization failed|No constant handler for type: .*Tracer"
    r"|for (grad|jvp|linearize|transpose) support, subclass must",
    re.IGNORECASE,
)
"""JAX's messages about a missing rule, when it differentiates or, for many rules, only when it transposes."""


@dataclass(frozen=True, kw_only=True)
class JaxBackend(ADBackend):
    """Derivatives by JAX.

    Parameters
    ----------
    x64
        Enable 64-bit types for the operation, including `f`, without touching JAX's global setting. With False that
        setting holds, and 64-bit NumPy data is refused if JAX would narrow it.
    jit
        Compile every operation, once for each function object and options. `f` must then be pure: it does not run
        again, and the values that it closes over stay as they were at the first call.

    Notes
    -----
    Derivatives do not donate: a function made by ``jax.jit`` with ``donate_argnums`` leaves `x` alone. In
    `adhelpers.value`, not compiled, it consumes `x`, as it does when it is called by itself.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> backend = adhelpers.backend("jax", x64=True)
    >>> x = numpy.asarray([1.0, 2.0])
    >>> adhelpers.jacobian_vector_product(lambda x: x**2, backend, x, x)
    Array([2., 8.], dtype=float64)
    """

    name: ClassVar[str] = "jax"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    conversion: ClassVar[str | None] = "jax.numpy.from_dlpack"
    compiled_takes_numpy: ClassVar[bool] = True

    x64: bool = False
    jit: bool = False

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """64-bit types, if the option asks for them and they are not on already: a context makes calls slower."""
        is_needed = self.x64 and not jax.config.jax_enable_x64
        return enable_x64(True) if is_needed else contextlib.nullcontext()

    def double_precision(self) -> Self:
        """This backend with ``x64=True``."""
        return replace(self, x64=True)

    def is_array(self, leaf: object) -> bool:
        """True for JAX arrays and tracers."""
        return isinstance(leaf, jax.Array)

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Make a JAX array; a 64-bit NumPy array that would be narrowed is refused."""
        with self.scope():  # it may be called outside of an operation
            return self._array(leaf, like)

    def _array(self, leaf: Any, like: Array | None) -> Array:
        if not isinstance(leaf, (np.ndarray, np.generic)):
            return self._beside(like, leaf, _number_dtype(leaf) if like is None else like.dtype)
        native = leaf.astype(leaf.dtype.newbyteorder("="))  # also a copy: JAX may alias NumPy's memory
        if native.dtype.kind in "fciu" and jax.dtypes.canonicalize_dtype(native.dtype) != native.dtype:
            msg = (
                f"a NumPy array of dtype {native.dtype} was given, which JAX would narrow to "
                f"{jax.dtypes.canonicalize_dtype(native.dtype)}; use adhelpers.backend('jax', x64=True), "
                "or jax.config.update('jax_enable_x64', True), or convert the array yourself"
            )
            raise DTypeError(msg)
        return self._beside(like, native, None)

    def _beside(self, like: Array | None, data: Any, dtype: Any) -> Array:
        """An array committed to the device of `like` only if `like` is: arrays committed to two devices do not mix."""
        if like is None or self.is_traced(like):
            return jnp.asarray(data, dtype=dtype)
        device = self.device(like)
        if isinstance(device, jax.sharding.Sharding) and np.shape(data) != like.shape:
            return jnp.asarray(data, dtype=dtype)
        if not like.committed:
            array = jnp.asarray(data, dtype=dtype)
            if self.device(array) == device:
                return array
        return jnp.asarray(data, dtype=dtype, device=device)

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """As usual, and containers that only JAX knows."""
        leaves, treedef = super().flatten(tree)
        unknown = [leaf for leaf in leaves if not isinstance(leaf, _USUAL)]
        if unknown and make_known(unknown):
            return self.flatten(tree)
        return leaves, treedef

    def array_namespace(self, *arrays: Array) -> Any:
        """``jax.numpy``, with corrected derivatives."""
        return namespace

    def special_namespace(self, *arrays: Array) -> Any:
        """Functions of ``jax.scipy.special`` and ``jax.nn``."""
        return special

    def to_complex(self, real: Array, imaginary: Array) -> Array:
        """``jax.lax.complex``, which takes no half precision."""
        dtype = jnp.promote_types(real.dtype, jnp.float32)
        return jax.lax.complex(real.astype(dtype), imaginary.astype(dtype))

    def device(self, leaf: Array) -> object:
        """The device or sharding; None for a tracer."""
        if self.is_traced(leaf):
            return None
        sharding = leaf.sharding  # `leaf.device` is the same, but takes longer
        devices = sharding.device_set
        return next(iter(devices)) if len(devices) == 1 else sharding

    def is_traced(self, leaf: Array) -> bool:
        """Whether `leaf` is a tracer."""
        return isinstance(leaf, jax.core.Tracer)

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` as a constant to every enclosing transformation."""
        return jax.lax.stop_gradient(leaf) if self.is_traced(leaf) else leaf

    def copy(self, leaf: Array) -> Array:
        """The array itself: nobody can write to it."""
        return leaf

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """``jax.jvp``."""
        _require_width(x)
        f = mended(f)
        if any(map(is_abstract, (*x, *u))):
            return abstract_jvp(f, x, u)
        return jax.jvp(f, x, u, has_aux=True)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """``jax.vjp``."""
        _require_width(x)
        outputs, pullback, aux = jax.vjp(mended(f), *x, has_aux=True)
        return outputs, pullback, aux

    def linearize(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pushforward, None, Leaves]:
        """``jax.linearize``, whose transpose is the pullback."""
        _require_width(x)
        outputs, pushforward, aux = jax.linearize(mended(f), *x, has_aux=True)
        return outputs, jax.tree_util.Partial(_of_tuple, pushforward), None, aux

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """Apply the rule as a primitive, whose tangent is a linear primitive with its own transpose."""
        return apply_rule(rule, x)

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """One linearisation, vectorised over the tangents; `f` itself sees no batched array."""
        _require_width(x)
        outputs, pushforward, aux = jax.linearize(mended(f), *x, has_aux=True)
        return outputs, jax.vmap(pushforward)(*tangents), aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        """The pullback, vectorised."""
        return jax.vmap(pullback)(cotangents)

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        """Copies of a small batch for calls that are not compiled; samples for compiled ones."""
        return fewest_vectors_first(n, m, batch, copied=_SMALL, sampled=True)

    def sample_jacobian(self, f: LeafFunction, x: Array, axis: int, mode: str) -> tuple[Array, Array]:
        """``jax.jacfwd`` or ``jax.jacrev``, vectorised over samples."""
        f = mended(f)

        def of_sample(sample: Array) -> tuple[Array, Array]:
            def g(sample: Array) -> Array:
                (y,), _ = f(jnp.expand_dims(sample, axis))
                return jnp.squeeze(y, axis)

            jacobian = jax.jacfwd if mode == "forward" else jax.jacrev
            return g(sample), jacobian(g)(sample)

        return jax.vmap(of_sample, in_axes=axis, out_axes=axis)(x)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``jax.jit``."""
        run = compiled(self, function)
        if not self.x64:
            return run

        def with_64_bits(*arrays: Array) -> Any:
            if jax.config.jax_enable_x64:  # even an empty scope takes a tenth of a small function's time
                return run(*arrays)
            with self.scope():
                return run(*arrays)

        return with_64_bits

    def eager(self) -> Self:
        """This backend with ``jit=False``."""
        return replace(self, jit=False) if self.jit else self

    def is_missing_rule(self, error: Exception) -> bool:
        """JAX's own errors about a missing rule; it strips its frames from tracebacks."""
        return (
            isinstance(error, (NotImplementedError, TypeError, ValueError))
            and _MISSING_RULE.search(str(error)) is not None
            and raised_by_library(error, "jax")
        )

    def is_own_error(self, error: Exception) -> bool:
        """Whether JAX, or compiled code, raised it."""
        return raised_by_library(error, "jax")


def _of_tuple(pushforward: Callable[..., Leaves], tangents: Leaves) -> Leaves:
    return pushforward(*tangents)


_SMALL = 2**18
"""Up to this many elements in all copies of a batch, one product at the copies is faster than tracing a sweep.

Measured by ``python -m benchmarks --only batched --backends jax``.
"""

_USUAL = (jax.Array, np.ndarray, np.generic, float, complex)


def _require_width(x: Leaves) -> None:
    """Refuse 64-bit arrays where JAX computes in 32 bits: results would have the dtype of 64, and the digits of 32."""
    if jax.config.jax_enable_x64:
        return
    for leaf in x:
        if leaf.dtype in _WIDE:
            msg = (
                f"x has an array of dtype {leaf.dtype}, with which JAX computes in 32 bits while 64-bit types are off; "
                "use adhelpers.backend('jax', x64=True), or jax.config.update('jax_enable_x64', True)"
            )
            raise DTypeError(msg)


_WIDE = {np.dtype(np.float64), np.dtype(np.complex128)}


def _number_dtype(number: complex) -> Any:
    return jnp.result_type(complex if isinstance(number, complex) else float)
