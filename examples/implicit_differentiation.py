"""Implicit differentiation: the derivatives of a root, of any order, without differentiating the solver.

The system is the boiling of van der Waals' fluid. Only the free energy is written by hand: pressure, chemical potential
and Newton's Jacobian are derivatives. The solver `volumes` brings liquid and vapour of five substances to equal
pressure and potential. `adhelpers.implicit` gets these conditions, which makes `volumes` a function like any other: it
is differentiated with respect to temperature and both constants, in both modes, and twice.

Checked against closed forms: Clapeyron's equation, and the law of corresponding states, by which volume / b is a
function of T b / a alone.

    python examples/implicit_differentiation.py [--backends torch jax autograd]
"""

from __future__ import annotations

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

# -- the system -------------------------------------------------------------------------------------------------------


def free_energy(volume: Any, theta: Any) -> Any:
    """Helmholtz' free energy of a mole of van der Waals' fluid, up to a function of temperature; bar L / mol."""
    xp = adhelpers.array_namespace(volume, *theta.values())  # either may hold tracers
    return -R * theta["T"] * xp.log(volume - theta["b"]) - theta["a"] / volume


def boiling(theta: Any, volumes: Any, *_: Any) -> Any:
    """The phases' differences in pressure and chemical potential: (2, B) for volumes (2, B), dimensionless."""
    xp = adhelpers.array_namespace(volumes, *theta.values())
    energy, slope = adhelpers.value_and_jacobian_vector_product(
        free_energy, None, volumes, xp.ones_like(volumes), args=(theta,)
    )
    pressure, thermal = -slope, R * theta["T"]
    potential = energy + pressure * volumes
    return xp.stack([(pressure[0] - pressure[1]) * theta["b"] / thermal, (potential[0] - potential[1]) / thermal])


@adhelpers.implicit(boiling, tolerance=1e-10)
def volumes(theta: Any, guess: Any) -> Any:
    """The volumes of liquid and vapour, (2, B), by Newton's method, with steps that keep every volume positive."""
    xp = adhelpers.array_namespace(guess)
    x = guess
    for _ in range(50):
        residual, jacobian = adhelpers.value_and_batched_jacobian(_swapped, None, x, args=(theta,))
        step = _solve_batch(jacobian, -residual)
        if not xp.any(xp.abs(step) > 1e-12 * xp.abs(x)):
            return x + step
        longest = xp.max(-step / x, axis=0)  # 1 would lead to zero; go at most half way
        x = x + step * xp.where(longest > 0.5, 0.5 / longest, xp.ones_like(longest))
    msg = "no root after 50 Newton steps; start closer to it"
    raise RuntimeError(msg)


def _swapped(volumes: Any, theta: Any) -> Any:
    return boiling(theta, volumes)


def _solve_batch(matrix: Any, right: Any) -> Any:
    """Solve for shapes (n, n, B) and (n, B); linalg takes the batch first."""
    xp = adhelpers.array_namespace(matrix, right)
    solution = xp.linalg.solve(xp.permute_dims(matrix, (2, 0, 1)), xp.permute_dims(right, (1, 0))[..., None])
    return xp.permute_dims(solution[..., 0], (1, 0))


# -- the checks -------------------------------------------------------------------------------------------------------


def closed_forms(v: np.ndarray, T: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """The derivatives of both volumes. On the boiling curve dp/dT is the jump of entropy divided by that of volume."""
    slope = R * np.log((v[1] - b) / (v[0] - b)) / (v[1] - v[0])
    by_temperature = (slope - R / (v - b)) / (2 * a / v**3 - R * T / (v - b) ** 2)
    # v / b is a function of T b / a alone.
    return {"T": by_temperature, "a": -T / a * by_temperature, "b": v / b + T / b * by_temperature}


def bent(name: str, theta: Any, backend: adhelpers.ADBackend, guess: Any) -> Any:
    """The second derivatives of both volumes of each substance by one parameter."""

    def slope(theta: Any) -> Any:
        xp = adhelpers.array_namespace(theta[name])
        along = {key: xp.ones_like(value) if key == name else xp.zeros_like(value) for key, value in theta.items()}
        return adhelpers.jacobian_vector_product(volumes, backend, theta, along, args=(guess,))

    along = {key: backend.asarray(np.full(5, 1.0 * (key == name))) for key in theta}
    return adhelpers.jacobian_vector_product(slope, backend, theta, along)


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
    guess = 3 * at["b"] / np.array([1 + 2 * below**0.5 + 0.4 * below, 1 - 1.6 * below**0.5])  # approximate, near T_c
    rng = np.random.default_rng(0)
    tangent = {name: value * rng.standard_normal(value.shape) for name, value in at.items()}
    cotangent = rng.standard_normal(guess.shape)

    print("van der Waals' fluid at its boiling curve: errors of derivatives that are pushed, pulled, and taken twice")
    roots, pulled = {}, {}
    for name, backend in backends.items():
        with backend.scope():  # JAX's 64-bit types, also for arithmetic between the operations
            theta, dtheta = ({key: backend.asarray(value) for key, value in tree.items()} for tree in (at, tangent))
            start, weights = backend.asarray(guess), backend.asarray(cotangent)
            v, dv = adhelpers.value_and_jacobian_vector_product(volumes, backend, theta, dtheta, args=(start,))
            back = adhelpers.vector_jacobian_product(volumes, backend, theta, weights, args=(start,))
            by_T, by_a = (backend.to_numpy(bent(key, theta, backend, start)) for key in ("T", "a"))
            roots[name] = backend.to_numpy(v)
            pulled[name] = np.stack([backend.to_numpy(back[key]) * at[key] for key in at])
            dv = backend.to_numpy(dv)
        exact = closed_forms(roots[name], **at)
        forward = everywhere.error(dv, sum(exact[key] * tangent[key] for key in at))
        reverse = everywhere.error(pulled[name], [np.sum(exact[key] * cotangent, axis=0) * at[key] for key in at])
        # Of v = b g(T b / a) follows a^2 v_aa = T^2 v_TT + 2 T v_T.
        second = everywhere.error(at["a"] ** 2 * by_a, at["T"] ** 2 * by_T + 2 * at["T"] * exact["T"])
        print(f"{name:>18}: {forward:.1e}, {reverse:.1e}, {second:.1e}")
        everywhere.require(max(forward, reverse) <= 1e-12, f"{name} is off the closed forms; 1e-12 allowed")
        everywhere.require(second <= 1e-10, f"{name} is off the law of corresponding states; 1e-10 allowed")

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
