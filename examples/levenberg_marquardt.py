"""Nonlinear least squares: Levenberg-Marquardt for many starting points at once, on NIST's reference data.

The starting points are the batch: parameters have shape (B, p), residuals (B, n), and one batched Jacobian (B, n, p)
serves one step of all fits. Each fit has its own damping. NIST certifies eleven digits of the parameters and of their
standard deviations. From both official starts of each problem, every backend must find more than nine of them.

    python examples/levenberg_marquardt.py [--backends torch jax autograd] [--problems misra1a thurber eckerle4 mgh09]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import everywhere
import numpy as np

import adhelpers


def misra1a(x: Any, b: list[Any]) -> Any:
    return -b[0] * adhelpers.array_namespace(b[0]).expm1(-b[1] * x)


def thurber(x: Any, b: list[Any]) -> Any:
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1.0 + x * (b[4] + x * (b[5] + x * b[6])))


def eckerle4(x: Any, b: list[Any]) -> Any:
    return b[0] / b[1] * adhelpers.array_namespace(b[0]).exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def mgh09(x: Any, b: list[Any]) -> Any:
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


@dataclass(frozen=True)
class Problem:
    """A model, called with x of shape (n,) and each parameter as (B, 1); NIST's two starts and certified values."""

    model: Callable[[Any, list[Any]], Any]
    starts: list[list[float]]
    certified: list[float]
    deviations: list[float]

    def data(self) -> np.ndarray:
        """The columns x and y."""
        path = Path(__file__).parent / "data" / f"{self.model.__name__}.csv"
        return np.genfromtxt(path, delimiter=",", skip_header=4).T


PROBLEMS = {
    problem.model.__name__: problem
    for problem in (
        Problem(
            misra1a,
            [[500, 1e-4], [250, 5e-4]],
            [238.94212918, 5.5015643181e-04],
            [2.7070075241, 7.2668688436e-06],
        ),
        Problem(
            thurber,
            [[1000, 1000, 400, 40, 0.7, 0.3, 0.03], [1300, 1500, 500, 75, 1, 0.4, 0.05]],
            [1288.1396800, 1491.0792535, 583.23836877, 75.416644291, 0.96629502864, 0.39797285797, 0.049727297349],
            [4.6647963344, 39.571156086, 28.698696102, 5.5675370270, 0.031333340687, 0.014984928198, 0.0065842344623],
        ),
        Problem(
            eckerle4,
            [[1, 10, 500], [1.5, 5, 450]],
            [1.5543827178, 4.0888321754, 451.54121844],
            [0.015408051163, 0.046803020753, 0.046800518816],
        ),
        Problem(
            mgh09,
            [[25, 39, 41.5, 39], [0.25, 0.39, 0.415, 0.39]],
            [0.19280693458, 0.19128232873, 0.12305650693, 0.13606233068],
            [0.011435312227, 0.19633220911, 0.080842031232, 0.090025542308],
        ),
    )
}


def residuals(b: Any, x: Any, y: Any, model: Any) -> Any:
    """The data minus the model: (B, n) for parameters of shape (B, p).

    Each element of the batch is one fit with all of its data: p pushforwards give the Jacobians of all fits. For a
    single fit with many parameters the data can be the batch instead, each with a copy of the parameters, (n, p) to
    (n, 1): then one pullback gives the whole Jacobian.
    """
    return y - model(x, [b[:, k, None] for k in range(b.shape[1])])


