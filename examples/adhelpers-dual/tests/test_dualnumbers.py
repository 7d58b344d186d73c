import copy
import threading

import numpy as np
import pytest

import dualnumbers
from dualnumbers import Dual, MissingRuleError, jvp
from dualnumbers import namespace as xp

RNG = np.random.default_rng(0)


def derivative(f, x, u):
    _, (tangent,) = jvp(lambda x: (f(x),), [x], [u])
    return tangent


def difference(f, x, u, h=1e-6):
    return (f(x + h * u) - f(x - h * u)) / (2 * h)


HOLOMORPHIC = {
    "arithmetic": lambda x: (2 + x) * 3 - x / (1 + x) + (1 - x) / 2 - (-x) + (+x),
    "power": lambda x: x**2 + x**3.5 + 2**x + x**-1 + x**0 + x**x,
    "square": lambda x: np.square(x) + np.reciprocal(x) + np.sqrt(x),
    "exp": lambda x: np.exp(x) + np.expm1(x) + np.exp2(x),
    "log": lambda x: np.log(x) + np.log1p(x) + np.log2(x) + np.log10(x),
    "trigonometric": lambda x: np.sin(x) + np.cos(x) + np.tan(x),
    "hyperbolic": lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x),
    "inverse": lambda x: np.arcsin(x) + np.arccos(x) + np.arctan(x),
    "inverse hyperbolic": lambda x: np.arcsinh(x) + np.arccosh(x + 2) + np.arctanh(x),
    "matmul": lambda x: x @ x.T @ np.ones((3, 2)),
    "multilinear": lambda x: np.einsum("ij,kj->ik", x, x) + np.tensordot(x, x, axes=((1,), (1,))) + np.inner(x, x),
    "reductions": lambda x: np.sum(x * x, axis=0) + np.mean(x**3, axis=0) + np.prod(x, axis=0),
    "keepdims": lambda x: x / np.sum(x, axis=-1, keepdims=True) + np.prod(x, keepdims=True),
    "indexing": lambda x: x[None, 1:, ::-1] ** 2 + x[1:, 0, None] * x[[0, 1]] + x[0, 0],
    "shapes": lambda x: np.expand_dims(x.reshape(-1).reshape((4, 3)).mT, 0) * np.squeeze(x[None], axis=0),
    "broadcast": lambda x: np.broadcast_to(x[0] ** 2, (5, 4)) + np.permute_dims(x, (1, 0))[0, 0],
    "joined": lambda x: np.stack([np.concat([x, x * x]), np.ones((6, 4)), np.concat([np.zeros((3, 4)), x])], axis=1),
    "moved": lambda x: np.flip(x, axis=0) * np.roll(x, 1, axis=1) + np.cumsum(x, axis=0) * np.moveaxis(x, 0, 0),
    "triangles": lambda x: np.tril(x) * np.triu(x, k=-1) + np.trace(x) * np.diag(x)[:, None],
    "solve": lambda x: np.linalg.solve(x[:, :3] + 3 * np.eye(3), x),
    "solve vector": lambda x: np.linalg.solve(x[:, :3] + 3 * np.eye(3), x[:, 0]),
    "solve many for a vector": lambda x: np.linalg.solve(x[None, :, :3] + 3 * np.eye(3), np.ones(3)),
    "inverse matrix": lambda x: np.linalg.inv(x[:, :3] + np.eye(3)) * np.linalg.det(x[:, :3] + np.eye(3)),
    "unstack": lambda x: sum(k * row**2 for k, row in enumerate(np.unstack(x))) + sum(x),
}

