"""What a backend must define, and what core asks of its namespace."""

from __future__ import annotations

import types
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest
from toys import ForwardToy, ReverseToy

import adhelpers
from adhelpers import (
    ADBackend,
    ArgumentTypeError,
    BatchMixingError,
    UnsupportedOperationError,
    batched_jacobian,
    jacobian_vector_product,
    value,
    vector_jacobian_product,
)
from adhelpers.extend import SINGLE
from adhelpers.namespaces.needed import NEEDED


def test_a_backend_needs_a_derivative() -> None:
    with pytest.raises(TypeError, match="implements neither jvp nor vjp"):

        class Nothing(adhelpers.ADBackend):
            name = "nothing"


def test_backend_without_any_product_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="Hopeless implements neither jvp nor vjp; a backend needs at least one"):

        class Hopeless(adhelpers.ADBackend):
            pass


# -- what core asks of a namespace ------------------------------------------------------------------------


class FrugalForward(ForwardToy):
    """A framework whose namespace has what core says that it needs, and nothing else."""

    def array_namespace(self, *arrays: Any) -> Any:
        listed = [needed.name for needed in NEEDED]
        return types.SimpleNamespace(**{name: getattr(array_api_compat.numpy, name) for name in listed})


class FrugalReverse(ReverseToy):
    """The same with a reverse mode."""

    def array_namespace(self, *arrays: Any) -> Any:
        return FrugalForward().array_namespace(*arrays)


