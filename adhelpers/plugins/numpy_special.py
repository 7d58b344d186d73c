"""Special functions of NumPy arrays: SciPy's, and softplus."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import scipy.special  # noqa: F401
except ImportError as error:
    msg = (
        'special functions of NumPy arrays need SciPy, which cannot be imported; type: pip install "adhelpers[special]"'
    )
    raise ImportError(msg) from error
from scipy.special import digamma as digamma
from scipy.special import erf as erf
from scipy.special import erfc as erfc
from scipy.special import erfinv as erfinv
from scipy.special import expit as expit
from scipy.special import gammaln as gammaln
from scipy.special import i0 as i0
from scipy.special import i1 as i1
from scipy.special import log_softmax as log_softmax
from scipy.special import logit as logit
from scipy.special import logsumexp as logsumexp
from scipy.special import polygamma as _polygamma
from scipy.special import softmax as softmax
from scipy.special import xlogy as xlogy


def polygamma(n: int, x: Any, /) -> Any:
    """The n-th derivative of digamma, in the precision of `x`; SciPy's function widens it."""
    return _polygamma(n, x).astype(x.dtype)


def softplus(x: Any, /) -> Any:
    """log(1 + exp(x))."""
    return np.logaddexp(x, np.zeros_like(x))
