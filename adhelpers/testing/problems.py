"""Functions with points, directions and derivatives: the data that most scenarios run over.

The functions use the operators of arrays and few names of the array namespace, so that a small framework can run
them: sin, cos, exp, log, sqrt, tanh, abs, real, imag, conj, where, max, sum, mean, reshape, permute_dims, concat,
stack, broadcast_to, asarray, zeros.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat.numpy as numpy_namespace
import numpy as np
import optree

from adhelpers.plugins.containers import NAMESPACE
from adhelpers.testing import references
from adhelpers.testing.models import dense, gelu, image_network, like, numbers, perceptron


@dataclass(frozen=True)
class Problem:
    """A function at a point, with directions and what the products must give; all numbers are NumPy's.

    Attributes
    ----------
    f
        ``f(xp, x)``, over an array namespace.
    x, tangent, cotangent
        The point, a direction of its structure, and one of ``f(x)``'s.
    jvp, vjp
        The products, by closed form; None for an analytic function, of which a complex step gives them.
    rule
        The rule that the products are an instance of.
    """

    name: str
    f: Callable[[Any, Any], Any]
    x: Any
    tangent: Any
    cotangent: Any
    jvp: Any = None
    vjp: Any = None
    rule: str = "R7"

    def value(self) -> Any:
        """``f(x)``."""
        return as_arrays(self.f(numpy_namespace, self.x))

    def pushed(self) -> Any:
        """The Jacobian-vector product."""
        return as_arrays(
            references.pushforward(self._over_numpy, self.x, self.tangent) if self.jvp is None else self.jvp
        )

    def pulled(self) -> Any:
        """The vector-Jacobian product."""
        return as_arrays(
            references.pullback(self._over_numpy, self.x, self.cotangent) if self.vjp is None else self.vjp
        )

    def _over_numpy(self, x: Any) -> Any:
        return self.f(numpy_namespace, x)

    @property
    def is_complex(self) -> bool:
        """Whether any number of it is complex."""
        operands: Any = (self.x, self.cotangent)
        return any(map(np.iscomplexobj, optree.tree_leaves(operands, namespace=NAMESPACE)))


def as_arrays(tree: Any, dtype: Any = None) -> Any:
    """The same tree with an array for each number, in that precision."""
    return optree.tree_map(lambda leaf: np.asarray(leaf, dtype=dtype), tree, namespace=NAMESPACE)


# -- functions of one real array ------------------------------------------------------------------------


def square_of_modulus(xp: Any, x: Any) -> Any:
    return xp.abs(x) ** 2


def identity(xp: Any, x: Any) -> Any:
    return x


def total(xp: Any, x: Any) -> Any:
    return xp.sum(x)


def sine(xp: Any, x: Any) -> Any:
    return xp.sin(x)


def scalar_to_vector(xp: Any, x: Any) -> Any:
    return xp.stack([xp.sin(x), 2.0 * xp.sin(x)])


def quartic_times_sextic(xp: Any, x: Any) -> Any:
    return xp.sum(x**4) * xp.sum(x**6)


def sine_and_cosine(xp: Any, x: Any) -> Any:
    flat = xp.reshape(x, (-1,))
    return xp.concat([xp.sin(flat), xp.cos(flat)])


def squared_differences(xp: Any, x: Any) -> Any:
    return (x[1:] - x[:-1]) ** 2


def cubed_differences(xp: Any, x: Any) -> Any:
    return (x[1:] - x[:-1]) ** 3


def elementary(xp: Any, x: Any) -> Any:
    return xp.exp(-x) * xp.sin(3.0 * x) + xp.sqrt(1.0 + x**2) / (2.0 + xp.cos(x)) - xp.log(2.0 + x**2) + xp.tanh(x)


def rapid(xp: Any, x: Any) -> Any:
    return xp.sin(7.0 * x)


def reused(xp: Any, x: Any) -> Any:
    y = x * x
    return y * x + y / (1.0 + y) - x


def wide_product(xp: Any, x: Any) -> Any:
    """Two numbers to five, so that a transposed Jacobian does not even fit."""
    return like(xp, numbers(5, 2), x) @ xp.sin(x)


def square_product(xp: Any, x: Any) -> Any:
    """Three numbers to three by a matrix that is not symmetric, so that a transposed one fits and is wrong."""
    return like(xp, numbers(3, 3, seed=1), x) @ xp.sin(x)


def quadratic_form(xp: Any, x: Any) -> Any:
    return xp.sum(x * (like(xp, numbers(4, 4), x) @ x))


def reductions(xp: Any, x: Any) -> Any:
    centred = x - xp.mean(x, axis=1, keepdims=True)
    return xp.sum(centred**3, axis=0) / (1.0 + xp.mean(centred**2))


def largest(xp: Any, x: Any) -> Any:
    return xp.max(x, axis=0) * xp.sum(x)


def selected(xp: Any, x: Any) -> Any:
    return xp.where(x > 0.0, x**2, xp.sin(3.0 * x))


def branching(xp: Any, x: Any) -> Any:
    return xp.exp(x) if bool(xp.sum(x) > 0.0) else x**2


def indexed(xp: Any, x: Any) -> Any:
    return x[1:, ::2] * x[0, 1:3] + x[..., -1:][1:] ** 2 - x[:2, 0:1]


def rearranged(xp: Any, x: Any) -> Any:
    turned = xp.permute_dims(xp.reshape(x, (2, 3, 2)), (2, 0, 1))
    return xp.concat([xp.reshape(turned, (4, 3)) ** 2, xp.broadcast_to(xp.sin(turned[0, 0]), (2, 3))])


# -- structures -----------------------------------------------------------------------------------------


def structured(xp: Any, x: Any) -> Any:
    return {"functor": x["functor"]["a"] * x["functor"]["b"], "tup": x["tup"][0] * x["tup"][1]}


def two_branches(xp: Any, x: Any) -> Any:
    return gelu(xp, dense(xp, x, 3)), dense(xp, x, 4, seed=3) ** 2


def leaves_of_one_shape(xp: Any, x: Any) -> Any:
    """Inputs and outputs that can be swapped unnoticed by everything but their values."""
    return {"z": x["b"] * xp.sin(x["a"]), "a": x["b"] ** 2 - x["a"]}


def outer_product(xp: Any, x: Any) -> Any:
    """Broadcasting, whose transpose is a sum."""
    return x[0] * xp.sin(x[1]) + x[2]


class Pair(NamedTuple):
    """A container with names."""

    first: Any
    second: Any


def containers(xp: Any, x: Any) -> Any:
    for node, kind in ((x, dict), (x["list"], list), (x["pair"], Pair), (x["ordered"], OrderedDict)):
        if type(node) is not kind:
            msg = f"f was given {node!r} where x has a {kind.__name__}"
            raise TypeError(msg)
    if x["nothing"] is not None or x["empty"] != ():
        msg = f"f was given {x!r}, but x['nothing'] is None and x['empty'] is ()"
        raise TypeError(msg)
    first, (second, third) = x["list"][0], x["pair"]
    ordered = x["ordered"]["w"] * x["ordered"]["v"]
    return OrderedDict(b=Pair(first * second, [third**2]), a=(ordered, None, {}))


def _containers(seed: int) -> Any:
    a, b, c, d, e = numbers(5, 3, seed=seed)
    return {"pair": Pair(a, b), "list": [c], "nothing": None, "ordered": OrderedDict(w=d, v=e), "empty": ()}


def _containers_cotangent() -> Any:
    a, b, c = numbers(3, 3, seed=2)
    return OrderedDict(b=Pair(a, [b]), a=(c, None, {}))


def _structured(seed: int) -> Any:
    a, b, c, d = numbers(4, 3, seed=seed)
    return {"functor": {"a": a, "b": b}, "tup": (c, d)}


def _ordered(names: str, *shape: int, seed: int) -> Any:
    return dict(zip(names, numbers(len(names), *shape, seed=seed), strict=True))


# -- complex numbers --------------------------------------------------------------------------------------


def holomorphic_square(xp: Any, z: Any) -> Any:
    return z**2


def cubic(xp: Any, z: Any) -> Any:
    return z**2 * xp.conj(z)


def modulus(xp: Any, z: Any) -> Any:
    return z * xp.conj(z)


def real_and_imaginary(xp: Any, z: Any) -> Any:
    return xp.real(z) ** 2 * xp.imag(z)


def conjugate(xp: Any, z: Any) -> Any:
    return xp.conj(z)


def rotation(xp: Any, x: Any) -> Any:
    return xp.exp((0.5 - 2.0j) * x)


def complex_matrix(xp: Any, z: Any) -> Any:
    return xp.asarray(_MATRIX, dtype=z.dtype) @ z


def mixed(xp: Any, x: Any) -> Any:
    return x["z"] * x["r"]


_MATRIX = numbers(2, 3) + 1j * numbers(2, 3, seed=1)


def complex_numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers with imaginary parts."""
    return numbers(*shape, seed=seed) + 1j * numbers(*shape, seed=seed + 100)


