"""Parts of `x` that are held constant, in every operation on every backend, against closed forms."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ArgumentTypeError,
    BatchAxisError,
    Constant,
    DTypeError,
    PreparationMismatchError,
    StructureMismatchError,
)
from conftest import assert_close, lifted, to_numpy

W = np.array([1.0, 2.0, 3.0])
SCALE = np.array([2.0, -1.0, 0.5])
U = np.array([1.0, -2.0, 0.25])

SLOPE, BEND = SCALE * 3 * W**2, SCALE * 6 * W
"""Derivatives of ``scale * w**3``, number by number."""


def powers(x: Any) -> Any:
    """What x holds besides `w` is used as it is: a word as a key, a function as one, whole numbers as exponents."""
    assert type(x["degree"]) is int
    return x["table"][x["word"]](x["scale"] * x["w"] ** x["degree"])


def total(x: Any) -> Any:
    return powers(x).sum()


def point(backend: adhelpers.ADBackend) -> Any:
    return {
        "w": lifted(backend, W),
        "degree": Constant(3),
        "scale": Constant(lifted(backend, SCALE)),
        "table": Constant({"same": lambda y: y}),
        "word": Constant("same"),
    }


def held(w: Any) -> Any:
    """A result like `point`."""
    return {"degree": None, "scale": None, "table": None, "w": w, "word": None}


def test_products(backend: adhelpers.ADBackend) -> None:
    x, u, v = point(backend), held(lifted(backend, U)), lifted(backend, U)
    y, pushed = adhelpers.value_and_jacobian_vector_product(powers, backend, x, u)
    assert_close(backend, y, SCALE * W**3)
    assert_close(backend, pushed, SLOPE * U)
    assert_close(backend, adhelpers.vector_jacobian_product(powers, backend, x, v), held(SLOPE * U))
    assert_close(backend, adhelpers.value(powers, backend, x), SCALE * W**3)
    assert_close(backend, adhelpers.gauss_newton_product(powers, backend, x, u), held(SLOPE**2 * U))


def test_whole_derivatives(backend: adhelpers.ADBackend) -> None:
    x = point(backend)
    assert_close(backend, adhelpers.gradient(total, backend, x), held(SLOPE))
    assert_close(backend, adhelpers.jacobian(powers, backend, x), held(np.diag(SLOPE)))
    assert_close(backend, adhelpers.hessian(total, backend, x), held(held(np.diag(BEND))), depth=2)
    assert_close(backend, adhelpers.laplacian(total, backend, x), BEND.sum(), depth=2)
    hvp = adhelpers.hessian_vector_product(total, backend, x, held(lifted(backend, U)))
    assert_close(backend, hvp, held(BEND * U), depth=2)


def test_linear_maps(backend: adhelpers.ADBackend) -> None:
    x, u = point(backend), held(lifted(backend, U))
    for linearize in (adhelpers.linearize, lambda *given: adhelpers.prepare(adhelpers.linearize, *given)(given[2])):
        lin = linearize(powers, backend, x)
        assert_close(backend, lin.push(u), SLOPE * U)
        assert_close(backend, lin.pull(lifted(backend, U)), held(SLOPE * U))
    many = held(lifted(backend, np.stack([U, 2 * U])))
    assert_close(backend, lin.push_many(many), np.stack([SLOPE * U, 2 * SLOPE * U]))
    bend = adhelpers.linearize_gradient(total, backend, x)
    assert_close(backend, bend.gradient, held(SLOPE))
    assert_close(backend, bend.push(u), held(BEND * U), depth=2)


def test_prepared(backend: adhelpers.ADBackend) -> None:
    x, u = point(backend), held(lifted(backend, U))
    assert_close(backend, adhelpers.prepare(adhelpers.gradient, total, backend, x)(x), held(SLOPE))
    hvp = adhelpers.prepare(adhelpers.hessian_vector_product, total, backend, x, u)
    assert_close(backend, hvp(x, u), held(BEND * U), depth=2)
    other = {**x, "degree": Constant(2), "scale": Constant(lifted(backend, U))}
    assert_close(backend, hvp(other, u), held(U * 2 * U), depth=2)
    assert_close(backend, hvp(x, u), held(BEND * U), depth=2)


def test_code_is_compiled_for_constants_and_called_with_their_arrays(backend: adhelpers.ADBackend) -> None:
    if not backend.compiles:
        pytest.skip("it compiles nothing")
    calls = []

    class Square:
        def __call__(self, x: Any) -> Any:
            return x**2

    def f(x: Any) -> Any:
        calls.append(x)
        return (x["shift"] * x["by"](x["w"])).sum()

    square = Square()
    x = {"w": lifted(backend, W), "by": Constant(square), "shift": Constant(lifted(backend, SCALE))}
    prepared = adhelpers.prepare(adhelpers.gradient, f, backend, x)
    seen = len(calls)
    moved = {**x, "w": lifted(backend, U), "shift": Constant(lifted(backend, W))}
    expected = {"by": None, "shift": None, "w": 2 * U * W}
    assert_close(backend, prepared(moved), expected)
    assert len(calls) == seen, "the code runs, with other arrays for what is constant"
    assert_close(backend, prepared({**moved, "by": Constant(Square())}), expected)
    assert len(calls) > seen, "another object is another constant"


def test_calls_that_are_compiled_one_by_one() -> None:
    pytest.importorskip("jax")
    backend = adhelpers.backend("jax", jit=True, x64=True)
    for degree in (3, 2):
        x = {**point(backend), "degree": Constant(degree)}
        expected = held(SCALE * degree * W ** (degree - 1))
        assert_close(backend, adhelpers.gradient(total, backend, x), expected)


def test_a_strict_call_has_the_same_constants(backend: adhelpers.ADBackend) -> None:
    x = point(backend)
    prepared = adhelpers.prepare(adhelpers.gradient, total, backend, x, strict=True)
    prepared(x)
    with pytest.raises(PreparationMismatchError, match=r"x\['degree'\]: prepared with 3, but 4 was given"):
        prepared({**x, "degree": Constant(4)})


def test_a_view_for_scipy_has_them_where_f_wants_them(backend: adhelpers.ADBackend) -> None:
    pytest.importorskip("scipy")
    view = adhelpers.scipy.view(total, backend, point(backend))
    np.testing.assert_array_equal(view.x0, W)
    np.testing.assert_allclose(view.gradient(view.x0), SLOPE, rtol=1e-6)
    rebuilt = view.rebuild(U)
    assert rebuilt["degree"] == 3
    assert rebuilt["word"] == "same"
    np.testing.assert_array_equal(view.flatten(rebuilt), U)
    np.testing.assert_array_equal(view.flatten(held(lifted(backend, U))), U)


def test_an_enclosing_derivative_sees_them_vary(framework: adhelpers.ADBackend) -> None:
    def inner(s: Any) -> Any:
        g = adhelpers.gradient(lambda x: (x["s"] * x["w"] ** 3).sum(), framework, {"s": Constant(s), "w": lifted_w})
        return g["w"].sum()

    lifted_w = lifted(framework, W)
    assert_close(framework, adhelpers.gradient(inner, framework, lifted(framework, SCALE)), 3 * W**2, depth=2)


def test_f_gets_the_object_itself_in_the_containers_that_were_given() -> None:
    Pair = namedtuple("Pair", ["w", "kept"])  # noqa: PYI024
    kept, seen = object(), []

    def f(x: Any) -> Any:
        seen.append(x)
        return x[0].w.sum()

    x = [Pair(W, Constant(kept)), OrderedDict(b=Constant(1), a=None)]
    gradient = adhelpers.gradient(f, "finite-difference", x)
    assert type(seen[0][0]) is Pair
    assert seen[0][0].kept is kept
    assert seen[0][1] == OrderedDict(b=1, a=None)
    assert type(gradient[0]) is Pair
    assert gradient[0].kept is None
    assert gradient[1] == OrderedDict(b=None, a=None)


def test_a_constant_may_be_a_whole_structure_or_all_there_is(backend: adhelpers.ADBackend) -> None:
    x = {"w": lifted(backend, W), "rest": Constant([{"a": 2}, (3.0, "word")])}
    gradient = adhelpers.gradient(lambda x: (x["rest"][0]["a"] * x["w"]).sum(), backend, x)
    assert_close(backend, gradient, {"rest": None, "w": np.full(3, 2.0)})
    assert adhelpers.gradient(lambda x: 2.0 * x["n"], backend, {"n": Constant(3)}) == {"n": None}
    assert adhelpers.gradient(lambda x: 2.0 * x, backend, Constant(3)) is None


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        (lambda x: None, True),
        (lambda x: x["degree"], True),
        (lambda x: x["degree"].value, True),
        (lambda x: Constant("anything"), True),
        (lambda x: 4, False),
        (lambda x: 1.0, False),
        (lambda x: W, False),
    ],
    ids=["None", "the constant", "its value", "another", "a number", "a float", "an array"],
)
def test_a_tangent_has_none_for_them_or_the_same(given: Any, fits: bool) -> None:
    x = {"w": W, "degree": Constant(3)}
    u = {"degree": given(x), "w": U}

    def push() -> Any:
        return adhelpers.jacobian_vector_product(lambda x: x["w"] ** x["degree"], "finite-difference", x, u)

    if fits:
        np.testing.assert_allclose(push(), 3 * W**2 * U, rtol=1e-6)
    else:
        with pytest.raises(
            StructureMismatchError, match=r"u\['degree'\] is .*, but x\['degree'\] is a constant; give N"
        ):
            push()


def test_what_is_not_marked_is_refused_as_ever(backend: adhelpers.ADBackend) -> None:
    for bad, error in ((3, DTypeError), (True, DTypeError), (np.ones(2, int), DTypeError), ("word", ArgumentTypeError)):
        words = r"x\['n'\] is .*; .*args or a closure, or mark it as constant with adhelpers.mark_constants\(x\)$"
        with pytest.raises(error, match=words):
            adhelpers.gradient(lambda x: x["w"].sum(), backend, {"w": lifted(backend, W), "n": bad})
        with pytest.raises(error, match="args or a closure$"):
            adhelpers.gradient(lambda x: x.sum(), backend, bad)


def test_a_batched_operation_takes_none() -> None:
    x = {"w": W, "n": Constant(3)}
    with pytest.raises(BatchAxisError, match="takes a single array; pass constants in args$"):
        adhelpers.batched_jacobian(lambda x: x["w"], "finite-difference", x, batch_axis=0)
    with pytest.raises(BatchAxisError, match="pass constants in args, and concatenate its parts"):
        adhelpers.batched_jacobian(lambda x: x["w"], "finite-difference", {**x, "v": W}, batch_axis=0)


def test_a_function_with_a_rule_takes_none(framework: adhelpers.ADBackend) -> None:
    @adhelpers.custom_rule
    def rule(x: Any) -> Any:
        return x["w"] ** x["n"]

    rule.defjvp(lambda x, y, u: y)
    with pytest.raises(ArgumentTypeError, match=r"x\['n'\] is an adhelpers.Constant.*pass anything else in args"):
        adhelpers.gradient(lambda w: rule({"w": w, "n": Constant(3)}).sum(), framework, lifted(framework, W))


def test_f_of_x_holds_none() -> None:
    with pytest.raises(ArgumentTypeError, match=r"f\(x\)\['n'\] is an adhelpers.Constant.*return anything else as aux"):
        adhelpers.jacobian_vector_product(lambda w: {"w": w, "n": Constant(3)}, "finite-difference", W, U)


def test_paths_in_messages_leave_them_out(backend: adhelpers.ADBackend) -> None:
    x = [Constant(1), lifted(backend, W), {"n": Constant(2), "w": 1}]
    with pytest.raises(DTypeError, match=r"x\[2\]\['w'\] is int"):
        adhelpers.gradient(lambda x: x[1].sum(), backend, x)


def test_backend_none_asks_the_arrays_that_vary() -> None:
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    x = {"w": torch.tensor([1.0, 2.0]), "n": Constant(3), "data": Constant(jnp.ones(2))}
    gradient = adhelpers.gradient(lambda x: (x["w"] ** x["n"]).sum(), None, x)
    np.testing.assert_allclose(to_numpy(adhelpers.backend("torch"), gradient["w"]), [3.0, 12.0])


def test_a_constant_equals_one_of_the_same_value() -> None:
    assert Constant(3) == Constant(3)
    assert hash(Constant(3)) == hash(Constant(3))
    assert Constant(3) != Constant(4)
    assert repr(Constant("a")) == "Constant(value='a')"


def test_marks_within_a_constant_are_taken_off() -> None:
    """A flag in a part that was marked before is the flag, and no object that counts as true."""
    x = adhelpers.mark_constants({"a": 1.0, "part": {"train": False, "scale": 3.0}})
    frozen = {**x, "part": Constant(x["part"])}

    def f(x: Any) -> Any:
        assert x["part"] == {"train": False, "scale": 3.0}
        return x["a"] if x["part"]["train"] else x["part"]["scale"] * x["a"]

    gradient = adhelpers.gradient(f, "finite-difference", frozen)
    np.testing.assert_allclose(gradient["a"], 3.0, rtol=1e-8)
    assert gradient["part"] is None
    assert Constant(Constant(3)) == Constant(3)


def test_a_constant_is_no_value() -> None:
    with pytest.raises(ArgumentTypeError, match="a Constant is a mark for x, not a value; use 3 itself"):
        adhelpers.gradient(lambda x, k: x if k else 2 * x, "finite-difference", 1.0, args=(Constant(3),))


@dataclasses.dataclass(frozen=True)
class Setting:
    value: Any


def test_prepared_code_is_made_for_an_object_and_not_for_what_it_equals(framework: adhelpers.ADBackend) -> None:
    def point(value: Any) -> Any:
        return {"a": np.asarray([1.0, 2.0]), "c": Constant(Setting(value))}

    prepared = adhelpers.prepare(
        adhelpers.gradient, lambda x: (x["a"] * np.copysign(1.0, x["c"].value)).sum(), framework, point(0.0)
    )
    for value, sign in ((0.0, 1.0), (-0.0, -1.0), (0.0, 1.0)):
        np.testing.assert_array_equal(framework.to_numpy(prepared(point(value))["a"]), [sign, sign])


def test_objects_that_fail_to_hash_are_no_failure_of_the_call(framework: adhelpers.ADBackend) -> None:
    def point(first: float) -> Any:
        return {"a": np.asarray([1.0, 2.0]), "c": Constant(Setting([first]))}

    prepared = adhelpers.prepare(adhelpers.gradient, lambda x: (x["a"] * x["c"].value[0]).sum(), framework, point(2.0))
    for first in (2.0, 5.0):
        np.testing.assert_array_equal(framework.to_numpy(prepared(point(first))["a"]), [first, first])
