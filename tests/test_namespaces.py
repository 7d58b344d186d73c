"""The namespaces of PyTorch and JAX where the frameworks' own functions lose a derivative, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import UnsupportedOperationError, jacobian_vector_product, vector_jacobian_product
from conftest import make, to_numpy

X = np.array([0.5, 2.25, -0.75])
DIRECTION = np.array([0.3, -1.0, 0.7])
Z = np.array([0.6 + 0.8j, -1.5 + 0.5j, -0.4 - 1.1j])
MASK = np.array([True, False, True])


def columns(*columns: Any) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*columns), axis=1)


ONE, NONE = np.ones(3), np.zeros(3)
INDEX = np.arange(3.0)

JACOBIANS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "a complex base": (lambda xp, x: xp.pow(xp.asarray(Z), x), np.diag(np.log(Z) * Z**X)),
    "a complex number for a base": (lambda xp, x: xp.pow(2.0 + 1.0j, x), np.diag(np.log(2 + 1j) * (2 + 1j) ** X)),
    "a complex exponent": (lambda xp, x: xp.pow(x**2, 1.5j), np.diag(3j * X * (X**2) ** (1.5j - 1))),
    "a list": (
        lambda xp, x: xp.asarray([[x[0] * x[1], 2.0], [1, x[2]]])[:, 0] * x[2],
        np.array([[X[1] * X[2], X[0] * X[2], X[0] * X[1]], [0.0, 0.0, 1.0]]),
    ),
    "a list with complex numbers": (lambda xp, x: xp.asarray([x[0], x[1] + 2.0j]), np.eye(2, 3)),
    "linspace": (
        lambda xp, x: xp.linspace(x[0], x[1], 3),
        columns(1.0 - INDEX / 2, INDEX / 2, NONE),
    ),
    "linspace to a number": (lambda xp, x: xp.linspace(x[0], 1.0, 3, endpoint=False), columns(1 - INDEX / 3, 0, 0)),
    "arange": (lambda xp, x: xp.arange(x[0], x[1], 0.6), columns(ONE, NONE, NONE)),
    "arange by a step": (lambda xp, x: xp.arange(1.0, x[2], x[2] - 0.1), columns(NONE, NONE, INDEX)),
    "full": (lambda xp, x: xp.full((3,), x[1]), columns(NONE, ONE, NONE)),
    "frequencies": (lambda xp, x: xp.fft.rfftfreq(4, d=x[1]), columns(NONE, -INDEX / 4 / X[1] ** 2, NONE)),
    "a complex sum": (lambda xp, x: 1j * xp.cumulative_sum(x, dtype=xp.complex128), 1j * np.tri(3)),
    "a choice": (lambda xp, x: xp.where(MASK, x, 1j * x), np.diag(np.where(MASK, 1, 1j))),
    "unique values": (
        lambda xp, x: xp.unique_all(xp.concat([x, 2.0 * x, x])).values,
        np.array([[0, 0, 2], [0, 0, 1], [1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 2, 0]], dtype=float),
    ),
    "of single elements": (lambda xp, x: xp.std(x[:, None], axis=1) + x, np.eye(3)),
    "neighbours": (lambda xp, x: xp.nextafter(x, xp.flip(x)), np.eye(3)),
    "a remainder": (lambda xp, x: xp.remainder(2.0, x), np.diag(-np.floor(2.0 / X))),
    "an axis of NumPy": (lambda xp, x: xp.max(xp.stack([x, -x]), axis=np.int64(0)), np.diag(np.sign(X))),
}


STATIC = sorted(JACOBIANS.keys() - {"arange", "arange by a step", "unique values"})
"""Those whose shapes do not depend on the numbers, so that all transformations take them."""


@pytest.fixture(params=["jax", "torch"])
def backend(request: pytest.FixtureRequest) -> adhelpers.ADBackend:
    return make(request.param)


def over(f: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(adhelpers.array_namespace(x), x)


@pytest.mark.parametrize("name", JACOBIANS)
def test_both_products(backend: adhelpers.ADBackend, name: str) -> None:
    f, jacobian = JACOBIANS[name]
    y, pushed = adhelpers.value_and_jacobian_vector_product(over(f), backend, X, DIRECTION)
    np.testing.assert_allclose(to_numpy(backend, pushed), jacobian @ DIRECTION, rtol=1e-12, atol=1e-14)
    cotangent = np.arange(1.0, len(jacobian) + 1) * (1.0 - 0.5j if np.iscomplexobj(to_numpy(backend, y)) else 1.0)
    pulled = vector_jacobian_product(over(f), backend, X, cotangent)
    np.testing.assert_allclose(to_numpy(backend, pulled), np.real(cotangent @ jacobian), rtol=1e-12, atol=1e-14)


def test_functions_of_complex_numbers(backend: adhelpers.ADBackend) -> None:
    t = np.array([1.0 + 2.0j, -0.5j, 0.7])
    slopes = {
        "acosh": t / (np.sqrt(Z - 1) * np.sqrt(Z + 1)),
        "sign": 1j * Z / np.abs(Z) * np.imag(t / Z),  # only the direction turns
    }
    for name, expected in slopes.items():
        pushed = jacobian_vector_product(
            lambda z, name=name: getattr(adhelpers.array_namespace(z), name)(z), backend, Z, t
        )
        np.testing.assert_allclose(to_numpy(backend, pushed), expected, rtol=1e-13)


def test_the_second_derivative_of_hypot_where_both_are_equal(backend: adhelpers.ADBackend) -> None:
    def slope(x: Any) -> Any:
        return vector_jacobian_product(over(lambda xp, x: xp.hypot(x[0], x[1])), backend, x, np.float64(1.0))

    second = jacobian_vector_product(slope, backend, np.array([3.0, 3.0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(to_numpy(backend, second), np.array([9.0, -9.0]) / 18.0**1.5, rtol=1e-13)


def test_unique_values_and_where_they_stand(backend: adhelpers.ADBackend) -> None:
    """Also of numbers that PyTorch cannot sort, and of none."""
    for x in (np.array([[2.0, -1.0], [2.0, np.nan]]), np.array([1j, 1.0, -2j, 1j]), np.zeros(0), np.array([3, 1, 3])):
        with backend.scope():
            xp = adhelpers.array_namespace(backend.asarray(x))
            found = [backend.to_numpy(part) for part in xp.unique_all(backend.asarray(x))]
        flat, (values, indices, inverse, counts) = x.reshape(-1), found
        np.testing.assert_array_equal(values, np.unique(x, equal_nan=False))
        np.testing.assert_array_equal(flat[indices], values)
        np.testing.assert_array_equal(values[inverse.reshape(x.shape)], x)
        np.testing.assert_array_equal(counts, np.unique(x, equal_nan=False, return_counts=True)[1])


@pytest.mark.parametrize(
    ("framework", "f", "reason"),
    [
        ("torch", lambda xp, x: xp.linalg.qr(x, mode="complete").R, "not differentiable when mode='complete'"),
        ("jax", lambda xp, x: xp.linalg.svd(x).U[:, :2], "full matrices"),
    ],
)
def test_what_has_no_derivative_raises(framework: str, f: Any, reason: str) -> None:
    x = np.arange(8.0).reshape(4, 2) ** 1.5
    with pytest.raises((UnsupportedOperationError, RuntimeError), match=reason):
        vector_jacobian_product(over(f), make(framework), x, x)


# -- PyTorch ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.parametrize("name", STATIC)
def test_transformations_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, jacobian = JACOBIANS[name]
    from adhelpers_plugins.torch import namespace as xp

    def parts(x: Any) -> Any:
        y = f(xp, x)
        return torch.view_as_real(y) if y.is_complex() else y

    expected = np.stack([jacobian.real, jacobian.imag], axis=1) if parts(torch.tensor(X)).ndim == 2 else jacobian.real
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        received = torch.func.vmap(transform(parts))(torch.tensor(X)[None])[0]
        np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)
    torch.compiler.reset()  # which counts the functions that are compiled in one place
    compiled = torch.compile(parts, fullgraph=True, backend="eager")
    received = torch.autograd.functional.jacobian(compiled, torch.tensor(X))
    np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)


def test_lists_and_constants_take_the_dtype_and_device_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    from adhelpers_plugins.torch import namespace as xp

    x = torch.ones(3, dtype=torch.float32, device="meta")
    for y in (
        xp.asarray([x[0], 2.0, 1]),
        xp.linspace(x[0], 2.0, 4),
        xp.full(2, x[0]),
        xp.where(MASK, x, 0.5),
        xp.take(x, np.array([2, 0])[::-1]),
        xp.fft.fftfreq(4, d=x[0]),
    ):
        assert (y.dtype, y.device) == (x.dtype, x.device)
    assert xp.asarray([torch.tensor(1), 2.0]).dtype == torch.get_default_dtype()
    assert xp.asarray([torch.tensor(1), 1j]).dtype == torch.complex64


def test_asarray_of_a_tensor_is_the_tensor() -> None:
    torch = pytest.importorskip("torch")
    from adhelpers_plugins.torch import namespace as xp

    x = torch.ones(3, requires_grad=True)
    assert xp.asarray(x) is xp.asarray(x, copy=False) is xp.from_dlpack(x) is x
    assert xp.asarray(x, copy=True).data_ptr() != x.data_ptr()
    for bad in ({"dtype": torch.float64}, {"device": "meta"}):
        with pytest.raises((ValueError, RuntimeError)):
            xp.asarray(x, copy=False, **bad)
    with pytest.raises(ValueError, match="alias"):
        xp.asarray([x[0]], copy=False)


# -- JAX -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATIC)
def test_transformations_of_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    f, jacobian = JACOBIANS[name]
    from adhelpers_plugins.jax import namespace as xp

    with jax.enable_x64(True):
        parts = [(jax.numpy.real, jacobian.real), (jax.numpy.imag, jacobian.imag)]
        for part, expected in parts if np.iscomplexobj(jacobian) else parts[:1]:
            received = jax.jit(jax.vmap(jax.jacrev(lambda x, part=part: part(f(xp, x)))))(X[None])[0]
            np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)


def test_unique_values_of_a_given_number_under_jit() -> None:
    jax = pytest.importorskip("jax")
    from adhelpers_plugins.jax import namespace as xp

    x = np.array([2.0, 1.0, 2.0], dtype=np.float32)
    fixed = jax.jit(jax.jacrev(lambda x: xp.unique_values(x, size=3, fill_value=7.0)))
    np.testing.assert_array_equal(fixed(x), [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jax.jit(jax.jacrev(xp.unique_values))(x)


# -- the whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("framework", "underlying"), [("jax", "jax.numpy"), ("torch", "array_api_compat.torch")])
@pytest.mark.parametrize("part", ["", ".linalg", ".fft"])
def test_every_name_of_the_framework_is_there(framework: str, underlying: str, part: str) -> None:
    pytest.importorskip(framework)
    original = pytest.importorskip(underlying + part)
    original_info = pytest.importorskip(underlying).__array_namespace_info__
    backend = adhelpers.backend(framework)
    xp = backend.array_namespace()
    facade = getattr(xp, part[1:]) if part else xp
    public = {name for name in dir(original) if not name.startswith("_")}
    assert public - vars(facade).keys() <= {"classes"}  # at hand, and not looked up
    assert all(hasattr(facade, name) for name in public)
    assert xp.__array_namespace_info__().capabilities() == original_info().capabilities()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = facade.nothing