def _complex_problems() -> list[Problem]:
    z, t, c = (complex_numbers(3, seed=seed) for seed in (0, 1, 2))
    x, s, r = (numbers(3, seed=seed) for seed in (3, 4, 5))
    at, direction, co = (np.asarray(number) for number in (1.0 + 1.0j, 2.0 - 1.0j, 0.5 + 3.0j))
    slope = (0.5 - 2.0j) * np.exp((0.5 - 2.0j) * x)
    by_real, by_imaginary = 2 * z.real * z.imag, z.real**2
    return [
        Problem("complex-square", holomorphic_square, at, direction, co, 2 * at * direction, 2 * at * co),
        # d(z conj z) = 2 Re(conj(z) t), which is real; under the pairing Re(u v) that gives 2 Re(u) conj(z).
        Problem(
            "modulus",
            modulus,
            at,
            direction,
            co,
            2 * np.real(np.conj(at) * direction) + 0j,
            2 * np.real(co) * np.conj(at),
        ),
        # Re(c z^2 conj(t)) = Re(conj(c z^2) t)
        Problem(
            "cubic",
            cubic,
            z,
            t,
            c,
            2 * np.abs(z) ** 2 * t + z**2 * np.conj(t),
            2 * np.abs(z) ** 2 * c + np.conj(z**2 * c),
        ),
        Problem("conjugate", conjugate, z, t, c, np.conj(t), np.conj(c)),
        # Re(v t) = Re(v) Re(t) - Im(v) Im(t): the gradient by Im(z) is minus the imaginary part of v.
        Problem(
            "complex-to-real",
            real_and_imaginary,
            z,
            t,
            r,
            by_real * t.real + by_imaginary * t.imag,
            r * (by_real - 1j * by_imaginary),
        ),
        Problem("real-to-complex", rotation, x, s, c, slope * s, np.real(slope * c)),
        Problem("complex-matrix", complex_matrix, z, t, c[:2], _MATRIX @ t, _MATRIX.T @ c[:2]),
        Problem(
            "real-beside-complex",
            mixed,
            {"z": z, "r": x},
            {"z": t, "r": s},
            c,
            t * x + z * s,
            {"z": c * x, "r": np.real(c * z)},
        ),
    ]


