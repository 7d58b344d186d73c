"""Derivatives of special functions by mpmath, to more digits than a float has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np

POINTS = (-14.5, -3.3, -1.5, -0.7, -0.05, 0.0, 1e-5, 0.05, 0.3, 0.7, 0.95, 1.4, 2.6, 7.5, 31.0, 180.0)
"""Among them small ones, zero, and far ones to either side."""

mp = mpmath

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "bessel_j0": lambda t: mp.besselj(0, t),
    "bessel_j1": lambda t: mp.besselj(1, t),
    "digamma": mp.digamma,
    "psi": mp.digamma,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfcx": lambda t: mp.exp(t**2) * mp.erfc(t),
    "erfinv": mp.erfinv,
    "erf_inv": mp.erfinv,
    "erfcinv": lambda t: mp.erfinv(1 - t),
    "exp1": mp.e1,
    "expi": mp.ei,
    "expit": lambda t: 1 / (1 + mp.exp(-t)),
    "logistic": lambda t: 1 / (1 + mp.exp(-t)),
    "log_expit": lambda t: -mp.log1p(mp.exp(-t)),
    "log_sigmoid": lambda t: -mp.log1p(mp.exp(-t)),
    "softplus": lambda t: mp.log1p(mp.exp(t)),
    "gamma": mp.gamma,
    "rgamma": mp.rgamma,
    "factorial": lambda t: mp.gamma(t + 1),
    "gammaln": lambda t: mp.log(abs(mp.gamma(t))),
    "lgamma": lambda t: mp.log(abs(mp.gamma(t))),
    "loggamma": lambda t: mp.log(abs(mp.gamma(t))),
    "i0": lambda t: mp.besseli(0, t),
    "i1": lambda t: mp.besseli(1, t),
    "i0e": lambda t: mp.exp(-abs(t)) * mp.besseli(0, t),
    "i1e": lambda t: mp.exp(-abs(t)) * mp.besseli(1, t),
    "bessel_i0e": lambda t: mp.exp(-abs(t)) * mp.besseli(0, t),
    "bessel_i1e": lambda t: mp.exp(-abs(t)) * mp.besseli(1, t),
    "ndtr": mp.ncdf,
    "log_ndtr": lambda t: mp.log(mp.ncdf(t)),
    "ndtri": lambda t: mp.sqrt(2) * mp.erfinv(2 * t - 1),
    "logit": lambda t: mp.log(t / (1 - t)),
    "entr": lambda t: -t * mp.log(t),
    "spence": lambda t: mp.polylog(2, 1 - t),
    "sinc": mp.sincpi,
    "j0": lambda t: mp.besselj(0, t),
    "j1": lambda t: mp.besselj(1, t),
    "y0": lambda t: mp.bessely(0, t),
    "y1": lambda t: mp.bessely(1, t),
    "expm1": mp.expm1,
    "log1p": mp.log1p,
    "cbrt": lambda t: mp.sign(t) * mp.cbrt(abs(t)),
    "rsqrt": lambda t: 1 / mp.sqrt(t),
    "gelu": lambda t: t * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (t + mp.mpf("0.044715") * t**3))) / 2,
    "silu": lambda t: t / (1 + mp.exp(-t)),
    "mish": lambda t: t * mp.tanh(mp.log1p(mp.exp(t))),
    **{
        name: getattr(mp, name)
        for name in (
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "asinh",
            "exp",
            "log",
            "sqrt",
            "atan",
            "asin",
            "acos",
            "acosh",
            "atanh",
        )
    },
    "arcsinh": mp.asinh,
    "arctan": mp.atan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
}
"""Functions of one number, by every name that a framework has for them."""


def _lower_gamma(a: float, t: Any) -> Any:
    """The regularized lower incomplete gamma function; mpmath's own never returns where t is large and negative."""
    if t <= 0:
        raise ValueError(t)
    return t**a * mp.exp(-t) * mp.hyp1f1(1, a + 1, t) / mp.gamma(a + 1)


