"""Results in memory of their own, which are shared neither with arguments nor with one another."""

from __future__ import annotations

import torch
from torch.autograd.function import BackwardCFunction

from adhelpers.extend import ArgumentTypeError, Array, Leaves
from adhelpers_plugins.torch.levels import has_memory


def memory_of(tensors: Leaves) -> set[int]:
    """Where tensors lie."""
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if has_memory(tensor)}


def own(tensor: Array, taken: set[int], *, is_new: bool = True) -> Array:
    """`tensor` as plain memory that is not `taken`, and then is: results share none with one another.

    Some rules give a symbolic zero, repeat elements or conjugate lazily. What is not new may lie in memory that `f`
    closes over.
    """
    if is_new and has_memory(tensor) and tensor.is_contiguous() and not tensor._is_zerotensor():
        memory = tensor.untyped_storage().data_ptr()
        if memory not in taken:
            taken.add(memory)
            return _resolved(tensor) if tensor.is_conj() or tensor.is_neg() else tensor
    else:
        require_dense(tensor)
    tensor = _resolved(tensor.clone())
    taken.update(memory_of((tensor,)))
    return tensor


def is_new_result(y: Array) -> bool:
    """Whether a result of `f` lies in new memory: it is not a view, was not written to, and is not a user's tensor.

    A user's function may return the same memory every time, such as the output of a library that it wraps.
    """
    return not y._is_view() and y._version == 0 and not isinstance(y.grad_fn, BackwardCFunction)


def _resolved(tensor: Array) -> Array:
    return tensor.resolve_conj().resolve_neg()


def require_dense(tensor: Array) -> None:
    """Refuse sparse, nested and opaque tensors: PyTorch lacks most of their derivatives."""
    if tensor.layout is not torch.strided:
        msg = f"a tensor of layout {tensor.layout} was given, but only dense ones can be differentiated; use to_dense()"
        raise ArgumentTypeError(msg)
