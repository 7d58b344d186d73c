"""Whether what was pulled back along a graph can be differentiated again."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from adhelpers.extend import Array, Leaves
from adhelpers_plugins.torch.graphs.kept import weights

TWICE = (
    "differentiate twice a torch.autograd.Function whose backward pass leaves the graph: it is marked "
    "once_differentiable, computes under torch.no_grad, with detach or by NumPy, or uses what its forward pass has "
    "computed on the way: save inputs and outputs alone, and compute the rest in the backward pass"
)


def is_whole(pulled: Iterable[Array | None], seeds: Leaves) -> bool:
    """Whether the graph of what was pulled back misses nothing of it, as where a user's rule leaves the graph.

    A pullback is linear: what its graph says of the seeds must, along the seeds, be all of what was pulled.
    """
    parts = [g * weights(g) for g in pulled if g is not None and not g.is_meta]
    if not parts:
        return True
    total = torch.stack([part.real.sum() for part in parts]).sum()
    told = 0.0
    if total.requires_grad:
        try:
            slopes = torch.autograd.grad(total, seeds, retain_graph=True, allow_unused=True)
        except RuntimeError:  # whoever needs this derivative is told the same
            return True
        products = [(seed * slope.conj()).sum() for seed, slope in zip(seeds, slopes, strict=True) if slope is not None]
        told = sum(float(product.detach().real) for product in products)
    scale = sum(float(part.detach().abs().sum()) for part in parts)
    return not abs(float(total.detach()) - told) > scale * torch.finfo(total.dtype).eps ** 0.5


def once(pulled: Iterable[Array | None]) -> tuple[Array | None, ...]:
    """What was pulled back, for somebody to have, but for nobody to differentiate."""
    refuse = torch._C._functions.DelayedError(f"trying to {TWICE}".encode(), 1)
    return tuple([None if g is None else refuse(g.detach().requires_grad_()) for g in pulled])
