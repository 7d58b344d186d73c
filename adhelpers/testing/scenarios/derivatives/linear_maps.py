"""The derivative at a point, multiplied many times: `linearize` and `linearize_gradient`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import optree

from adhelpers import Capability, linearize, linearize_gradient
from adhelpers.testing.models import complex_numbers, like, numbers
from adhelpers.testing.operations import MODES, call, nested, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.derivatives.closed_forms import (
    GRADIENT,
    JACOBIAN,
    PRODUCT,
    VALUE,
    A,
    B,
    P,
    T,
    X,
    cubic,
    several,
)
from adhelpers.testing.subject import Function, NotConcerned, Subject, share_memory

SCENARIOS = Catalogue()

OUTPUTS = {"y": [A * P, np.sum(B**2)], "z": B * A[0]}
COTANGENT = {"y": [numbers(3, seed=5), np.asarray(0.4)], "z": numbers(2, 2, seed=6)}
MANY = 3
"""The number of vectors pushed at once."""

_BOTH_MODES = tuple(MODES.values())
"""The capabilities for pushes and pulls."""

_ROWS: tuple[Any, ...] = (*JACOBIAN["y"], JACOBIAN["z"])


def _leaves(tree: Any) -> list[np.ndarray]:
    return list(map(np.asarray, optree.tree_leaves(tree)))


def _rebuilt(leaves: list[Any], partner: Any) -> Any:
    return optree.tree_unflatten(optree.tree_structure(partner), leaves)


def _times(t: Any) -> Any:
    """The Jacobian by hand times a tangent."""
    rows = [
        sum(np.tensordot(block, u, axes=u.ndim) for block, u in zip(_leaves(row), _leaves(t), strict=True))
        for row in _ROWS
    ]
    return _rebuilt(rows, OUTPUTS)


def _transposed_times(v: Any) -> Any:
    """The same transposed, times a cotangent."""
    total = [np.zeros(leaf.shape) for leaf in _leaves(X)]
    for row, c in zip(_ROWS, _leaves(v), strict=True):
        total = [t + np.tensordot(c, block, axes=c.ndim) for t, block in zip(total, _leaves(row), strict=True)]
    return _rebuilt(total, X)


def _stacked(tree: Any) -> Any:
    """Three different vectors at once."""
    return _rebuilt([np.stack([leaf, -2.0 * leaf + 1.0, leaf**2]) for leaf in _leaves(tree)], tree)


def _each(function: Callable[[Any], Any], stacks: Any, partner: Any) -> Any:
    """The stacked results of a function of each stacked vector."""
    singles = [_leaves(function(optree.tree_map(lambda stack, k=k: np.asarray(stack[k]), stacks))) for k in range(MANY)]
    return _rebuilt([np.stack(parts) for parts in zip(*singles, strict=True)], partner)


@SCENARIOS.add("linearize/products", "R7", _BOTH_MODES)
def _products(subject: Subject) -> None:
    """Both products, repeatedly and in any order."""
    lin = call(linearize, subject, several, subject.arrays(X))
    subject.expect_close(lin.value, OUTPUTS, what="the value")
    for k in range(2):
        subject.expect_close(lin.push(subject.arrays(T)), _times(T), what=f"push {k + 1}")
        received = lin.pull(subject.arrays(COTANGENT))
        subject.expect_close(received, _transposed_times(COTANGENT), what=f"pull {k + 1}")


@SCENARIOS.add("linearize/not-symmetric", "R7", _BOTH_MODES)
def _not_symmetric(subject: Subject) -> None:
    """A square Jacobian that is not its transpose."""
    matrix, x, u = numbers(3, 3, seed=7), numbers(3), numbers(3, seed=1)
    lin = call(linearize, subject, lambda xp, x: like(xp, matrix, x) @ xp.sin(x), subject.arrays(x))
    subject.expect_close(lin.push(subject.arrays(u)), matrix @ (np.cos(x) * u), what="push")
    subject.expect_close(lin.pull(subject.arrays(u)), np.cos(x) * (matrix.T @ u), what="pull")


@SCENARIOS.add("linearize/sweeps", "R7", _BOTH_MODES)
def _sweeps(subject: Subject) -> None:
    """Many vectors at once, in one chunk and in several."""
    lin = call(linearize, subject, several, subject.arrays(X))
    tangents, cotangents = _stacked(T), _stacked(COTANGENT)
    for chunk_size in (None, 2):
        pushed = lin.push_many(subject.arrays(tangents), chunk_size=chunk_size)
        subject.expect_close(pushed, _each(_times, tangents, OUTPUTS), what="push_many")
        pulled = lin.pull_many(subject.arrays(cotangents), chunk_size=chunk_size)
        subject.expect_close(pulled, _each(_transposed_times, cotangents, X), what="pull_many")


@SCENARIOS.add("linearize/complex", "R7", [*_BOTH_MODES, Capability.COMPLEX])
def _complex(subject: Subject) -> None:
    """The real-linear derivative, and its transpose without conjugation."""

    def f(xp: Any, z: Any) -> Any:
        return z**2 * xp.conj(z)

    z, u = complex_numbers(3), complex_numbers(3)[::-1].copy()
    lin = call(linearize, subject, f, subject.arrays(z))
    # d(z^2 conj(z)) = 2 |z|^2 u + z^2 conj(u); its transpose under Re(sum(a * b)) is 2 |z|^2 v + conj(z^2 v).
    subject.expect_close(lin.push(subject.arrays(u)), 2.0 * np.abs(z) ** 2 * u + z**2 * np.conj(u), what="push")
    subject.expect_close(lin.pull(subject.arrays(u)), 2.0 * np.abs(z) ** 2 * u + np.conj(z**2 * u), what="pull")


def _cube(calls: list[int]) -> Function:
    def f(xp: Any, x: Any) -> Any:
        calls.append(1)
        return x**3

    return f


@SCENARIOS.add("linearize/calls", "R9", [Capability.REVERSE])
def _calls(subject: Subject) -> None:
    """Linearising calls f once, and pulling does not call it."""
    require_own(subject.backend, "vjp")
    if subject.backend.pullback_calls_f:
        msg = "the backend's pullbacks call f, as pullback_calls_f declares"
        raise NotConcerned(msg)
    calls, x = list[int](), subject.arrays(numbers(4))
    lin = call(linearize, subject, _cube(calls), x)
    subject.expect(len(calls) == 1, f"{len(calls)} calls of f to linearise", "1")
    for _ in range(2):
        subject.expect_close(lin.pull(x), 3.0 * numbers(4) ** 3)
    lin.pull_many(subject.arrays(np.eye(4)), check=False)
    subject.expect(len(calls) == 1, f"{len(calls) - 1} calls of f to pull", "none")


@SCENARIOS.add("linearize/memory", "R8", _BOTH_MODES)
def _memory(subject: Subject) -> None:
    """Writing to x later does not move the point, and results share no memory."""
    backend, x = subject.backend, subject.in_precision(numbers(64))
    given = x.copy()
    lin = call(linearize, subject, lambda xp, x: x**2, given)
    given[:] = 7.0
    u = subject.arrays(np.ones(64))
    results = [lin.value, lin.push(u), lin.pull(u), lin.push(u), lin.pull(u)]
    for received, expected in zip(results, (x**2, 2.0 * x, 2.0 * x, 2.0 * x, 2.0 * x), strict=True):
        subject.expect_close(received, expected)
    arrays = [backend.to_numpy(result) for result in (u, *results)]
    shared = any(share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    subject.expect(not shared, "results that share memory", "separate memory for value, pushes and pulls")


@SCENARIOS.add("linearize/of-x-itself", "R8", _BOTH_MODES)
def _identity(subject: Subject) -> None:
    """If f returns x itself, the results share no memory either."""
    x, u = subject.arrays(numbers(64)), subject.arrays(numbers(64, seed=1))
    lin = call(linearize, subject, lambda xp, x: x, x)
    arrays = [subject.backend.to_numpy(leaf) for leaf in (x, u, lin.value, lin.push(u), lin.pull(u))]
    shared = any(share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    subject.expect(not shared, "results that share memory with x, u or one another", "separate memory")
    for array, expected in zip(arrays[2:], (numbers(64), numbers(64, seed=1), numbers(64, seed=1)), strict=True):
        subject.expect_close(subject.arrays(array), expected)


def _nested(name: str, subject: Subject) -> None:
    """An outer derivative sees x vary, in the value and in both products."""

    def f(xp: Any, x: Any) -> Any:
        lin, one = linearize(lambda x: xp.sin(x), subject.backend, x), xp.ones_like(x)
        return lin.value + 2.0 * lin.push(one) + 3.0 * lin.pull(one)

    x, c = numbers(3), numbers(3, seed=1)
    received = subject.product(name, f, subject.arrays(x), subject.arrays(c))
    subject.expect_close(received, (np.cos(x) - 5.0 * np.sin(x)) * c, depth=2)


def _vectors(name: str, vary: bool, subject: Subject) -> None:
    """An outer derivative sees vectors vary only with `differentiate_u`."""

    def f(xp: Any, x: Any) -> Any:
        lin = linearize(lambda x: xp.sin(x), subject.backend, x)
        return lin.push(x**2, differentiate_u=vary) + 2.0 * lin.pull(x**2, differentiate_v=vary)

    x, c = numbers(3), numbers(3, seed=1)
    received = subject.product(name, f, subject.arrays(x), subject.arrays(c))
    subject.expect_close(received, 3.0 * (vary * 2.0 * x * np.cos(x) - x**2 * np.sin(x)) * c, depth=2)


for _name in ("jvp", "vjp"):
    SCENARIOS.add(f"{_name}-of-linearize", "R12", nested(_name))(partial(_nested, _name))
    SCENARIOS.add(f"u-constant/{_name}-of-linearize", "R13", nested(_name))(partial(_vectors, _name, False))
    SCENARIOS.add(f"u-differentiated/{_name}-of-linearize", "R13", nested(_name))(partial(_vectors, _name, True))


@SCENARIOS.add("linearize-gradient/products", "R12", nested("jvp"))
def _gradient(subject: Subject) -> None:
    """Value, gradient, and the Hessian times one direction and several."""
    hessian = call(linearize_gradient, subject, cubic, subject.arrays(X))
    subject.expect_close(hessian.value, VALUE, what="the value")
    subject.expect_close(hessian.gradient, GRADIENT, what="the gradient", scale=_SCALE)
    for _ in range(2):
        subject.expect_close(hessian.push(subject.arrays(T)), PRODUCT, depth=2, scale=_SCALE)
    stacks, expected = (
        _rebuilt([np.stack([leaf, -2.0 * leaf]) for leaf in _leaves(tree)], tree) for tree in (T, PRODUCT)
    )
    received = hessian.push_many(subject.arrays(stacks))
    subject.expect_close(received, expected, depth=2, scale=_SCALE, what="push_many")


_SCALE = 10.0
"""About the size of the function and its derivatives."""
