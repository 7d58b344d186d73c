"""PyTorch, through ``torch.func``."""

from __future__ import annotations

import re
import threading
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat.torch
import numpy as np
import torch

from adhelpers import ADBackend, Capability
from adhelpers.contract import Array, LeafFunction, Leaves, Pullback
from adhelpers.origin import raised_by_library

_FORWARD_MODE = threading.RLock()
"""PyTorch's forward mode keeps its level in a global: two threads in it at once get wrong values."""

_NO_VMAP = "does not have vmap support"
"""What PyTorch says of a custom function that only a loop can sweep."""

_MISSING_RULE = re.compile(
    r"Trying to use forward AD with .* that does not support it"
    r"|derivative for .* is not implemented"
    r"|the derivative of .* is not implemented"
    r"|must implement the .*jvp"
    r"|not implemented forward"
    r"|not differentiable twice"
)


# The first dual number imports parts of PyTorch that warn about their own deprecated calls: meet it here.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.zeros(()),))


@dataclass(frozen=True, kw_only=True)
class TorchBackend(ADBackend):
    """Derivatives by PyTorch.

    `f` must not wait for another thread that calls an operation: forward mode holds a process-wide lock.

    Examples
    --------
    >>> import torch, adhelpers
    >>> x = torch.tensor([1.0, 2.0])
    >>> adhelpers.jacobian_vector_product(lambda x: x**2, "torch", x, x)
    tensor([2., 8.])
    """

    name: ClassVar[str] = "torch"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(set(Capability) - {Capability.COMPILE})
    conversion: ClassVar[str | None] = "torch.from_dlpack"

    def is_array(self, leaf: object) -> bool:
        """Tensors, subclasses and those that a transformation wraps included."""
        return isinstance(leaf, torch.Tensor)

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        """A tensor beside `like`, in its own memory."""
        device = None if like is None else like.device
        if not isinstance(leaf, (np.ndarray, np.generic)):
            return torch.tensor(leaf, dtype=None if like is None else like.dtype, device=device)
        # PyTorch takes neither foreign byte orders nor negative strides, and would alias the rest.
        native = np.array(leaf, dtype=leaf.dtype.newbyteorder("="), order="C")
        return torch.from_numpy(native).to(device=device)

    def array_namespace(self, *arrays: Array) -> Any:
        """array_api_compat's namespace over torch."""
        return array_api_compat.torch

    def to_numpy(self, leaf: Array) -> Any:
        """A NumPy array on the host."""
        return leaf.detach().resolve_conj().resolve_neg().cpu().numpy()

    def is_traced(self, leaf: Array) -> bool:
        """Whether one element of `leaf` cannot be looked at: under vmap, compilation, on the meta device."""
        if torch.compiler.is_compiling():
            return True
        try:
            leaf.detach().reshape(-1)[:1].sum().item()
        except RuntimeError:
            return True
        return False

    def stop_gradient(self, leaf: Array) -> Array:
        """Detached at every level."""
        return leaf.detach()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """``torch.func.jvp``."""
        with _FORWARD_MODE:
            outputs, tangents, aux = torch.func.jvp(_on_copies(f), x, u, has_aux=True)
        return outputs[1:], _in_dtypes_of(outputs, tangents)[1:], aux

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        """``torch.func.vjp``, which conjugates on the way in and on the way out."""
        outputs, conjugating, aux = torch.func.vjp(_on_copies(f), *x, has_aux=True)

        def pullback(cotangents: Leaves) -> Leaves:
            # Gradients may be a cotangent itself, share memory or repeat one element: copy them.
            conjugates = tuple(c.conj().resolve_conj() for c in cotangents)
            return tuple(
                g.conj().resolve_conj().clone(memory_format=torch.contiguous_format)
                for g in conjugating((torch.zeros_like(outputs[0]), *conjugates))
            )

        return outputs[1:], pullback, aux

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        """One pass vectorised over the tangents; `f` itself sees no batched tensor."""

        def push(*u: Array) -> tuple[Leaves, Leaves, Leaves]:
            return torch.func.jvp(_on_copies(f), x, u, has_aux=True)

        try:
            with _FORWARD_MODE:
                outputs, stacked, aux = torch.func.vmap(push, out_dims=(None, 0, None), randomness="same")(*tangents)
        except RuntimeError as error:
            if _NO_VMAP not in str(error):
                raise
            return super().jvp_sweep(f, x, tangents)
        return outputs[1:], _in_dtypes_of(outputs, stacked)[1:], aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        """The pullback, vectorised."""
        try:
            return torch.func.vmap(pullback)(cotangents)
        except RuntimeError as error:
            if _NO_VMAP not in str(error):
                raise
            return super().vjp_sweep(pullback, cotangents)

    def is_missing_rule(self, error: Exception) -> bool:
        """PyTorch's own errors about a missing rule, most of them raised by compiled code."""
        return super().is_missing_rule(error) or (
            isinstance(error, (NotImplementedError, RuntimeError))
            and _MISSING_RULE.search(str(error)) is not None
            and raised_by_library(error, "torch")
        )


def _on_copies(f: LeafFunction) -> LeafFunction:
    """`f` between clones: it may work in place, and return one tensor twice or one of the caller's.

    A constant goes before the outputs, for ``torch.func`` refuses a function that has none.
    """

    def on_copies(*leaves: Array) -> tuple[Leaves, Leaves]:
        outputs, aux = f(*(leaf.clone() for leaf in leaves))
        return (leaves[0].new_zeros(()), *(y.clone() for y in outputs)), tuple(leaf.clone() for leaf in aux)

    return on_copies


def _in_dtypes_of(outputs: Leaves, tangents: Leaves) -> Leaves:
    # A Python number times a 0-d tensor makes the tangent float64, whatever the dtype of the tensor.
    return tuple(t.to(y.dtype) for t, y in zip(tangents, outputs, strict=True))
