"""The special functions of PyTorch, with SciPy's names for axes."""

from __future__ import annotations

from typing import Any

import torch
from torch.special import digamma as digamma
from torch.special import erf as erf
from torch.special import erfc as erfc
from torch.special import erfinv as erfinv
from torch.special import expit as expit
from torch.special import gammaln as gammaln
from torch.special import i0 as i0
from torch.special import i1 as i1
from torch.special import logit as logit
from torch.special import polygamma as polygamma
from torch.special import xlogy as xlogy

Axis = int | tuple[int, ...] | None


def logsumexp(a: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The logarithm of a sum of exponentials, over all axes if `axis` is None."""
    return torch.logsumexp(a, dim=_axes(a, axis), keepdim=keepdims)


def softmax(x: Any, /, axis: Axis = None) -> Any:
    """Exponentials divided by their sum."""
    return torch.exp(log_softmax(x, axis))


def log_softmax(x: Any, /, axis: Axis = None) -> Any:
    """The logarithm of softmax."""
    return x - logsumexp(x, axis, keepdims=True)


def softplus(x: Any, /) -> Any:
    """log(1 + exp(x)); PyTorch's own is linear beyond 20, and so wrong in the ninth digit."""
    return torch.logaddexp(x, torch.zeros_like(x))


def _axes(x: Any, axis: Axis) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return axis if isinstance(axis, tuple) else (axis,)
