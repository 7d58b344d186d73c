"""Rules of autograd.scipy that are wrong: refused, and made good by the other mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import UnsupportedOperationError, jacobian_vector_product, vector_jacobian_product

pytest.importorskip("autograd")
pytest.importorskip("scipy")
import autograd.numpy as anp
import autograd.scipy.linalg as sl
import autograd.scipy.special as sp
from autograd.scipy.integrate import odeint
from autograd.scipy.stats import beta, chi2, gamma
from autograd.tracer import trace_stack
from autograd_functions import complexes, numbers, raw_pairings

from adhelpers_plugins.autograd import wrong_in_scipy
from adhelpers_plugins.autograd.backend import AutogradBackend

STRICT = AutogradBackend(fallback=False)
FORWARD, REVERSE = "F", "R"
X = numbers(3, 3, 3)
LOWER = np.tril(numbers(3, 3)) + 4.0 * np.eye(3)
COMPLEX = np.tril(complexes(3, 3)) + 4.0 * np.eye(3)
POSITIVE = np.array([0.3, 1.7, 4.2])
TIMES, START = np.linspace(0.0, 0.6, 4), np.array([1.0, 0.5])
EXACT = {"rtol": 1e-11, "atol": 1e-11}


def logsumexp(axis: Any, **options: Any) -> Callable[[Any], Any]:
    return lambda x: sp.logsumexp(x, axis=axis, **options)


def solved(b: np.ndarray, **options: Any) -> Callable[[Any], Any]:
    return lambda a: sl.solve_triangular(a, b, lower=True, **options)


def decay(**options: Any) -> Callable[[Any], Any]:
    return lambda y: odeint(lambda y, t, a: -a * y**2, y, TIMES, (0.3,), **EXACT, **options)


# f, x, and the modes whose rule is right.
CASES: dict[str, tuple[Callable[[Any], Any], np.ndarray, str]] = {
    "logsumexp, axes from the end": (logsumexp((-2, -1)), X, REVERSE),
    "logsumexp, axes from the end, in another order": (logsumexp((-1, -2)), X, REVERSE),
    "logsumexp, axes from both ends": (logsumexp((-2, 2)), X, REVERSE),
    "logsumexp, axes from the front": (logsumexp((1, 2)), X, FORWARD + REVERSE),
    "logsumexp, axes from the end are kept": (logsumexp((-2, -1), keepdims=True), X, FORWARD + REVERSE),
    "logsumexp, one axis from the end": (logsumexp(-2), X, FORWARD + REVERSE),
    "logsumexp, a number of NumPy's": (logsumexp(np.int64(1)), X, REVERSE),
    "logsumexp, weights": (logsumexp((-2, -1), b=np.abs(X) + 0.1), X, REVERSE),
    "max, a number of NumPy's": (lambda x: anp.max(x, axis=np.int64(1)), X, REVERSE),
    "solve_triangular": (solved(numbers(3, 2)), LOWER, REVERSE),
    "solve_triangular, of ones": (solved(numbers(3, 2), unit_diagonal=True), LOWER, ""),
    "solve_triangular, complex": (solved(complexes(3)), COMPLEX, REVERSE),
    "solve_triangular, complex, transposed": (solved(complexes(3), trans="T"), COMPLEX, REVERSE),
    "solve_triangular, complex, conjugated": (solved(complexes(3), trans=2), COMPLEX, ""),
    "solve_triangular, complex, conjugated by letter": (solved(complexes(3), trans="C"), COMPLEX, ""),
    "solve_triangular, real, conjugated": (solved(numbers(3), trans="C"), LOWER, REVERSE),
    "sqrtm": (sl.sqrtm, LOWER @ LOWER.T, FORWARD + REVERSE),
    "sqrtm, complex": (sl.sqrtm, COMPLEX, FORWARD),
    "slogdet, complex sign": (lambda x: anp.linalg.slogdet(x)[0], COMPLEX, ""),
    "slogdet": (lambda x: anp.linalg.slogdet(x)[1], LOWER, REVERSE),
    "chi2.logpdf, whole": (lambda x: chi2.logpdf(x, 3.0), POSITIVE, REVERSE),
    "chi2.logpdf, fractional": (lambda x: chi2.logpdf(x, 2.5), POSITIVE, ""),
    "chi2.pdf, fractional": (lambda x: chi2.pdf(x, np.array([2.0, 2.5, 3.0])), POSITIVE, ""),
    "jn by its order": (lambda x: sp.jn(x, 2.0), POSITIVE, ""),
    "iv by its order": (lambda x: sp.iv(x, 2.0), POSITIVE, ""),
    "ive by its order": (lambda x: sp.ive(x, 2.0), POSITIVE, ""),
    "jn": (lambda x: sp.jn(2, x), POSITIVE, REVERSE),
    "sinc at zero": (lambda x: anp.sinc(x), np.array([0.0, 0.3]), ""),
    "sinc": (lambda x: anp.sinc(x), POSITIVE, FORWARD + REVERSE),
    "ive": (lambda x: sp.ive(1, x), POSITIVE, REVERSE),
    "ive at zero": (lambda x: sp.ive(1, x), POSITIVE - 0.3, ""),
    "gammainc": (lambda x: sp.gammainc(2.5, x), POSITIVE, REVERSE),
    "gammainc, overflowing": (lambda x: sp.gammainc(180.0, x), np.array([170.0, 185.0]), ""),
    "gammaincc, overflowing": (lambda x: sp.gammaincc(180.0, x), np.array([170.0, 185.0]), ""),
    "beta": (lambda x: sp.beta(0.7, x), np.array([-0.3, 1.2]), REVERSE),
    "beta where gamma(a + b) is infinite": (lambda x: sp.beta(0.7, x), np.array([-0.7, 1.2]), ""),
    "betainc": (lambda x: sp.betainc(2.5, 1.5, x), np.array([0.2, 0.7]), REVERSE),
    "betainc, underflowing": (lambda x: sp.betainc(900.0, 900.0, x), np.array([0.49, 0.51]), ""),
    "rgamma": (sp.rgamma, np.array([-1.5, 0.3]), REVERSE),
    "rgamma at zeros of its": (sp.rgamma, np.array([-2.0, 0.3]), ""),
    "rgamma, underflowing": (lambda x: 1e300 * (1e9 * sp.rgamma(x)), np.array([171.5, 172.0]), ""),
    **{
        f"{name}, elsewhere": (lambda x, f=f, p=p: f(x, *p, loc=-3.0, scale=9.0), POSITIVE, "")
        for name, f, p in (
            ("beta.cdf", beta.cdf, (2.5, 3.5)),
            ("beta.pdf", beta.pdf, (2.5, 3.5)),
            ("chi2.cdf", chi2.cdf, (6.0,)),
            ("chi2.pdf", chi2.pdf, (6.0,)),
            ("gamma.cdf", gamma.cdf, (2.5,)),
            ("gamma.pdf", gamma.pdf, (2.5,)),
        )
    },
    "beta.cdf": (lambda x: beta.cdf(x, 2.5, 3.5), np.array([0.2, 0.7]), REVERSE),
    "beta.cdf outside": (lambda x: beta.cdf(x, 3.0, 2.0), np.array([-0.2, 1.7]), ""),
    "beta.cdf, underflowing": (lambda x: beta.cdf(x, 900.0, 900.0), np.array([0.49, 0.51]), ""),
    "beta.pdf outside": (lambda x: beta.pdf(x, 2.5, 3.5), np.array([-0.2, 0.7, 1.7]), REVERSE),
    "beta.pdf outside, by its parameters": (lambda x: beta.pdf(1.7, x[0], x[1]), POSITIVE, ""),
    "beta.pdf at an end": (lambda x: beta.pdf(x, 3.5, 3.5), np.array([0.0, 1.0]), ""),
    "gamma.cdf": (lambda x: gamma.cdf(x, 2.5), POSITIVE, REVERSE),
    "gamma.cdf outside": (lambda x: gamma.cdf(x, 3.0), -POSITIVE, ""),
    "gamma.cdf, overflowing": (lambda x: gamma.cdf(x, 180.0), np.array([170.0, 185.0]), ""),
    "gamma.pdf outside": (lambda x: gamma.pdf(x, 3.0), -POSITIVE, REVERSE),
    "gamma.pdf outside, by its parameter": (lambda x: gamma.pdf(-1.0, x), POSITIVE, ""),
    "gamma.pdf by its parameter": (lambda x: gamma.pdf(1.0, x), POSITIVE, REVERSE),
    "gamma.pdf at its end": (lambda x: gamma.pdf(x, 3.5), np.array([0.0, 1.0]), ""),
    "chi2.cdf": (lambda x: chi2.cdf(x, 2.5), POSITIVE, REVERSE),
    "chi2.cdf outside": (lambda x: chi2.cdf(x, 6.0), -POSITIVE, ""),
    "chi2.cdf, overflowing": (lambda x: chi2.cdf(x, 360.0), np.array([340.0, 370.0]), ""),
    "chi2.pdf at its end": (lambda x: chi2.pdf(x, 8.0), np.array([0.0, 1.0]), ""),
    "odeint": (decay(), START, REVERSE),
    "odeint, a last time": (decay(tcrit=np.array([0.7])), START, ""),
    "odeint, a Jacobian": (decay(Dfun=lambda y, t, a: np.diag(-2 * a * y)), START, ""),
    "odeint, a band": (decay(ml=0, mu=0), START, ""),
}


def random_like(value: Any, seed: int) -> np.ndarray:
    shape = np.shape(value)
    vector = complexes(*shape, seed=seed) if np.iscomplexobj(value) else np.asarray(numbers(*shape, seed=seed))
    return vector.astype(value.dtype)  # which is wider for a root in SciPy 1.14


@pytest.mark.parametrize("name", CASES)
def test_each_mode_is_right_or_refuses(name: str) -> None:
    f, x, right = CASES[name]
    t, u = random_like(x, 1), random_like(f(x), 2)
    step = 1e-6
    along = (np.asarray(f(x + step * t)) - np.asarray(f(x - step * t))) / (2 * step)
    paired = float(np.sum(np.real(u * along)))
    backends = (STRICT, "autograd") if right else (STRICT,)
    for backend in backends:  # with a fallback one right mode serves both
        for product, vector, mode in ((jacobian_vector_product, t, FORWARD), (vector_jacobian_product, u, REVERSE)):
            if mode not in right and backend is STRICT:
                with pytest.raises(UnsupportedOperationError):
                    product(f, backend, x, vector)
                continue
            received = product(f, backend, x, vector)
            number = np.sum(np.real((u if mode == FORWARD else t) * received))
            np.testing.assert_allclose(number, paired, rtol=2e-6, atol=1e-6)


def test_every_place_is_one_of_autograds() -> None:
    for place in (*wrong_in_scipy.WRONG_FORWARD, *wrong_in_scipy.WRONG_REVERSE):
        module, _, name = place.partition(":")
        function = getattr(pytest.importorskip(module), name)
        table = {place: lambda *args: True}
        assert wrong_in_scipy.condition_for(function, table) is table[place]
    assert wrong_in_scipy.condition_for(anp.sin, wrong_in_scipy.WRONG_REVERSE) is None


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_where_no_mode_is_right_the_primitive_is_named(product: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match="of logpdf .*is wrong for these arguments"):
        product(lambda x: chi2.logpdf(x, 2.5), "autograd", POSITIVE, POSITIVE)


@pytest.mark.parametrize("name", CASES)
def test_autograd_is_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_stack, "top", trace_stack.top)  # autograd leaves it where a rule raises
    f, x, right = CASES[name]
    t, u = random_like(x, 1), random_like(f(x), 2)
    step = 1e-6
    along = (np.asarray(f(x + step * t)) - np.asarray(f(x - step * t))) / (2 * step)
    paired = float(np.sum(np.real(u * along)))
    for mode, raw in raw_pairings(f, x, t, u).items():
        if mode not in right:
            assert not abs(raw - paired) <= 1e-5 * max(1.0, abs(paired)), f"autograd has mended {name}: say so"
