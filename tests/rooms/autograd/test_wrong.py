"""Rules that autograd has wrong: refused, and made good by the other mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import (
    UnsupportedOperationError,
    hessian_vector_product,
    jacobian_vector_product,
    vector_jacobian_product,
)

pytest.importorskip("autograd")
import autograd
import autograd.numpy as anp
from autograd.tracer import trace_stack
from autograd_functions import complexes, numbers, raw_pairings

from adhelpers_plugins.autograd.backend import AutogradBackend
from adhelpers_plugins.autograd.wrong import VERSION

STRICT = AutogradBackend(fallback=False)
FORWARD, REVERSE = "F", "R"


def random_like(value: Any, seed: int) -> np.ndarray:
    shape = np.shape(value)
    return complexes(*shape, seed=seed) if np.iscomplexobj(value) else np.asarray(numbers(*shape, seed=seed))


def slope(f: Callable[[Any], Any], x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The derivative along `t` by central differences."""
    step = 1e-6
    return (np.asarray(f(x + step * t)) - np.asarray(f(x - step * t))) / (2 * step)


def paired(a: Any, b: Any) -> float:
    return float(np.sum(np.real(a * b)))


X = np.array([[1.0, 2.0], [3.0, 4.5]])
MASK = np.array([[True, False], [True, True]])
CUBE = numbers(3, 3, 3)
HERMITIAN = complexes(3, 3) @ complexes(3, 3).conj().T + 3 * np.eye(3)