OF_TWO: dict[str, tuple[tuple[float, ...], Callable[[float, Any], Any]]] = {
    "polygamma": ((1, 3), lambda n, t: mp.polygamma(int(n), t)),
    "gammainc": ((0.4, 2.5), lambda a, t: _lower_gamma(a, t)),
    "gammaincc": ((0.4, 2.5), lambda a, t: 1 - _lower_gamma(a, t)),
    "igamma": ((0.4, 2.5), lambda a, t: _lower_gamma(a, t)),
    "igammac": ((0.4, 2.5), lambda a, t: 1 - _lower_gamma(a, t)),
    "zeta": ((2.5,), lambda s, t: mp.zeta(s, t)),
    "jn": ((2,), lambda n, t: mp.besselj(n, t)),
    "yn": ((2,), lambda n, t: mp.bessely(n, t)),
    "xlogy": ((0.0, 0.7), lambda a, t: a * mp.log(t)),
    "xlog1py": ((0.0, 0.7), lambda a, t: a * mp.log1p(t)),
    "rel_entr": ((0.7,), lambda a, t: a * mp.log(a / t)),
    "kl_div": ((0.7,), lambda a, t: a * mp.log(a / t) - a + t),
    "beta": ((0.7,), lambda a, t: mp.beta(a, t)),
    "betaln": ((0.7,), lambda a, t: mp.log(abs(mp.beta(a, t)))),
}
"""Functions of a parameter and a number, with values of the parameter."""

OF_INTEGERS = ("polygamma", "jn", "yn")


Slopes = Callable[[int], float]
"""The derivative of that order, 0 being the value, at the point of a case."""


def points(operator: str, function: Any) -> Iterator[tuple[str, Callable[..., Any], np.ndarray, Slopes]]:
    """What it is called with, a function of one array, where to differentiate it, and its derivatives there."""
    name = operator.rpartition(".")[2]
    if name in FUNCTIONS:
        yield from _one_by_one("x", lambda x: (function(x),), FUNCTIONS[name])
    for parameter in OF_TWO[name][0] if name in OF_TWO else ():
        given: Any = int(parameter) if name in OF_INTEGERS else parameter

        def of_number(t: Any, parameter: float = parameter) -> Any:
            return OF_TWO[name][1](parameter, t)

        yield from _one_by_one(f"{given}, x", lambda x, given=given: (function(given, x),), of_number)


def _one_by_one(label: str, f: Callable[..., Any], reference: Callable[[Any], Any]) -> Iterator[Any]:
    """At those points where there are derivatives: a wrong one shall not hide another."""
    for point in POINTS:
        slopes = _slopes(reference, point)
        if slopes is not None:
            yield label, f, np.array([point]), lambda order, slopes=slopes: slopes[order]


def _slopes(reference: Callable[[Any], Any], point: float) -> tuple[float, float, float] | None:
    """The value and both derivatives, None where there are none or they are not real."""
    with mp.workdps(50):
        try:
            at, h = mp.mpf(point), mp.mpf(10) ** -16
            value, slope, curvature = reference(at), mp.diff(reference, at), mp.diff(reference, at, 2)
            ahead, behind = ((reference(at + s * h) - value) / (s * h) for s in (1, -1))
        except Exception:  # noqa: BLE001  # outside of its domain
            return None
        found = (value, slope, curvature, ahead, behind)
        if any(abs(mp.im(number)) > 1e-40 or not mp.isfinite(number) for number in found):
            return None
        if abs(ahead - behind) > 1e-6 * (1 + abs(slope)):  # a kink
            return None
        if 0 < abs(slope) < 1e-20 * abs(value):  # too flat for that many digits
            return None
        all_three = float(mp.re(value)), float(mp.re(slope)), float(mp.re(curvature))
    return all_three if max(map(abs, all_three)) < 1e20 else None
