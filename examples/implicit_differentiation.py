"""Implicit differentiation: the derivative of a root, without differentiating the solver.

If g(x, theta) = 0 defines x(theta), then dg/dx dx + dg/dtheta dtheta = 0. `solve`, `push` and `pull` are what a library
would ship: Newton's method, and the two products with dx/dtheta, for a batch of small systems and parameters in any
structure. They cost one linear solve each, whatever the root took.

The system is the boiling of van der Waals' fluid. One function is written by hand, the free energy; pressure and
chemical potential are derivatives of it, so that Newton's Jacobian is a derivative of derivatives. Liquid and vapour of
five substances are brought to equal pressure and potential, and their volumes differentiated with respect to
temperature and both constants. Closed forms exist: Clapeyron's equation, and the law of corresponding states.

    python examples/implicit_differentiation.py [--backends torch jax autograd]
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import everywhere
import numpy as np

import adhelpers

R = 0.083144626  # bar L / (mol K)
CRITICAL = {  # K and bar
    "argon": (150.7, 48.6),
    "methane": (190.6, 46.0),
    "nitrogen": (126.2, 34.0),
    "carbon dioxide": (304.1, 73.8),
    "water": (647.1, 220.6),
}

# -- what a library would ship: g maps x of shape (n, B), and theta in any structure, to residuals (n, B) -------------


def solve(
    g: Callable[..., Any], backend: adhelpers.ADBackend, x: Any, theta: Any, *, tolerance: float = 1e-12
) -> tuple[Any, int]:
    """A root of ``g(x, theta)`` by Newton's method from `x`, with steps that keep every unknown positive."""
    xp = adhelpers.array_namespace(x)
    for count in range(50):
        residual, jacobian = adhelpers.value_and_batched_jacobian(g, backend, x, args=(theta,))
        step = _solve_batch(jacobian, -residual)
        if not xp.any(xp.abs(step) > tolerance * xp.abs(x)):
            return x + step, count + 1
        longest = xp.max(-step / x, axis=0)  # 1 would lead to zero: no further than half way
        x = x + step * xp.where(longest > 0.5, 0.5 / longest, xp.ones_like(longest))
    msg = "no root after 50 Newton steps; start closer to it"
    raise RuntimeError(msg)


def push(g: Callable[..., Any], backend: adhelpers.ADBackend, x: Any, theta: Any, tangent: Any) -> Any:
    """The tangent of the root `x` for a tangent of `theta`: dx = -(dg/dx)^-1 (dg/dtheta dtheta)."""
    jacobian = adhelpers.batched_jacobian(g, backend, x, args=(theta,))
    moved = adhelpers.jacobian_vector_product(_swapped, backend, theta, tangent, args=(x, g))
    return -_solve_batch(jacobian, moved)


def pull(g: Callable[..., Any], backend: adhelpers.ADBackend, x: Any, theta: Any, cotangent: Any) -> Any:
    """The cotangent of `theta`, in its structure, for a cotangent of the root `x`: the transpose of `push`."""
    xp = adhelpers.array_namespace(x)
    jacobian = adhelpers.batched_jacobian(g, backend, x, args=(theta,))
    multipliers = -_solve_batch(xp.permute_dims(jacobian, (1, 0, 2)), cotangent)
    return adhelpers.vector_jacobian_product(_swapped, backend, theta, multipliers, args=(x, g))


def _swapped(theta: Any, x: Any, g: Callable[..., Any]) -> Any:
    return g(x, theta)


def _solve_batch(matrix: Any, right: Any) -> Any:
    """(n, n, B) and (n, B): linalg wants the batch first."""
    xp = adhelpers.array_namespace(matrix, right)
    solution = xp.linalg.solve(xp.permute_dims(matrix, (2, 0, 1)), xp.permute_dims(right, (1, 0))[..., None])
    return xp.permute_dims(solution[..., 0], (1, 0))


# -- the system -------------------------------------------------------------------------------------------------------


def free_energy(volume: Any, theta: Any) -> Any:
    """Helmholtz' free energy of a mole of van der Waals' fluid, up to a function of temperature; bar L / mol."""
    xp = adhelpers.array_namespace(volume, *theta.values())  # either may be what is differentiated
    return -R * theta["T"] * xp.log(volume - theta["b"]) - theta["a"] / volume


