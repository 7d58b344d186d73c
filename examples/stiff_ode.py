"""Stiff ordinary differential equations: one L-stable Rosenbrock solver for a whole batch of problems.

Robertson's reaction (1966) is integrated for five sets of rate constants at once. At the end its fastest time scale is
about 1e-4, a hundred-millionth of the interval, which limits the steps of explicit methods. Each step of Rodas3 (Sandu
et al., Atmospheric Environment 31, 1997; order 3, four stages, stiffly accurate) needs one Jacobian for each problem: a
batched Jacobian, and batched linear solves. Every problem has its own step size.

Checked against SciPy's Radau with a hand-written Jacobian; by the order at which errors fall with fixed steps; and by
the total mass, a linear invariant that Rosenbrock methods keep to rounding.

    python examples/stiff_ode.py [--backends torch jax autograd]
"""

from __future__ import annotations

import itertools
from typing import Any

import everywhere
import numpy as np
from scipy.integrate import solve_ivp

import adhelpers

T_END = 1e4
RATES = np.array([0.04, 3e7, 1e4]) * np.array(  # the classical constants, and variations of them
    [[1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [0.5, 1.0, 2.0], [1.0, 0.1, 1.0], [1.0, 3.0, 0.3]]
)


def robertson(y: Any, rates: Any) -> Any:
    """The right-hand side for a batch: `y` and `rates` have shape (B, 3)."""
    xp = adhelpers.array_namespace(y)
    slow, fast, back = rates[:, 0] * y[:, 0], rates[:, 1] * y[:, 1] ** 2, rates[:, 2] * y[:, 1] * y[:, 2]
    return xp.stack([back - slow, slow - fast - back, fast], axis=-1)


class Rodas3:
    """The solver a library would ship: for any autonomous ``f(y, *args)`` of shape (B, n), on any backend."""

    def __init__(self, f: Any, backend: adhelpers.ADBackend, y: Any, *args: Any) -> None:
        self.f, self.args = f, args
        # Prepared once, because every step calls it; on JAX this compiles f and its Jacobian together. J is square, so
        # either mode will do. With a mode named, JAX does not compile and try both.
        operation, options = adhelpers.value_and_batched_jacobian, {"batch_axis": 0, "mode": "forward"}
        self.value_and_jacobian = adhelpers.prepare(operation, f, backend, y, args=args, **options)

    def step(self, y: Any, h: Any) -> tuple[Any, Any]:
        """The state after steps `h`, of shape (B,), and an estimate of the error: the embedded method has order 2."""
        xp = adhelpers.array_namespace(y)
        f0, jacobian = self.value_and_jacobian(y, *self.args)  # (B, n) and (B, n, n)
        half = 0.5 * h[:, None]
        # Textbooks divide by h / 2. Here both sides are multiplied by it: a problem at its end can take steps of h = 0.
        matrix = xp.eye(y.shape[-1], dtype=y.dtype) - half[..., None] * jacobian

        def solve(right: Any) -> Any:  # the array API has no LU factors to keep, which hardly matters at n = 3
            return xp.linalg.solve(matrix, right[..., None])[..., 0]

        k1 = solve(half * f0)
        k2 = solve(half * f0 + 2.0 * k1)
        k3 = solve(half * self.f(y + 2.0 * k1, *self.args) + 0.5 * (k1 - k2))
        k4 = solve(half * self.f(y + 2.0 * k1 + k3, *self.args) + 0.5 * (k1 - k2) - (4.0 / 3.0) * k3)
        return y + 2.0 * k1 + k3 + k4, k4

    def integrate(self, y: Any, t_end: float, rtol: float, atol: float, steps: int = 10_000) -> tuple[Any, int]:
        """The states at `t_end`, and the number of steps until the last problem of the batch was there."""
        xp = adhelpers.array_namespace(y)
        t = xp.zeros_like(y[:, 0])
        h = xp.full_like(t, 1e-6 * t_end**0.5)
        for count in range(steps):
            if not xp.any(t < t_end):
                return y, count
            h = xp.minimum(h, t_end - t)
            proposed, deviation = self.step(y, h)
            scale = atol + rtol * xp.maximum(xp.abs(y), xp.abs(proposed))
            error = xp.sqrt(xp.mean((deviation / scale) ** 2, axis=-1))
            accepted = error <= 1.0
            y = xp.where(accepted[:, None], proposed, y)
            t = xp.where(accepted, xp.where(h < t_end - t, t + h, xp.full_like(t, t_end)), t)
            h = h * xp.clip(0.9 * (error + 1e-12) ** (-1.0 / 3.0), 0.2, 5.0)
        msg = f"not at t = {t_end} after {steps} steps; loosen rtol and atol, or allow more steps"
        raise RuntimeError(msg)


def radau(y0: np.ndarray, t_end: float) -> np.ndarray:
    """The reference: one problem at a time, everything by hand."""

    def f(_t: float, y: np.ndarray, k: np.ndarray) -> list[float]:
        return [k[2] * y[1] * y[2] - k[0] * y[0], k[0] * y[0] - k[1] * y[1] ** 2 - k[2] * y[1] * y[2], k[1] * y[1] ** 2]

    def jacobian(_t: float, y: np.ndarray, k: np.ndarray) -> np.ndarray:
        first, last = [-k[0], k[2] * y[2], k[2] * y[1]], [0.0, 2 * k[1] * y[1], 0.0]
        return np.array([first, -np.add(first, last), last])

    options = {"method": "Radau", "jac": jacobian, "rtol": 1e-11, "atol": 1e-16}
    return np.array(
        [solve_ivp(f, (0.0, t_end), y, args=(k,), **options).y[:, -1] for y, k in zip(y0, RATES, strict=True)]
    )


def orders(solver: Rodas3, y: Any, exact: np.ndarray, to_numpy: Any) -> list[float]:
    """The observed order at each halving of fixed steps over one unit of time, by the largest absolute error.

    This is the order of y1 and y3. The error of the tiny y2, whose time scale is far below the steps, falls more
    slowly: such order reduction is usual for stiff problems.
    """
    errors = []
    for steps in (8, 16, 32, 64):
        state, h = y, 0.0 * y[:, 0] + 1.0 / steps
        for _ in range(steps):
            state, _ = solver.step(state, h)
        errors.append(np.max(np.abs(to_numpy(state) - exact)))
    return [float(np.log2(coarse / fine)) for coarse, fine in itertools.pairwise(errors)]


def main(argv: list[str] | None = None) -> None:
    options = everywhere.parser(__doc__).parse_args(argv)
    backends = everywhere.chosen(options.backends)
    start = np.tile([1.0, 0.0, 0.0], (len(RATES), 1))
    reference = radau(start, T_END)
    settled = radau(start, 1.0)  # past the initial layer, where fixed steps would be wasted
    later = radau(settled, 1.0)

    print(f"Robertson's reaction until t = {T_END:.0f}: error against Radau, defect of mass, observed order")
    ends = {}
    for name, backend in backends.items():
        with backend.scope():  # JAX's 64-bit types, also for arithmetic between the operations
            y, rates = backend.asarray(start), backend.asarray(RATES)
            solver = Rodas3(robertson, backend, y, rates)
            end, steps = solver.integrate(y, T_END, rtol=1e-6, atol=1e-12)
            ends[name] = backend.to_numpy(end)
            observed = orders(solver, backend.asarray(settled), later, backend.to_numpy)
        worst = float(np.max(np.abs(ends[name] / reference - 1.0)))
        mass = float(np.max(np.abs(np.sum(ends[name], axis=-1) - 1.0)))
        print(f"{name:>18}: {steps} steps, {worst:.1e}, {mass:.1e}, {' '.join(f'{order:.2f}' for order in observed)}")
        everywhere.require(worst < 1e-5, f"{name} is off Radau by {worst:.1e}")
        everywhere.require(mass < 1e-12 * everywhere.slack(backend), f"{name} loses a mass of {mass:.1e}")
        everywhere.require(abs(observed[-1] - 3.0) < 0.15, f"{name} shows an order of {observed[-1]:.2f} instead of 3")

    print(f"\n{'k1':>8} {'k2':>8} {'k3':>8}   state at the end")
    for rate, y in zip(RATES, ends[next(iter(ends))], strict=True):
        print(f"{rate[0]:8.2g} {rate[1]:8.2g} {rate[2]:8.2g}   {y[0]:.8f}  {y[1]:.8e}  {y[2]:.8f}")
    everywhere.require_agreement(ends, backends, 1e-9, "states at the end")


if __name__ == "__main__":
    main()
