"""The user's function between leaves: structures in and out, aux beside them."""

from __future__ import annotations

import functools
import gc
import weakref
from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

import adhelpers
from adhelpers import ArgumentTypeError, DTypeError
from adhelpers.plugins.containers import SINGLE
from adhelpers.trees.leafwise import LeafwiseFunction, require_tuple
from adhelpers.trees.tree import Tree
from conftest import lifted

TOY = ForwardToy()
X = {"a": np.asarray([1.0, 2.0]), "b": [np.asarray(3.0)]}


def leafwise(f: Any, x: Any = X, *args: Any, has_aux: bool = False) -> tuple[LeafwiseFunction, Any]:
    tree = Tree.read(TOY, x, "x")
    return LeafwiseFunction(f, tree, args, has_aux=has_aux), tree.leaves


def test_f_is_given_its_structure_and_args() -> None:
    seen = []
    f, leaves = leafwise(lambda *given: seen.append(given) or {"y": given[0]["a"]}, X, "word", [1])
    outputs, aux = f(*(2.0 * leaf for leaf in leaves))
    assert aux == ()
    ((x, word, numbers),) = seen
    np.testing.assert_array_equal(x["a"], [2.0, 4.0])
    np.testing.assert_array_equal(x["b"][0], 6.0)
    assert (word, numbers) == ("word", [1])
    np.testing.assert_array_equal(outputs[0], [2.0, 4.0])


def test_the_latest_result_is_rebuilt_with_other_arrays() -> None:
    f, leaves = leafwise(lambda x: {"z": x["a"], "y": (x["b"][0], None)})
    f(*leaves)
    y = f.output((1, 2))
    assert y.name == "f(x)"
    assert y.rebuild((1, 2)) in ({"z": 2, "y": (1, None)}, {"z": 1, "y": (2, None)})
    f.function = lambda x: x["a"]
    f(*leaves)
    assert f.output((1,)).treedef is SINGLE


def test_numbers_that_f_returns_have_the_precision_of_x() -> None:
    f, leaves = leafwise(lambda x: [2.0, x], np.ones(2, np.float32))
    outputs, _ = f(*leaves)
    assert [leaf.dtype for leaf in outputs] == [np.float32, np.float32]


def test_arrays_in_aux_travel_and_all_else_waits() -> None:
    thing = object()
    f, leaves = leafwise(lambda x: (x["a"], {"s": "word", "p": [x["b"][0], thing, 3], "n": None}), has_aux=True)
    _, travelling = f(*leaves)
    assert len(travelling) == 1
    assert f.aux(("freed",)) == {"s": "word", "p": ["freed", thing, 3], "n": None}


def test_aux_may_be_nothing() -> None:
    f, leaves = leafwise(lambda x: (x["a"], None), has_aux=True)
    assert f(*leaves)[1] == ()
    assert f.aux(()) is None


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (np.ones(2), "a numpy.ndarray"),
        ((1.0, 2.0, 3.0), "a tuple of length 3"),
        ([1.0, 2.0], "a list of length 2"),
        (None, "None"),
    ],
)
def test_aux_needs_a_pair(result: Any, words: str) -> None:
    f, leaves = leafwise(lambda x: result, has_aux=True)
    with pytest.raises(ArgumentTypeError, match=f"f must return a pair \\(y, aux\\), but it returned {words}"):
        f(*leaves)


def test_what_f_returns_must_have_derivatives() -> None:
    f, leaves = leafwise(lambda x: {"a": [x["a"], np.ones(2, int)]})
    with pytest.raises(DTypeError, match=r"f\(x\)\['a'\]\[1\] is an array of dtype int.*return it as aux"):
        f(*leaves)


def test_none_of_its_arrays_is_kept() -> None:
    """They may be tracers, which must not outlive the call."""

    class Watched(np.ndarray):
        pass

    f, leaves = leafwise(lambda x: (x["a"] * 1.0, x["a"] * 2.0), has_aux=True)
    tracers = [leaf.view(Watched).copy() for leaf in leaves]
    alive = [weakref.ref(tracer) for tracer in tracers]
    results = f(*tracers)
    alive += [weakref.ref(array) for arrays in results for array in arrays]
    del tracers, results
    gc.collect()
    assert [reference() for reference in alive] == [None] * 4