@pytest.mark.parametrize("backend", [FrugalForward(), FrugalReverse()])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_core_needs_no_more_of_a_namespace_than_is_documented(backend: ADBackend, mode: Any) -> None:
    z, x = np.array([1 + 2j, -0.5 + 1j]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_allclose(jacobian_vector_product(lambda x: x**2, backend, x, x), 2 * x**2)
    np.testing.assert_allclose(vector_jacobian_product(lambda x: x**2, backend, x, x), 2 * x**2)
    np.testing.assert_allclose(value(lambda x: x**2, backend, x), x**2)
    if isinstance(backend, FrugalForward):
        np.testing.assert_allclose(vector_jacobian_product(lambda z: z**2, backend, z, z), 2 * z**2)
        jacobian = batched_jacobian(lambda z: z**2, backend, z[None], mode=mode, holomorphic=True)
        np.testing.assert_allclose(jacobian, 2 * z[None, None])
    for axis in (-1, 0):
        jacobian = batched_jacobian(lambda x: x**2, backend, x, mode=mode, batch_axis=axis, chunk_size=1)
        assert np.count_nonzero(jacobian) == x.size
    empty = np.zeros((0, 3))
    assert batched_jacobian(lambda x: np.ones((2, 3)), backend, empty, mode=mode).shape == (2, 0, 3)
    with pytest.raises(BatchMixingError):
        batched_jacobian(lambda x: x * x[:, ::-1], backend, x, mode=mode)


# -- what is not overridden ---------------------------------------------------------------------------


def test_second_order_is_what_there_is_of_forward_over_reverse() -> None:
    class ReverseAlone(ReverseToy):
        jvp = ADBackend.jvp

    class Both(ForwardToy):
        vjp = ReverseToy.vjp

    assert ForwardToy().second_order == "forward-over-forward"
    assert ReverseAlone().second_order == "reverse-over-reverse"
    assert Both().second_order == "forward-over-reverse"
    assert [toy.has_reverse for toy in (ForwardToy(), ReverseAlone(), Both())] == [False, True, True]


def test_sweeps_are_loops_over_products() -> None:
    """Of several leaves at once, stacked in front."""
    a, b = np.asarray([1.0, 2.0]), np.asarray(3.0)
    tangents = (np.asarray([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), np.asarray([0.0, 0.0, 1.0]))

    def f(a: Any, b: Any) -> Any:
        return (a * b, a.sum() * 1.0), (7.0 * b,)

    outputs, (columns, sums), (aux,) = ForwardToy().jvp_sweep(f, (a, b), tangents)
    np.testing.assert_allclose(outputs[0], a * b)
    np.testing.assert_allclose(columns, [[3.0, 0.0], [0.0, 3.0], [1.0, 2.0]])
    np.testing.assert_allclose(sums, [1.0, 1.0, 0.0])
    assert aux == 21.0
    _, pullback, _ = ReverseToy().vjp(f, (a, b))
    rows_a, rows_b = ReverseToy().vjp_sweep(pullback, (np.eye(2), np.zeros(2)))
    np.testing.assert_allclose(rows_a, 3.0 * np.eye(2))
    np.testing.assert_allclose(rows_b, a)


def test_nothing_is_compiled_and_every_call_is_eager() -> None:
    toy = ForwardToy()
    assert toy.compile(len) is len
    assert not toy.compiles
    assert toy.eager() is toy
    assert toy.double_precision() is toy
    with toy.scope(), toy.scope():
        assert toy.relative_error(1e-7) == 1e-7
    assert not toy.is_missing_rule(NotImplementedError())


def test_what_there_is_no_way_to_do_is_unsupported() -> None:
    with pytest.raises(UnsupportedOperationError, match="backend 'forward-toy' has no reverse mode"):
        ForwardToy().vjp(len, ())
    with pytest.raises(UnsupportedOperationError, match="cannot differentiate sample by sample"):
        ForwardToy().sample_jacobian(len, np.ones((2, 2)), -1, "forward")


def test_structures_are_flattened_as_optree_does() -> None:
    array = np.ones(2)
    assert ForwardToy().flatten(array)[1] is SINGLE
    leaves, treedef = ForwardToy().flatten({"a": [array, None]})
    assert leaves[0] is array
    assert treedef.unflatten(leaves) == {"a": [array, None]}


def test_an_array_that_no_namespace_knows_asks_for_one() -> None:
    class Strange:
        pass

    with pytest.raises(ArgumentTypeError, match="backend 'forward-toy' must override array_namespace .* of Strange"):
        ForwardToy().array_namespace(Strange())


@pytest.mark.parametrize("value", ["no", 1, None], ids=repr)
def test_an_option_that_is_on_or_off_is_nothing_else(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="fallback is .*; write True or False"):
        ForwardToy(fallback=value)


# -- whether an array has no value yet ------------------------------------------------------------------


class Unread:
    """An array of a lazy framework, which takes for a constant whatever is looked at."""

    ndim, size, dtype, device = 2, 0, "float64", "cpu"

    def __init__(self, *shape: int | None) -> None:
        self.shape = shape

    def __array_namespace__(self, api_version: object = None) -> object:
        pytest.fail("its namespace was asked for")

    def __bool__(self) -> bool:
        pytest.fail("it was read")

    __float__ = __int__ = __array__ = __iter__ = __len__ = __getitem__ = __bool__  # type: ignore[assignment]


def test_nothing_is_computed_to_tell_whether_an_array_is_traced() -> None:
    for shape, expected in (((0, 0), False), ((2,), False), ((None, 3), True)):
        assert ForwardToy.is_traced is ADBackend.is_traced
        assert ForwardToy().is_traced(Unread(*shape)) is expected
    assert ForwardToy().is_traced(np.ones(2)) is False


def test_arrays_of_frameworks_that_trace_may_be_traced() -> None:
    jnp = pytest.importorskip("jax.numpy")
    assert ForwardToy().is_traced(jnp.ones(2)) is True


# -- special functions ------------------------------------------------------------------------------------


def test_scipys_functions_are_not_handed_to_arrays_of_which_they_would_take_the_numbers() -> None:
    pytest.importorskip("scipy")
    assert ForwardToy().special_namespace(np.ones(2)).erf(0.0) == 0.0
    with pytest.raises(UnsupportedOperationError, match="call the framework's own functions"):
        ForwardToy().special_namespace(np.ones(2), Unread(2))


# -- copies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaf", [np.ones((2, 3)), np.asarray(1.5), np.float32(2.0), np.array([True, False])], ids=repr)
def test_a_copy_of_numpys_is_an_array_of_its_own(leaf: Any) -> None:
    copy = ForwardToy().copy(leaf)
    assert type(copy) is np.ndarray
    assert (copy.shape, copy.dtype) == (leaf.shape, leaf.dtype)
    assert not np.shares_memory(copy, leaf)
    np.testing.assert_array_equal(copy, leaf)


def test_a_copy_of_others_is_what_their_namespace_makes() -> None:
    asked = []

    class Astype:
        def astype(self, leaf: Any, dtype: Any) -> Any:
            asked.append((leaf, dtype))
            return "a copy"

    class Lazy(ForwardToy):
        def array_namespace(self, *arrays: Any) -> Any:
            return Astype()

    leaf = types.SimpleNamespace(dtype="float64")
    assert Lazy().copy(leaf) == "a copy"
    assert asked == [(leaf, "float64")]
