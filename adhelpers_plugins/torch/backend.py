"""PyTorch: tensors, and the choice of the API for each product."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from adhelpers.extend import (
    ADBackend,
    Array,
    Capability,
    Formulation,
    GradientFunction,
    JVPSweep,
    LeafFunction,
    Leaves,
    Pullback,
    Rule,
    SecondOrder,
    TreeDef,
    VJPSweep,
    fewest_vectors_first,
    raised_by_library,
)
from adhelpers_plugins.torch import direct, functional, levels, namespace, rules, special
from adhelpers_plugins.torch.arrayapi.arguments import from_numpy
from adhelpers_plugins.torch.compilation import compiled
from adhelpers_plugins.torch.containers import make_known
from adhelpers_plugins.torch.graphs.pullback import GraphPullback
from adhelpers_plugins.torch.memory import require_dense

_MISSING_RULE = re.compile(
    r"Trying to use forward AD with .* that does not support it"
    r"|derivative for .* is not implemented"
    r"|the derivative of .* is not implemented"
    r"|does not support automatic differentiation for outputs with complex dtype"
    r"|cannot resize variables that"
    r"|Cannot access data pointer of Tensor that doesn't have storage"
    r"|must implement the jvp function"
    r"|must implement either the backward or vjp method"
    r"|must override the setup_context staticmethod"
    r"|differentiate twice"
    r"|no autograd formula was registered"
    r"|does not currently support double backward"
    r"|is not differentiable with respect to argument"
    r"|_efficientzerotensor"
    r"|Sparse CSR tensors do not have strides"
    r"|has been modified by an inplace operation: \[.*\], which is output"  # of f itself: not what it closes over
    r"|ZeroTensors are immutable"
    r"|don't yet support saved tensor hooks"
    r"|has_fw_view"
    r"|Expected isFloatingType\(grad"
    r"|Trying to set a forward gradient that has a different size"
    r"|inconsistent range for TensorList output"
    r"|QR decomposition is not differentiable|derivative of linalg.qr depends on Q"
    r"|torch.utils.checkpoint is incompatible with"
    r"|must be (Number|bool|complex|float|int), not Tensor"
)


_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class TorchBackend(ADBackend):
    """Derivatives by PyTorch.

    `f` must not wait for another thread that calls an operation: forward mode holds a process-wide lock. Inside
    ``torch.no_grad`` in `f`, PyTorch's forward mode differentiates and its reverse mode does not. For a constant write
    ``detach()``, which works in both modes.

    Some derivatives of PyTorch are silently wrong: those of `torch.linalg.det` at a singular matrix, of
    `torch.special.bessel_j0`, of a normalisation whose tangents are differentiated again, and of TorchScript. The
    backend has a list of them, and checks `f` when it first runs with a shape, a dtype and further arguments. It then
    replaces the function by a composition of others, or uses the other mode, or raises `UnsupportedOperationError`. The
    check may miss functions that `f` calls only for other values of `x`.

    Parameters
    ----------
    compiled
        Let `adhelpers.prepare` compile by ``torch.compile``; one-shot calls are not compiled. Compiling takes seconds
        for each shape, and PyTorch compiles at most eight shapes of one call. For each shape, compiled and uncompiled
        results are compared once, at a nearby point; if they differ, as with random numbers, the compiled code is not
        used. Side effects in `f` may or may not happen. Some calls are not compiled: those inside a transformation,
        those with NumPy arrays among `args`, and those that PyTorch cannot compile.

    Examples
    --------
    >>> import torch, adhelpers
    >>> x = torch.tensor([1.0, 2.0])
    >>> adhelpers.jacobian_vector_product(lambda x: x**2, "torch", x, x)
    tensor([2., 8.])
    """

    name: ClassVar[str] = "torch"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(set(Capability) - {Capability.COMPILE})
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("filled-by-numpy/jvp", "filled-by-numpy/vjp"),
        "wrong value: PyTorch hands NumPy the number in a 0-d tensor, and its derivatives do not see that",
    )
    conversion: ClassVar[str | None] = "torch.from_dlpack"

    compiled: bool = False

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Outside of inference mode."""
        if torch.compiler.is_dynamo_compiling() or not torch.is_inference_mode_enabled():
            return _NOTHING
        return levels.outside_inference_mode()

    def is_array(self, leaf: object) -> bool:
        """True for tensors, including subclasses and tensors that a transformation wraps."""
        return isinstance(leaf, torch.Tensor)

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """Make a tensor on the device of `like`, in its own memory."""
        device = None if like is None else like.device
        if not isinstance(leaf, (np.ndarray, np.generic)):
            return torch.tensor(leaf, dtype=None if like is None else like.dtype, device=device)
        return from_numpy(leaf, device)

    def flatten(self, tree: Any) -> tuple[Leaves, TreeDef]:
        """As usual, and containers that only PyTorch knows."""
        leaves, treedef = super().flatten(tree)
        unknown = [leaf for leaf in leaves if not isinstance(leaf, _USUAL)]
        if unknown and make_known(unknown):
            return self.flatten(tree)
        return leaves, treedef

    def array_namespace(self, *arrays: Array) -> Any:
        """array_api_compat's namespace over torch, with corrected functions."""
        return namespace

    def special_namespace(self, *arrays: Array) -> Any:
        """``torch.special``."""
        return special

    def to_complex(self, real: Array, imaginary: Array) -> Array:
        """``torch.complex``, in single precision for half: complex numbers of half precision are an experiment."""
        return torch.complex(*(part.float() if part.itemsize < 4 else part for part in (real, imaginary)))

    def to_numpy(self, leaf: Array) -> Any:
        """A NumPy array on the host."""
        return leaf.numpy(force=True)

    def is_traced(self, leaf: Array) -> bool:
        """Whether elements of `leaf` cannot be read: under vmap, in compilation, on the meta device."""
        return levels.has_no_value(leaf)

    def stop_gradient(self, leaf: Array) -> Array:
        """`leaf` detached at every level, or `leaf` itself if it is a constant already."""
        return leaf.detach() if leaf.requires_grad or levels.surrounded() else leaf

    def copy(self, leaf: Array) -> Array:
        """A clone."""
        return leaf.clone()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """Dual numbers, or ``torch.func.jvp`` inside a transformation."""
        return (direct if _takes_dual_numbers((*x, *u)) else functional).jvp(f, x, u)

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """A graph for ``torch.autograd.grad``, or ``torch.func.vjp`` inside a transformation."""
        if not _at_top(x):
            return functional.vjp(f, x)
        try:
            if isinstance(f, GradientFunction) and f.mode == "reverse":
                return direct.vjp_of_gradient(f, x)
            return direct.vjp(f, x)
        except RuntimeError as error:
            # A model made in inference mode: torch.func works on its tensors, though no graph can hold them.
            if "Inference tensors cannot be saved" not in str(error) or not raised_by_library(error, "torch"):
                raise
        return functional.vjp(f, x)

    def apply_rule(self, rule: Rule, x: Leaves) -> Leaves:
        """A ``torch.autograd.Function``."""
        return rules.apply_rule(rule, x)

    def jvp_sweeps(self, f: LeafFunction, x: Leaves) -> dict[str, JVPSweep]:
        """Dual numbers with many tangents, or ``torch.func.jvp`` under ``torch.func.vmap``."""
        ways = {"by dual numbers": partial(direct.jvp_sweep, f, x)} if _takes_dual_numbers(x) else {}
        return {**ways, "by torch.func": partial(functional.jvp_sweep, f, x), **super().jvp_sweeps(f, x)}

    def vjp_sweeps(self, pullback: Pullback) -> dict[str, VJPSweep]:
        """The pullback under either vmap."""
        if isinstance(pullback, GraphPullback) and not levels.surrounded():
            ways = pullback.sweeps()
        else:
            ways = {"by torch.func": partial(functional.vjp_sweep, pullback)}
        return {**ways, **super().vjp_sweeps(pullback)}

    def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
        """Copies of a small batch first; reverse mode if both modes have equally many vectors."""
        return fewest_vectors_first(n, m, batch, copied=_SMALL, tie="reverse")

    @property
    def second_order(self) -> SecondOrder:
        """Reverse over reverse: forward mode over a graph has a fifth of its speed."""
        return "reverse-over-reverse"

    def keeps(self, leaf: Array) -> bool:
        """False for tensors from a transformation or inference mode, in a graph, or on the meta device."""
        return not (levels.surrounded() or leaf.is_inference() or leaf.requires_grad or leaf.is_meta)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``torch.compile``, if the option asks for it."""
        return compiled(function) if self.compiled else function

    @property
    def compiles(self) -> bool:
        """Whether the option `compiled` is on."""
        return self.compiled

    def is_missing_rule(self, error: Exception) -> bool:
        """PyTorch's own errors about a missing rule, most of them raised by compiled code."""
        return (
            isinstance(error, (NotImplementedError, RuntimeError, TypeError))
            and _MISSING_RULE.search(str(error)) is not None
            and raised_by_library(error, "torch")
        )

    def is_own_error(self, error: Exception) -> bool:
        """Whether PyTorch, or compiled code, raised it, except the exception that ends a checkpoint early."""
        return isinstance(error, _ERRORS) and raised_by_library(error, "torch")


def _at_top(leaves: Leaves) -> bool:
    """Whether `leaves` are plain tensors, and no transformation is active."""
    at_top = not levels.surrounded()
    for leaf in leaves:
        if leaf.layout is not torch.strided:
            require_dense(leaf)
        at_top = at_top and type(leaf) in levels.PLAIN and not leaf.is_inference()
    return at_top


def _takes_dual_numbers(leaves: Leaves) -> bool:
    """Whether `leaves` may be in dual numbers: only outside of graphs, because some rules work in place on graphs."""
    if torch.is_grad_enabled():
        for leaf in leaves:
            if leaf.requires_grad:
                return False
    return _at_top(leaves)


_NOTHING = contextlib.nullcontext()

_USUAL = (torch.Tensor, np.ndarray, np.generic, float, complex)

_SMALL = 2**13
"""Up to this many elements in all copies of a batch, the copies cost less than the overhead of a vectorised sweep.

Measured by ``python -m benchmarks --only batched --backends torch``.
"""
