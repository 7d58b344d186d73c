"""Leaves: what is lifted and how, what is refused, and what each must have in common with its partner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy, NumpyBackend

from adhelpers import ArgumentTypeError, DeviceMismatchError, DTypeError, ShapeMismatchError, gradient
from adhelpers.trees import leaves
from adhelpers.trees.leaves import check_inexact, check_like_partner, is_like, lift, lift_beside
from conftest import lifted, to_numpy

TOY = ForwardToy()
SINGLE = np.ones(2, np.float32)


class Own:
    """An array of a framework that is not NumPy's."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)
        self.dtype = self.values.dtype
        self.shape = self.values.shape


class Foreign(NumpyBackend):
    """A backend whose arrays are its own."""

    name = "foreign"
    conversion = "foreign.from_dlpack"
    vjp = lambda *_: None  # noqa: E731

    def is_array(self, leaf: object) -> bool:
        return isinstance(leaf, Own)

    def asarray(self, leaf: Any, like: Any = None) -> Any:
        array = np.array(leaf, dtype=None if like is None or isinstance(leaf, np.ndarray) else like.dtype)
        if array.dtype == np.float64:
            msg = "float64 would be narrowed; turn it on"
            raise DTypeError(msg)
        return Own(array)


# -- lift ---------------------------------------------------------------------------------------------


def test_an_array_of_the_backends_stays_what_it_is() -> None:
    assert lift(TOY, SINGLE, "x") is SINGLE


@pytest.mark.parametrize("number", [2.0, 2.0 + 1.0j])
def test_numbers_become_arrays(number: Any) -> None:
    received = lift(TOY, number, "x")
    assert (received.shape, received.dtype, received) == ((), np.asarray(number).dtype, number)


def test_a_number_takes_the_precision_of_its_partner() -> None:
    assert lift(TOY, 2.0, "u", SINGLE).dtype == np.float32


def test_a_complex_number_has_no_place_beside_a_real_partner() -> None:
    with pytest.raises(DTypeError, match=r"u is the complex number 1j, but its partner has dtype float32; give a real"):
        lift(TOY, 1j, "u", SINGLE)


def test_beside_a_real_array_that_is_no_partner_it_keeps_its_imaginary_part() -> None:
    received = lift_beside(TOY, 2.0 + 1.0j, "f(x)", SINGLE)
    assert received == 2.0 + 1.0j
    assert received.dtype == np.complex64
    assert lift_beside(TOY, complex(0.0, np.inf), "f(x)", SINGLE) == complex(0.0, np.inf)


@pytest.mark.parametrize(("leaf", "name"), [(3, "int"), (True, "bool")])
def test_integers_are_no_numbers_to_differentiate(leaf: Any, name: str) -> None:
    with pytest.raises(DTypeError, match=f"x is {name}, but only floating and complex leaves can be differentiated"):
        lift(TOY, leaf, "x")


@pytest.mark.parametrize("name", ["x", "f(x)", "f(x)['a']"])
def test_advice_depends_on_which_side_it_is(name: str) -> None:
    advice = "return anything else as aux" if name.startswith("f(x)") else "pass anything else in args or a closure"
    with pytest.raises(ArgumentTypeError, match=advice):
        lift(TOY, "word", name)
    advice = "return it as aux" if name.startswith("f(x)") else "pass it in args or a closure"
    with pytest.raises(DTypeError, match=advice):
        lift(TOY, 3, name)


@pytest.mark.parametrize("kind", ["U3", "S3", "M8[s]", "m8[s]", object])
def test_arrays_without_numbers_are_refused(kind: Any) -> None:
    with pytest.raises(DTypeError, match="only floating and complex leaves can be differentiated"):
        lift(Foreign(), np.zeros(2, kind), "x")


def test_arrays_that_mean_more_than_their_numbers_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match=r"which would lose all except its numbers; .*numpy\.asarray\(x\)"):
        lift(Foreign(), np.ma.ones(2), "x")


def test_what_the_backend_says_of_a_dtype_is_passed_on() -> None:
    with pytest.raises(DTypeError, match="x cannot be converted: float64 would be narrowed; turn it on") as raised:
        lift(Foreign(), np.ones(2), "x")
    assert isinstance(raised.value.__cause__, DTypeError)
    assert isinstance(lift(Foreign(), SINGLE, "x"), Own)


def test_an_array_of_another_framework_names_the_conversion() -> None:
    class Exporting:
        def __dlpack__(self) -> None: ...

    with pytest.raises(ArgumentTypeError, match=r"convert it with foreign\.from_dlpack\(x\), or name the backend"):
        lift(Foreign(), Exporting(), "x")


@pytest.mark.parametrize(
    ("outer", "inner"), [(a, b) for a in ("autograd", "jax", "torch") for b in ("autograd", "jax", "torch") if a != b]
)
def test_a_value_inside_of_a_derivative_of_another_framework_cannot_be_converted(outer: str, inner: str) -> None:
    for framework in (outer, inner):
        pytest.importorskip(framework)

    def f(x: Any) -> Any:
        return gradient(lambda z: (z**2).sum(), inner, x).sum()

    words = (
        f"a value inside a derivative or .*backend '{inner}' would lose the derivative; use backend '{outer}' here too"
    )
    with pytest.raises(ArgumentTypeError, match=words):
        gradient(f, outer, SINGLE)


