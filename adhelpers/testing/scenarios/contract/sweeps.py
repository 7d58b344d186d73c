"""The sweeps of a backend called directly, and held to one product for each vector (R8, R18).

What users call may prove a sweep and take another way where it is wrong; these look at the sweep itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from adhelpers import Capability
from adhelpers.extend import Leaves
from adhelpers.testing import references
from adhelpers.testing.models import complex_numbers, like, numbers
from adhelpers.testing.operations import MODES, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.contract.methods import PUSHED, U, V, X, Y, flat, pulled
from adhelpers.testing.subject import Subject, share_memory

SCENARIOS = Catalogue()

STACKS = numbers(5, 2, 3)


@SCENARIOS.add("contract/jvp-sweep", "R18", [Capability.FORWARD])
def _jvp_sweep(subject: Subject) -> None:
    """Each vector of a stack meets its own result."""
    require_own(subject.backend, "jvp")
    tangents = subject.arrays((STACKS[:, 0], STACKS[:, 1]))
    subject.record("backend.jvp_sweep(f, (x, y), tangents)", flat, x=X, y=Y, tangents=(STACKS[:, 0], STACKS[:, 1]))
    outputs, swept, _ = subject.backend.jvp_sweep(flat, subject.arrays((X, Y)), tangents)
    u, v = STACKS[:, 0], STACKS[:, 1]
    subject.expect_close(outputs, (X * Y, X**2, Y + 1.0), what="outputs of backend.jvp_sweep")
    subject.expect_close(swept, (u * Y + X * v, 2 * X * u, v), what="stacked tangents of backend.jvp_sweep")


@SCENARIOS.add("contract/vjp-sweep", "R18", [Capability.REVERSE])
def _vjp_sweep(subject: Subject) -> None:
    require_own(subject.backend, "vjp")
    _, pullback, _ = subject.backend.vjp(flat, subject.arrays((X, Y)))
    cotangents = (STACKS[:, 0], STACKS[:, 1], STACKS[:, 0] + 1.0)
    subject.record("backend.vjp_sweep(pullback, cotangents) at (x, y)", flat, x=X, y=Y, cotangents=cotangents)
    swept = subject.backend.vjp_sweep(pullback, subject.arrays(cotangents))
    subject.expect_close(swept, pulled(cotangents), what="stacked cotangents of backend.vjp_sweep")


# -- shapes that coincide --------------------------------------------------------------------------------------------

M, N = numbers(3, 3, seed=20), numbers(3, 3, seed=21)


def alike(xp: Any, w: Any, x: Any, y: Any, z: Any) -> tuple[Any, ...]:
    """A cube, a vector, a matrix and a number to arrays of all shapes; every axis has three entries, none like another.

    Exchanged axes fit everywhere, and only the values tell.
    """
    m, n = like(xp, M, x), like(xp, N, x)
    vector, matrix = m @ xp.sin(x) * z, m @ (y**2) @ n + xp.permute_dims(y, (1, 0)) * x
    cube = xp.stack([matrix, m @ xp.sin(y) * z, n * xp.sum(x * y[0])]) + xp.permute_dims(w, (1, 2, 0)) ** 2
    return vector, matrix, cube, xp.permute_dims(cube, (2, 0, 1)) * x, xp.sum(y @ x) * z, m[0]


def few(xp: Any, w: Any, x: Any, y: Any, z: Any) -> tuple[Any, ...]:
    """No two sizes alike, so that a framework has no excuse."""
    return xp.concat([x, xp.sin(z) * x[:1]]), w[0, :, :2] * y[:, :2] * x[:1], z * xp.ones_like(y[0])


POINTS = tuple(
    (numbers(3, 3, 3, seed=k), numbers(3, seed=k + 1), numbers(3, 3, seed=k + 2), numbers(seed=k + 3)) for k in (30, 40)
)
SIZES = {"one-vector": 1, "two-vectors": 2, "as-many-as-entries": 3, "many-vectors": 35}


def _stacks(leaves: Leaves, count: int) -> Leaves:
    """As many random vectors; of several, the first is zero but for its first leaf."""
    stacks = tuple(numbers(count, *np.shape(leaf), seed=50 + k) for k, leaf in enumerate(leaves))
    for stack in stacks[1:]:
        stack[: min(1, count - 1)] = 0.0
    return stacks


def _rows(product: Callable[[Leaves], Leaves], stacks: Leaves) -> Leaves:
    """One product for each vector, stacked."""
    rows = [product(tuple(stack[k] for stack in stacks)) for k in range(len(stacks[0]))]
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


def _sweep(subject: Subject, name: str, f: Any, x: Leaves, stacks: Leaves) -> tuple[Leaves, Leaves]:
    """The outputs, and what the backend's own sweep makes of the stacks."""
    backend, point, vectors = subject.backend, subject.arrays(x), subject.arrays(stacks)
    subject.record(f"backend.{name}_sweep of f at x", f, x=x, stacks=stacks)

    def leafwise(*leaves: Any) -> tuple[Leaves, Leaves]:
        return f(subject.namespace(leaves), *leaves), ()

    if name == "jvp":
        outputs, swept, _ = backend.jvp_sweep(leafwise, point, vectors)
        return outputs, swept
    outputs, pullback, _ = backend.vjp(leafwise, point)
    return outputs, backend.vjp_sweep(pullback, vectors)


