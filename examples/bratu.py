"""Bratu's problem, u'' + exp(u) = 0 between cold ends: both solutions by Newton-Krylov, and which one is stable.

The equation balances the heat that a medium makes against the heat that it loses at its ends. Each step of Newton's
method solves a linear system: `adhelpers.linearize` gives the Jacobian of the residual as a linear map, SciPy's GMRES
multiplies by it, and no matrix is built. A solution is stable if the Hessian of the energy has no negative eigenvalue:
`adhelpers.linearize_gradient` gives the Hessian as a linear map, and `eigsh` its smallest eigenvalue.

Checked: both solutions against the closed form, from which the error must fall by four when the step is halved; the
eigenvalue against that of a matrix by hand; that only the lower solution is stable; that backends agree.

    python examples/bratu.py [--backends torch jax autograd]
"""

from __future__ import annotations

from typing import Any

import everywhere
import numpy as np
from scipy.optimize import brentq
from scipy.sparse.linalg import eigsh, gmres

import adhelpers

BRANCHES = {"lower": (0.0, 4.0), "upper": (4.0, 14.0)}
"""The interval of each solution's parameter, theta."""


def residual(u: Any) -> Any:
    xp = adhelpers.array_namespace(u)
    cold = xp.zeros_like(u[:1])
    padded = xp.concat([cold, u, cold])
    h = 1.0 / (u.shape[0] + 1)
    return (padded[2:] - 2.0 * u + padded[:-2]) / h**2 + xp.exp(u)


def energy(u: Any) -> Any:
    """Its gradient is the residual, times -h."""
    xp = adhelpers.array_namespace(u)
    cold = xp.zeros_like(u[:1])
    padded = xp.concat([cold, u, cold])
    h = 1.0 / (u.shape[0] + 1)
    return xp.sum((padded[1:] - padded[:-1]) ** 2) / (2.0 * h) - h * xp.sum(xp.exp(u))


def closed_form(branch: str, places: np.ndarray) -> np.ndarray:
    theta = brentq(lambda theta: theta - np.sqrt(2.0) * np.cosh(theta / 4.0), *BRANCHES[branch], xtol=1e-15)
    return -2.0 * np.log(np.cosh((places - 0.5) * theta / 2.0) / np.cosh(theta / 4.0))


def newton_krylov(backend: adhelpers.ADBackend, start: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The solution near `start`, the number of steps, and the number of products."""
    u, products = start, 0

    def count(_: float) -> None:
        nonlocal products
        products += 1

    steps = 0
    while True:
        steps += 1
        everywhere.require(steps <= 30, "Newton's method took more than 30 steps")
        lin = adhelpers.linearize(residual, backend, u)
        value = backend.to_numpy(lin.value)
        change, failed = gmres(
            lin.operator(), -value, rtol=1e-8, restart=len(u), callback=count, callback_type="pr_norm"
        )
        everywhere.require(failed == 0, f"GMRES ended with status {failed}")
        u = u + change
        if np.max(np.abs(change)) < 1e-9:
            return u, steps, products


def smallest_eigenvalue(backend: adhelpers.ADBackend, u: np.ndarray) -> float:
    hessian = adhelpers.linearize_gradient(energy, backend, u).operator()
    return float(eigsh(hessian, k=1, which="SA", return_eigenvectors=False, v0=np.ones(len(u)))[0])


def eigenvalue_by_hand(u: np.ndarray) -> float:
    n, h = len(u), 1.0 / (len(u) + 1)
    matrix = (2.0 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)) / h - h * np.diag(np.exp(u))
    return float(np.linalg.eigvalsh(matrix)[0])


def main(argv: list[str] | None = None) -> None:
    options = everywhere.parser(__doc__).parse_args(argv)
    backends = everywhere.chosen(options.backends)
    for branch in BRANCHES:
        print(f"{branch} solution: steps, products; error on 31 and 63 places; smallest eigenvalue")
        found = {}
        for name, backend in backends.items():
            errors = []
            for n in (31, 63):
                places = np.linspace(0.0, 1.0, n + 2)[1:-1]
                exact = closed_form(branch, places)
                # The start has only the height of the solution.
                u, steps, products = newton_krylov(backend, float(np.max(exact)) * np.sin(np.pi * places))
                errors.append(float(np.max(np.abs(u - exact))))
            smallest, expected = smallest_eigenvalue(backend, u), eigenvalue_by_hand(u)
            print(f"{name:>18}: {steps}, {products}; {errors[0]:.1e}, {errors[1]:.1e}; {smallest:+.5f}")
            everywhere.require(3.5 < errors[0] / errors[1] < 4.5, f"{name}: errors fall by {errors[0] / errors[1]:.2f}")
            off = abs(smallest - expected)
            everywhere.require(
                off <= 1e-9 * everywhere.slack(backend), f"{name}: the eigenvalue is off by {off:.1e} from that by hand"
            )
            everywhere.require((smallest > 0.0) == (branch == "lower"), f"{name}: the {branch} solution is mistaken")
            found[name] = u
        everywhere.require_agreement(found, backends, 1e-10, f"the {branch} solution")


if __name__ == "__main__":
    main()