# -- what can be differentiated -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_floating_and_complex_arrays_can_be_differentiated(dtype: str) -> None:
    for _ in range(2):  # the second time it is known
        check_inexact(TOY, np.ones(2, dtype), "x")


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
def test_others_cannot(dtype: str) -> None:
    for _ in range(2):
        with pytest.raises(DTypeError, match=f"x is an array of dtype {dtype}, but only floating and complex"):
            check_inexact(TOY, np.ones(2, dtype), "x")


def test_what_is_known_of_one_dtype_says_nothing_of_another() -> None:
    array = np.ones(2)
    check_inexact(TOY, array, "x")
    assert leaves.is_ready(TOY, array)
    assert not leaves.is_ready(TOY, np.ones(2, int))
    assert not leaves.is_ready(Foreign(), array)


@pytest.mark.parametrize(("dtype", "expected"), [("float32", 4), ("float64", 8), ("complex64", 8), ("complex128", 16)])
def test_item_sizes_on_every_backend(backend: Any, dtype: str, expected: int) -> None:
    with backend.scope():
        assert leaves.itemsize(backend, lifted(backend, np.ones(2, dtype))) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_complex_on_every_backend(backend: Any, dtype: str) -> None:
    with backend.scope():
        array = lifted(backend, np.ones(2, dtype))
        for _ in range(2):
            assert leaves.is_complex(backend, array) is dtype.startswith("complex")


def test_zeros_like_on_every_backend(backend: Any) -> None:
    with backend.scope():
        given = tuple(lifted(backend, [np.ones((2, 0, 3)), np.ones(2, np.float32), np.asarray(1.0)]))
        zeros = leaves.zeros_like(backend, given)
    received = to_numpy(backend, zeros)
    assert [(a.shape, a.dtype) for a in received] == [((2, 0, 3), float), ((2,), np.float32), ((), float)]
    assert not any(a.any() for a in received)


# -- partners -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (1,), (2, 1), ()])
def test_nothing_is_broadcast(shape: tuple[int, ...]) -> None:
    assert not is_like(TOY, np.ones(shape), np.ones(2))
    with pytest.raises(ShapeMismatchError, match=r"u has shape .*, but x has \(2,\); nothing is broadcast"):
        check_like_partner(TOY, np.ones(shape), "u", np.ones(2), "x")


@pytest.mark.parametrize("dtype", ["float32", "complex128", "float16"])
def test_nothing_is_cast(dtype: str) -> None:
    assert not is_like(TOY, np.ones(2, dtype), np.ones(2))
    with pytest.raises(DTypeError, match=f"u has dtype {dtype}, but x has float64; nothing is cast"):
        check_like_partner(TOY, np.ones(2, dtype), "u", np.ones(2), "x")


def test_nothing_is_moved() -> None:
    class Placed(ForwardToy):
        def device(self, leaf: Any) -> object:
            return {0.0: "left", 1.0: "right", 2.0: None}[float(leaf[0])]

    left, right, nowhere = (np.full(2, value) for value in (0.0, 1.0, 2.0))
    check_like_partner(Placed(), left, "u", left, "x")
    assert not is_like(Placed(), left, right)
    with pytest.raises(DeviceMismatchError, match="u lies on left, but x on right; nothing is moved"):
        check_like_partner(Placed(), left, "u", right, "x")
    check_like_partner(Placed(), left, "u", nowhere, "x")  # where a tracer lies cannot be said
    check_like_partner(Placed(), nowhere, "u", left, "x")


def test_the_first_difference_is_told() -> None:
    with pytest.raises(ShapeMismatchError):
        check_like_partner(TOY, np.ones(3, np.float32), "u", np.ones(2), "x")


# -- NumPy's ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [(np.ones(2), True), (np.float32(1.0), True), (np.int64(1), True), (1.0, False), ([1.0], False), (None, False)],
)
def test_what_is_numpys(leaf: Any, expected: bool) -> None:
    assert leaves.is_numpy(leaf) is expected


@pytest.mark.parametrize(
    ("leaf", "expected"), [(1.0, True), (1j, True), (np.float64(1.0), False), (1, False), (np.ones(()), False)]
)
def test_what_is_a_number_without_a_precision(leaf: Any, expected: bool) -> None:
    assert leaves.is_number(leaf) is expected


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_what_is_a_plain_array() -> None:
    assert leaves.is_plain(np.ones(2))
    assert leaves.is_plain(np.float64(1.0))
    assert not leaves.is_plain(np.ma.ones(2))
    assert not leaves.is_plain(np.matrix([[1.0]]))
    assert not leaves.is_plain(np.rec.array([(1.0,)]))


@pytest.mark.parametrize(("leaf", "kind"), [(2, "int"), (True, "bool")])
@pytest.mark.parametrize("name", ["u", "u['a']", "v", "U", "V[0]"])
def test_advice_for_a_vector_is_about_the_vector(name: str, leaf: Any, kind: str) -> None:
    with pytest.raises(DTypeError) as caught:
        lift(TOY, leaf, name, SINGLE)
    message = str(caught.value)
    assert message.startswith(f"{name} is {kind}, but must have the dtype of its partner; give floats, such as 2.0")
    with pytest.raises(ArgumentTypeError, match=f"give {name[0]} the structure, shapes and dtypes of its partner"):
        lift(TOY, "word", name, SINGLE)


@pytest.mark.parametrize("name", ["the result of cube", "the result of cube['a']", "shapes(x)"])
def test_advice_for_another_function_is_about_what_it_returns(name: str) -> None:
    with pytest.raises(DTypeError, match="return floats, such as 2.0 for 2, or an array of a floating dtype$"):
        lift(TOY, 3, name)
    with pytest.raises(ArgumentTypeError, match="or containers of these; return nothing else$"):
        lift(TOY, "word", name)
