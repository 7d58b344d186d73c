"""What is particular to JAX: 64-bit types, transformations inside and around, missing rules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from adhelpers import (
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
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


# -- custom rules under jit ----------------------------------------------------------------------------


@jax.custom_vjp
def cube(x: Any) -> Any:
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))


@pytest.mark.parametrize("transform", [jax.jit, jax.checkpoint, lambda f: jax.jit(jax.jit(f)), lambda f: f])
def test_a_custom_vjp_has_a_jvp_while_tracing(transform: Any) -> None:
    push = transform(lambda x: jacobian_vector_product(cube, "jax", x, jnp.asarray(U)))
    x = jnp.asarray(X)
    np.testing.assert_allclose(push(x), 3 * X**2 * U, rtol=1e-6)
    np.testing.assert_allclose(vector_jacobian_product(push, "jax", x, jnp.ones(3)), 6 * X * U, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: push(x).sum())(x), 6 * X * U, rtol=1e-6)


def test_a_missing_rule_is_named_while_tracing() -> None:
    strict = backend("jax", fallback=False)
    with pytest.raises(UnsupportedOperationError, match="custom_vjp"):
        jax.jit(lambda x: jacobian_vector_product(cube, strict, x, x))(jnp.asarray(X))


def test_values_may_be_looked_at_where_they_are_known() -> None:
    def f(x: Any) -> Any:
        return x**2 if x.sum() > 0 else -x

    for call in (jacobian_vector_product, vector_jacobian_product):
        second = jax.grad(lambda x, call=call: call(f, "jax", x, jnp.asarray(U)).sum())(jnp.asarray(X))
        np.testing.assert_allclose(second, 2 * U)


def test_f_may_look_at_constants_under_vmap() -> None:
    threshold = jnp.asarray(2.0)

    def f(x: Any) -> Any:
        return x**2 if threshold > 1 else x

    rows = jnp.stack([jnp.asarray(X), jnp.asarray(U)])
    for call in (jacobian_vector_product, vector_jacobian_product):
        v = jax.vmap(lambda x, call=call: call(f, "jax", x, jnp.asarray(U)))(rows)
        np.testing.assert_allclose(v, 2 * rows * U)


# -- containers that JAX alone knows -------------------------------------------------------------------


@jax.tree_util.register_pytree_node_class
class Line:
    """Slope and offset, and a name that is no leaf."""

    def __init__(self, slope: Any, offset: Any, name: str = "line") -> None:
        self.slope, self.offset, self.name = slope, offset, name

    def __call__(self, x: Any) -> Any:
        return self.slope * x + self.offset["b"]

    def tree_flatten_with_keys(self) -> Any:
        key = jax.tree_util.GetAttrKey
        return ((key("slope"), self.slope), (key("offset"), self.offset)), self.name

    def tree_flatten(self) -> Any:
        return (self.slope, self.offset), self.name

    @classmethod
    def tree_unflatten(cls, name: str, children: Any) -> Any:
        return cls(*children, name)


@pytest.mark.parametrize("name", ["jax", None])
def test_nodes_registered_with_jax(name: str | None) -> None:
    x, u = jnp.asarray(X), jnp.asarray(U)
    line, tangent = Line(x, {"b": u}), Line(u, OrderedDict(b=x))
    y, v = value_and_jacobian_vector_product(lambda line: [line(2.0)], name, line, tangent)
    np.testing.assert_array_equal(y[0], 2 * X + U)
    np.testing.assert_array_equal(v[0], 2 * U + X)
    pulled = vector_jacobian_product(lambda nested: nested["line"][0](2.0), name, {"line": (line, None)}, u)
    assert type(pulled["line"][0]) is Line
    np.testing.assert_array_equal(pulled["line"][0].slope, 2 * U)
    np.testing.assert_array_equal(pulled["line"][0].offset["b"], U)
    returned = jacobian_vector_product(lambda line: Line(line.offset["b"], {"b": line.slope}), name, line, tangent)
    np.testing.assert_array_equal(returned.slope, X)


@pytest.mark.parametrize(
    ("u", "message"),
    [
        (lambda x: Line(x, {"c": x}), r"is a dict with keys \['c'\], but x.* is a dict with keys \['b'\]"),
        (
            lambda x: Line(x, {"b": x}, "other"),
            "u is a test_jax.Line, but x is a test_jax.Line whose parts that are no",
        ),
        (lambda x: (x, x), "u is a tuple of length 2, but x is a test_jax.Line"),
        (lambda x: Line(None, {"b": x}), r"u.* is None, but x.* is a jaxlib.\w+; give an array for u"),
    ],
)
def test_what_does_not_match_a_registered_node_is_named(u: Any, message: str) -> None:
    x = jnp.asarray(X)
    with pytest.raises(StructureMismatchError, match=message):
        jacobian_vector_product(lambda line: line(1.0), "jax", Line(x, {"b": x}), u(x))


def test_equinox_modules() -> None:
    eqx = pytest.importorskip("equinox")

    class Layer(eqx.Module):
        weight: Any
        bias: Any
        power: int = eqx.field(static=True)

        def __call__(self, x: Any) -> Any:
            return (self.weight @ x + self.bias) ** self.power

    x = jnp.asarray(X)
    layer, tangent = Layer(jnp.eye(3), x, 2), Layer(jnp.ones((3, 3)), x, 2)
    for name in ("jax", None):
        v = jacobian_vector_product(lambda layer: layer(x), name, layer, tangent)
        np.testing.assert_allclose(v, 2 * (X + X) * (X.sum() + X))
        pulled = vector_jacobian_product(lambda layer: layer(x), name, layer, x)
        assert isinstance(pulled, Layer)
        np.testing.assert_allclose(pulled.bias, 2 * (X + X) * X)
        np.testing.assert_allclose(pulled.weight, np.outer(2 * (X + X) * X, X))
    with pytest.raises(StructureMismatchError, match=r"Layer whose parts that are no leaves differ"):
        jacobian_vector_product(lambda layer: layer(x), "jax", layer, Layer(jnp.eye(3), x, 3))
    with pytest.raises(ShapeMismatchError, match=r"u\.bias has shape \(2,\), but x\.bias has \(3,\)"):
        jacobian_vector_product(lambda layer: layer(x), "jax", layer, Layer(jnp.eye(3), x[:2], 2))


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
