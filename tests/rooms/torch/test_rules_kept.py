"""What a rule may not depend on, what it may do to what it is given, and whose errors come out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError

torch = pytest.importorskip("torch")
pytest.importorskip("adhelpers_plugins.torch.levels")
forward_ad = torch.autograd.forward_ad
func = torch.func

X = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)


def gradient(f: Callable[..., Any]) -> Any:
    return adhelpers.gradient(lambda p: f(p).sum(), "torch", X)


def backward(f: Callable[..., Any]) -> None:
    f(X.clone().requires_grad_()).sum().backward()


def push(f: Callable[..., Any]) -> Any:
    return adhelpers.jacobian_vector_product(f, "torch", X, X)


def dual(f: Callable[..., Any]) -> Any:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(X, X)))


DERIVATIVES = [
    gradient,
    backward,
    push,
    dual,
    lambda f: func.grad(lambda p: f(p).sum())(X),
    lambda f: func.jvp(f, (X,), (X,)),
    lambda f: func.jacfwd(f)(X),
    lambda f: func.jacrev(f)(X),
    lambda f: func.hessian(lambda p: f(p).sum())(X),
]
"""By an array that a function of one array uses."""


def scaled(kind: str) -> Any:
    """x times a further argument."""
    f = adhelpers.custom_rule(lambda x, c: x * c)
    if kind == "jvp":
        f.defjvp(lambda x, y, u, c: c * u)
    else:
        f.defvjp(lambda x, y, v, c: c * v)
    return f


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
@pytest.mark.parametrize("k", range(len(DERIVATIVES)))
def test_a_further_argument_that_varies_is_refused(kind: str, k: int) -> None:
    f = scaled(kind)
    for uses in (lambda c: f(X, c), lambda c: f(c, c), lambda c: func.grad(lambda x: f(x, c).sum())(X)):
        with pytest.raises(ArgumentError, match="further arguments is differentiated; pass the array in x"):
            DERIVATIVES[k](uses)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_a_further_argument_that_does_not_vary_may_be_mapped(kind: str) -> None:
    f = scaled(kind)
    rows = torch.stack([X, 2 * X])
    np.testing.assert_array_equal(func.vmap(lambda c: f(X, c))(rows), X * rows)
    np.testing.assert_array_equal(func.vmap(func.grad(lambda x, c: f(x, c).sum()))(rows, rows), rows)
    np.testing.assert_array_equal(func.hessian(lambda x: (f(x, torch.ones_like(X)) ** 2).sum())(X), 2 * np.eye(3))
    with torch.no_grad():
        np.testing.assert_array_equal(f(X, X.clone().requires_grad_()).detach(), X**2)


def closing(kind: str, place: str, p: Any) -> Any:
    """x times a number, in whose place a function of the rule takes `p`."""
    factors = {"call": 2.0, "rule": 2.0, place: p}
    f = adhelpers.custom_rule(lambda x: x * factors["call"])
    if kind == "jvp":
        f.defjvp(lambda x, y, u: u * factors["rule"])
    else:
        f.defvjp(lambda x, y, v: v * factors["rule"])
    return f


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
@pytest.mark.parametrize("k", range(len(DERIVATIVES)))
def test_what_computes_the_value_closes_over_nothing_that_varies(kind: str, k: int) -> None:
    for inner in (
        lambda p: closing(kind, "call", p)(X),
        lambda p: closing(kind, "call", p)(p),
        lambda p: func.grad(lambda x: closing(kind, "call", p)(x).sum())(X),
    ):
        with pytest.raises(ArgumentError, match=r"closes over an array that is differentiated.*pass the array in x"):
            DERIVATIVES[k](inner)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_nor_does_what_computes_the_derivative(kind: str) -> None:
    derivatives = [backward, push, dual, *DERIVATIVES[4:6]]
    if kind == "vjp":
        derivatives.append(gradient)
    for derivative in derivatives:
        with pytest.raises(ArgumentError, match="closes over an array that is differentiated"):
            derivative(lambda p: closing(kind, "rule", p)(p))
    for inner in (
        lambda p: func.grad(lambda x: closing(kind, "rule", p)(x).sum())(X),
        lambda p: func.jvp(closing(kind, "rule", p), (X,), (X,))[1],
        lambda p: adhelpers.gradient(lambda x: closing(kind, "rule", p)(x).sum(), "torch", X),
        lambda p: adhelpers.jacobian_vector_product(closing(kind, "rule", p), "torch", X, X),
    ):
        with pytest.raises(ArgumentError, match="closes over an array that is differentiated"):
            func.grad(lambda p, inner=inner: inner(p).sum())(X)


def test_arrays_that_are_only_mapped_may_be_closed_over() -> None:
    for kind in ("jvp", "vjp"):
        np.testing.assert_array_equal(func.vmap(lambda p, kind=kind: closing(kind, "call", p)(X))(X), np.outer(X, X))
        mapped = func.vmap(lambda p, x, kind=kind: closing(kind, "call", p)(x))(X, X)
        np.testing.assert_array_equal(mapped, X**2)


def test_nothing_that_is_given_is_changed_or_shared() -> None:
    seen = []

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        seen.append(x)
        return (x.mul_(2), x)

    @f.defjvp
    def _(x: Any, y: Any, u: Any) -> Any:
        for leaf in (x, *y):
            leaf.zero_()
        return (u.mul_(2), u)

    @f.defvjp
    def _(x: Any, y: Any, v: Any) -> Any:
        x.zero_()
        y[0].zero_()
        v[1].zero_()
        return v[0].mul_(2)

    x, u = X.clone(), X.clone()
    y, v = adhelpers.value_and_jacobian_vector_product(f, "torch", x, u)
    assert all(np.array_equal(leaf, 2 * X) for leaf in (*y, *v))
    w = (X.clone(), X.clone())
    z, pulled = adhelpers.value_and_vector_jacobian_product(f, "torch", x, w)
    np.testing.assert_array_equal(pulled, 2 * X)
    leaf = X.clone().requires_grad_()
    doubled = leaf * 1
    outputs = f(doubled)
    total = torch.autograd.grad(outputs, leaf, w, retain_graph=True)[0]
    np.testing.assert_array_equal(total, 2 * X)
    np.testing.assert_array_equal(torch.autograd.grad(outputs, leaf, w)[0], 2 * X)
    np.testing.assert_array_equal(doubled.detach(), X)
    tensors = [x, u, *w, *y, *v, *z, pulled]
    for tensor in tensors[:4]:
        np.testing.assert_array_equal(tensor, X)
    memory = [tensor.untyped_storage().data_ptr() for tensor in tensors]
    assert len(set(memory)) == len(memory)


def test_memory_that_a_rule_keeps_is_not_given_away() -> None:
    zeros, table = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return table

    f.defvjp(lambda x, y, v: zeros)
    f.defjvp(lambda x, y, u: zeros)
    for call in (adhelpers.value_and_jacobian_vector_product, adhelpers.value_and_vector_jacobian_product):
        for result in call(f, "torch", X, X):
            result += 1
    y = f(X.clone().requires_grad_())
    assert y.requires_grad
    assert not table.requires_grad
    np.testing.assert_array_equal(zeros, 0 * X)
    np.testing.assert_array_equal(table, 1 + 0 * X)


@pytest.mark.parametrize("by", ["NumPy", "PyTorch"])
def test_memory_that_a_rule_uses_again_is_not_kept(by: str) -> None:
    buffer = np.zeros(3)
    result = torch.from_numpy(buffer)

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        if by == "NumPy":  # which PyTorch does not see
            np.exp(x.numpy(), out=buffer)
        else:
            torch.exp(x, out=result)
        return result

    f.defvjp(lambda x, y, v: y * v)
    expected = np.exp(X.numpy()) + 2 * np.exp(2 * X.numpy())
    leaf = X.clone().requires_grad_()
    outputs = (f(leaf) + f(2 * leaf)).sum()
    np.testing.assert_allclose(torch.autograd.grad(outputs, leaf)[0], expected, rtol=1e-12)
    np.testing.assert_allclose(gradient(lambda x: f(x) + f(2 * x)), expected, rtol=1e-12)


def test_results_may_be_written_to() -> None:
    f = adhelpers.custom_rule(torch.exp)
    f.defvjp(lambda x, y, v: y * v)

    def doubled(x: Any) -> Any:
        y = f(x)
        y *= 2
        return y

    for derivative in (lambda f: func.grad(lambda x: f(x).sum())(X), gradient):
        np.testing.assert_allclose(derivative(doubled), 2 * np.exp(X.numpy()), rtol=1e-12)
    np.testing.assert_allclose(func.jvp(doubled, (X,), (X,))[1], 2 * X.numpy() * np.exp(X.numpy()), rtol=1e-12)
    np.testing.assert_allclose(push(doubled), 2 * X.numpy() * np.exp(X.numpy()), rtol=1e-12)
    leaf = X.clone().requires_grad_()
    for _ in range(3):  # each is the derivative of the one before; none sees what was written
        (leaf_gradient,) = torch.autograd.grad(doubled(leaf).sum(), leaf, create_graph=True)
        np.testing.assert_allclose(leaf_gradient.detach(), 2 * np.exp(X.numpy()), rtol=1e-12)
        (second,) = torch.autograd.grad(leaf_gradient.sum(), leaf, create_graph=True)
        np.testing.assert_allclose(second.detach(), 2 * np.exp(X.numpy()), rtol=1e-12)
    np.testing.assert_allclose(torch.autograd.grad(second.sum(), leaf)[0], 2 * np.exp(X.numpy()), rtol=1e-12)
    hessian = func.hessian(lambda x: doubled(x).sum())(X)
    np.testing.assert_allclose(hessian, np.diag(2 * np.exp(X.numpy())), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_rules_by_numpy_have_first_derivatives_and_say_that_they_have_no_second(kind: str) -> None:
    def times(x: Any, vector: Any) -> Any:
        return torch.from_numpy(np.cos(x.detach().numpy()) * vector.detach().numpy())

    f = adhelpers.custom_rule(torch.sin)
    if kind == "jvp":
        f.defjvp(lambda x, y, u: times(x, u))
    else:
        f.defvjp(lambda x, y, v: times(x, v))
    x = X.clone().requires_grad_()
    zero = torch._efficientzerotensor((3,), dtype=X.dtype)  # a symbol, which NumPy refuses
    if kind == "vjp":
        np.testing.assert_array_equal(torch.autograd.grad(f(x), x, zero)[0], np.zeros(3))
        np.testing.assert_allclose(adhelpers.jacobian(f, "torch", X), np.diag(np.cos(X.numpy())), rtol=1e-12)
        np.testing.assert_allclose(torch.autograd.grad(f(x).sum(), x, create_graph=True)[0], np.cos(X.numpy()))
        with pytest.raises(ArgumentError, match="leaves PyTorch's graph, as by NumPy"):
            adhelpers.hessian(lambda x: f(x).sum(), "torch", X)
    else:
        with forward_ad.dual_level():
            received = forward_ad.unpack_dual(f(forward_ad.make_dual(X, zero))).tangent
        np.testing.assert_array_equal(received, np.zeros(3))
        np.testing.assert_allclose(push(f), X.numpy() * np.cos(X.numpy()), rtol=1e-12)
        vectors = X.clone().requires_grad_()
        with forward_ad.dual_level(), pytest.raises(ArgumentError, match="leaves PyTorch's graph, as by NumPy"):
            f(forward_ad.make_dual(X, vectors))


def test_sizes() -> None:
    @adhelpers.custom_rule(shapes=lambda x: {"sine": x, "nothing": x[:0]})
    def f(x: Any) -> Any:
        return {"sine": np.sin(x), "nothing": x[:0]}

    f.defjvp(lambda x, y, u: {"sine": torch.cos(x) * u, "nothing": u[:0]})
    for rows in (0, 1, 2):
        x = torch.arange(3.0 * rows, dtype=torch.float64).reshape(rows, 3)
        mapped = func.vmap(f)(x)
        assert (mapped["sine"].shape, mapped["nothing"].shape) == ((rows, 3), (rows, 0))
        np.testing.assert_allclose(mapped["sine"], np.sin(x.numpy()), rtol=1e-12)
    empty = adhelpers.custom_rule(lambda x: {})
    empty.defvjp(lambda x, y, v: torch.zeros_like(x))
    assert adhelpers.jacobian_vector_product(empty, "torch", X, X) == {}
    np.testing.assert_array_equal(adhelpers.vector_jacobian_product(empty, "torch", X, {}), np.zeros(3))


@pytest.mark.parametrize("place", ["call", "jvp", "vjp"])
def test_errors_of_the_users_functions_pass_through(place: str) -> None:
    error = KeyError("mine")

    def fails(*args: Any) -> Any:
        raise error

    f = adhelpers.custom_rule(fails if place == "call" else lambda x: x * 2)
    f.defjvp(fails if place == "jvp" else lambda x, y, u: 2 * u)
    f.defvjp(fails if place == "vjp" else lambda x, y, v: 2 * v)
    forward = [push, dual, lambda f: func.jvp(f, (X,), (X,))]
    reverse = [gradient, backward, lambda f: func.grad(lambda x: f(x).sum())(X)]
    for derivative in {"call": forward + reverse, "jvp": forward, "vjp": reverse}[place]:
        with pytest.raises(KeyError) as raised:
            derivative(f)
        assert raised.value is error
    np.testing.assert_array_equal(adhelpers.gradient(lambda x: (x**2).sum(), "torch", X), 2 * X)


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (lambda u: (u, u), adhelpers.StructureMismatchError),
        (lambda u: u[:2], adhelpers.ShapeMismatchError),
        (lambda u: u.float(), adhelpers.DTypeError),
    ],
)
def test_wrong_results_are_refused_by_the_name_of_the_rule(result: Any, error: type[Exception]) -> None:
    def named(x: Any) -> Any:
        return x * 2

    f = adhelpers.custom_rule(named)
    f.defjvp(lambda x, y, u: result(u))
    f.defvjp(lambda x, y, v: result(v))
    for derivative, kind in ((push, "JVP"), (dual, "JVP"), (gradient, "VJP"), (backward, "VJP")):
        with pytest.raises(error, match=f"{kind} rule of named"):
            derivative(f)


def test_nothing_grows_for_ever() -> None:
    dead = []
    for _ in range(3):
        f = adhelpers.custom_rule(lambda x: x * 2)
        f.defvjp(lambda x, y, v: 2 * v)
        backward(f)
        func.vmap(func.grad(f))(X)
        gradient(f)
        dead.append(weakref.ref(f))
        del f
    gc.collect()
    assert [ref() for ref in dead] == [None] * 3
