"""The trace of a Jacobian from a few Jacobian-vector products: Hutchinson's estimate, and Hutch++.

A continuous normalising flow moves samples along dx/dt = v(x, t), and the logarithm of their density falls at the rate
of the divergence, the trace of dv/dx. The exact trace takes one pass for each dimension. An unbiased estimate takes one
pass for each probe e of random signs, because E[e^T J e] = tr J, and the pass also gives the velocity.

Checked: the exact trace against the closed form of this field; the variance of the estimates against its closed form,
Var = sum over i < j of (J_ij + J_ji)^2; the change of density along the flow against log |det| of the whole flow's
Jacobian (Liouville), which is a derivative through the solver.

    python examples/hutchinson_trace.py [--backends torch jax autograd]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import everywhere
import numpy as np

import adhelpers

DIMENSION, HIDDEN, SAMPLES, PROBES, STEPS = 24, 64, 16, 256, 16
BUDGET = 18  # products with the Jacobian, when the two estimates are compared


def field(x: Any, t: float, weights: dict[str, Any]) -> Any:
    """The velocity: a network of one hidden layer, at any number of points, of shape (..., d)."""
    xp = adhelpers.array_namespace(x, *weights.values())
    return xp.tanh(x @ weights["in"] + weights["bias"] + t * weights["time"]) @ weights["out"]


def random_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Hidden units of falling importance: the Jacobian has a few large singular values, as in trained networks."""
    importance = 4.0 * np.arange(1.0, HIDDEN + 1.0)[:, None] ** -1.5
    return {
        "in": rng.standard_normal((DIMENSION, HIDDEN)) / DIMENSION**0.5,
        "bias": rng.standard_normal(HIDDEN),
        "time": rng.standard_normal(HIDDEN),
        "out": importance * rng.standard_normal((HIDDEN, DIMENSION)) / DIMENSION**0.5,
    }


def hutchinson(push: Callable[[Any], Any], probes: Any) -> Any:
    """One unbiased sample of the trace for each probe, (S, B); ``push(u)`` is J u for u of shape (S, B, d)."""
    return adhelpers.array_namespace(probes).sum(probes * push(probes), axis=-1)


def hutch_plus_plus(push: Callable[[Any], Any], sketch: Any, probes: Any) -> Any:
    """Hutch++ (Meyer, Musco, Musco and Woodruff, 2021): the trace is exact where J is large, estimated elsewhere.

    k products give an orthonormal basis Q of the range of J times the sketch, k more the trace of Q^T J Q, and S probes
    estimate the rest. The result has shape (B,).
    """
    xp = adhelpers.array_namespace(probes)
    q = xp.linalg.qr(xp.permute_dims(push(sketch), (1, 2, 0)))[0]  # (B, d, k)
    columns = xp.permute_dims(q, (2, 0, 1))
    large = xp.sum(columns * push(columns), axis=(0, 2))
    within = xp.permute_dims(q @ (xp.matrix_transpose(q) @ xp.permute_dims(probes, (1, 2, 0))), (2, 0, 1))
    return large + xp.mean(hutchinson(push, probes - within), axis=0)


def flow(rate: Callable[[Any, Any], tuple[Any, Any]], x: Any, steps: int) -> tuple[Any, Any]:
    """The position of `x` at t = 1, and the integral of the divergence up to then, by the classical Runge-Kutta method.

    ``rate(x, t)`` gives velocity and divergence. The time is an array, because prepared code takes arrays as inputs,
    but recompiles for each new number.
    """
    zero = adhelpers.array_namespace(x).zeros_like(x[0, 0])
    h, integral = 1.0 / steps, 0.0
    for k in range(steps):
        v1, d1 = rate(x, zero + k * h)
        v2, d2 = rate(x + 0.5 * h * v1, zero + (k + 0.5) * h)
        v3, d3 = rate(x + 0.5 * h * v2, zero + (k + 0.5) * h)
        v4, d4 = rate(x + h * v3, zero + (k + 1.0) * h)
        x = x + h / 6.0 * (v1 + 2.0 * v2 + 2.0 * v3 + v4)
        integral = integral + h / 6.0 * (d1 + 2.0 * d2 + 2.0 * d3 + d4)
    return x, integral


def flow_map(x: Any, weights: dict[str, Any], steps: int) -> Any:
    return flow(lambda x, t: (field(x, t, weights), 0.0), x, steps)[0]


class Divergence:
    """Velocity and divergence of `field`, exactly or by probes: two choices of ``rate`` for `flow`."""

    def __init__(self, backend: adhelpers.ADBackend, x: Any, t: Any, weights: dict[str, Any], probes: Any) -> None:
        self.weights, self.probes = weights, probes
        # J is square, so either mode will do. With a mode named, JAX does not compile and try both.
        operation, options = adhelpers.value_and_batched_jacobian, {"batch_axis": 0, "mode": "forward"}
        self.jacobian = adhelpers.prepare(operation, field, backend, x, args=(t, weights), **options)
        operation = adhelpers.value_and_jacobian_vector_product
        self.push = adhelpers.prepare(operation, field, backend, _tiled(x, probes), probes, args=(t, weights))

    def exact(self, x: Any, t: Any) -> tuple[Any, Any]:
        velocity, jacobian = self.jacobian(x, t, self.weights)
        return velocity, adhelpers.array_namespace(x).linalg.trace(jacobian)

    def estimated(self, x: Any, t: Any) -> tuple[Any, Any]:
        """Divergence for each probe, (S, B). The probes stay the same along the flow, so the integrand is smooth."""
        velocity, pushed = self.push(_tiled(x, self.probes), self.probes, t, self.weights)
        return velocity[0, ...], adhelpers.array_namespace(x).sum(self.probes * pushed, axis=-1)


