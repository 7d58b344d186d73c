"""The special functions of autograd, which are SciPy's."""

from __future__ import annotations

import operator
from typing import Any

import autograd.numpy as anp
import numpy as np
import scipy.special
from autograd.scipy.special import digamma as digamma
from autograd.scipy.special import erf as erf
from autograd.scipy.special import erfc as erfc
from autograd.scipy.special import erfinv as erfinv
from autograd.scipy.special import expit as expit
from autograd.scipy.special import gammaln as gammaln
from autograd.scipy.special import i0 as i0
from autograd.scipy.special import i1 as i1
from autograd.scipy.special import logit as logit
from autograd.scipy.special import logsumexp as _logsumexp
from autograd.scipy.special import polygamma as _polygamma

from adhelpers_plugins.autograd.arrayapi.datatypes import astype
from adhelpers_plugins.autograd.arrayapi.primitives import primitive, slopes
from adhelpers_plugins.autograd.arrayapi.slopes import logaddexp

Axis = int | tuple[int, ...] | None


def logsumexp(a: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The logarithm of a sum of exponentials, over all axes if `axis` is None."""
    if axis is not None:  # counted from the front, for autograd's rule to put them back where they were
        axes = axis if isinstance(axis, tuple) else (axis,)
        axis = tuple([operator.index(i) + (a.ndim if i < 0 else 0) for i in axes])
    return _logsumexp(a, axis=axis, keepdims=keepdims)


def polygamma(n: int, x: Any, /) -> Any:
    """The n-th derivative of digamma, in the precision of `x`; SciPy's function widens it."""
    return astype(_polygamma(n, x), x.dtype)


def softmax(x: Any, /, axis: Axis = None) -> Any:
    """Exponentials divided by their sum."""
    return anp.exp(log_softmax(x, axis))


def log_softmax(x: Any, /, axis: Axis = None) -> Any:
    """The logarithm of softmax."""
    return x - logsumexp(x, axis, keepdims=True)


def softplus(x: Any, /) -> Any:
    """log(1 + exp(x))."""
    return logaddexp(x, anp.zeros_like(x))


@primitive
def _quotient(x: Any, y: Any) -> Any:
    """X / y, or 0 where x is 0."""
    nothing = np.equal(x, 0)
    return np.where(nothing, 0, x) / np.where(nothing, 1, y)


slopes(_quotient, lambda ans, x, y: 1 / y, lambda ans, x, y: -_quotient(ans, y))


@primitive
def xlogy(x: Any, y: Any, /) -> Any:
    """The product of x and log(y); it and its derivative by y are 0 where x is 0."""
    return scipy.special.xlogy(x, y)


slopes(xlogy, lambda ans, x, y: anp.log(y), lambda ans, x, y: _quotient(x, y))
