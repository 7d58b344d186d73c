"""Tensors that PyTorch takes for numbers, which have no derivative."""

from __future__ import annotations

from typing import Any

import torch

from adhelpers.extend import shared
from adhelpers_plugins.torch import levels, names
from adhelpers_plugins.torch.watching.calls import varies


def takes_numbers(func: Any, args: Any, options: dict[str, Any]) -> bool:
    """Whether a tensor without dimensions that varies stands where PyTorch wants a number, which has no derivative.

    PyTorch takes the number out of a dual number, and refuses a tensor that requires a gradient there: so it is asked.
    """
    places = [k for k, argument in enumerate(args) if _is_number_that_varies(argument)]
    names = [name for name, argument in options.items() if _is_number_that_varies(argument)]
    if not (places or names) or options.get("out") is not None:
        return False
    key = (func, *places, *names)
    known = _NUMBERS.get(key)
    if known is None:
        like = _cloned if func.__name__.endswith("_") else (lambda argument: argument)  # what it writes to stays
        given = [_leaf_like(a) if k in places else like(a) for k, a in enumerate(args)]
        try:
            func(*given, **{name: _leaf_like(a) if name in names else like(a) for name, a in options.items()})
            known = False
        except TypeError:  # although it took the tensors themselves
            known = True
        except Exception:  # noqa: BLE001  # of other values: it has taken the tensors
            known = False
        _NUMBERS.keep(key, known)
    return bool(known)


def _is_number_that_varies(argument: Any) -> bool:
    if not isinstance(argument, torch.Tensor) or argument.ndim != 0:
        return False
    if names.KNOWN and levels.is_mapped(argument):  # vmap has no number to take
        return False
    return (argument.is_floating_point() or argument.is_complex()) and varies(argument)


def _cloned(argument: Any) -> Any:
    if isinstance(argument, (list, tuple)):
        return [*map(_cloned, argument)]
    return argument.clone() if isinstance(argument, torch.Tensor) else argument


def _leaf_like(number: Any) -> Any:
    return torch.ones((), dtype=number.dtype, device=number.device, requires_grad=True)


_NUMBERS = shared(1024)
"""By function and the places of numbers that vary: whether it takes Python's numbers alone there."""