# f, x and the modes whose rule is right.
CASES: dict[str, tuple[Callable[[Any], Any], np.ndarray, str]] = {
    "tile, a number": (lambda x: anp.tile(x, 2), X, FORWARD),
    "tile, a short tuple": (lambda x: anp.tile(x, (2,)), X, FORWARD),
    "tile, all axes": (lambda x: anp.tile(x, (2, 3)), X, FORWARD + REVERSE),
    "tile, more axes": (lambda x: anp.tile(x, (2, 1, 3)), X, FORWARD + REVERSE),
    "tile, a vector": (lambda x: anp.tile(x, 2), X[0], FORWARD + REVERSE),
    "var, ddof": (lambda x: anp.var(x, axis=0, ddof=1), X, FORWARD + REVERSE),
    "var, correction": (lambda x: anp.var(x, correction=1), X, ""),
    "var, correction of zero": (lambda x: anp.var(x, correction=0), X, FORWARD + REVERSE),
    "var, where": (lambda x: anp.var(x, where=MASK), X, ""),
    "var, mean": (lambda x: anp.var(x, axis=0, mean=np.ones((1, 2))), X, ""),
    "var, several axes": (lambda x: anp.var(x, axis=(0, 1)), X, REVERSE),
    "std, ddof": (lambda x: anp.std(x, ddof=1), X, FORWARD + REVERSE),
    "std, correction": (lambda x: anp.std(x, correction=1), X, ""),
    "std, where": (lambda x: anp.std(x, where=MASK), X, ""),
    "sum, where": (lambda x: anp.sum(x**2, where=MASK), X, FORWARD),
    "sum, where all": (lambda x: anp.sum(x**2, where=True), X, FORWARD + REVERSE),
    "sum, initial": (lambda x: anp.sum(x**2, axis=0, initial=3.0), X, REVERSE),
    "sum, initial by position": (lambda x: anp.sum(x**2, 0, None, None, False, 3.0), X, ""),
    "sum, initial zero": (lambda x: anp.sum(x**2, initial=0.0), X, FORWARD + REVERSE),
    "mean, where": (lambda x: anp.mean(x**2, where=MASK), X, FORWARD),
    "prod": (lambda x: anp.prod(x, axis=0), X, FORWARD + REVERSE),
    "prod, initial": (lambda x: anp.prod(x, axis=0, initial=2.0), X, FORWARD + REVERSE),
    "prod, where": (lambda x: anp.prod(x, where=MASK), X, ""),
    "prod, a zero": (lambda x: anp.prod(x), X - 2.0, ""),
    "max, initial below": (lambda x: anp.max(x, axis=0, initial=-9.0), X, FORWARD + REVERSE),
    "max, initial above": (lambda x: anp.max(x, axis=0, initial=4.0), X, ""),
    "min, where": (lambda x: anp.min(x, axis=0, initial=9.0, where=MASK), X, FORWARD + REVERSE),
    "max, where an equal is masked": (
        lambda x: anp.max(x, axis=1, initial=0.0, where=MASK),
        np.array([[2.0, 2.0], [2.0, 3.0]]),
        "",
    ),
    "min, axes from the end": (lambda x: anp.min(x, axis=(-2, -1)), CUBE, REVERSE),
    "max, axes from the front": (lambda x: anp.max(x, axis=(1, 2)), CUBE, FORWARD + REVERSE),
    "arccosh, left": (anp.arccosh, np.array([-1.1 - 0.4j, 0.3 + 0.5j]), ""),
    "arccosh, right": (anp.arccosh, np.array([1.1 - 0.4j, 0.3 + 0.5j]), FORWARD + REVERSE),
    "absolute, at zero": (lambda x: anp.absolute(x) ** 2, np.array([0.0, -0.7]), FORWARD + REVERSE),
    "sign, complex": (anp.sign, complexes(3), ""),
    "sign, real": (lambda x: anp.sign(x) * x, X - 2.5, FORWARD + REVERSE),
    "full_like": (lambda x: anp.full_like(x, anp.sum(x)), X, ""),
    "full_like, a constant": (lambda x: anp.full_like(x, 2.0) * x, X, FORWARD + REVERSE),
    "astype of integers": (lambda x: x * anp.array(x, dtype=int), X, ""),
    "array of integers, indexed": (lambda x: x[0] * anp.array(x, dtype=int)[0], X, ""),
    "rfft": (lambda x: anp.fft.rfft(x), numbers(6), REVERSE),
    "rfft, ortho": (lambda x: anp.fft.rfft(x, norm="ortho"), numbers(6), REVERSE),
    "rfft, forward": (lambda x: anp.fft.rfft(x, norm="forward"), numbers(6), ""),
    "rfft, backward": (lambda x: anp.fft.rfft(x, norm="backward"), numbers(6), ""),
    "rfft, a keyword's length": (lambda x: anp.fft.rfft(x, n=4), numbers(6), ""),
    "rfft, an odd length": (lambda x: anp.fft.rfft(x, n=5), numbers(6), ""),
    "rfft, the same length": (lambda x: anp.fft.rfft(x, n=6), numbers(6), REVERSE),
    "rfft, a position's length": (lambda x: anp.fft.rfft(x, 4), numbers(6), REVERSE),
    "irfft, forward": (lambda x: anp.fft.irfft(x, norm="forward"), complexes(4), ""),
    "irfft, a keyword's length": (lambda x: anp.fft.irfft(x, n=4), complexes(4), REVERSE),
    "irfft, an odd length": (lambda x: anp.fft.irfft(x, n=3), complexes(4), ""),
    "rfft2, backward": (lambda x: anp.fft.rfft2(x, norm="backward"), X, ""),
    "irfftn, forward": (lambda x: anp.fft.irfftn(x, norm="forward"), complexes(3, 3), ""),
    "fft, forward": (lambda x: anp.fft.fft(x, norm="forward"), numbers(5), REVERSE),
    "repeat, from the end": (lambda x: anp.repeat(x, 3, axis=-1), X, FORWARD),
    "repeat, from the front": (lambda x: anp.repeat(x, 3, axis=1), X, FORWARD + REVERSE),
    "transpose, from both ends": (lambda x: anp.transpose(x, (1, -1, 0)), CUBE, FORWARD),
    "transpose, from the end": (lambda x: anp.transpose(x, (-2, -1, -3)), CUBE, FORWARD + REVERSE),
    "linspace": (lambda x: anp.linspace(x[0], x[1], 3), X, FORWARD + REVERSE),
    "linspace, numbers": (lambda x: anp.linspace(x[0, 0], x[1, 1], 4), X, FORWARD + REVERSE),
    "linspace, to a number": (lambda x: anp.linspace(x[0], 2.0, 3), X, FORWARD + REVERSE),
    "linspace, from a number": (lambda x: anp.linspace(x[0, 0], X[0], 3), X, ""),
    "linspace, matrices, of as many steps as rows": (lambda x: anp.linspace(x, X, 2), X, FORWARD),
    "kron, three axes": (lambda x: anp.kron(x, CUBE), X, FORWARD),
    "kron, two axes": (lambda x: anp.kron(x, X), X, FORWARD + REVERSE),
    "ravel, as in memory": (lambda x: anp.ravel(x, order="A"), np.asfortranarray(X), ""),
    "reshape, as in memory": (lambda x: anp.reshape(x, (4,), order="A"), np.asfortranarray(X), ""),
    "pad": (lambda x: anp.pad(x, 1, "constant"), X, FORWARD + REVERSE),
    "pad, the edge": (lambda x: anp.pad(x, 1, "edge"), X, FORWARD),
    "pad, the maximum": (lambda x: anp.pad(x, 1, "maximum"), X, ""),
    "pad, odd": (lambda x: anp.pad(x, 1, "reflect", reflect_type="odd"), X, ""),
    "norm, complex": (anp.linalg.norm, complexes(3), FORWARD + REVERSE),
    "norm, complex, of order three": (lambda x: anp.linalg.norm(x, 3), complexes(3), FORWARD + REVERSE),
    "norm, complex, nuclear": (lambda x: anp.linalg.norm(x, "nuc"), complexes(3, 2), FORWARD + REVERSE),
    "norm, largest": (lambda x: anp.linalg.norm(x, np.inf, axis=0), X, ""),
    "norm, a power below two at zero": (lambda x: anp.linalg.norm(x, 1.5), X[0] - 2.0, ""),
    "norm, a power below two": (lambda x: anp.linalg.norm(x, 1.5), X[0], FORWARD + REVERSE),
    "cholesky, complex": (lambda x: anp.linalg.cholesky((x + anp.conj(x.T)) / 2), HERMITIAN, ""),
    "pinv, complex": (anp.linalg.pinv, complexes(3, 2), ""),
    "solve, matrices of a vector": (lambda x: anp.linalg.solve(x, np.array([1.0, 2.0])), np.stack([X, X + 1.0]), ""),
    "solve, a vector by matrices": (lambda x: anp.linalg.solve(np.stack([X, X + 1.0]), x), X[0], ""),
    "solve, matrices of a column": (
        lambda x: anp.linalg.solve(x, np.array([[1.0], [2.0]])),
        np.stack([X, X + 1.0]),
        REVERSE,
    ),
    "diff, prepend": (lambda x: anp.diff(x, prepend=1.0), X, ""),
    "diff, append": (lambda x: anp.diff(x, append=np.array([[1.0], [0.0]])), X, ""),
    "diff, prepend by position": (lambda x: anp.diff(x, 1, 0, 2.0), X, ""),
    "diff, zeros": (lambda x: anp.diff(x, prepend=0.0, append=0.0), X, FORWARD),
    "diff": (lambda x: anp.diff(x, 2, axis=0), CUBE, FORWARD + REVERSE),
    "sort": (lambda x: anp.sort(x, axis=0), X, ""),
    # Errors of autograd's own.
    "broadcast_to": (lambda x: anp.broadcast_to(x, (3, 2, 2)), X, FORWARD),
    "roll, a tuple": (lambda x: anp.roll(x, (1, 1), (0, 1)), X, FORWARD),
    "cumsum, dtype": (lambda x: anp.cumsum(x, dtype=float), X, FORWARD),
    "outer": (lambda x: anp.outer(x, X), X, FORWARD),
    "einsum, a diagonal": (lambda x: anp.einsum("ii", x), X, FORWARD),
    "einsum, lists": (lambda x: anp.einsum(x, [0, 1], x, [1, 2]), X, FORWARD),
    "repeat, an array": (lambda x: anp.repeat(x, np.array([1, 3]), axis=0), X, FORWARD),
    "gradient": (lambda x: anp.gradient(x, axis=0), X, FORWARD),
    "diagonal": (anp.diagonal, X, FORWARD),
}
MENDED_IN_1_9 = {
    **dict.fromkeys(("norm, complex", "norm, complex, of order three", "norm, complex, nuclear"), FORWARD + REVERSE),
    "absolute, at zero": FORWARD + REVERSE,
    # Errors of autograd's own.
    "full_like, a constant": FORWARD + REVERSE,
    **dict.fromkeys(("max, initial below", "min, where", "prod, initial"), FORWARD + REVERSE),
    "var, correction of zero": FORWARD + REVERSE,
    **dict.fromkeys(("sum, initial", "sum, initial zero", "sum, where all"), REVERSE),
}
if VERSION < (1, 9):
    for _name, _modes in MENDED_IN_1_9.items():
        _f, _x, _right = CASES[_name]
        CASES[_name] = _f, _x, "".join(set(_right) - set(_modes))
