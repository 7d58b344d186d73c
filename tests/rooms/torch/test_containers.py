"""Containers that PyTorch alone knows: those that libraries register with its pytree."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentTypeError, DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.plugins import lookup

torch = pytest.importorskip("torch")
pytree = pytest.importorskip("torch.utils._pytree")


class Output(OrderedDict[str, Any]):
    """As transformers has ModelOutput: a dict with attributes, without what is None, registered by each subclass."""

    def __init__(self, **fields: Any) -> None:
        super().__init__({name: value for name, value in fields.items() if value is not None})
        self.__dict__.update(fields)

    def __init_subclass__(cls) -> None:
        pytree.register_pytree_node(
            cls,
            lambda output: (list(output.values()), list(output.keys())),
            lambda values, names: cls(**dict(zip(names, values, strict=True))),
        )


class Scores(Output):
    """One of them."""


class Pair:
    """A class of somebody's, with a word that is no leaf."""

    def __init__(self, first: Any, second: Any, word: str = "word") -> None:
        self.first, self.second, self.word = first, second, word


pytree.register_pytree_node(
    Pair, lambda pair: ([pair.first, pair.second], pair.word), lambda children, word: Pair(*children, word)
)


class Named:
    """One that names its children."""

    def __init__(self, weight: Any) -> None:
        self.weight = weight


pytree.register_pytree_node(
    Named,
    lambda named: ([named.weight], None),
    lambda children, _: Named(*children),
    flatten_with_keys_fn=lambda named: ([(pytree.GetAttrKey("weight"), named.weight)], None),
)

A, B, U = np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([0.5, 2.0])
"""The functions below are ``a**2 * b`` of a and b."""


def T(array: Any) -> Any:  # noqa: N802
    return torch.tensor(array, dtype=torch.float64)


def scores(x: Any) -> Any:
    assert type(x) is Scores
    return Scores(logits=x.logits**2 * x.hidden[0], loss=None)


def total(x: Any) -> Any:
    return scores(x).logits.sum()


def point() -> Any:
    return Scores(logits=T(A), hidden=(T(B),), loss=None)


