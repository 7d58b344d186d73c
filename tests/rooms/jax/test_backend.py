"""64-bit types, devices, transformations inside and around, missing rules."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ArgumentTypeError,
    DTypeError,
    UnsupportedOperationError,
    backend,
    batched_jacobian,
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy

X = np.array([1.0, 2.0, 3.0], dtype=np.float32)
U = np.array([0.5, -1.0, 2.0], dtype=np.float32)


def square(x: Any) -> Any:
    return x**2


def test_64_bit_data_is_never_narrowed() -> None:
    for call in (jacobian_vector_product, vector_jacobian_product):
        with pytest.raises(DTypeError, match=r"narrow to float32; use adhelpers.backend\('jax', x64=True\)"):
            call(square, "jax", X.astype(np.float64), U.astype(np.float64))


def test_x64_holds_for_the_call_alone() -> None:
    x = np.array([1e300, 2.0])
    seen = []

    def f(x: Any) -> Any:
        seen.append(jnp.ones(1).dtype)
        return x * 0.5

    y, v = value_and_jacobian_vector_product(f, backend("jax", x64=True), x, x)
    assert (y.dtype, v.dtype, seen) == (np.float64, np.float64, [np.float64])
    np.testing.assert_array_equal(np.asarray(v), 0.5 * x)
    assert jnp.ones(1).dtype == np.float32


def test_a_callers_numpy_array_is_not_aliased() -> None:
    x = np.ones(1000, dtype=np.float32)
    y, v = value_and_jacobian_vector_product(lambda x: x, "jax", x, x)
    x[:] = 7.0
    assert (float(y.max()), float(v.max())) == (1.0, 1.0)


def test_operations_work_inside_transformations() -> None:
    x = jnp.asarray(X)
    expected = 2 * X * X
    np.testing.assert_allclose(jax.jit(lambda x: jacobian_vector_product(square, "jax", x, x))(x), expected)
    np.testing.assert_allclose(jax.jit(lambda x: vector_jacobian_product(square, None, x, x))(x), expected)
    rows = jax.vmap(lambda x: vector_jacobian_product(square, "jax", x, x))(jnp.stack([x, x]))
    np.testing.assert_allclose(rows, [expected, expected])
    jacobian = jax.jit(lambda x: batched_jacobian(square, "jax", x))(x[None])
    np.testing.assert_allclose(jacobian, 2 * X[None, None])
    gradient = jax.grad(lambda x: jnp.sum(batched_jacobian(square, "jax", x) ** 2))(x[None])
    np.testing.assert_allclose(gradient, 8 * X[None])


def test_transformations_work_inside_operations() -> None:
    def f(x: Any) -> Any:
        return jax.vmap(jax.grad(jax.jit(lambda z: z**3)))(x)

    np.testing.assert_allclose(jacobian_vector_product(f, "jax", X, U), 6 * X * U, rtol=1e-6)
    np.testing.assert_allclose(vector_jacobian_product(f, "jax", X, U), 6 * X * U, rtol=1e-6)


def test_no_tracer_leaks() -> None:
    def f(x: Any) -> Any:
        return x**2, {"double": 2 * x, "text": "text"}

    with jax.checking_leaks():
        for call in (value_and_jacobian_vector_product, value_and_vector_jacobian_product):
            _, v, aux = call(f, "jax", X, X, has_aux=True)
            np.testing.assert_allclose(v, 2 * X * X)
            np.testing.assert_allclose(aux["double"], 2 * X)
        _, aux = batched_jacobian(f, "jax", X[None], has_aux=True)
        np.testing.assert_allclose(aux["double"], 2 * X[None])


@jax.custom_vjp
def reverse_only(x: Any) -> Any:
    return x**2


reverse_only.defvjp(lambda x: (x**2, x), lambda x, g: (2 * x * g,))


def forward_only(x: Any) -> Any:
    return jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * x), (0, x))[1]


def test_a_function_without_forward_rule() -> None:
    np.testing.assert_allclose(jacobian_vector_product(reverse_only, "jax", X, U), 2 * X * U)
    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(batched_jacobian(reverse_only, "jax", X[None], mode=mode), 2 * X[None, None])


def test_a_function_without_reverse_rule() -> None:
    np.testing.assert_allclose(vector_jacobian_product(forward_only, "jax", X, U), 4 * X**3 * U, rtol=1e-6)
    for mode in ("auto", "forward", "reverse"):
        jacobian = batched_jacobian(forward_only, "jax", X[None], mode=mode)
        np.testing.assert_allclose(jacobian, 4 * X[None, None] ** 3, rtol=1e-6)


def test_a_function_without_any_rule() -> None:
    def f(x: Any) -> Any:
        return jax.pure_callback(np.square, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    for call in (jacobian_vector_product, vector_jacobian_product):
        with pytest.raises(UnsupportedOperationError, match="backend 'jax' lacks a .*callbacks do not support"):
            call(f, "jax", X, U)


def test_fallback_false_names_what_is_missing() -> None:
    strict = backend("jax", fallback=False)
    with pytest.raises(UnsupportedOperationError, match="custom_vjp.*with fallback=True"):
        jacobian_vector_product(reverse_only, strict, X, U)
    with pytest.raises(UnsupportedOperationError, match="while_loop.*with fallback=True"):
        vector_jacobian_product(forward_only, strict, X, U)


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError("Differentiation rule for 'mine' not implemented"),
        TypeError("can't apply forward-mode autodiff (jvp) to a custom_vjp function."),
    ],
)
def test_a_users_error_that_reads_like_jaxs_passes_through(error: Exception) -> None:
    def f(x: Any) -> Any:
        raise error

    with pytest.raises(type(error)) as caught:
        jacobian_vector_product(f, "jax", X, U)
    assert caught.value is error


def test_an_option_that_is_on_or_off_is_checked() -> None:
    with pytest.raises(TypeError, match="x64 is 'no'; write True or False"):
        backend("jax", x64="no")


def test_data_is_bound_to_a_device_only_beside_data_that_is() -> None:
    """Elsewhere the same code would be compiled twice, and what comes of it could not meet arrays elsewhere."""
    script = """
