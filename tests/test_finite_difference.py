"""Central differences: accuracy, steps, purity, and the arrays of every framework."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import adhelpers
from adhelpers import jacobian_vector_product, vector_jacobian_product

MAGNITUDES = (1e-6, 1e-3, 1.0, 1e3, 1e6)
POINT = np.array([0.3, -1.2, 2.0])
TANGENT = np.array([1.0, -0.5, 0.2])


@pytest.fixture(params=[2, 4])
def order(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def central(order: int) -> adhelpers.ADBackend:
    """The backend of either order."""
    return adhelpers.backend("finite-difference", order=order)


def accuracy(dtype: Any, order: int) -> float:
    """What the docstring promises, three times over."""
    return 3.0 * float(np.finfo(dtype).eps) ** (order / (order + 1))


# -- accuracy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x_magnitude", "u_magnitude"), list(itertools.product(MAGNITUDES, MAGNITUDES)))
def test_accuracy_at_every_magnitude(central, order, dtype, x_magnitude, u_magnitude):
    """For a function that varies over the magnitude of x, or over 1 where x is smaller."""
    scale = max(x_magnitude, 1.0)
    x, u = (x_magnitude * POINT).astype(dtype), (u_magnitude * TANGENT).astype(dtype)
    value, pushed = adhelpers.value_and_jacobian_vector_product(lambda x: np.sin(x / dtype.type(scale)), central, x, u)
    np.testing.assert_array_equal(value, np.sin(x / dtype.type(scale)))
    assert pushed.dtype == dtype
    expected = np.cos(x.astype(float) / scale) * u.astype(float) / scale
    np.testing.assert_allclose(pushed, expected, rtol=0, atol=accuracy(dtype, order) * np.abs(expected).max())


@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_vjp_accuracy(central, order, dtype, magnitude):
    x, u = POINT.astype(dtype), (magnitude * TANGENT).astype(dtype)
    pulled = vector_jacobian_product(lambda x: np.exp(x) * x[::-1], central, x, u)
    wide = x.astype(float)
    expected = np.exp(wide) * wide[::-1] * u + (np.exp(wide) * u)[::-1]
    assert pulled.dtype == dtype
    np.testing.assert_allclose(pulled, expected, rtol=0, atol=10 * accuracy(dtype, order) * np.abs(expected).max())


def test_the_higher_order_is_more_accurate():
    errors = [
        np.abs(jacobian_vector_product(np.exp, adhelpers.backend("finite-difference", order=n), POINT, TANGENT))
        - np.abs(np.exp(POINT) * TANGENT)
        for n in (2, 4)
    ]
    assert np.abs(errors[1]).max() < 0.1 * np.abs(errors[0]).max()


@pytest.mark.parametrize("exponent", [-900, -30, -1, 1, 20, 900])
def test_results_are_linear_in_u(central, exponent):
    """Exactly, for powers of two: the points at which f is evaluated are the same."""
    f = lambda x: np.exp(x) * np.sin(x)  # noqa: E731
    expected = jacobian_vector_product(f, central, POINT, TANGENT)
    scaled = jacobian_vector_product(f, central, POINT, TANGENT * 2.0**exponent)
    np.testing.assert_array_equal(scaled / 2.0**exponent, expected)


def test_subnormal_tangents_do_not_overflow(central, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    pushed = jacobian_vector_product(np.sin, central, POINT.astype(dtype), np.full(3, tiny))
    assert np.all(np.abs(pushed) <= 2 * tiny)


def test_steps_are_powers_of_two(central, dtype):
    """So that nothing is rounded where x, u and f have few digits."""
    x, u = np.array([1.0, 2.0, -0.5], dtype=dtype), np.array([1.0, 0.5, -0.25], dtype=dtype)
    points = []
    pushed = jacobian_vector_product(lambda x: points.append(x) or 4.0 * x, central, x, u)
    for point in points[1:]:
        steps = np.abs((point - x) / u)
        assert np.unique(steps).size == 1
        assert np.frexp(steps[0])[0] == 0.5
    np.testing.assert_allclose(pushed, 4.0 * u, rtol=4 * np.finfo(dtype).eps)


def test_polynomials_within_the_order_are_exact_but_for_rounding(central, order):
    pushed = jacobian_vector_product(lambda x: x**order - 3.0 * x, central, POINT, TANGENT)
    expected = (order * POINT ** (order - 1) - 3.0) * TANGENT
    np.testing.assert_allclose(pushed, expected, rtol=1e-9 if order == 2 else 1e-11)


# -- steps ----------------------------------------------------------------------------------------------


def test_elements_that_stand_still_do_not_set_the_step(central, order):
    x = np.array([1e9, 0.7, -1e-6, 1e6])
    u = np.array([0.0, 1.0, 1.0, 0.0])
    pushed = jacobian_vector_product(np.sin, central, x, u)
    np.testing.assert_allclose(pushed, np.cos(x) * u, atol=accuracy(float, order))
    assert not pushed[[0, 3]].any()


@pytest.mark.parametrize("u", [np.ones(4), np.array([1e3, 1e-3, 1.0, 1.0])])
def test_large_elements_do_not_carry_small_ones_too_far(central, u):
    """No element moves far for its size; what the large ones lose to rounding is their magnitude times more."""
    x = np.array([1e4, 0.7, -1e-6, 10.0])
    scale = np.maximum(np.abs(x), 1.0)
    pushed = jacobian_vector_product(lambda x: np.sin(x / scale), central, x, u)
    np.testing.assert_allclose(pushed, np.cos(x / scale) * u / scale, rtol=1e-6)


def test_leaves_of_different_magnitude(central):
    x = {"large": np.array([1e5]), "small": np.array([0.5])}
    u = {"large": np.array([1.0]), "small": np.array([1.0])}
    pushed = jacobian_vector_product(lambda x: np.sin(x["small"]) + x["large"] / 1e5, central, x, u)
    np.testing.assert_allclose(pushed, np.cos(0.5) + 1e-5, rtol=1e-5)


def test_a_zero_tangent_gives_zeros(central, dtype):
    pushed = jacobian_vector_product(np.exp, central, POINT.astype(dtype), np.zeros(3, dtype=dtype))
    assert (pushed.dtype, pushed.any()) == (dtype, False)


@pytest.mark.parametrize("position", range(3))
def test_nan_stays_where_it_is(central, order, position):
    x, scale = np.array([1e6, 2.0, -0.5]), np.array([1e6, 1.0, 1.0])
    x[position] = np.nan
    u = np.where(np.arange(3) == 0, 1e6, 1.0)
    pushed = jacobian_vector_product(lambda x: np.sin(x / scale), central, x, u)
    np.testing.assert_array_equal(np.isnan(pushed), np.isnan(x))
    expected = np.cos(x / scale) * u / scale
    np.testing.assert_allclose(np.delete(pushed, position), np.delete(expected, position), atol=accuracy(float, order))


def test_nan_in_the_tangent_stays_where_it_is(central, order):
    pushed = jacobian_vector_product(np.sin, central, POINT, np.array([np.nan, 1.0, 1e3]))
    np.testing.assert_allclose(pushed, np.cos(POINT) * [np.nan, 1.0, 1e3], atol=1e3 * accuracy(float, order))


@pytest.mark.parametrize("wrong", [0, 1, 3, 6, "2", None])
def test_orders_that_there_are_not(wrong):
    with pytest.raises(ValueError, match="order is .*; write 2 or 4"):
        adhelpers.backend("finite-difference", order=wrong)


# -- calls of f -----------------------------------------------------------------------------------------


def counted(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    calls: list[int] = []
    return lambda *x: calls.append(0) or f(*x), calls


def test_a_jvp_calls_f_once_more_than_the_order(central, order):
    f, calls = counted(np.sin)
    adhelpers.value_and_jacobian_vector_product(f, central, POINT, TANGENT)
    assert len(calls) == order + 1


def test_a_sweep_evaluates_f_at_the_point_once(central, order):
    f, calls = counted(lambda x: ((np.sin(x),), ()))
    _, (pushed,), _ = central.jvp_sweep(f, (POINT,), (np.eye(3),))
    assert len(calls) == 1 + 3 * order
    np.testing.assert_allclose(pushed, np.diag(np.cos(POINT)), atol=accuracy(float, order))


# -- structures, sizes, complex numbers -----------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


def test_structures(central, order):
    x = {"a": [np.array([0.5, 1.5]), None], "b": Pair(np.array(2.0), OrderedDict(c=np.array([[0.1]])))}
    u = {"b": Pair(np.array(-1.0), OrderedDict(c=np.array([[2.0]]))), "a": [np.array([1.0, 3.0]), None]}

    def f(x: Any) -> Any:
        return Pair(x["a"][0] * x["b"].first, {"y": np.sin(x["b"].second["c"])})

    pushed = jacobian_vector_product(f, central, x, u)
    tolerance = 10 * accuracy(float, order)
    assert type(pushed) is Pair
    np.testing.assert_allclose(pushed.first, [1.0 * 2.0 - 0.5, 3.0 * 2.0 - 1.5], atol=tolerance)
    np.testing.assert_allclose(pushed.second["y"], [[2.0 * np.cos(0.1)]], atol=tolerance)

    pulled = vector_jacobian_product(f, central, x, Pair(np.array([1.0, -2.0]), {"y": np.array([[3.0]])}))
    assert list(pulled) == ["a", "b"]
    assert pulled["a"][1] is None
    np.testing.assert_allclose(pulled["a"][0], [2.0, -4.0], atol=tolerance)
    np.testing.assert_allclose(pulled["b"].first, 0.5 - 3.0, atol=tolerance)
    np.testing.assert_allclose(pulled["b"].second["c"], [[3.0 * np.cos(0.1)]], atol=tolerance)


def test_leaves_of_different_precision(central):
    x = {"single": np.array([0.5], dtype=np.float32), "double": np.array([1.5])}
    pushed = jacobian_vector_product(lambda x: {key: np.sin(leaf) for key, leaf in x.items()}, central, x, x)
    for key, leaf in x.items():
        assert pushed[key].dtype == leaf.dtype
        np.testing.assert_allclose(pushed[key], leaf * np.cos(leaf), rtol=1e-4)


@pytest.mark.parametrize(("into", "out_of"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_the_step_suits_the_coarser_of_argument_and_result(central, order, into, out_of):
    x, u = POINT.astype(into), TANGENT.astype(into)
    pushed = jacobian_vector_product(lambda x: np.sin(x).astype(out_of), central, x, u)
    assert pushed.dtype == out_of
    np.testing.assert_allclose(pushed, np.cos(POINT) * TANGENT, atol=accuracy(np.float32, order))


def test_the_backend_knows_its_accuracy(central, order):
    balanced = 1e-15 ** (order / (order + 1))
    assert central.relative_error(1e-15) == pytest.approx({2: 1.0, 4: 10.0}[order] * balanced, abs=0.0)


def test_f_always_gets_arrays(central):
    def f(x: Any) -> Any:
        assert type(x) is np.ndarray
        return x**2

    jacobian_vector_product(f, central, np.float64(2.0), np.float64(1.0))
    vector_jacobian_product(f, central, 2.0, 1.0)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_arrays_without_elements(central, shape):
    x, y = np.zeros(shape), np.ones(2)
    assert jacobian_vector_product(lambda x: 2.0 * x, central, x, x).shape == shape
    assert vector_jacobian_product(lambda x: 2.0 * x, central, x, x).shape == shape
    pushed = jacobian_vector_product(lambda x: np.sum(x[0]) + x[1] ** 2, central, (x, y), (x, y))
    np.testing.assert_allclose(pushed, 2 * y**2, rtol=1e-9)
    assert jacobian_vector_product(np.sum, central, x, x) == 0.0


def test_scalars_come_back_as_arrays(central):
    pushed = jacobian_vector_product(lambda x: x**2, central, 3.0, 1.0)
    assert (type(pushed), pushed.shape) == (np.ndarray, ())
    np.testing.assert_allclose(pushed, 6.0, rtol=1e-9)


# f and its differential: dy = a dz + b conj(dz), with a and b functions of z. The VJP is then a u + conj(b u).
COMPLEX: dict[str, tuple[Callable[..., Any], ...]] = {
    "z**2": (lambda z: z**2, lambda z: 2 * z, lambda z: 0 * z),
    "conj": (np.conj, lambda z: 0 * z, lambda z: 0 * z + 1),
    "z**2 conj(z)": (lambda z: z**2 * np.conj(z), lambda z: 2 * np.abs(z) ** 2, lambda z: z**2),
    "exp(|z|**2 / 4) z": (
        lambda z: np.exp(np.abs(z) ** 2 / 4) * z,
        lambda z: np.exp(np.abs(z) ** 2 / 4) * (1 + np.abs(z) ** 2 / 4),
        lambda z: np.exp(np.abs(z) ** 2 / 4) * z**2 / 4,
    ),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("complex_dtype", [np.complex128, np.complex64])
def test_complex_functions(central, order, name, complex_dtype):
    f, a, b = COMPLEX[name]
    z, t, u = (np.array(v, dtype=complex_dtype) for v in ([0.3 + 0.4j, -1 + 0.5j], [1 - 2j, 0.5j], [0.7j, 1 + 1j]))
    pushed, pulled = jacobian_vector_product(f, central, z, t), vector_jacobian_product(f, central, z, u)
    assert pushed.dtype == pulled.dtype == complex_dtype
    tolerance = 100 * accuracy(complex_dtype, order)
    np.testing.assert_allclose(pushed, a(z) * t + b(z) * np.conj(t), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(pulled, a(z) * u + np.conj(b(z) * u), rtol=tolerance, atol=tolerance)


def test_between_real_and_complex(central, order):
    x, t, c = POINT, TANGENT, np.array([1 + 2j, -1j, 0.5 + 0j])
    tolerance = 10 * accuracy(float, order)
    pushed = jacobian_vector_product(lambda x: np.exp(1j * x), central, x, t)
    np.testing.assert_allclose(pushed, 1j * np.exp(1j * x) * t, atol=tolerance)
    pulled = vector_jacobian_product(lambda x: np.exp(1j * x), central, x, c)
    assert pulled.dtype == np.float64
    np.testing.assert_allclose(pulled, np.real(1j * np.exp(1j * x) * c), atol=tolerance)
    assert jacobian_vector_product(np.abs, central, c, c).dtype == np.float64
    np.testing.assert_allclose(
        vector_jacobian_product(np.abs, central, c, t), t * np.conj(c) / np.abs(c), atol=tolerance
    )


# -- purity ---------------------------------------------------------------------------------------------


def in_place(x: np.ndarray) -> np.ndarray:
    x *= x
    return x


KEPT = np.arange(3.0)

# f between flat tuples, as a backend gets it, and its derivative in direction t.
ALIASES = {
    "works in place": (lambda x: (in_place(x),), lambda x, t: (2 * x * t,)),
    "returns its argument": (lambda x: (x,), lambda x, t: (t,)),
    "returns its argument and a view": (lambda x: (x, x[::-1]), lambda x, t: (t, t[::-1])),
    "returns what it keeps": (lambda x: (KEPT, KEPT[1:]), lambda x, t: (0 * t, 0 * t[1:])),
}


@pytest.mark.parametrize("name", ALIASES)
def test_purity(central, order, name):
    f, push = ALIASES[name]
    x, u = POINT.copy(), TANGENT.copy()
    outputs, pushed, aux = central.jvp(lambda x: (f(x), (x, x, KEPT)), (x,), (u,))
    for actual, expected in zip(pushed, push(x, u), strict=True):
        np.testing.assert_allclose(actual, expected, atol=10 * accuracy(float, order))
    results = (*outputs, *pushed, *aux)
    for a, b in itertools.combinations((x, u, KEPT, *results), 2):
        assert not np.shares_memory(a, b)
    for result in results:
        result[...] = np.nan
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(u, TANGENT)
    np.testing.assert_array_equal(KEPT, np.arange(3.0))


def test_a_vjp_leaves_its_arguments_alone(central, order):
    x, u = POINT.copy(), TANGENT.copy()
    pulled = vector_jacobian_product(in_place, central, x, u)
    np.testing.assert_allclose(pulled, 2 * POINT * TANGENT, atol=10 * accuracy(float, order))
    np.testing.assert_array_equal(x, POINT)
    np.testing.assert_array_equal(u, TANGENT)


# -- arrays of the frameworks ---------------------------------------------------------------------------


def softened(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sin(x) * x


def slope(x: np.ndarray) -> np.ndarray:
    return np.cos(x) * x + np.sin(x)


PRODUCTS = pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])


@PRODUCTS
def test_torch_tensors(central, order, dtype, product):
    torch = pytest.importorskip("torch")
    x, u = (torch.asarray(array.astype(dtype)) for array in (POINT, TANGENT))
    result = product(softened, central, x, u)
    assert isinstance(result, torch.Tensor)
    assert (result.dtype, result.device) == (x.dtype, x.device)
    np.testing.assert_allclose(result.numpy(), slope(POINT) * TANGENT, atol=10 * accuracy(dtype, order))


def test_torch_functions_that_work_in_place(central):
    torch = pytest.importorskip("torch")
    x = torch.asarray(POINT.copy())
    value, pushed = adhelpers.value_and_jacobian_vector_product(lambda x: x.mul_(x), central, x, x)
    assert not {value.data_ptr(), pushed.data_ptr()} & {x.data_ptr()}
    np.testing.assert_array_equal(x.numpy(), POINT)
    np.testing.assert_allclose(pushed.numpy(), 2 * POINT**2, rtol=1e-9)


def test_torch_half_precision(central):
    torch = pytest.importorskip("torch")
    x = torch.asarray(POINT).to(torch.bfloat16)
    pushed = jacobian_vector_product(lambda x: x**2, central, x, torch.ones_like(x))
    assert pushed.dtype == torch.bfloat16
    np.testing.assert_allclose(pushed.float().numpy(), 2 * POINT, rtol=0.1)


@PRODUCTS
def test_jax_arrays(central, order, dtype, product):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(dtype == np.float64):
        x, u = (jax.numpy.asarray(array.astype(dtype)) for array in (POINT, TANGENT))
        result = product(softened, central, x, u)
        assert isinstance(result, jax.Array)
        assert result.dtype == x.dtype
        np.testing.assert_allclose(result, slope(POINT) * TANGENT, atol=10 * accuracy(dtype, order))


@PRODUCTS
@pytest.mark.parametrize("magnitude", [1e-6, 1.0, 1e6])
def test_under_jit(central, order, dtype, product, magnitude):
    """The step follows from the values at run time, as it does outside."""
    jax = pytest.importorskip("jax")
    with jax.enable_x64(dtype == np.float64):
        x, u = jax.numpy.asarray(POINT.astype(dtype)), jax.numpy.asarray((magnitude * TANGENT).astype(dtype))
        result = jax.jit(lambda x, u: product(softened, central, x, u))(x, u)
        assert result.dtype == x.dtype
        expected = magnitude * slope(POINT) * TANGENT
        np.testing.assert_allclose(result, expected, atol=10 * accuracy(dtype, order) * magnitude)


def test_under_vmap(central, order):
    """Each row has a step of its own."""
    torch = pytest.importorskip("torch")
    x = torch.asarray(np.stack([POINT, POINT / 2]))
    u = torch.asarray(np.stack([TANGENT, 1e6 * TANGENT]))
    pushed = torch.func.vmap(lambda x, u: jacobian_vector_product(softened, central, x, u))(x, u)
    expected = slope(x.numpy()) * u.numpy()
    assert np.all(np.abs(pushed.numpy() - expected).max(axis=1) < 10 * accuracy(float, order) * np.array([1.0, 1e6]))


def test_differences_are_differentiable_by_the_owner_of_the_arrays(central):
    """The step is a constant to it."""
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    autograd = pytest.importorskip("autograd")

    def total(x: Any) -> Any:
        return jacobian_vector_product(lambda x: x**3, central, x, u).sum()

    expected = 6 * POINT * TANGENT
    with jax.enable_x64(True):
        u: Any = jax.numpy.asarray(TANGENT)
        np.testing.assert_allclose(jax.grad(total)(jax.numpy.asarray(POINT)), expected, rtol=1e-7)
    u = TANGENT
    np.testing.assert_allclose(autograd.grad(total)(POINT), expected, rtol=1e-7)
    x, u = torch.asarray(POINT).requires_grad_(), torch.asarray(TANGENT)
    total(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-7)


# -- arrays of other frameworks, half precision --------------------------------------------------------


def test_half_precision_far_from_one():
    v = adhelpers.vector_jacobian_product(lambda x: 0.5 * x, "finite-difference", np.float16(20000), np.float16(1))
    assert (float(v), v.dtype) == (0.5, np.float16)
    small = np.float16(1e-5)
    v = adhelpers.jacobian_vector_product(lambda x: x * x, "finite-difference", np.float16(1), small)
    assert float(v) == pytest.approx(2e-5, rel=0.05)


def test_numbers_and_numpy_arrays_beside_tensors_are_lifted():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, dtype=torch.float64)
    y, v = adhelpers.value_and_jacobian_vector_product(
        lambda x: (3.0 * x[0] * x[1], 2.0, np.ones(1)), "finite-difference", (x, 2.0 * np.ones(2)), (np.ones(2), x)
    )
    assert all(isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float64 for leaf in (*y, *v))
    np.testing.assert_allclose(v[0], [9.0, 9.0], rtol=1e-9)
    assert (float(v[1]), float(v[2])) == (0.0, 0.0)


@pytest.mark.parametrize("framework", ["torch", "jax.numpy"])
def test_arrays_of_another_framework_beside_numpy_are_refused(framework):
    u = pytest.importorskip(framework).ones(2)
    for dtype in (np.float32, np.float64):
        with pytest.raises(TypeError, match=r"u is a .*, but x is a numpy.ndarray; .* convert u with numpy.asarray"):
            adhelpers.jacobian_vector_product(lambda x: x, "finite-difference", np.ones(2, dtype), u)