@pytest.mark.parametrize("name", ["torch", None])
class TestInEveryOperation:
    """The result is the library's own, and has its attributes."""

    def test_products(self, name: str | None) -> None:
        x, u = point(), Scores(logits=T(U), hidden=(T(A),))
        y, v = adhelpers.value_and_jacobian_vector_product(scores, name, x, u)
        assert type(y) is type(v) is Scores
        np.testing.assert_allclose(y.logits, A**2 * B)
        np.testing.assert_allclose(v.logits, 2 * A * B * U + A**2 * A)
        pulled = adhelpers.vector_jacobian_product(scores, name, x, Scores(logits=T(U)))
        assert type(pulled) is Scores
        np.testing.assert_allclose(pulled.logits, 2 * A * B * U)
        np.testing.assert_allclose(pulled.hidden[0], A**2 * U)
        normal = adhelpers.gauss_newton_product(scores, name, x, u)
        np.testing.assert_allclose(normal.hidden[0], A**2 * (2 * A * B * U + A**3))
        assert type(adhelpers.value(scores, name, x)) is Scores

    def test_whole_derivatives(self, name: str | None) -> None:
        x = point()
        gradient = adhelpers.gradient(total, name, x)
        np.testing.assert_allclose(gradient.logits, 2 * A * B)
        jacobian = adhelpers.jacobian(scores, name, x)
        assert type(jacobian.logits) is Scores
        np.testing.assert_allclose(jacobian.logits.hidden[0], np.diag(A**2))
        hessian = adhelpers.hessian(total, name, x)
        np.testing.assert_allclose(hessian.logits.logits, np.diag(2 * B))
        np.testing.assert_allclose(hessian.hidden[0].logits, np.diag(2 * A))
        np.testing.assert_allclose(adhelpers.laplacian(total, name, x), np.sum(2 * B))
        product = adhelpers.hessian_vector_product(total, name, x, Scores(logits=T(U), hidden=(T(U),)))
        np.testing.assert_allclose(product.logits, 2 * B * U + 2 * A * U)

    def test_linear_maps(self, name: str | None) -> None:
        lin = adhelpers.linearize(scores, name, point())
        np.testing.assert_allclose(lin.push(point()).logits, 3 * A**2 * B)
        assert type(lin.pull(Scores(logits=T(U)))) is Scores
        assert type(adhelpers.linearize_gradient(total, name, point()).push(point())) is Scores

    def test_prepared(self, name: str | None) -> None:
        x = point()
        prepared = adhelpers.prepare(adhelpers.gradient, total, name, x)
        other = Scores(logits=T(B), hidden=(T(A),))
        np.testing.assert_allclose(prepared(other).logits, 2 * A * B)
        push = adhelpers.prepare(adhelpers.jacobian_vector_product, lambda x, s: x * s.first, name, T(A), T(U),
                                 args=(Pair(T(B), None),))  # fmt: skip
        np.testing.assert_allclose(push(T(A), T(U), Pair(T(A), None)), A * U)

    def test_nested_in_other_containers_and_registered_without_names(self, name: str | None) -> None:
        x = {"pair": [Pair(T(A), {"b": T(B)}, "other")]}
        f = lambda x: (x["pair"][0].first ** 2 * x["pair"][0].second["b"]).sum()  # noqa: E731
        pair = adhelpers.gradient(f, name, x)["pair"][0]
        assert type(pair) is Pair
        assert pair.word == "other"
        np.testing.assert_allclose(pair.second["b"], A**2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the compiler imports
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.filterwarnings("ignore:(Dynamo cannot trace|Graph break for an) optree:UserWarning")
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
def test_compiled_by_torch() -> None:
    x = point()
    prepared = adhelpers.prepare(adhelpers.gradient, total, adhelpers.backend("torch", compiled=True), x)
    found = prepared(x)
    assert type(found) is Scores
    np.testing.assert_allclose(found.logits, 2 * A * B)
    np.testing.assert_allclose(found.hidden[0], A**2)


def test_aux_that_holds_tensors_is_freed_of_the_derivative() -> None:
    gradient, aux = adhelpers.gradient(lambda x: ((x**2).sum(), Pair(x * 3, "kept")), "torch", T(A), has_aux=True)
    np.testing.assert_allclose(gradient, 2 * A)
    assert type(aux) is Pair
    assert not aux.first.requires_grad
    np.testing.assert_allclose(aux.first, 3 * A)
    assert aux.second == "kept"


def test_inside_a_transformation_and_a_graph() -> None:
    mapped = torch.func.vmap(lambda pair: adhelpers.gradient(lambda p: p.first**2 * p.second, "torch", pair))(
        Pair(T(A), T(B))
    )
    np.testing.assert_allclose(mapped.first, 2 * A * B)
    outer = T(A).requires_grad_()
    inner = adhelpers.gradient(lambda p: (p.first**2 * p.second).sum(), None, Pair(outer, T(B)))
    inner.first.sum().backward()
    np.testing.assert_allclose(outer.grad, 2 * B)


@pytest.mark.parametrize(
    ("u", "error", "words"),
    [
        (lambda: Scores(logits=T(A)), StructureMismatchError, r"u is a Scores with keys \['logits'\], but x is a"),
        (lambda: OrderedDict(logits=T(A), hidden=(T(B),)), StructureMismatchError, "u is an OrderedDict with keys"),
        (lambda: Scores(logits=T(A[:1]), hidden=(T(B),)), ShapeMismatchError, r"u\['logits'\] has shape \(1,\)"),
        (lambda: Scores(logits=T(A), hidden=(T(B).float(),)), DTypeError, r"u\['hidden'\]\[0\] has dtype torch.fl"),
    ],
)
def test_what_does_not_match_is_named(u: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        adhelpers.jacobian_vector_product(scores, "torch", point(), u())


def test_paths_are_those_of_the_registration() -> None:
    with pytest.raises(DTypeError, match=r"x\.weight is an array of dtype torch.int64"):
        adhelpers.gradient(lambda x: x.weight.sum(), "torch", Named(torch.ones(2, dtype=torch.int64)))
    with pytest.raises(ArgumentTypeError, match=r"x\[1\] is a str"):
        adhelpers.gradient(lambda x: x.first.sum(), "torch", Pair(T(A), "word"))


def test_other_backends_know_them_once_they_were_met() -> None:
    adhelpers.tree_leaves(Pair(1.0, 2.0))
    gradient = adhelpers.gradient(lambda p: p.first**2 * p.second, "finite-difference", Pair(3.0, 2.0))
    np.testing.assert_allclose([gradient.first, gradient.second], [12.0, 9.0], rtol=1e-6)


def test_steps_constants_and_views() -> None:
    x = adhelpers.mark_constants(Pair(T(A), 3))
    gradient = adhelpers.gradient(lambda p: (p.first**p.second).sum(), None, x)
    moved = adhelpers.tree_map(lambda p, g: p - g, Pair(T(A), 3), gradient)
    np.testing.assert_allclose(moved.first, A - 3 * A**2)
    assert moved.second == 3
    pytest.importorskip("scipy")
    view = adhelpers.scipy.view(total, None, point())
    np.testing.assert_allclose(view.gradient(view.x0), np.concatenate([2 * A * B, A**2]))  # in their own order


def test_a_rule_for_a_function_of_one_that_looks_like_an_array() -> None:
    class Typed:  # as TensorDict, it has a dtype
        dtype = torch.float64

        def __init__(self, first: Any, second: Any) -> None:
            self.first, self.second = first, second

    pytree.register_pytree_node(
        Typed, lambda typed: ([typed.first, typed.second], None), lambda children, _: Typed(*children)
    )

    @adhelpers.custom_rule
    def cube(typed: Any) -> Any:
        return typed.first**3

    owner = lookup.owner_within((Typed(T(A), T(B)), "word"))
    assert owner is not None
    assert owner.name == "torch"
    cube.defjvp(lambda typed, y, u: 5 * u.first * typed.second)  # not the derivative, so that one sees whose it is
    x = T(A).requires_grad_()
    cube(Typed(x, T(B))).sum().backward()
    np.testing.assert_allclose(x.grad, 5 * B)
    gradient = adhelpers.gradient(lambda p: cube(p).sum(), None, Typed(T(A), T(B)))
    np.testing.assert_allclose(gradient.first, 5 * B)


@pytest.fixture
def tensordict() -> Any:
    return pytest.importorskip("tensordict")


@pytest.mark.parametrize("name", ["torch", None])
def test_tensordict(tensordict: Any, name: str | None) -> None:
    x = tensordict.TensorDict({"a": T(A), "b": {"c": T(B)}}, batch_size=[2])
    f = lambda x: tensordict.TensorDict({"y": x["a"] ** 2 * x["b", "c"]}, batch_size=[2])  # noqa: E731
    y, v = adhelpers.value_and_jacobian_vector_product(f, name, x, x)
    assert type(y) is type(v) is tensordict.TensorDict
    np.testing.assert_allclose(v["y"], 3 * A**2 * B)
    pulled = adhelpers.vector_jacobian_product(f, name, x, y)
    np.testing.assert_allclose(pulled["b", "c"], A**4 * B)
    hessian = adhelpers.hessian(lambda x: f(x)["y"].sum(), name, x)
    np.testing.assert_allclose(hessian["a", "b", "c"], np.diag(2 * A))
