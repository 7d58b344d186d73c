"""Functions with points, directions and derivatives: the data that most scenarios run over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np
import optree

from adhelpers.extend import NAMESPACE
from adhelpers.testing import functions, references
from adhelpers.testing.models import complex_numbers, image_network, numbers, perceptron


@dataclass(frozen=True)
class Problem:
    """A function at a point, with directions and the expected products; all numbers are NumPy's.

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
    scale
        The size of the function, whose rounding shows in a product however small that is.
    reach
        How far from `x` the function is what it looks like from there. What takes longer steps is not judged.
    """

    name: str
    f: Callable[[Any, Any], Any]
    x: Any
    tangent: Any
    cotangent: Any
    jvp: Any = None
    vjp: Any = None
    rule: str = "R7"
    scale: float = 1e-3
    reach: float = np.inf

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
        """Whether any of its numbers is complex."""
        operands: Any = (self.x, self.cotangent)
        return any(map(np.iscomplexobj, optree.tree_leaves(operands, namespace=NAMESPACE)))


def as_arrays(tree: Any, dtype: Any = None) -> Any:
    """The same tree with an array for each number, in that precision."""
    return optree.tree_map(lambda leaf: np.asarray(leaf, dtype=dtype), tree, namespace=NAMESPACE)


def _containers(seed: int) -> Any:
    a, b, c, d, e = numbers(5, 3, seed=seed)
    return {"pair": functions.Pair(a, b), "list": [c], "nothing": None, "ordered": OrderedDict(w=d, v=e), "empty": ()}


def _containers_cotangent() -> Any:
    a, b, c = numbers(3, 3, seed=2)
    return OrderedDict(b=functions.Pair(a, [b]), a=(c, None, {}))


def _structured(seed: int) -> Any:
    a, b, c, d = numbers(4, 3, seed=seed)
    return {"functor": {"a": a, "b": b}, "tup": (c, d)}


def _ordered(names: str, *shape: int, seed: int) -> Any:
    return dict(zip(names, numbers(len(names), *shape, seed=seed), strict=True))


def _tiny_problems() -> list[Problem]:
    """Numbers below 1e-6, or below any other tolerance, count; each leaf has its own magnitude."""
    sizes = {"e-7": 1e-7, "e-9": 1e-9, "e-13": 1e-13}

    def tiny(seed: int) -> dict[str, np.ndarray]:
        return {key: size * (1.0 + numbers(2, seed=seed) ** 2) for key, size in sizes.items()}

    def normal(seed: int) -> dict[str, np.ndarray]:
        return dict(zip(sizes, numbers(3, 2, seed=seed), strict=True))

    def slight(seed: int) -> dict[str, np.ndarray]:
        """Numbers of one magnitude, because a difference has the rounding error of the largest."""
        return {key: 1e-9 * leaf for key, leaf in normal(seed).items()}

    number = {key: np.asarray(-2.0 * size) for key, size in sizes.items()}
    ones = {key: np.asarray(1.5) for key in sizes}
    z = {key: size * complex_numbers(2, seed=6) for key, size in sizes.items()}
    t, c = ({key: complex_numbers(2, seed=seed) for key in sizes} for seed in (7, 8))
    return [
        Problem("tiny-x-of-a-sine", functions.sines, tiny(0), normal(1), normal(2), scale=0.0),
        Problem("tiny-x-of-a-square", functions.squares, tiny(0), normal(1), normal(2), scale=0.0, reach=1e-13),
        Problem("tiny-number-of-a-square", functions.squares, number, ones, ones, scale=0.0, reach=1e-13),
        Problem("tiny-x-of-a-logarithm", functions.logarithms, tiny(0), normal(1), normal(2), scale=0.0, reach=1e-13),
        Problem("tiny-u", functions.sines, normal(0), slight(1), slight(2), scale=0.0),
        Problem("tiny-u-at-tiny-x", functions.sines, tiny(0), slight(1), slight(2), scale=0.0),
        Problem("tiny-values", functions.tiny_sines, normal(0), normal(1), normal(2), scale=0.0),
        Problem(
            "tiny-complex-x",
            functions.squares,
            z,
            t,
            c,
            {key: 2.0 * z[key] * t[key] for key in sizes},
            {key: 2.0 * z[key] * c[key] for key in sizes},
            scale=0.0,
            reach=1e-13,
        ),
    ]


def _complex_problems() -> list[Problem]:
    z, t, c = (complex_numbers(3, seed=seed) for seed in (0, 1, 2))
    x, s, r = (numbers(3, seed=seed) for seed in (3, 4, 5))
    at, direction, co = (np.asarray(number) for number in (1.0 + 1.0j, 2.0 - 1.0j, 0.5 + 3.0j))
    slope = (0.5 - 2.0j) * np.exp((0.5 - 2.0j) * x)
    by_real, by_imaginary = 2 * z.real * z.imag, z.real**2
    return [
        Problem("complex-square", functions.holomorphic_square, at, direction, co, 2 * at * direction, 2 * at * co),
        # d(z conj z) = 2 Re(conj(z) t), which is real; under the pairing Re(u v) that gives 2 Re(u) conj(z).
        Problem(
            "modulus",
            functions.modulus,
            at,
            direction,
            co,
            2 * np.real(np.conj(at) * direction) + 0j,
            2 * np.real(co) * np.conj(at),
        ),
        # Re(c z^2 conj(t)) = Re(conj(c z^2) t)
        Problem(
            "cubic",
            functions.cubic,
            z,
            t,
            c,
            2 * np.abs(z) ** 2 * t + z**2 * np.conj(t),
            2 * np.abs(z) ** 2 * c + np.conj(z**2 * c),
        ),
        Problem("conjugate", functions.conjugate, z, t, c, np.conj(t), np.conj(c)),
        # Re(v t) = Re(v) Re(t) - Im(v) Im(t): the gradient by Im(z) is minus the imaginary part of v.
        Problem(
            "complex-to-real",
            functions.real_and_imaginary,
            z,
            t,
            r,
            by_real * t.real + by_imaginary * t.imag,
            r * (by_real - 1j * by_imaginary),
        ),
        Problem("real-to-complex", functions.rotation, x, s, c, slope * s, np.real(slope * c)),
        Problem(
            "complex-matrix", functions.complex_matrix, z, t, c[:2], functions.MATRIX @ t, functions.MATRIX.T @ c[:2]
        ),
        Problem(
            "real-beside-complex",
            functions.mixed,
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
        Problem("squared-modulus", functions.square_of_modulus, x, u, c, 2 * x * u, 2 * x * c),
        Problem("identity", functions.identity, x, u, c, u, c),
        Problem("sum", functions.total, x, u, ones, np.sum(u), np.ones((3, 3))),
        Problem("sine", functions.sine, number, step, cotangent, np.cos(number) * step, np.cos(number) * cotangent),
        Problem("scalar-to-vector", functions.scalar_to_vector, number, step, np.array([1.5, -0.5])),
        Problem("quartic-times-sextic", functions.quartic_times_sextic, up, -up, ones),
        Problem(
            "quartic-times-sextic-of-a-matrix",
            functions.quartic_times_sextic,
            up.reshape(2, 3),
            -up.reshape(2, 3),
            ones,
        ),
        Problem("sine-and-cosine", functions.sine_and_cosine, up, -up, tenths),
        Problem("sine-and-cosine-of-a-matrix", functions.sine_and_cosine, up.reshape(2, 3), -up.reshape(2, 3), tenths),
        Problem("squared-differences", functions.squared_differences, row, tangent, numbers(4, seed=2)),
        Problem("cubed-differences", functions.cubed_differences, row, tangent, numbers(4, seed=2)),
        Problem("elementary", functions.elementary, row, tangent, numbers(5, seed=2)),
        Problem("rapid", functions.rapid, row, tangent, numbers(5, seed=2), 7 * np.cos(7 * row) * tangent),
        Problem("reused", functions.reused, row, tangent, numbers(5, seed=2)),
        Problem("wide-product", functions.wide_product, numbers(2, 3), numbers(2, 3, seed=1), numbers(5, 3, seed=2)),
        Problem("square-product", functions.square_product, x, u, c),
        Problem("quadratic-form", functions.quadratic_form, numbers(4), numbers(4, seed=1), np.asarray(-0.7)),
        Problem("reductions", functions.reductions, wide, numbers(3, 4, seed=1), numbers(4, seed=2)),
        Problem(
            "largest",
            functions.largest,
            peaks,
            u,
            c[0],
            u[at] * np.sum(peaks) + peaks[at] * np.sum(u),
            _scattered(at, c[0] * np.sum(peaks)) + np.sum(c[0] * peaks[at]),
        ),
        Problem("selected", functions.selected, x, u, c),
        Problem("branching", functions.branching, np.array([0.2, 0.5]), np.array([1.0, -2.0]), np.array([0.3, 0.4])),
        Problem(
            "branching-the-other-way",
            functions.branching,
            np.array([0.2, -0.5]),
            np.array([1.0, -2.0]),
            np.array([0.3, 0.4]),
        ),
        Problem("indexed", functions.indexed, wide, numbers(3, 4, seed=1), numbers(2, 2, seed=2)),
        Problem("rearranged", functions.rearranged, numbers(12), numbers(12, seed=1), numbers(6, 3, seed=2)),
        Problem("perceptron", perceptron, numbers(2, 4), numbers(2, 4, seed=1), numbers(2, 4, seed=2)),
        Problem(
            "image-network", image_network, numbers(3, 3, 2, 4), numbers(3, 3, 2, 4, seed=1), numbers(2, 4, seed=2)
        ),
        Problem("large-numbers", functions.reused, 1e6 * row, 1e6 * tangent, 1e-6 * numbers(5, seed=2)),
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
            functions.structured,
            _structured(0),
            _structured(1),
            {"functor": numbers(3, seed=2), "tup": numbers(3, seed=3)},
            rule="R1",
        ),
        Problem("containers", functions.containers, _containers(0), _containers(1), _containers_cotangent(), rule="R1"),
        Problem(
            "leaves-of-one-shape",
            functions.leaves_of_one_shape,
            _ordered("ba", 3, seed=0),
            _ordered("ba", 3, seed=1),
            _ordered("za", 3, seed=2),
            rule="R1",
        ),
        Problem("two-branches", functions.two_branches, numbers(2, 3), numbers(2, 3, seed=5), branches, rule="R1"),
        Problem("outer-product", functions.outer_product, x, u, numbers(3, 4, seed=6)),
    ]


PROBLEMS = [*_one_array(), *_structures(), *_tiny_problems(), *_complex_problems()]
