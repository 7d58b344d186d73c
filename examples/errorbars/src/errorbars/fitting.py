"""`fit`: the method of Levenberg and Marquardt, and standard errors from the curvature at the minimum."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import adhelpers

from errorbars.structures import like, matrix, vector


class FitError(RuntimeError):
    """The data do not determine the parameters, or no minimum was found."""


@dataclass(frozen=True)
class Fit:
    """The fitted parameters, and how well the data determine them; `fit` returns it.

    Attributes
    ----------
    x
        The parameters: the structure that `fit` was given, with arrays of the framework.
    errors
        The standard error of each parameter, in the same structure.
    covariance
        The covariance matrix of the parameters, in the order of `adhelpers.tree_leaves`.
    variance
        The variance of the residuals, estimated or given.
    steps
        The number of steps taken.
    backend
        The backend that `fit` was given.
    """

    x: Any
    errors: Any
    covariance: Any
    variance: float
    steps: int
    backend: adhelpers.ADBackend | str | None

    def predict(self, model: Callable[..., Any], *args: Any) -> tuple[Any, Any]:
        """``model(x, *args)``, and its standard error from the uncertainty of the parameters."""
        with scope(self.backend):
            y, jacobian = adhelpers.value_and_jacobian(model, self.backend, self.x, args=args)
            J = matrix(jacobian, y)
            xp = adhelpers.array_namespace(J)
            return y, like(y, xp.sqrt(xp.sum((J @ self.covariance) * J, axis=1)))


def fit(
    residuals: Callable[..., Any],
    x: Any,
    *args: Any,
    backend: adhelpers.ADBackend | str | None = None,
    variance: float | None = None,
    steps: int = 200,
) -> Fit:
    """Minimise the sum of squares of ``residuals(x, *args)``, and estimate the errors of the parameters.

    Parameters
    ----------
    residuals
        A function of your framework. It returns real arrays, in any structure.
    x
        The starting point: real arrays or numbers in any structure. An `adhelpers.Constant` in it is not fitted.
    *args
        Further arguments of `residuals`, such as the data.
    backend
        The backend that differentiates: ``"jax"``, ``"torch"``, ``"autograd"``, ``"finite-difference"``, or an
        `ADBackend`. By default that of the arrays in `x`.
    variance
        The variance of the residuals, if it is known. By default it is estimated from the residuals of the fit.
    steps
        The largest number of steps.

    Raises
    ------
    FitError
        The data do not determine the parameters, or no minimum was found.
    adhelpers.AdhelpersError
        `x` or the result of `residuals` cannot be differentiated, or nothing says which framework is meant.
    """
    with scope(backend):
        x = _arrays(x, adhelpers.value(residuals, backend, x, args=args))
        evaluate = adhelpers.prepare(adhelpers.value_and_jacobian, residuals, backend, x, args=args)
        value = adhelpers.prepare(adhelpers.value, residuals, backend, x, args=args)
        r, jacobian = evaluate(x, *args)
        r, J = vector(r), matrix(jacobian, r)
        xp = adhelpers.array_namespace(J)
        count, size = J.shape
        if count < size or (count == size and variance is None):
            msg = f"{count} residuals do not determine {size} parameters and their errors; give more data"
            raise FitError(msg)
        epsilon = float(xp.finfo(J.dtype).eps)
        damping, growth = 1e-3, 2.0
        for step in range(steps):
            scale = _sizes(xp, J)
            move = _move(xp, J / scale, r, damping)
            trial = adhelpers.tree_map(lambda leaf, moved: leaf + moved, x, like(x, move / scale))
            squares, expected = float(r @ r), float(move @ (damping * move - (J / scale).T @ r))
            rounding = epsilon * float(xp.sum(xp.abs(scale * vector(x))))
            if expected <= epsilon * squares or squares <= count * rounding**2:
                return _result(xp, trial, r, J, variance, step, backend)
            left = vector(value(trial, *args))
            seen = squares - float(left @ left) + 10 * count * epsilon * squares  # up to rounding
            if not seen > 0:  # NaN if the model left its domain
                damping, growth = damping * growth, growth * 2
                continue
            x = trial
            damping, growth = damping * max(1 / 3, 1 - (2 * min(seen / expected, 1) - 1) ** 3), 2.0
            r, jacobian = evaluate(x, *args)
            r, J = vector(r), matrix(jacobian, r)
    msg = f"no minimum was found in {steps} steps from here; start nearer to it, or allow more steps"
    raise FitError(msg)


def scope(backend: adhelpers.ADBackend | str | None) -> contextlib.AbstractContextManager[Any]:
    """The context for arithmetic between a backend's operations: the backend may have been given 64-bit types."""
    return backend.scope() if isinstance(backend, adhelpers.ADBackend) else contextlib.nullcontext()


def _arrays(x: Any, y: Any) -> Any:
    """`x` in arrays of the framework of `y`; Python numbers take the precision of `y`."""
    first = adhelpers.tree_leaves(y)[0]
    xp = adhelpers.array_namespace(first)
    return adhelpers.tree_map(lambda leaf: xp.asarray(leaf, dtype=first.dtype if type(leaf) is float else None), x)


def _sizes(xp: Any, J: Any) -> Any:
    """The length of each column, because parameters have different units; 1 for a column of zeros."""
    sizes = xp.sqrt(xp.sum(J * J, axis=0))
    return xp.where(sizes > 0, sizes, xp.ones_like(sizes))


def _move(xp: Any, J: Any, r: Any, damping: float) -> Any:
    """The step that minimises ``|J move + r|**2 + damping * |move|**2``; by QR, as J.T @ J has half of the digits."""
    eye = xp.eye(J.shape[1], dtype=J.dtype, device=J.device)
    q, upper = xp.linalg.qr(xp.concat([J, math.sqrt(damping) * eye], axis=0))
    return -xp.linalg.solve(upper, (q[: J.shape[0], :].T @ r)[:, None])[:, 0]


def _result(
    xp: Any, x: Any, r: Any, J: Any, variance: float | None, steps: int, backend: adhelpers.ADBackend | str | None
) -> Fit:
    count, size = J.shape
    scale = _sizes(xp, J)
    upper = xp.linalg.qr(J / scale)[1]
    diagonal = xp.abs(xp.linalg.diagonal(upper))
    if not float(xp.min(diagonal)) > count * float(xp.finfo(J.dtype).eps):
        msg = "the data do not determine all parameters: some change nothing, or only together with others"
        raise FitError(msg)
    if variance is None:
        variance = float(r @ r) / (count - size)
    inverse = xp.linalg.solve(upper, xp.eye(size, dtype=J.dtype, device=J.device)) / scale[:, None]
    covariance = variance * (inverse @ inverse.T)
    errors = like(x, xp.sqrt(xp.linalg.diagonal(covariance)))
    return Fit(x, errors, covariance, variance, steps, backend)