import jax, numpy
from jax import numpy as jnp
from adhelpers import gradient, jacobian_vector_product as jvp
here, there = jax.devices()
free, u = jnp.ones(3), numpy.ones(3, numpy.float32)
for device in (here, there):
    bound = jax.device_put(free, device)
    assert not jvp(lambda x: x**2, "jax", free, u).committed
    assert jvp(lambda x: x**2, "jax", bound, u).committed
    assert jvp(lambda x: x**2, "jax", bound, u).device == device
mesh = jax.sharding.Mesh(jax.devices(), ("i",))
sharded = jax.device_put(jnp.arange(4.0), jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("i")))
v = gradient(lambda x: (x["a"] ** 2).sum() * x["b"], "jax", {"a": sharded, "b": 3.0})  # the number cannot be sharded
assert v["a"].tolist() == [0.0, 6.0, 12.0, 18.0] and float(v["b"]) == 14.0
v = jvp(lambda x: x**2, "jax", sharded, numpy.ones(4, numpy.float32))
assert v.sharding == sharded.sharding
with jax.default_device(there):  # where the data would lie, were it not for x
    assert jvp(lambda x: x**2, "jax", free, u).device == here
"""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


# -- rules that JAX notices to lack where it transposes, and all like them ---------------------------------------

I = np.array([0, 0, 1, 1])
SOLVE = "linear solve without a transpose"
LACKING = {
    "at.multiply": lambda x: jnp.ones(2).at[I].multiply(x),
    "at.multiply of the operand": lambda x: x.at[I].multiply(3.0),
    "at.apply": lambda x: x.at[1].apply(jnp.sin),
    "segment_prod": lambda x: jax.ops.segment_prod(x, I, num_segments=2),
    "betainc by its parameters": lambda x: jax.scipy.special.betainc(x, 2.0, 0.3),
    "polygamma by its order": lambda x: jax.lax.polygamma(x, x),
    "eig": lambda x: jnp.linalg.eig(jnp.outer(x, x) + jnp.diag(jnp.arange(4.0)))[1].real,
    "svd with full matrices": lambda x: jnp.linalg.svd(jnp.reshape(x, (4, 1)))[0],
    "reduce": lambda x: jax.lax.reduce(x, x[0], lambda a, b: a * b, (0,)),
    SOLVE: lambda x: jax.lax.custom_linear_solve(lambda z: 2.0 * z, x, lambda mv, b: b / 2),
}
RIGHT = {"at.multiply of the operand": [9.0, 9.0, 1.0, 1.0], SOLVE: [0.5, 0.5, 0.5, 0.5]}
"""Those whose other mode can stand in: what the pullback of ones is then."""


@pytest.mark.parametrize("way", ["called", "jitted", "prepared", "mapped"])
@pytest.mark.parametrize("name", LACKING)
def test_what_jax_lacks_is_derived_or_unsupported(name: str, way: str) -> None:
    f, x = LACKING[name], np.array([2.0, 3.0, 5.0, 7.0], dtype=np.float32)
    u = np.ones_like(f(jnp.asarray(x)))

    def pull() -> Any:
        if way == "prepared":
            return adhelpers.prepare(vector_jacobian_product, f, "jax", x, u)(x, u)
        if way == "mapped":
            return jax.vmap(lambda x: vector_jacobian_product(f, "jax", x, jnp.asarray(u)))(jnp.stack([x, x]))[0]
        return vector_jacobian_product(jax.jit(f) if way == "jitted" else f, "jax", x, u)

    if name in RIGHT:
        np.testing.assert_allclose(pull(), RIGHT[name])
    else:
        with pytest.raises(UnsupportedOperationError, match="lacks a reverse rule"):
            pull()


def test_arrays_are_made_outside_of_an_operation() -> None:
    x64 = backend("jax", x64=True)
    assert x64.asarray(np.ones(2)).dtype == np.float64
    assert x64.asarray(2.0).dtype == np.float64
    assert x64.asarray(1j, x64.asarray(np.ones(2, dtype=complex))).dtype == np.complex128
    assert int(x64.asarray(np.array([2**40]))[0]) == 2**40
    assert jnp.ones(1).dtype == np.float32


def test_an_object_in_the_aux_of_compiled_code_holds_no_tracer() -> None:
    """Even one that does not depend on x: all arrays that compiled code makes are tracers while it is traced."""

    def f(x: Any) -> Any:
        return jnp.sum(x**2), types.SimpleNamespace(made=jnp.ones(3))

    (_, aux), x = adhelpers.gradient(f, "jax", X, has_aux=True), X
    np.testing.assert_array_equal(aux.made, np.ones(3))
    with pytest.raises(ArgumentTypeError, match=r"aux is a types?\.SimpleNamespace, which holds arrays"):
        adhelpers.prepare(adhelpers.gradient, f, "jax", x, has_aux=True)


def test_a_missing_rule_is_recognised_wherever_it_is_noticed() -> None:
    """JAX strips its own frames: the last one is that of the user's, as it left it."""
    reverse_only = jax.custom_vjp(lambda x: x**3)
    reverse_only.defvjp(lambda x: (x**3, x), lambda x, u: (3 * x**2 * u,))

    def within(x: Any) -> Any:
        with jax.named_scope("layer"):
            return reverse_only(x)

    def again(x: Any) -> Any:
        try:
            return reverse_only(x)
        except TypeError:
            raise

    for f in (within, again):
        np.testing.assert_allclose(jacobian_vector_product(f, "jax", X, U), 3 * X**2 * U, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # of JAX's, before it is refused
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_arrays_of_64_bits_are_refused_where_jax_computes_in_32(dtype: str) -> None:
    """Results would have the dtype of 64 bits, and the digits of 32."""
    wide = adhelpers.backend("jax", x64=True)
    x = wide.asarray(np.asarray([1.0, 2.0, 3.0], dtype) / 3.0)
    assert x.dtype == dtype

    def f(x: Any) -> Any:
        return (abs(x) ** 2).mean()

    for narrow in (None, "jax", adhelpers.backend("jax", jit=True)):
        for call in (adhelpers.gradient, adhelpers.hessian if dtype == "float64" else adhelpers.gradient):
            with pytest.raises(adhelpers.DTypeError, match=rf"dtype {dtype}.*backend\('jax', x64=True\)"):
                call(f, narrow, x)
    np.testing.assert_allclose(adhelpers.gradient(f, wide, x), np.conj(2 * np.asarray(x) / 3), rtol=1e-15)
