"""What users' rules keep of a forward pass: an intermediate result is a constant when the rule is differentiated.

PyTorch differentiates a backward pass by what it computes with. A tensor that ``forward`` computed of `x` has no graph,
so that its part of the second derivative is missing. A constant looks the same, and so do numbers that the backward
pass accounts for, because it has a rule itself. Runs of the function nearby tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import GradientEdge
from torch.utils._pytree import tree_leaves

from adhelpers.extend import FUNCTIONS, Array, LeafFunction, Leaves


class Pulled(NamedTuple):
    """One vector, pulled back along a graph."""

    gradients: tuple[Array | None, ...]
    """As PyTorch gives them, and in a graph."""
    edges: tuple[GradientEdge, ...]
    """Where that graph begins."""
    kept: list[Array]
    """What users' rules keep."""


@dataclass(slots=True)
class _Answer:
    """Whether second derivatives miss something; None before anybody has asked."""

    is_yes: bool | None = None


def kept_by(nodes: Iterable[Any]) -> list[Array]:
    """The numbers that nodes keep without a graph, as saved tensors or as attributes."""
    held = tree_leaves([(node.saved_tensors, vars(node)) for node in nodes])
    tensors = [torch.tensor(a) if isinstance(a, (float, complex)) else a for a in held]
    inexact = [a for a in tensors if isinstance(a, torch.Tensor) and (a.is_floating_point() or a.is_complex())]
    return [a.clone() for a in inexact if not a.requires_grad]


def misses_what_is_kept(f: LeafFunction, x: Leaves, pull: Callable[[Leaves], Pulled]) -> bool:
    """Whether rules in `f` keep what depends on `x`, and their second derivatives miss that; found once for each `f`.

    `pull` runs `f` at a point and pulls the same vector back each time.
    """
    if any(leaf.is_meta for leaf in x):
        return False
    of = getattr(f, "__self__", f)  # a gradient, if f gives its values
    signature = (type(of), getattr(of, "signature", None), *[(leaf.shape, leaf.dtype) for leaf in x])
    answer = FUNCTIONS.record(getattr(of, "function", of), signature, _Answer)
    if answer.is_yes is None:
        answer.is_yes = _misses_what_is_kept(tuple([leaf.detach() for leaf in x]), pull)
    return answer.is_yes


def _misses_what_is_kept(x: Leaves, pull: Callable[[Leaves], Pulled]) -> bool:
    eps = max(torch.finfo(leaf.dtype).eps for leaf in x)
    moves = [eps ** (1 / 3) * (1.0 + leaf.abs()) * (0.3 + weights(leaf).real) for leaf in x]
    above, below, here = [
        pull(tuple([leaf + sign * move for leaf, move in zip(x, moves, strict=True)])) for sign in (1.0, -1.0, 0.0)
    ]
    if all(map(torch.equal, above.kept, below.kept)):
        return False
    slopes: tuple[Array | None, ...] = (None,) * len(x)
    total = combined(here.gradients)
    if total.requires_grad:
        slopes = torch.autograd.grad(total, here.edges, allow_unused=True)
    told = [(slope.conj() * move).real for slope, move in zip(slopes, moves, strict=True) if slope is not None]
    pairs = zip(above.gradients, below.gradients, strict=True)
    found = [((a - b).detach() * weights(a)).real / 2 for a, b in pairs if a is not None and b is not None]
    scale = sum(float(part.abs().sum()) for part in (*told, *found))
    difference = sum(float(part.sum()) for part in told) - sum(float(part.sum()) for part in found)
    return abs(difference) > 4 * eps**0.5 * scale


def combined(gradients: Iterable[Array | None]) -> Array:
    """A real number that depends on all that is in the tensors."""
    parts = [(g * weights(g)).real.sum() for g in gradients if g is not None]
    return torch.stack(parts).sum() if parts else torch.zeros(())


def weights(tensor: Array) -> Array:
    """Numbers that have no pattern in common with a tensor."""
    return torch.cos(torch.arange(tensor.numel(), dtype=torch.float64)).to(tensor).reshape(tensor.shape)