def boiling(volumes: Any, theta: Any, backend: adhelpers.ADBackend) -> Any:
    """How far apart the two phases are in pressure and chemical potential: (2, B) for volumes (2, B), without units."""
    xp = adhelpers.array_namespace(volumes, *theta.values())
    energy, slope = adhelpers.value_and_jacobian_vector_product(
        free_energy, backend, volumes, xp.ones_like(volumes), args=(theta,)
    )
    pressure, thermal = -slope, R * theta["T"]
    potential = energy + pressure * volumes
    return xp.stack([(pressure[0] - pressure[1]) * theta["b"] / thermal, (potential[0] - potential[1]) / thermal])


def closed_forms(v: np.ndarray, T: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """The derivatives of both volumes. On the boiling curve dp/dT is the jump of entropy over that of volume."""
    slope = R * np.log((v[1] - b) / (v[0] - b)) / (v[1] - v[0])
    by_temperature = (slope - R / (v - b)) / (2 * a / v**3 - R * T / (v - b) ** 2)
    # v / b is a function of T b / a alone.
    return {"T": by_temperature, "a": -T / a * by_temperature, "b": v / b + T / b * by_temperature}


def main(argv: list[str] | None = None) -> None:
    options = everywhere.parser(__doc__).parse_args(argv)
    backends = everywhere.chosen(options.backends, exact=True)
    critical_T, critical_p = np.array(list(CRITICAL.values())).T
    at = {
        "T": np.linspace(0.75, 0.95, len(critical_T)) * critical_T,
        "a": 27 / 64 * (R * critical_T) ** 2 / critical_p,
        "b": R * critical_T / (8 * critical_p),
    }
    below = 1 - at["T"] / critical_T
    guess = 3 * at["b"] / np.array([1 + 2 * below**0.5 + 0.4 * below, 1 - 1.6 * below**0.5])  # from near T_c
    rng = np.random.default_rng(0)
    tangent = {name: value * rng.standard_normal(value.shape) for name, value in at.items()}
    cotangent = rng.standard_normal(guess.shape)

    print("van der Waals' fluid at its boiling curve: Newton steps; errors of the pushed and the pulled derivative")
    roots, pulled = {}, {}
    for name, backend in backends.items():
        g = functools.partial(boiling, backend=backend)
        with backend.scope():  # JAX's 64-bit types for the arithmetic between the operations too
            theta, dtheta = ({key: backend.asarray(value) for key, value in tree.items()} for tree in (at, tangent))
            x, steps = solve(g, backend, backend.asarray(guess), theta)
            dx = backend.to_numpy(push(g, backend, x, theta, dtheta))
            back = pull(g, backend, x, theta, backend.asarray(cotangent))
            roots[name] = backend.to_numpy(x)
            pulled[name] = np.stack([backend.to_numpy(back[key]) * at[key] for key in at])
        exact = closed_forms(roots[name], **at)
        forward = everywhere.error(dx, sum(exact[key] * tangent[key] for key in at))
        reverse = everywhere.error(pulled[name], [np.sum(exact[key] * cotangent, axis=0) * at[key] for key in at])
        print(f"{name:>18}: {steps}; {forward:.1e}, {reverse:.1e}")
        everywhere.require(max(forward, reverse) <= 1e-12, f"{name} is off the closed forms; 1e-12 allowed")

    v = roots[next(iter(roots))]
    pressure = R * at["T"] / (v[0] - at["b"]) - at["a"] / v[0] ** 2
    expansion = closed_forms(v, **at)["T"] / v
    print(f"\n{'':>14} {'T, K':>7} {'p, bar':>8} {'liquid, L':>10} {'vapour, L':>10}   dlog(v)/dT of both, 1/K")
    for row in zip(CRITICAL, at["T"], pressure, *v, *expansion, strict=True):
        print("{:>14} {:7.1f} {:8.3f} {:10.6f} {:10.6f}   {:+.6f} {:+.6f}".format(*row))
    everywhere.require_agreement(roots, backends, 1e-11, "volumes")
    everywhere.require_agreement(pulled, backends, 1e-10, "derivatives")


if __name__ == "__main__":
    main()