REAL = {
    "abs": lambda x: np.abs(x - 0.5) * np.sign(x - 0.5) + abs(-x),
    "extrema": lambda x: np.max(x, axis=0) * np.min(x, axis=0, keepdims=True) + np.max(x) * np.min(x),
    "pairs": lambda x: np.maximum(x, 0.5) + np.minimum(0.3, x) + np.clip(x, 0.2, 0.8) ** 2,
    "where": lambda x: np.where(x > 0.5, x * x, 0.0) + np.where(x > 0.4, 1.0, x),
    "angles": lambda x: np.arctan2(x, 2 - x) + np.hypot(x, 1 - x) + np.deg2rad(x) + np.cbrt(x),
    "two arguments": lambda x: np.logaddexp(x, 1 - x) + np.remainder(x, 0.3) + np.remainder(2.0, x),
    "spread": lambda x: np.var(x, axis=0) + np.std(x, axis=0, correction=1) + np.var(x),
    "sorted": lambda x: np.sort(x, axis=1) * np.arange(4.0),
    "jumps": lambda x: np.floor(3 * x) * x + np.round(3 * x) * x + (x // 0.3) * x,
}

COMPLEX = {
    "conjugate": lambda z: z**2 * np.conj(z),
    "parts": lambda z: np.real(z) * z + z.imag**2 + 1j * np.imag(z),
    "modulus": lambda z: np.abs(z) + np.sign(z) + z.conj() / abs(z),
    "products": lambda z: np.vecdot(z, z**2) + np.vdot(z, z**2),
    "spread": lambda z: np.var(z, axis=0),
}


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_complex_step(name):
    f = HOLOMORPHIC[name]
    x, u = RNG.uniform(0.1, 0.9, (3, 4)), RNG.normal(size=(3, 4))
    np.testing.assert_allclose(derivative(f, x, u), f(x + 1e-30j * u).imag / 1e-30, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic(name):
    f = HOLOMORPHIC[name]
    z, u = (RNG.uniform(0.1, 0.8, (3, 4)) + 1j * RNG.normal(size=(3, 4)) for _ in range(2))
    np.testing.assert_allclose(derivative(f, z, u), difference(f, z, u), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", REAL)
def test_real(name):
    f = REAL[name]
    x, u = RNG.uniform(0.1, 0.9, (3, 4)), RNG.normal(size=(3, 4))
    np.testing.assert_allclose(derivative(f, x, u), difference(f, x, u), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", COMPLEX)
def test_not_holomorphic(name):
    f = COMPLEX[name]
    z, u = (RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4)) for _ in range(2))
    np.testing.assert_allclose(derivative(f, z, u), difference(f, z, u), rtol=1e-6, atol=1e-7)


def test_second_derivative_of_powers():
    # d/dy d/dx x**y at y = 0 is 1 / x.
    x, y, one = np.asarray(4.0), np.asarray(0.0), np.asarray(1.0)
    assert derivative(lambda y: derivative(lambda x: x**y, x, one), y, one) == 0.25
    assert derivative(lambda x: derivative(lambda y: x**y, y, one), x, one) == 0.25


@pytest.mark.parametrize("name", COMPLEX)
def test_second_derivative_not_holomorphic(name):
    z, u, w = (RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4)) for _ in range(3))

    def first(z):
        return derivative(COMPLEX[name], z, u)

    np.testing.assert_allclose(derivative(first, z, w), difference(first, z, w), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("f", [*HOLOMORPHIC.values(), *REAL.values()], ids=[*HOLOMORPHIC, *REAL])
def test_second_derivative(f):
    x, u, w = RNG.uniform(0.1, 0.9, (3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    second = derivative(lambda x: derivative(f, x, u), x, w)
    np.testing.assert_allclose(second, difference(lambda x: derivative(f, x, u), x, w), rtol=1e-5, atol=1e-5)


ELEMENTWISE = ["arithmetic", "power", "square", "exp", "log", "trigonometric", "hyperbolic", "inverse"]
CASES = [
    *(pytest.param(f, (3, 4), id=name) for name, f in {**HOLOMORPHIC, **COMPLEX}.items()),
    *(pytest.param(HOLOMORPHIC[name], shape, id=f"{name}-{shape}") for name in ELEMENTWISE for shape in [(), (0, 4)]),
    *(
        pytest.param(COMPLEX[name], shape, id=f"{name}-{shape}")
        for name in ["conjugate", "parts"]
        for shape in [(), (0, 4)]
    ),
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128", "longdouble"])
@pytest.mark.parametrize(("f", "shape"), CASES)
def test_shape_and_dtype_are_those_of_the_primal(f, shape, dtype):
    x = np.full(shape, 0.5, dtype)
    try:
        expected = f(x)
    except TypeError:
        pytest.skip("NumPy solves no systems in half precision or long double")
    (y,), (t,) = jvp(lambda x: (f(x),), [x], [np.ones_like(x)])
    assert (y.dtype, y.shape) == (t.dtype, t.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(y, expected, rtol=1e-2 if dtype == "float16" else 1e-4)


def test_levels_are_not_confused():
    # d/dx (x d/dy (x + y)) is 1, and 2 where the two perturbations are confused.
    one = np.asarray(1.0)
    assert derivative(lambda x: x * derivative(lambda y: x + y, one, one), one, one) == 1


def test_three_levels():
    def d(f):
        return lambda x: derivative(f, x, np.ones_like(x))

    np.testing.assert_allclose(d(d(d(np.sin)))(np.asarray([0.3, 2.0])), -np.cos([0.3, 2.0]))
    np.testing.assert_allclose(d(d(d(lambda x: x**3)))(np.zeros(2)), [6, 6])


def test_outputs_are_fresh_and_constants_have_no_derivative():
    x, u, constant = np.ones(2), np.ones(2), np.full(2, 7.0)
    outputs, tangents = jvp(lambda x: (x, x, constant, x[:1]), [x], [u])
    arrays = [x, u, constant, *outputs, *tangents]
    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])
    assert tangents[2].tolist() == [0, 0]


class TestInPlace:
    def plain_and_dual(self, f):
        x, u = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
        before = x.copy(), u.copy()
        tangent = derivative(f, x, u)
        assert (x == before[0]).all()
        assert (u == before[1]).all()
        expected = difference(lambda x: f(x.copy()), x, u)
        np.testing.assert_allclose(tangent, expected, atol=1e-7)
        second = derivative(lambda x: derivative(f, x, u), x, u)
        np.testing.assert_allclose(second, difference(lambda x: derivative(f, x, u), x, u), atol=1e-6)

    def test_arithmetic(self):
        def f(x):
            alias = x
            alias *= x
            x += 1
            x -= alias[0] ** 2
            x /= 2
            return x

        self.plain_and_dual(f)

    def test_elements(self):
        def f(x):
            y = xp.zeros_like(x)
            y[0] = x[1] ** 2
            y[1:, 0] = x[0, 0]
            y[2] = 5.0
            x[0] = 0.0
            return y * x

        self.plain_and_dual(f)

    def test_views(self):
        def f(x):
            square = x * x
            square.T[0] *= 2
            row = square[1]
            row += x[0]
            square.reshape(-1)[3] = x[2, 2]
            np.einsum("ii->i", x[:, :3])[:] *= x[0, 1]
            diagonal = np.diag(x[:, :3])
            x[1] *= 2
            return square * x + np.sum(diagonal)

        self.plain_and_dual(f)

    def test_a_result_shares_no_tangent_with_its_argument(self):
        def f(x):
            y = x + 1
            y *= 3
            z = copy.copy(x)
            z *= 5
            return x

        self.plain_and_dual(f)

    def test_scalars_are_rebound(self):
        def f(x):
            s = x[0, 0]
            t = s
            s *= 3
            return s * t * x

        self.plain_and_dual(f)

    def test_out(self):
        def f(x):
            y = xp.empty_like(x)
            np.multiply(x, x, out=y)
            np.negative(y, out=y)
            return y

        self.plain_and_dual(f)

    @pytest.mark.parametrize(
        "f",
        [
            lambda x, y: y.__setitem__(0, x),
            lambda x, y: y.__setitem__(..., x),
            lambda x, y: y.__iadd__(x),
            lambda x, y: np.add(x, x, out=y),
            lambda x, y: np.sum(x, axis=0, out=y),
            lambda x, y: np.sum(x, 0, None, y),
            lambda x, y: y.fill(x),
            lambda x, y: np.copyto(y, x),
            lambda x, y: x.__iadd__(1j),
        ],
    )
    @pytest.mark.parametrize("shape", [(), (2,)])
    def test_no_tangent_is_dropped(self, f, shape):
        with pytest.raises((TypeError, ValueError, IndexError, MissingRuleError)):
            derivative(lambda x: f(x, np.zeros(shape)), np.ones(shape), np.ones(shape))

    def test_inner_variable_in_outer_array(self):
        def outer(x):
            return derivative(lambda y: x.__setitem__(0, y), np.asarray(1.0), np.asarray(1.0))

        with pytest.raises(TypeError, match="inner"):
            derivative(outer, np.ones(2), np.ones(2))


@pytest.mark.parametrize(
    "f",
    [
        float, int, complex, np.asarray, np.array, np.asanyarray, np.ascontiguousarray, np.float64,
        lambda x: np.array([x, x]), lambda x: np.asarray([[x]]), lambda x: np.full(3, x), lambda x: np.zeros(3)[x],
        lambda x: np.fromiter([x], float), lambda x: np.linspace(x, 1), lambda x: np.asarray(x, dtype=object),
        lambda x: np.full_like(np.zeros(3), x), lambda x: np.arange(3)[x], lambda x: x[x],
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(), (2,)])
def test_never_a_plain_array(f, shape):
    with pytest.raises((TypeError, ValueError, IndexError, MissingRuleError)):
        derivative(f, np.ones(shape), np.ones(shape))


@pytest.mark.parametrize(
    "f",
    [
        np.sinc, np.i0, np.modf, np.fft.fft, np.median, np.add.accumulate, np.linalg.svd,
        lambda x: np.sum(x, initial=x[0]), lambda x: np.sum(a=x), lambda x: np.add(x, 1, where=x > 0),
        lambda x: np.copysign(1.0, x), lambda x: np.interp(x, [0, 1], [0, 1]), lambda x: x % 2 | 1,
    ],
)  # fmt: skip
def test_missing_rules_are_named(f):
    with pytest.raises(MissingRuleError, match="no derivative rule for numpy"):
        derivative(f, np.ones(2), np.ones(2))


def test_decisions_are_taken_on_the_primal():
    def f(x):
        assert (x[0] > 0) is not None
        assert isinstance(x > 0, np.ndarray)
        assert isinstance(np.isfinite(x), np.ndarray)
        assert np.argmax(x) == 1
        assert np.astype(x, np.int64).dtype == np.int64
        assert np.result_type(x, np.float32) == np.float64
        return x * 2 if x[0] > 0 and np.any(x) and x[1] else x

    assert derivative(f, np.asarray([1.0, 2.0]), np.ones(2)).tolist() == [2, 2]


def test_half_at_ties_and_zero_in_corners():
    zero, one = np.zeros(1), np.ones(1)
    assert derivative(lambda x: np.maximum(x, 0), zero, one) == 0.5
    assert derivative(np.abs, zero, one) == 0
    assert derivative(np.sign, zero, one) == 0
    assert derivative(np.abs, zero + 0j, one + 0j) == 0
    assert derivative(np.sign, zero + 0j, one + 0j) == 0
    assert derivative(np.max, np.ones(2), np.asarray([1.0, 0.0])) == 0.5
    assert derivative(np.prod, np.asarray([0.0, 3.0, 0.0]), np.ones(3)) == 0
    assert derivative(np.prod, np.asarray([0.0, 3.0, 2.0]), np.ones(3)) == 6
    assert derivative(lambda x: x**0, zero, one) == 0


def test_namespace():
    def f(x):
        assert x.__array_namespace__() is xp
        assert isinstance(xp.asarray(x), Dual)
        assert isinstance(xp.astype(x, xp.float32), Dual)
        assert xp.isdtype(x.dtype, "real floating")
        assert xp.finfo(x.dtype).eps < 1e-10
        y = xp.concat([x, xp.zeros(2), xp.full_like(x, x[0]), xp.ones_like(x)])
        return xp.asarray(y, dtype=xp.complex128, copy=True) * xp.eye(8)[0]

    assert derivative(f, np.ones(2), np.ones(2)).tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_leaks_are_noticed():
    leaked = []

    def outer(x):
        derivative(lambda y: leaked.append(y) or y, x, x)
        return leaked[0] * x

    with pytest.raises(ValueError, match="leaked"):
        derivative(outer, np.ones(2), np.ones(2))


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="floating or complex"):
        jvp(lambda x: (x,), [np.arange(3)], [np.arange(3)])
    with pytest.raises(TypeError, match="tangent of its shape"):
        jvp(lambda x: (x,), [np.ones(3)], [np.ones(1)])


def test_threads():
    x, results = np.linspace(0.1, 1.0, 5), {}

    def work(k):
        for _ in range(20):
            results[k] = derivative(lambda y: k * derivative(lambda x: x**3 * y, y, x), x, x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(8):
        np.testing.assert_allclose(results[k], 9 * k * x**4)


def test_value():
    assert dualnumbers.value(Dual(Dual(1.0, 2.0, 1), 3.0, 2)) == 1.0