# -- all of them --------------------------------------------------------------------------------------------


def _one_array() -> list[Problem]:
    up = np.arange(1.0, 7.0)
    ones, tenths = np.ones(()), np.linspace(-1.0, 1.0, 12)
    number, step, cotangent = np.asarray(0.42), np.asarray(3.14), np.asarray(-1.0 / 12.0)
    x, u, c = (numbers(3, 3, seed=seed) for seed in range(3))
    row, tangent = numbers(5), numbers(5, seed=1)
    wide = numbers(3, 4)
    peaks = np.array([[0.1, 2.0, -1.0], [1.2, -0.5, -3.0], [0.7, 0.4, 0.6]])
    at = (np.array([1, 0, 2]), np.arange(3))
    return [
        Problem("squared-modulus", square_of_modulus, x, u, c, 2 * x * u, 2 * x * c),
        Problem("identity", identity, x, u, c, u, c),
        Problem("sum", total, x, u, ones, np.sum(u), np.ones((3, 3))),
        Problem("sine", sine, number, step, cotangent, np.cos(number) * step, np.cos(number) * cotangent),
        Problem("scalar-to-vector", scalar_to_vector, number, step, np.array([1.5, -0.5])),
        Problem("quartic-times-sextic", quartic_times_sextic, up, -up, ones),
        Problem("quartic-times-sextic-of-a-matrix", quartic_times_sextic, up.reshape(2, 3), -up.reshape(2, 3), ones),
        Problem("sine-and-cosine", sine_and_cosine, up, -up, tenths),
        Problem("sine-and-cosine-of-a-matrix", sine_and_cosine, up.reshape(2, 3), -up.reshape(2, 3), tenths),
        Problem("squared-differences", squared_differences, row, tangent, numbers(4, seed=2)),
        Problem("cubed-differences", cubed_differences, row, tangent, numbers(4, seed=2)),
        Problem("elementary", elementary, row, tangent, numbers(5, seed=2)),
        Problem("rapid", rapid, row, tangent, numbers(5, seed=2), 7 * np.cos(7 * row) * tangent),
        Problem("reused", reused, row, tangent, numbers(5, seed=2)),
        Problem("wide-product", wide_product, numbers(2, 3), numbers(2, 3, seed=1), numbers(5, 3, seed=2)),
        Problem("square-product", square_product, x, u, c),
        Problem("quadratic-form", quadratic_form, numbers(4), numbers(4, seed=1), np.asarray(-0.7)),
        Problem("reductions", reductions, wide, numbers(3, 4, seed=1), numbers(4, seed=2)),
        Problem(
            "largest",
            largest,
            peaks,
            u,
            c[0],
            u[at] * np.sum(peaks) + peaks[at] * np.sum(u),
            _scattered(at, c[0] * np.sum(peaks)) + np.sum(c[0] * peaks[at]),
        ),
        Problem("selected", selected, x, u, c),
        Problem("branching", branching, np.array([0.2, 0.5]), np.array([1.0, -2.0]), np.array([0.3, 0.4])),
        Problem(
            "branching-the-other-way", branching, np.array([0.2, -0.5]), np.array([1.0, -2.0]), np.array([0.3, 0.4])
        ),
        Problem("indexed", indexed, wide, numbers(3, 4, seed=1), numbers(2, 2, seed=2)),
        Problem("rearranged", rearranged, numbers(12), numbers(12, seed=1), numbers(6, 3, seed=2)),
        Problem("perceptron", perceptron, numbers(2, 4), numbers(2, 4, seed=1), numbers(2, 4, seed=2)),
        Problem(
            "image-network", image_network, numbers(3, 3, 2, 4), numbers(3, 3, 2, 4, seed=1), numbers(2, 4, seed=2)
        ),
        Problem("large-numbers", reused, 1e6 * row, 1e6 * tangent, 1e-6 * numbers(5, seed=2)),
    ]


