"""Well-known functions with closed-form derivatives, written once for every framework.

Each closed form is NumPy, by hand; none is computed by automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from adhelpers.namespaces.array import array_namespace


@dataclass(frozen=True)
class Problem:
    """A function at a point, with a tangent, a cotangent and the expected results.

    Attributes
    ----------
    jvp, vjp
        The two products, in the structure of ``f(x)`` and of `x`.
    jacobian
        The batched Jacobian ``(M, N, B)``, or None where `x` or ``f(x)`` is not one array with a batch axis.
    """

    name: str
    f: Callable[[Any], Any]
    x: Any
    tangent: Any
    cotangent: Any
    jvp: Any
    vjp: Any
    jacobian: np.ndarray | None = None


def problems() -> Iterator[Problem]:
    """The whole gallery."""
    for name, f, x, jacobian in (
        ("Rosenbrock residual", rosenbrock, _numbers(2, 6), rosenbrock_jacobian),
        ("spherical coordinates", spherical, 1.0 + 0.3 * _numbers(3, 6), spherical_jacobian),
        ("Lorenz", lorenz, 5.0 * _numbers(3, 6), lorenz_jacobian),
        ("log-sum-exp", log_sum_exp, 3.0 * _numbers(5, 6), log_sum_exp_jacobian),
        ("Kepler by Newton steps", kepler, _orbits(6), kepler_jacobian),
        ("linear solve", linear_solve, _numbers(3, 6), linear_solve_jacobian),
        ("two-layer gelu network", gelu_network, _numbers(3, 6), gelu_network_jacobian),
    ):
        yield _per_sample(name, f, x, jacobian(x))
    yield _dict_model_problem()
    yield _complex_problem()


def _per_sample(name: str, f: Callable[[Any], Any], x: np.ndarray, jacobian: np.ndarray) -> Problem:
    outputs, _, batch = jacobian.shape
    tangent, cotangent = _numbers(*x.shape, seed=1), _numbers(outputs, batch, seed=2)
    return Problem(
        name,
        f,
        x,
        tangent,
        cotangent,
        jvp=np.einsum("mnb,nb->mb", jacobian, tangent),
        vjp=np.einsum("mnb,mb->nb", jacobian, cotangent),
        jacobian=jacobian,
    )


def _numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# -- per sample, the batch last -----------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    """The residuals whose sum of squares is Rosenbrock's valley."""
    xp = array_namespace(x)
    return xp.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def rosenbrock_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian."""
    one, zero = np.ones_like(x[0]), np.zeros_like(x[0])
    return np.array([[-20.0 * x[0], 10.0 * one], [-one, zero]])


def spherical(x: Any) -> Any:
    """Radius, inclination and azimuth to Cartesian coordinates."""
    xp = array_namespace(x)
    radius, inclination, azimuth = x[0], x[1], x[2]
    across = radius * xp.sin(inclination)
    return xp.stack([across * xp.cos(azimuth), across * xp.sin(azimuth), radius * xp.cos(inclination)])


def spherical_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian."""
    r, (st, sp), (ct, cp) = x[0], np.sin(x[1:]), np.cos(x[1:])
    return np.array(
        [
            [st * cp, r * ct * cp, -r * st * sp],
            [st * sp, r * ct * sp, r * st * cp],
            [ct, -r * st, np.zeros_like(r)],
        ]
    )


_SIGMA, _RHO, _BETA = 10.0, 28.0, 8.0 / 3.0


def lorenz(x: Any) -> Any:
    """The right-hand side of Lorenz' equations (1963) at the classical parameters."""
    xp = array_namespace(x)
    return xp.stack([_SIGMA * (x[1] - x[0]), x[0] * (_RHO - x[2]) - x[1], x[0] * x[1] - _BETA * x[2]])


def lorenz_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian."""
    one = np.ones_like(x[0])
    return np.array([[-_SIGMA * one, _SIGMA * one, 0 * one], [_RHO - x[2], -one, -x[0]], [x[1], x[0], -_BETA * one]])


def log_sum_exp(x: Any) -> Any:
    """The smooth maximum of each sample, shifted by the largest entry so that nothing overflows."""
    xp = array_namespace(x)
    largest = xp.max(x, axis=0, keepdims=True)
    return largest + xp.log(xp.sum(xp.exp(x - largest), axis=0, keepdims=True))


def log_sum_exp_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian: the softmax."""
    weights = np.exp(x - x.max(axis=0))
    return (weights / weights.sum(axis=0))[None]


def _orbits(batch: int) -> np.ndarray:
    return np.array([np.linspace(0.3, 2.8, batch), np.linspace(0.1, 0.7, batch)])


def kepler(x: Any) -> Any:
    """The eccentric anomaly E that solves E - e sin E = M, by ten Newton steps from M."""
    xp = array_namespace(x)
    mean, eccentricity = x[0:1], x[1:2]
    anomaly = mean
    for _ in range(10):
        excess = anomaly - eccentricity * xp.sin(anomaly) - mean
        anomaly = anomaly - excess / (1.0 - eccentricity * xp.cos(anomaly))
    return anomaly


