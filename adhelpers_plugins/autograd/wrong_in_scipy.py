"""Rules of ``autograd.scipy`` that are silently wrong; `adhelpers_plugins.autograd.wrong` lists those for NumPy.

They are found by module and name, so that no part of SciPy is imported before the user imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from adhelpers_plugins.autograd.wrong import Argnums, Array, Condition, put_back


def _logsumexp(argnums: Argnums, x: Array, axis: Any = None, b: Any = 1.0, keepdims: bool = False, **_: Any) -> bool:
    """The lost axes are put back in the wrong places."""
    return put_back(argnums, x, axis, keepdims=keepdims)


def _by_order(argnums: Argnums, *_: Any) -> bool:
    """The order is taken for a constant."""
    return 0 in argnums


def _ive(argnums: Argnums, order: Any, x: Array) -> bool:
    """The order is taken for a constant, and divided by zero."""
    return 0 in argnums or bool(np.any(np.equal(x, 0)))


def _gammainc(argnums: Argnums, a: Array, x: Array) -> bool:
    """Infinity is divided by infinity: gamma(a) overflows."""
    return bool(np.any(np.greater(a, 171)))


def _rgamma(argnums: Argnums, x: Array) -> bool:
    """The function is zero, and gamma(x) infinite."""
    return _is_pole(x) or bool(np.any(np.greater(x, 171)))


def _is_pole(x: Array) -> bool:
    """Of the gamma function."""
    return bool(np.any(np.less_equal(x, 0) & np.equal(np.mod(x, 1), 0)))


def _beta(argnums: Argnums, a: Array, b: Array) -> bool:
    """Zero, where gamma(a + b) is infinite, times infinity."""
    return _is_pole(np.add(a, b))


def _betainc(argnums: Argnums, a: Array, b: Array, x: Array) -> bool:
    """Zero is divided by zero: beta(a, b) underflows."""
    from scipy.special import beta

    return bool(np.any(np.equal(beta(a, b), 0)))


def _solve_triangular(
    argnums: Argnums, a: Array, b: Array, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> bool:
    """The diagonal is not known to the rule, and nothing is conjugated."""
    return bool(unit_diagonal or (trans in (2, "C") and np.iscomplexobj(a)))


def _sqrtm(argnums: Argnums, x: Array, *_: Any, **options: Any) -> bool:
    """The imaginary part is lost."""
    return bool(np.iscomplexobj(x))


def _density(start: float, end: float) -> Condition:
    def condition(argnums: Argnums, x: Array, *parameters: Any, **options: Any) -> bool:
        """Zero times infinity at the ends, and times the logarithm of a negative number beyond them."""
        is_beyond = np.less(x, start) | np.greater(x, end)
        return bool(np.any(np.isin(x, (start, end)) | (is_beyond & (tuple(argnums) != (0,)))))

    return condition


def _outside(x: Array, start: float, end: float) -> bool:
    """Where the distribution is constant, the rule takes powers of negative numbers."""
    return bool(np.any(np.less(x, start) | np.greater(x, end)))


def _gamma_cdf(argnums: Argnums, x: Array, a: Array, *_: Any, **options: Any) -> bool:
    return _outside(x, 0, np.inf) or _gammainc(argnums, a, x)


def _chi2_cdf(argnums: Argnums, x: Array, df: Array, *_: Any, **options: Any) -> bool:
    return _gamma_cdf(argnums, x, np.divide(df, 2))


def _beta_cdf(argnums: Argnums, x: Array, a: Array, b: Array, *_: Any, **options: Any) -> bool:
    return _outside(x, 0, 1) or _betainc(argnums, a, b, x)


def _chi2(argnums: Argnums, x: Array, df: Array, *_: Any, **options: Any) -> bool:
    """Zero, unless the degrees of freedom are whole."""
    return bool(np.any(np.not_equal(np.mod(df, 1), 0)))


def _chi2_pdf(argnums: Argnums, x: Array, df: Array, *_: Any, **options: Any) -> bool:
    return _chi2(argnums, x, df) or _density(0, np.inf)(argnums, x, df)


def _odeint(argnums: Argnums, func: Any, y0: Array, t: Array, args: Any = (), **options: Any) -> bool:
    """The rule uses the options of the equation for the adjoint equation too."""
    return any(options.get(name) is not None for name in ("Dfun", "ml", "mu", "tcrit"))


_BOTH: dict[str, Condition] = {
    "autograd.scipy.special:iv": _by_order,
    "autograd.scipy.special:jn": _by_order,
}
WRONG_FORWARD: dict[str, Condition] = {**_BOTH, "autograd.scipy.special:logsumexp": _logsumexp}
WRONG_REVERSE: dict[str, Condition] = {
    **_BOTH,
    "autograd.scipy.integrate:odeint": _odeint,
    "autograd.scipy.linalg:solve_triangular": _solve_triangular,
    "autograd.scipy.linalg:sqrtm": _sqrtm,
    "autograd.scipy.special:beta": _beta,
    "autograd.scipy.special:betainc": _betainc,
    "autograd.scipy.special:gammainc": _gammainc,
    "autograd.scipy.special:gammaincc": _gammainc,
    "autograd.scipy.special:ive": _ive,
    "autograd.scipy.special:rgamma": _rgamma,
    "autograd.scipy.stats.beta:cdf": _beta_cdf,
    "autograd.scipy.stats.beta:pdf": _density(0, 1),
    "autograd.scipy.stats.chi2:cdf": _chi2_cdf,
    "autograd.scipy.stats.chi2:logpdf": _chi2,
    "autograd.scipy.stats.chi2:pdf": _chi2_pdf,
    "autograd.scipy.stats.gamma:cdf": _gamma_cdf,
    "autograd.scipy.stats.gamma:pdf": _density(0, np.inf),
}
"""By module and name."""
_NAMES = frozenset({"jv", *[place.partition(":")[2] for place in (*WRONG_FORWARD, *WRONG_REVERSE)]})
"""What those functions call themselves, of which jn is jv."""


def condition_for(function: Callable[..., Any], wrong: Mapping[str, Condition]) -> Condition | None:
    """The condition under which the rule of a primitive is wrong; None for a primitive that is not listed."""
    if getattr(function, "__name__", None) not in _NAMES:  # as most are: no module need be looked into
        return None
    for place, condition in wrong.items():
        module, _, name = place.partition(":")
        if getattr(sys.modules.get(module), name, None) is function:
            return condition
    return None
