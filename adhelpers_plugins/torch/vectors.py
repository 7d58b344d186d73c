"""Many tangents or cotangents at once, by either of PyTorch's vmaps, and one by its engine."""

from __future__ import annotations

import contextlib
from typing import Self

import torch
from torch.autograd.graph import GradientEdge

from adhelpers_plugins.torch import names


class Tangents:
    """Many tangents at once, by PyTorch's older vmap: ``torch.func.vmap`` has no rule for dual numbers.

    Calls the vmap directly, because its public wrapper takes longer than small products.
    """

    __slots__ = ("_count", "_level")

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        self._level = names.vmapmode_increment_nesting()
        return self

    def __exit__(self, *exception: object) -> None:
        names.vmapmode_decrement_nesting()

    def each(self, stack: torch.Tensor) -> torch.Tensor:
        """One tensor that stands for a stack."""
        return names.add_batch_dim(stack, 0, self._level)

    def stacked(self, each: torch.Tensor) -> torch.Tensor:
        """The stack of such a tensor."""
        return names.remove_batch_dim(each, self._level, self._count, 0)


class _Unwarned:
    """``torch.func.vmap`` warns where it must loop, as the older one does in silence: that is nothing to the user."""

    def __enter__(self) -> None:
        names.set_vmap_fallback_warning_enabled(False)

    def __exit__(self, *exception: object) -> None:
        names.set_vmap_fallback_warning_enabled(True)


def unwarned() -> contextlib.AbstractContextManager[None]:
    """Suppress the warnings of ``torch.func.vmap``; in a compiler it does not loop."""
    return _Unwarned() if names.KNOWN and not torch.compiler.is_dynamo_compiling() else contextlib.nullcontext()


class Cotangents:
    """Many cotangents at once, by the functions beneath ``torch.func.vmap``.

    The older vmap, which ``is_grads_batched`` uses, loops over the vectors for some derivatives, such as that of tanh.
    """

    __slots__ = ("_count", "_level")

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        self._level = names.vmap_increment_nesting(self._count, "error")
        names.set_vmap_fallback_warning_enabled(False)
        return self

    def __exit__(self, *exception: object) -> None:
        names.set_vmap_fallback_warning_enabled(True)
        names.vmap_decrement_nesting()

    def each(self, stack: torch.Tensor) -> torch.Tensor:
        """One tensor that stands for a stack."""
        return names.make_batched(stack, 0, self._level)

    def stacked(self, each: torch.Tensor) -> torch.Tensor:
        """The stack of such a tensor."""
        return names.take_batched(each, self._level, self._count, 0)


Vmap = type[Cotangents | Tangents]


def gradients(
    outputs: tuple[torch.Tensor, ...],
    inputs: tuple[GradientEdge, ...],
    cotangents: tuple[torch.Tensor, ...],
    *,
    create_graph: bool,
    vmap: Vmap | None = None,
) -> tuple[torch.Tensor | None, ...]:
    """``torch.autograd.grad``, or its engine alone, because the core has made the same checks.

    With `vmap`, the cotangents are stacked.
    """
    if names.run_engine is None or not names.KNOWN:
        return torch.autograd.grad(
            outputs,
            inputs,
            cotangents,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=vmap is not None,
        )
    if vmap is None:
        return names.run_engine(outputs, cotangents, True, create_graph, inputs, True, accumulate_grad=False)
    with vmap(cotangents[0].shape[0]) as vectors:
        each = tuple([vectors.each(cotangent) for cotangent in cotangents])
        pulled = names.run_engine(outputs, each, True, create_graph, inputs, True, accumulate_grad=False)
        return tuple([None if g is None else vectors.stacked(g) for g in pulled])