def _scattered(at: Any, values: np.ndarray) -> np.ndarray:
    scattered = np.zeros((3, 3))
    scattered[at] = values
    return scattered


def _structures() -> list[Problem]:
    x = (numbers(3, 1), numbers(4, seed=1), numbers(3, 4, seed=2))
    u = (numbers(3, 1, seed=3), numbers(4, seed=4), numbers(3, 4, seed=5))
    branches = (numbers(3, 3, seed=1), numbers(4, 3, seed=2))
    return [
        Problem(
            "structured",
            structured,
            _structured(0),
            _structured(1),
            {"functor": numbers(3, seed=2), "tup": numbers(3, seed=3)},
            rule="R1",
        ),
        Problem("containers", containers, _containers(0), _containers(1), _containers_cotangent(), rule="R1"),
        Problem(
            "leaves-of-one-shape",
            leaves_of_one_shape,
            _ordered("ba", 3, seed=0),
            _ordered("ba", 3, seed=1),
            _ordered("za", 3, seed=2),
            rule="R1",
        ),
        Problem("two-branches", two_branches, numbers(2, 3), numbers(2, 3, seed=5), branches, rule="R1"),
        Problem("outer-product", outer_product, x, u, numbers(3, 4, seed=6)),
    ]


PROBLEMS = [*_one_array(), *_structures(), *_complex_problems()]
