"""`special_namespace`: special functions beyond the array API, under the same names for every framework."""

from __future__ import annotations

from typing import Any

from adhelpers.plugins import lookup
from adhelpers.plugins.rule import run_for

NAMES = (
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "expit",
    "gammaln",
    "i0",
    "i1",
    "log_softmax",
    "logit",
    "logsumexp",
    "polygamma",
    "softmax",
    "softplus",
    "xlogy",
)
"""The names in every special namespace; all but the first argument are as in `scipy.special`."""


def special_namespace(*arrays: Any) -> Any:
    """The special functions for `arrays`, which may be tracers.

    They are each framework's own functions, under the names of `scipy.special`: digamma, erf, erfc, erfinv, expit,
    gammaln, i0, i1, ``log_softmax(x, axis=None)``, logit, ``logsumexp(x, axis=None, keepdims=False)``,
    ``polygamma(n, x)``, ``softmax(x, axis=None)``, xlogy; and softplus, which is log(1 + exp(x)).

    Parameters
    ----------
    *arrays
        Arrays of one framework; NumPy arrays may stand beside them if the framework allows it.

    Returns
    -------
    sp
        A namespace with those functions.

    Raises
    ------
    AmbiguousBackendError
        The arrays belong to several frameworks.
    ImportError
        The arrays are NumPy's or autograd's, and SciPy is not installed.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> def normal_cdf(x):
    ...     sp = adhelpers.special_namespace(x)
    ...     return 0.5 * sp.erfc(-x / 2.0**0.5)
    >>> float(normal_cdf(numpy.asarray(1.96)).round(3))
    0.975
    """
    owner = lookup.owner_of(arrays)
    if owner is not None:
        return owner.special_namespace(*arrays)
    backend = lookup.rule_runs_for(arrays)
    if backend is not None:
        return run_for(None, backend.special_namespace, *arrays)
    from adhelpers.plugins import numpy_special

    return numpy_special
