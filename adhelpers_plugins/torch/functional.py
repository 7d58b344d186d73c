"""Products by ``torch.func``, which composes with PyTorch's other transformations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from adhelpers.extend import Array, LeafFunction, Leaves, Pullback
from adhelpers_plugins.torch.compilation import traced_whole
from adhelpers_plugins.torch.levels import forward_mode
from adhelpers_plugins.torch.vectors import unwarned
from adhelpers_plugins.torch.watching.watched import watched


@watched("forward", is_traced=True)
@traced_whole
def jvp(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """``torch.func.jvp``."""
    with forward_mode():
        outputs, tangents, aux = _push(f, x, u)
    return outputs, tangents, aux


@watched("forward", is_traced=True)
@traced_whole
def jvp_sweep(f: LeafFunction, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    """One pass vectorised over the tangents; `f` itself sees no batched tensor."""
    seen: list[tuple[Leaves, Leaves]] = []

    def push(*u: Array) -> Leaves:
        outputs, pushed, aux = _push(f, x, u)
        # These are not vectorised here, but may be by a vmap around, so that this one would not return them.
        seen.append((outputs, aux))
        return pushed

    with forward_mode(), unwarned():
        stacked = torch.func.vmap(push, randomness="same")(*tangents)
    ((outputs, aux),) = seen
    return outputs, stacked, aux


@traced_whole
def vjp_sweep(pullback: Pullback, cotangents: Leaves) -> Leaves:
    """A pullback, vectorised."""
    with unwarned():
        return torch.func.vmap(pullback)(cotangents)


@watched("reverse", is_traced=True)
@traced_whole
def vjp(f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
    """``torch.func.vjp``, which conjugates on the way in and on the way out."""
    outputs, conjugating, (aux, nothing) = torch.func.vjp(_on_copies(f), *x, has_aux=True)
    return () if nothing else outputs, partial(_pull, conjugating, nothing), aux


@traced_whole
def _pull(conjugating: Callable[..., Any], nothing: Leaves, cotangents: Leaves) -> Leaves:
    conjugates = tuple(c.conj().resolve_conj() for c in cotangents) or tuple(map(torch.zeros_like, nothing))
    # Gradients may be a cotangent itself, share memory or repeat one element: copy them.
    return tuple(g.conj().resolve_conj().clone(memory_format=torch.contiguous_format) for g in conjugating(conjugates))


def _on_copies(f: LeafFunction) -> Callable[..., tuple[Leaves, tuple[Leaves, Leaves]]]:
    """`f` between clones: it may work in place, and return one tensor twice or one of the caller's.

    ``torch.func`` refuses a function without outputs: such a one gets a constant, which also stands in aux.
    """

    def on_copies(*leaves: Array) -> tuple[Leaves, tuple[Leaves, Leaves]]:
        outputs, aux = f(*(leaf.clone() for leaf in leaves))
        nothing = () if outputs else (leaves[0].new_zeros(()),)
        return tuple(y.clone() for y in outputs) or nothing, (tuple(leaf.clone() for leaf in aux), nothing)

    return on_copies


def _push(f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
    outputs, tangents, (aux, nothing) = torch.func.jvp(_on_copies(f), x, u, has_aux=True)
    if nothing:
        return (), (), aux
    # A Python number times a 0-d tensor makes the tangent float64, whatever the dtype of the tensor.
    tangents = tuple(t.to(y.dtype) for t, y in zip(tangents, outputs, strict=True))
    return outputs, tangents, aux
