"""Convert arguments that PyTorch does not take: NumPy arrays, and complex tensors beside real ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch

Tensor = Any
Function = TypeVar("Function", bound=Callable[..., Any])


def from_numpy(array: Any, device: Any = None) -> Tensor:
    """A tensor in its own memory."""
    if torch.compiler.is_dynamo_compiling():  # to a compiler, an array of NumPy is a tensor with other methods
        return torch.as_tensor(array, device=device)
    # PyTorch takes neither foreign byte orders nor negative strides, and would alias the rest.
    native = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(native).to(device=device)


def beside_numpy(function: Function) -> Function:
    """Let NumPy's arrays, such as masks and indices, follow tensors to their device; a scalar becomes a number."""

    @functools.wraps(function)
    def beside(*args: Any, **options: Any) -> Any:
        everything = (*args, *options.values()) if options else args
        for argument in everything:
            if isinstance(argument, _OF_NUMPY):
                break
        else:
            return function(*args, **options)
        device = next((x.device for x in everything if isinstance(x, torch.Tensor)), None)
        converted = {name: _native(argument, device) for name, argument in options.items()}
        return function(*(_native(argument, device) for argument in args), **converted)

    return beside  # type: ignore[return-value]


def as_complex(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Both complex if one of them is, because PyTorch's rules fail for a complex and a real tensor."""
    if _is_complex(x1) == _is_complex(x2):
        return x1, x2
    dtype = common_dtype(x1, x2)
    return tuple(x.to(dtype) if isinstance(x, torch.Tensor) else x for x in (x1, x2))


def common_dtype(*operands: Any) -> Any:
    """The common dtype of tensors and numbers; torch.result_type does not work in compiled code."""
    dtype = functools.reduce(torch.promote_types, (x.dtype for x in operands if isinstance(x, torch.Tensor)))
    numbers = [x for x in operands if not isinstance(x, torch.Tensor)]
    if any(isinstance(x, (float, complex)) for x in numbers) and not (dtype.is_floating_point or dtype.is_complex):
        dtype = torch.get_default_dtype()
    is_complex = any(isinstance(x, complex) for x in numbers)
    return torch.promote_types(dtype, torch.complex32) if is_complex else dtype


_OF_NUMPY = (np.ndarray, np.generic)


def _is_complex(x: Any) -> bool:
    return x.is_complex() if isinstance(x, torch.Tensor) else isinstance(x, complex)


def _native(argument: Any, device: Any) -> Any:
    if isinstance(argument, np.generic):
        return argument.item()
    return from_numpy(argument, device) if isinstance(argument, np.ndarray) else argument