def _tiled(x: Any, vectors: Any) -> Any:
    """A copy of the points for each vector, so that one call pushes all: `field` allows any leading dimensions."""
    return adhelpers.array_namespace(x).broadcast_to(x, vectors.shape)


def study(
    backend: adhelpers.ADBackend, points: np.ndarray, numbers: dict[str, np.ndarray], signs: np.ndarray
) -> dict[str, Any]:
    """Everything that is compared, as NumPy arrays."""
    x, probes, t = backend.asarray(points), backend.asarray(signs), backend.asarray(np.asarray(0.0))
    weights = {key: backend.asarray(value) for key, value in numbers.items()}
    divergence = Divergence(backend, x, t, weights, probes)

    def push(u: Any) -> Any:
        return adhelpers.jacobian_vector_product(field, backend, _tiled(x, u), u, args=(t, weights))

    third = BUDGET // 3
    found = {
        "Jacobian": divergence.jacobian(x, t, weights)[1],
        "traces": divergence.estimated(x, t)[1],
        "Hutchinson": hutchinson(push, probes[:BUDGET, ...]),
        "Hutch++": hutch_plus_plus(push, probes[:third, ...], probes[third : 2 * third, ...]),
        "changes": flow(divergence.estimated, x, STEPS)[1],
    }
    for steps in (STEPS, 2 * STEPS):
        found[f"integral {steps}"] = flow(divergence.exact, x, steps)[1]
        found[f"map {steps}"] = adhelpers.batched_jacobian(flow_map, backend, x, args=(weights, steps), batch_axis=0)
    return {key: backend.to_numpy(value) for key, value in found.items()}


def report(name: str, found: dict[str, np.ndarray], closed_form: np.ndarray, slack: float) -> None:
    jacobian = found["Jacobian"]
    trace = np.trace(jacobian, axis1=1, axis2=2)
    off = everywhere.error(trace, closed_form)
    print(f"{name}: {SAMPLES} samples of {DIMENSION} dimensions, {PROBES} probes")
    print(f"  exact trace: off its closed form by {off:.1e}")
    everywhere.require(off < 1e-12 * slack, f"the trace on {name} is off by {off:.1e}")

    variance = np.sum(np.triu(jacobian + np.swapaxes(jacobian, 1, 2), 1) ** 2, axis=(1, 2))
    scatter = float(np.mean(np.var(found["traces"], axis=0, ddof=1)) / np.mean(variance))
    print(f"  variance of the estimates: {scatter:.3f} of what theory says")
    everywhere.require(abs(scatter - 1.0) < 0.1, f"the variance on {name} is {scatter:.3f} of what it should be")

    estimates = np.mean(found["Hutchinson"], axis=0), found["Hutch++"]
    plain, better = (float(np.sqrt(np.mean((estimate - trace) ** 2))) for estimate in estimates)
    print(f"  root mean square error with {BUDGET} products: Hutchinson {plain:.3f}, Hutch++ {better:.3f}")
    everywhere.require(better < plain, f"Hutch++ is the worse one on {name}")

    exact, change = found[f"integral {STEPS}"], np.mean(found["changes"], axis=0)
    standard_error = np.std(found["changes"], axis=0, ddof=1) / PROBES**0.5
    worst = float(np.max(np.abs(change - exact) / standard_error))
    print(
        f"  log-density of the first sample falls by {change[0]:.3f} +- {standard_error[0]:.3f}, exactly {exact[0]:.5f}"
    )
    print(f"  the worst of all samples is off by {worst:.1f} standard errors")
    everywhere.require(worst < 4.5, f"an estimate on {name} is off by {worst:.1f} standard errors")

    # Two discretisations of the same number, both of order four.
    coarse, fine = (
        everywhere.error(found[f"integral {steps}"], np.linalg.slogdet(found[f"map {steps}"])[1])
        for steps in (STEPS, 2 * STEPS)
    )
    print(f"  integrated trace against log |det| of the flow: {coarse:.1e}, with half the step {fine:.1e}")
    everywhere.require(fine < 1e-7 and fine < coarse / 10, f"{name} violates Liouville's theorem by {fine:.1e}")


def main(argv: list[str] | None = None) -> None:
    options = everywhere.parser(__doc__).parse_args(argv)
    backends = everywhere.chosen(options.backends)
    rng = np.random.default_rng(0)
    numbers = random_weights(rng)
    points = rng.standard_normal((SAMPLES, DIMENSION))
    signs = rng.choice([-1.0, 1.0], size=(PROBES, SAMPLES, DIMENSION))
    hidden = np.tanh(points @ numbers["in"] + numbers["bias"])
    closed_form = (1.0 - hidden**2) @ np.sum(numbers["in"].T * numbers["out"], axis=-1)

    changes = {}
    for name, backend in backends.items():
        with backend.scope():  # JAX's 64-bit types, also for arithmetic between the operations
            found = study(backend, points, numbers, signs)
        report(name, found, closed_form, everywhere.slack(backend))
        changes[name] = found["changes"]
    everywhere.require_agreement(changes, backends, 1e-11, "changes of density by each probe")


if __name__ == "__main__":
    main()