def _one_for_each(name: str, count: int, subject: Subject) -> None:
    """At one point after the other, of the same functions."""
    require_own(subject.backend, name)
    for x, f in itertools.product(POINTS, (alike, few)):
        over_numpy = partial(lambda f, leaves: f(numpy_namespace, *leaves), f)
        value = over_numpy(x)
        stacks = _stacks(x if name == "jvp" else value, count)
        if name == "jvp":
            expected = _rows(partial(references.pushforward, over_numpy, x), stacks)
        else:
            expected = _rows(partial(references.pullback, over_numpy, x), stacks)
        outputs, swept = _sweep(subject, name, f, x, stacks)
        subject.expect_close(outputs, tuple(map(np.asarray, value)), what="the outputs")
        subject.expect_close(swept, expected, what=f"the stacks of backend.{name}_sweep")


def _tiny(name: str, subject: Subject) -> None:
    """Of tiny vectors, and at a tiny point."""
    require_own(subject.backend, name)
    x, u = numbers(3), 1e-9 * numbers(3, 3, seed=1)
    for point in (x, 1e-9 * x):
        _, swept = _sweep(subject, name, lambda xp, x: (xp.sin(x),), (point,), (u,))
        subject.expect_close(swept, (np.cos(point) * u,), scale=0.0)


def _complex(name: str, subject: Subject) -> None:
    """Real-linear, and not complex-linear: d(z z conj(z)) = 2 |z|^2 dz + z^2 conj(dz); by Re(sum(a * b)) reversed."""
    require_own(subject.backend, name)
    z, u = complex_numbers(3), complex_numbers(3, 3, seed=1)
    _, swept = _sweep(subject, name, lambda xp, z: (z * z * xp.conj(z),), (z,), (u,))
    mixed = z**2 * np.conj(u) if name == "jvp" else np.conj(z**2 * u)
    subject.expect_close(swept, (2.0 * np.abs(z) ** 2 * u + mixed,))


def _own_memory(name: str, subject: Subject) -> None:
    """Vectors are kept and swept again: a result is not made of their memory, nor of another's."""
    require_own(subject.backend, name)
    backend = subject.backend
    point, vectors = subject.arrays((X, Y)), subject.arrays((STACKS[:, 0], STACKS[:, 1]))

    def identity(*leaves: Any) -> tuple[Leaves, Leaves]:
        return leaves, ()

    if name == "jvp":
        swept = backend.jvp_sweep(identity, point, vectors)[1]
    else:
        swept = backend.vjp_sweep(backend.vjp(identity, point)[1], vectors)
    subject.record(f"backend.{name}_sweep(f, (x, y), vectors)", identity, vectors=vectors)
    arrays = [backend.to_numpy(leaf) for leaf in (*swept, *vectors)]
    for a, b in itertools.combinations(arrays, 2):
        subject.expect(not share_memory(a, b), "a result of a sweep that shares memory", "memory of its own for each")


@SCENARIOS.add("contract/vjp-sweeps-of-two-pullbacks", "R18", [Capability.REVERSE])
def _two_pullbacks(subject: Subject) -> None:
    """Sweeps of pullbacks of one function at two points, in turn, and single pulls between them."""
    require_own(subject.backend, "vjp")
    backend, cotangents = subject.backend, (STACKS[:, 0], STACKS[:, 1], STACKS[:, 0] + 1.0)
    subject.record("backend.vjp at (x, y) and at (2 * x, y), then backend.vjp_sweep of both", flat, x=X, y=Y)
    _, first, _ = backend.vjp(flat, subject.arrays((X, Y)))
    _, second, _ = backend.vjp(flat, subject.arrays((2 * X, Y)))
    a, b = cotangents[0] * Y + 4 * cotangents[1] * X, 2 * cotangents[0] * X + cotangents[2]
    kept = []
    for pullback, expected in ((first, pulled(cotangents)), (second, (a, b)), (first, pulled(cotangents))):
        kept.append((backend.vjp_sweep(pullback, subject.arrays(cotangents)), expected))
        pullback(subject.arrays((U, V, X)))
    for received, expected in kept:
        subject.expect_close(received, expected, what="a result of backend.vjp_sweep, after others were made")


@SCENARIOS.add("contract/jvp-sweep-and-jvp", "R18", [Capability.FORWARD])
def _jvp_between_sweeps(subject: Subject) -> None:
    """A single product and a sweep of one function at one point, in turn."""
    require_own(subject.backend, "jvp")
    backend, point = subject.backend, subject.arrays((X, Y))
    subject.record("backend.jvp_sweep and backend.jvp in turn, of one f at one x", flat, x=X, y=Y, u=U, v=V)
    for _ in range(2):
        swept = backend.jvp_sweep(flat, point, subject.arrays((np.stack([U, X]), np.stack([V, U]))))[1]
        expected = tuple(np.stack(rows) for rows in zip(PUSHED, (X * Y + X * U, 2 * X * X, U), strict=True))
        subject.expect_close(swept, expected, what="stacked tangents of backend.jvp_sweep")
        subject.expect_close(
            backend.jvp(flat, point, subject.arrays((U, V)))[1], PUSHED, what="tangents of backend.jvp"
        )


for _name, _mode in MODES.items():
    for _label, _count in SIZES.items():
        SCENARIOS.add(f"contract/sweep-of-{_label}/{_name}", "R18", [_mode])(partial(_one_for_each, _name, _count))
    SCENARIOS.add(f"contract/sweep-of-tiny-vectors/{_name}", "R18", [_mode])(partial(_tiny, _name))
    SCENARIOS.add(f"contract/sweep-of-complex-vectors/{_name}", "R18", [_mode, Capability.COMPLEX])(
        partial(_complex, _name)
    )
    SCENARIOS.add(f"contract/sweeps-own-memory/{_name}", "R8", [_mode])(partial(_own_memory, _name))