def kepler_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian, by the implicit function theorem."""
    anomaly = kepler(x)
    slope = 1.0 - x[1:2] * np.cos(anomaly)
    return np.array([np.concatenate([1.0 / slope, np.sin(anomaly) / slope])])


def linear_solve(x: Any) -> Any:
    """The solution y of A(x) y = (1, 2) with A = [[3 + x0**2, x1], [x1, 2 + x2**2]]."""
    xp = array_namespace(x)
    matrix = xp.stack([xp.stack([3.0 + x[0] ** 2, x[1]]), xp.stack([x[1], 2.0 + x[2] ** 2])])
    right = xp.stack([xp.stack([1.0 + 0.0 * x[0]]), xp.stack([2.0 + 0.0 * x[0]])])
    solution = xp.linalg.solve(xp.permute_dims(matrix, (2, 0, 1)), xp.permute_dims(right, (2, 0, 1)))
    return xp.permute_dims(solution, (1, 2, 0))[:, 0, :]


def linear_solve_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian: the derivative of inv(A) b is -inv(A) dA y."""
    a, b, d = 3.0 + x[0] ** 2, x[1], 2.0 + x[2] ** 2
    inverse = np.array([[d, -b], [-b, a]]) / (a * d - b**2)
    y = np.einsum("ijb,j->ib", inverse, np.array([1.0, 2.0]))
    zero = np.zeros_like(a)
    changes = np.array([[2 * x[0] * y[0], zero], [y[1], y[0]], [zero, 2 * x[2] * y[1]]])
    return -np.einsum("ijb,njb->inb", inverse, changes)


_W1, _W2 = _numbers(8, 3, seed=3), _numbers(2, 8, seed=4)
_GELU = np.sqrt(2.0 / np.pi)


def gelu_network(x: Any) -> Any:
    """Dense 3 to 8, gelu in its tanh form, dense 8 to 2."""
    xp = array_namespace(x)
    a = _like(_W1, x) @ x
    return _like(_W2, x) @ (0.5 * a * (1.0 + xp.tanh(float(_GELU) * (a + 0.044715 * a**3))))


def gelu_network_jacobian(x: np.ndarray) -> np.ndarray:
    """Its Jacobian."""
    a = _W1 @ x
    t = np.tanh(_GELU * (a + 0.044715 * a**3))
    slope = 0.5 * (1.0 + t) + 0.5 * a * (1.0 - t**2) * _GELU * (1.0 + 3 * 0.044715 * a**2)
    return np.einsum("mh,hb,hn->mnb", _W2, slope, _W1)


def _like(constant: np.ndarray, x: Any) -> Any:
    """A NumPy constant as an array that may stand beside `x`."""
    return array_namespace(x).asarray(constant, dtype=x.dtype)


# -- structures and complex numbers -------------------------------------------------------------------


def dict_model(x: Any) -> Any:
    """A layer with a scale, and a penalty on its weights."""
    weights, bias, scale = x["layer"]["weights"], x["layer"]["bias"], x["scale"]
    xp = array_namespace(weights)
    return {"output": scale * xp.tanh(weights[:, 0] - 2.0 * weights[:, 1] + bias), "penalty": xp.sum(weights**2)}


def _dict_model_problem() -> Problem:
    def point(seed: int) -> dict[str, Any]:
        layer = {"weights": _numbers(3, 2, seed=seed), "bias": _numbers(3, seed=seed + 1)}
        return {"layer": layer, "scale": np.asarray(0.7 + 0.1 * seed)}

    x, u = point(0), point(5)
    c: dict[str, Any] = {"output": _numbers(3, seed=2), "penalty": np.asarray(0.3)}
    inputs = np.array([1.0, -2.0])
    t = np.tanh(x["layer"]["weights"] @ inputs + x["layer"]["bias"])
    slope = x["scale"] * (1.0 - t**2)
    moved = u["layer"]["weights"] @ inputs + u["layer"]["bias"]
    pulled = c["output"] * slope
    return Problem(
        "dict-structured model",
        dict_model,
        x,
        u,
        c,
        jvp={
            "output": u["scale"] * t + slope * moved,
            "penalty": np.asarray(2.0 * np.sum(x["layer"]["weights"] * u["layer"]["weights"])),
        },
        vjp={
            "layer": {
                "weights": np.outer(pulled, inputs) + 2.0 * c["penalty"] * x["layer"]["weights"],
                "bias": pulled,
            },
            "scale": np.asarray(np.sum(c["output"] * t)),
        },
    )


def complex_cubic(z: Any) -> Any:
    """The function z**2 times the conjugate of z, which is not holomorphic."""
    return z**2 * array_namespace(z).conj(z)


def _complex_problem() -> Problem:
    z, u, c = (_numbers(4, seed=s) + 1j * _numbers(4, seed=s + 1) for s in (0, 2, 4))
    squared = np.abs(z) ** 2
    return Problem(
        "complex cubic",
        complex_cubic,
        z,
        u,
        c,
        jvp=2 * squared * u + z**2 * np.conj(u),
        vjp=2 * squared * c + np.conj(z**2 * c),  # Re(c z**2 conj(u)) = Re(conj(c z**2) u)
    )