# The order in memory of a derivative may be that of the array.
BY_CHANCE = {"ravel, as in memory", "reshape, as in memory"}


@pytest.mark.parametrize("name", CASES)
def test_each_mode_is_right_or_refuses(name):
    f, x, right = CASES[name]
    y = f(x)
    t, u = random_like(x, 1), random_like(y, 2)
    along = slope(f, x, t)
    if FORWARD in right:
        np.testing.assert_allclose(jacobian_vector_product(f, STRICT, x, t), along, atol=1e-7, rtol=1e-6)
    else:
        with pytest.raises(UnsupportedOperationError, match="JVP of"):
            jacobian_vector_product(f, STRICT, x, t)
    if REVERSE in right:
        pulled = vector_jacobian_product(f, STRICT, x, u)
        np.testing.assert_allclose(paired(pulled, t), paired(u, along), atol=1e-7, rtol=1e-6)
    else:
        with pytest.raises(UnsupportedOperationError, match="VJP of"):
            vector_jacobian_product(f, STRICT, x, u)


@pytest.mark.parametrize("name", CASES)
def test_autograd_is_wrong(name, monkeypatch):
    monkeypatch.setattr(trace_stack, "top", trace_stack.top)  # autograd leaves it where a rule raises
    f, x, right = CASES[name]
    t, u = random_like(x, 1), random_like(f(x), 2)
    expected = paired(u, slope(f, x, t))
    for mode, raw in raw_pairings(f, x, t, u).items():
        if mode not in right and name not in BY_CHANCE:
            assert not abs(raw - expected) <= 1e-5 * max(1.0, abs(expected)), f"autograd has mended {name}: say so"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if len(case[2]) == 1])
