"""`special_namespace`: special functions beyond the array API, under one name for every framework."""

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
"""What every special namespace has; all but the first argument of these are as in `scipy.special`."""


def special_namespace(*arrays: Any) -> Any:
    """The special functions for `arrays`, which may be tracers.

    Each framework's own functions stand behind the names; none is computed here. The functions are those of
    `scipy.special` of the same name: digamma, erf, erfc, erfinv, expit, gammaln, i0, i1,
    ``log_softmax(x, axis=None)``, logit, ``logsumexp(x, axis=None, keepdims=False)``, ``polygamma(n, x)``,
    ``softmax(x, axis=None)``, xlogy; and softplus, which is log(1 + exp(x)).

    Parameters
    ----------
    *arrays
        Arrays of one framework; plain NumPy arrays may stand beside them where the framework allows it.

    Returns
    -------
    sp
        A namespace with those functions.

    Raises
    ------
    AmbiguousBackendError
        The arrays belong to several frameworks.
    ImportError
        The functions of NumPy arrays and of autograd are SciPy's, which is not installed.

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
