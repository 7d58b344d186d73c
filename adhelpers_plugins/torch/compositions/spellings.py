"""Compositions accept the calls that PyTorch's functions accept, and refuse the others in its words."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch

Composition = Callable[..., Any]

_ALIASES = {"A": "input", "a": "input", "x": "input", "x1": "input", "x2": "other", "axis": "dim"}
"""Other names that PyTorch accepts for arguments, NumPy's among them."""


def called_like(original: Any, composition: Composition, *, is_in_place: bool) -> Composition:
    """The composition, which has PyTorch's first names for its arguments, after a call of the original with constants.

    That raises what PyTorch raises about the arguments, and updates what is running.
    """
    names = inspect.signature(composition).parameters

    def constant(argument: Any) -> Any:
        if not isinstance(argument, torch.Tensor):
            return argument
        return argument.detach().clone() if is_in_place else argument.detach()

    @functools.wraps(composition)
    def composed(*args: Any, **options: Any) -> Any:
        if options.get("out") is not None:  # which PyTorch refuses
            return original(*args, **options)
        original(*map(constant, args), **{name: constant(argument) for name, argument in options.items()})
        options.pop("out", None)
        named = {name if name in names else _ALIASES.get(name, name): value for name, value in options.items()}
        return composition(*args, **named)

    return composed