@pytest.mark.parametrize("args", [(), (1,), [], [1, 2]])
def test_args_are_a_tuple(args: Any) -> None:
    require_tuple(args)


@pytest.mark.parametrize("args", [np.ones(2), 3.0, "ab", None, {"a": 1}], ids=repr)
def test_one_argument_where_all_are_wanted_is_refused(args: Any) -> None:
    """An array, or a word, would be taken apart."""
    with pytest.raises(ArgumentTypeError, match=r"must be a tuple; for one argument write args=\(argument,\)"):
        require_tuple(args)


# -- what aux holds that is no array ------------------------------------------------------------------------


def test_all_but_arrays_is_of_the_first_call() -> None:
    """Differences call f at other points afterwards, but return the arrays of the first."""
    buffer = np.array(["a"])

    def f(x: Any) -> Any:
        total = float(x["b"][0])
        buffer[0] = "b" if total > 5 else "a"
        return x["a"], {"t": total, "words": buffer, "array": x["a"]}

    flat, leaves = leafwise(f, has_aux=True)
    _, arrays = flat(*leaves)
    flat(*(2.0 * leaf for leaf in leaves))
    assert flat.aux(arrays)["t"] == 3.0


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


HOLDERS: dict[str, Any] = {
    "an attribute": Holder,
    "a slot": Slotted,
    "a container in an attribute": lambda value: Holder({"q": [value]}),
    "an object in a container": lambda value: {"a": [Holder(value)]},
    "a closure": lambda value: lambda: value,
    "a default": lambda value: lambda x=value: x,
    "a partial": lambda value: functools.partial(print, value),
    "a method": lambda value: Holder(value).__init__,
    "a set": lambda value: frozenset([Holder(value)]),
    "a generator": lambda value: (value for _ in range(2)),
}


@pytest.mark.parametrize("name", HOLDERS)
@pytest.mark.parametrize(
    "operation", ["jacobian_vector_product", "gradient", "jacobian", "hessian", "hessian_vector_product", "prepared"]
)
def test_tracers_in_objects_are_refused(framework: adhelpers.ADBackend, operation: str, name: str) -> None:
    def f(x: Any) -> Any:
        xp = adhelpers.array_namespace(x)
        return xp.sum(x**2), HOLDERS[name](x + 1.0)

    x = lifted(framework, np.array([1.0, 2.0]))
    operands = (x, x) if "product" in operation else (x,)

    def call() -> Any:
        if operation == "prepared":
            return adhelpers.prepare(adhelpers.gradient, f, framework, x, has_aux=True)(x)
        return getattr(adhelpers, operation)(f, framework, *operands, has_aux=True)

    if framework.name == "torch" and operation == "jacobian_vector_product":
        call()  # of dual numbers nothing is left but their values
        return
    with pytest.raises(ArgumentTypeError, match=r"aux.* is an? .*, which holds arrays of the derivative being taken"):
        call()


@pytest.mark.parametrize("operation", ["jacobian_vector_product", "gradient", "hessian"])
def test_objects_without_tracers_pass(backend: adhelpers.ADBackend, operation: str) -> None:
    x = lifted(backend, np.array([1.0, 2.0]))
    things = [Holder(x), Holder("word"), np, Holder, print, 2.5, np.array([1.0]), HOLDERS]

    def f(x: Any) -> Any:
        return adhelpers.array_namespace(x).sum(x**2), things

    operands = (x, x) if "product" in operation else (x,)
    _, received = getattr(adhelpers, operation)(f, backend, *operands, has_aux=True)
    assert [a is b for a, b in zip(received[:6], things[:6], strict=True)] == [True] * 6


def test_parameters_in_an_object_are_the_users() -> None:
    torch = pytest.importorskip("torch")
    net, x = torch.nn.Linear(2, 1).double(), torch.ones(2, dtype=torch.float64)
    for f in (lambda x: ((x**2).sum(), net), lambda x: (net(x).sum(), net)):
        assert adhelpers.gradient(f, "torch", x, has_aux=True)[1] is net


def test_an_object_of_an_enclosing_derivative_passes() -> None:
    jax = pytest.importorskip("jax")

    def outer(x: Any) -> Any:
        holder = Holder(x)
        v, aux = adhelpers.derivative(lambda t: (t * x, holder), "jax", 1.0, has_aux=True)
        return v * aux.value

    assert float(jax.grad(outer)(3.0)) == 6.0
