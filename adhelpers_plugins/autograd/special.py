"""The special functions of autograd, which are SciPy's."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
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
from adhelpers_plugins.autograd.arrayapi.slopes import logaddexp

Axis = int | tuple[int, ...] | None


def logsumexp(a: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The logarithm of a sum of exponentials, over all axes where `axis` is None."""
    return _logsumexp(a, axis=axis, keepdims=keepdims)


def polygamma(n: int, x: Any, /) -> Any:
    """The n-th derivative of digamma, in the precision of `x`, which SciPy's widens."""
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


def xlogy(x: Any, y: Any, /) -> Any:
    """The product of x and log(y), which is 0 where x is, and its derivative by y too."""
    nothing = anp.equal(x, 0.0)
    return anp.where(nothing, 0.0, x * anp.log(anp.where(nothing, 1.0, y)))
