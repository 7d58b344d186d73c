"""Containers that JAX alone knows."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ShapeMismatchError,
    StructureMismatchError,
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    vector_jacobian_product,
)

jax = pytest.importorskip("jax")
jnp = jax.numpy

X = np.array([1.0, 2.0, 3.0], dtype=np.float32)
U = np.array([0.5, -1.0, 2.0], dtype=np.float32)


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


LINE = f"{Line.__module__.partition('.')[0]}.Line"
"""As messages name it."""


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


def powers(line: Any) -> Any:
    """``slope**2 * b``, in a container like that of x."""
    return Line(line.slope**2 * line.offset["b"], {"b": None}, line.name)


def total(line: Any) -> Any:
    return powers(line).slope.sum()


@pytest.mark.parametrize("name", ["jax", None])
def test_nodes_registered_with_jax_in_every_operation(name: str | None) -> None:
    x, u = Line(jnp.asarray(X), {"b": jnp.asarray(U)}), Line(jnp.asarray(U), {"b": jnp.asarray(X)})
    pushed = 2 * X * U * U + X**3
    np.testing.assert_allclose(adhelpers.value(powers, name, x).slope, X**2 * U)
    np.testing.assert_allclose(adhelpers.gradient(total, name, x).slope, 2 * X * U)
    jacobian = adhelpers.jacobian(powers, name, x)
    assert type(jacobian) is type(jacobian.slope) is Line
    np.testing.assert_allclose(jacobian.slope.offset["b"], np.diag(X**2))
    np.testing.assert_allclose(adhelpers.gauss_newton_product(powers, name, x, u).offset["b"], X**2 * pushed, rtol=1e-5)
    hessian = adhelpers.hessian(total, name, x)
    np.testing.assert_allclose(hessian.offset["b"].slope, np.diag(2 * X))
    np.testing.assert_allclose(adhelpers.laplacian(total, name, x), np.sum(2 * U))
    product = adhelpers.hessian_vector_product(total, name, x, u)
    np.testing.assert_allclose(product.slope, 2 * U * U + 2 * X * X)
    lin = adhelpers.linearize(powers, name, x)
    np.testing.assert_allclose(lin.push(u).slope, pushed, rtol=1e-6)
    assert type(lin.pull(Line(jnp.asarray(U), {"b": None}))) is Line
    np.testing.assert_allclose(adhelpers.linearize_gradient(total, name, x).push(u).offset["b"], 2 * X * U)
    prepared = adhelpers.prepare(adhelpers.jacobian_vector_product, powers, name, x, u)
    for push in (prepared, lambda *xu: adhelpers.jacobian_vector_product(powers, name, *xu)):
        np.testing.assert_allclose(push(x, u).slope, pushed, rtol=1e-6)


@pytest.mark.parametrize(
    ("u", "message"),
    [
        (lambda x: Line(x, {"c": x}), r"is a dict with keys \['c'\], but x.* is a dict with keys \['b'\]"),
        (
            lambda x: Line(x, {"b": x}, "other"),
            f"u is a {LINE}, but x is a {LINE} whose non-leaf parts differ",
        ),
        (lambda x: (x, x), f"u is a tuple of length 2, but x is a {LINE}"),
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
    with pytest.raises(StructureMismatchError, match=r"Layer whose non-leaf parts differ"):
        jacobian_vector_product(lambda layer: layer(x), "jax", layer, Layer(jnp.eye(3), x, 3))
    with pytest.raises(ShapeMismatchError, match=r"u\.bias has shape \(2,\), but x\.bias has \(3,\)"):
        jacobian_vector_product(lambda layer: layer(x), "jax", layer, Layer(jnp.eye(3), x[:2], 2))
