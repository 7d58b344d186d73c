"""Elementwise functions."""

from __future__ import annotations

from typing import Any

import array_api_compat.torch as xnp
import torch

from adhelpers_plugins.torch.arrayapi.arguments import Tensor, as_complex, beside_numpy, common_dtype

copysign = beside_numpy(xnp.copysign)


def floor_divide(x1: Tensor, x2: Tensor, /, **options: Any) -> Tensor:
    """The quotient rounded down, which is constant; PyTorch raises instead, for lack of a rule."""
    return xnp.floor_divide(*(x.detach() if isinstance(x, torch.Tensor) else x for x in (x1, x2)), **options)


def imag(x: Tensor, /) -> Tensor:
    """The imaginary part, also of real numbers."""
    return xnp.imag(x) if x.is_complex() else torch.zeros_like(x)


def nextafter(x1: Tensor, x2: Tensor, /, **options: Any) -> Tensor:
    """The first argument up to rounding, with its derivative; PyTorch up to 2.7 has no rule."""
    start, end = (x.detach() if isinstance(x, torch.Tensor) else x for x in (x1, x2))
    following = xnp.nextafter(start, end, **options)
    if not isinstance(x1, torch.Tensor):
        return following
    sign = 1 - 2 * start.signbit()  # so that zeros keep theirs
    return xnp.where(start.isinf(), following, sign * (sign * x1 + sign * (following - start)))


@beside_numpy
def pow(x1: Tensor, x2: Tensor, /, **options: Any) -> Tensor:
    """x1**x2; for a complex and a real argument, PyTorch's forward mode drops the imaginary part."""
    return xnp.pow(*as_complex(x1, x2), **options)


@beside_numpy
def remainder(x1: Tensor, x2: Tensor, /, **options: Any) -> Tensor:
    """The remainder of x1 by x2; PyTorch has no rule if x1 is a number."""
    if not isinstance(x1, torch.Tensor):
        x1 = torch.asarray(x1, dtype=common_dtype(x1, x2), device=x2.device)
    return xnp.remainder(x1, x2, **options)