def fit(f: Any, backend: adhelpers.ADBackend, b: np.ndarray, args: tuple[Any, ...], steps: int = 500) -> Any:
    """Minimise the sum of squares of ``f(b, *args)`` from each row of `b`: parameters, R factors, squares, steps.

    The fits are small, so NumPy does their linear algebra on every backend, and the framework evaluates only `f` and
    its Jacobian. Damping is by Nielsen (1999), scaling by Moré (1978). QR solves the damped problem, because the normal
    equations would square its condition number and lose digits.
    """
    # Forward mode, because parameters are few. With the mode named, JAX does not compile and try the others.
    operation, options = adhelpers.value_and_batched_jacobian, {"batch_axis": 0, "mode": "forward"}
    prepared = adhelpers.prepare(operation, f, backend, b, args=args, **options)

    def linearise(b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        r, jacobian = (backend.to_numpy(result) for result in prepared(b, *args))
        return r, jacobian, np.sum(r**2, axis=-1)

    r, jacobian, squares = linearise(b)
    scale = np.linalg.norm(jacobian, axis=-2)  # of the columns, which have different units
    damping, growth = np.full_like(squares, 1e-3), np.full_like(squares, 2.0)
    done = np.zeros_like(squares, dtype=bool)
    for count in range(steps):
        if np.all(done):
            return b, np.linalg.qr(jacobian)[1], squares, count
        scaled = jacobian / scale[:, None, :]
        q, upper = np.linalg.qr(np.concat([scaled, np.sqrt(damping)[:, None, None] * np.eye(b.shape[1])], axis=-2))
        right = np.concat([-r, np.zeros_like(b)], axis=-1)[..., None]
        step = np.linalg.solve(upper, np.matrix_transpose(q) @ right)[..., 0]
        new_b = b + step / scale
        new_r, new_jacobian, new_squares = linearise(new_b)

        downhill = -np.sum(scaled * r[..., None], axis=-2)
        predicted = np.sum(step * (damping[:, None] * step + downhill), axis=-1)
        # Close to the minimum, sums of squares differ by rounding only. Then trust the model, without damping.
        flat = predicted <= 1e-12 * squares
        better = ((new_squares < squares) | flat) & ~done  # false for NaN too
        done = done | (flat & np.all(np.abs(step / scale) <= 1e-12 * np.abs(b), axis=-1))

        shrink = np.clip(1.0 - (2.0 * (squares - new_squares) / predicted - 1.0) ** 3, 1.0 / 3.0, 1.0)
        damping = np.where(flat, 1e-16, damping * np.where(better, shrink, growth))
        growth = np.where(better, 2.0, 2.0 * growth)
        b, r = np.where(better[:, None], new_b, b), np.where(better[:, None], new_r, r)
        jacobian = np.where(better[:, None, None], new_jacobian, jacobian)
        squares = np.where(better, new_squares, squares)
        scale = np.maximum(scale, np.linalg.norm(jacobian, axis=-2))
    msg = f"{np.sum(~done)} of {len(b)} fits have not converged after {steps} steps"
    raise RuntimeError(msg)


def standard_deviations(upper: np.ndarray, squares: np.ndarray, degrees: int) -> np.ndarray:
    """Standard deviations from the R factor of the Jacobian: the root of the diagonal of s^2 inv(R^T R)."""
    return np.sqrt(np.sum(np.linalg.inv(upper) ** 2, axis=-1) * (squares / degrees)[:, None])


def digits(received: np.ndarray, certified: list[float]) -> float:
    """The number of right digits in the worst case: NIST's own measure, cut off at the digits that NIST certifies."""
    with np.errstate(divide="ignore"):
        return float(np.min(np.minimum(-np.log10(np.abs(received / certified - 1.0)), 11.0)))


def main(argv: list[str] | None = None) -> None:
    parser = everywhere.parser(__doc__)
    parser.add_argument(
        "--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS), metavar="NAME", help="of NIST"
    )
    options = parser.parse_args(argv)
    backends = everywhere.chosen(options.backends, exact=True)
    for name in options.problems:
        problem = PROBLEMS[name]
        x, y = problem.data()
        print(f"{name}: {len(x)} data, {len(problem.certified)} parameters; right digits, of deviations too; steps")
        fitted = {}
        for backend_name, backend in backends.items():
            with backend.scope():  # JAX's 64-bit types
                args = (backend.asarray(x), backend.asarray(y), problem.model)
            start = np.asarray(problem.starts, dtype=float)
            fitted[backend_name], upper, squares, steps = fit(residuals, backend, start, args)
            deviations = standard_deviations(upper, squares, len(x) - start.shape[1])
            right, spread = digits(fitted[backend_name], problem.certified), digits(deviations, problem.deviations)
            print(f"{backend_name:>18}: {right:4.1f}, {spread:4.1f}; {steps}")
            everywhere.require(right > 9.0, f"{name} on {backend_name} has {right:.1f} digits of the certified values")
            everywhere.require(spread > 9.0, f"{name} on {backend_name}: {spread:.1f} digits of the deviations")
        everywhere.require_agreement(fitted, backends, 1e-9, f"parameters of {name}")


if __name__ == "__main__":
    main()
