"""Normalisations: by mean and variance, and of weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

Tensor = Any


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _centred(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Mean zero, and variance one."""
    centred = x - x.mean(dims, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dims, keepdim=True) + eps)


def _in_single_precision(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Half precision is computed in single precision, as PyTorch does it."""

    @functools.wraps(function)
    def computed(input: Tensor, *args: Any, **options: Any) -> Tensor:
        exact = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        return function(exact, *args, **options).to(input.dtype)

    return computed


@_in_single_precision
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Normalised over the last axes."""
    return _affine(_centred(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


@_in_single_precision
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over all axes but the second one."""
    channels = (1, -1, *[1] * (input.ndim - 2))

    def beside(parameter: Tensor | None) -> Any:
        return None if parameter is None else parameter.reshape(channels)

    if training:
        normalised = _centred(input, (0, *range(2, input.ndim)), eps)
    else:
        normalised = (input - beside(running_mean)) / torch.sqrt(beside(running_var) + eps)
    return _affine(normalised, beside(weight), beside(bias))


@_in_single_precision
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over all axes but the first two."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    channels = (1, -1, *[1] * (input.ndim - 2))
    parameters = [None if parameter is None else parameter.reshape(channels) for parameter in (weight, bias)]
    return _affine(_centred(input, tuple(range(2, input.ndim)), eps), *parameters)


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """`v` with the norms `g` along one axis, or as a whole if `dim` is -1; other negative axes count from the end."""
    along = None if dim == -1 else dim % v.ndim
    dims = tuple(axis for axis in range(v.ndim) if axis != along)
    return v * (g / (torch.linalg.vector_norm(v, dim=dims, keepdim=True) if dims else v.abs()))  # without an axis: all