def test_one_right_mode_serves_both(name):
    f, x, _ = CASES[name]
    t, u = random_like(x, 1), random_like(f(x), 2)
    along = slope(f, x, t)
    np.testing.assert_allclose(jacobian_vector_product(f, "autograd", x, t), along, atol=1e-7, rtol=1e-6)
    pulled = vector_jacobian_product(f, "autograd", x, u)
    np.testing.assert_allclose(paired(pulled, t), paired(u, along), atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_no_right_mode_names_the_primitive(product):
    with pytest.raises(UnsupportedOperationError, match="of var .* is wrong for these arguments"):
        product(lambda x: anp.var(x, axis=0, correction=1, keepdims=True) * x, "autograd", X, X)


def test_wrong_rules_are_seen_inside_another_trace():
    """The arguments are boxes there."""

    def outer(x: Any) -> Any:
        return anp.sum(vector_jacobian_product(lambda y: anp.tile(y**3, 2), "autograd", x, np.ones((2, 4))))

    np.testing.assert_allclose(jacobian_vector_product(outer, "autograd", X, X), np.sum(12 * X**2))


# -- mended ---------------------------------------------------------------------------------------------


class Misfit:
    """Of the projection on the first eigenvector of a Hermitian matrix, whose triangle is read, and where it is none.

    The second derivative there is that of Gauss and Newton: what `slope` moves, squared.
    """

    def __init__(self, uplo: str, shape: tuple[int, ...], dtype: type) -> None:
        make = complexes if dtype is complex else numbers
        self.uplo = uplo
        self.point = make(*shape) + 4 * np.diag([1.0, 2.0, 4.0])
        self.tangent = make(*shape, seed=1)
        self.target = self.projection(np, self.point)

    def projection(self, xp: Any, a: Any) -> Any:
        vector = xp.linalg.eigh(a, self.uplo)[1][..., 0]
        return vector[..., :, None] * xp.conj(vector)[..., None, :]

    def __call__(self, s: Any) -> Any:
        misfit = self.projection(anp, self.point + s * self.tangent) - self.target
        return anp.sum(anp.real(misfit * anp.conj(misfit)))

    def second(self) -> float:
        return 2 * np.sum(np.abs(slope(lambda a: self.projection(np, a), self.point, self.tangent)) ** 2)


MISFITS = pytest.mark.parametrize(
    ("uplo", "shape", "dtype"), [("L", (3, 3), float), ("U", (3, 3), complex), ("L", (2, 3, 3), complex)]
)


@MISFITS
@pytest.mark.parametrize("mode", ["auto", "reverse-over-reverse", "forward-over-reverse"])
def test_eigenvectors_at_their_target_have_a_second_derivative(mode, uplo, shape, dtype):
    """The cotangent of the vectors is zero there, but not its derivative."""
    f = Misfit(uplo, shape, dtype)
    found = hessian_vector_product(f, "autograd", np.asarray(0.0), np.asarray(1.0), mode=mode)
    np.testing.assert_allclose(found, f.second(), rtol=1e-7)


@MISFITS
def test_autograd_loses_that_derivative(uplo, shape, dtype):
    f = Misfit(uplo, shape, dtype)
    raw = autograd.grad(autograd.grad(f))(0.0)
    assert not np.isclose(raw, f.second()), "autograd has mended eigh: say so"


@pytest.mark.filterwarnings("error")
def test_eigenvalues_alone_have_a_derivative_where_they_are_equal():
    """Their sum, and one that is not equal; by two pull-backs, of which the second varies the cotangent."""

    def f(a: Any) -> Any:
        values = anp.linalg.eigh(a)[0]
        return anp.stack([anp.sum(values), values[2]])

    t = numbers(3, 3)
    pushed = jacobian_vector_product(f, "autograd", np.diag([1.0, 1.0, 2.0]), t)
    np.testing.assert_allclose(pushed, [np.trace(t), t[2, 2]])
