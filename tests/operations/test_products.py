"""The two products on every backend: structures, leaves, dtypes, conventions, purity, calls, nesting."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    array_namespace,
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)
from conftest import assert_close, to_numpy

Backend = adhelpers.ADBackend
Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # the plain kind, as users write it
X = np.array([1.0, 2.0, 3.0])
U = np.array([0.5, -1.0, 2.0])


def lifted(backend: Backend, array: np.ndarray) -> Any:
    with backend.scope():
        return backend.asarray(array)


def product(x: Any) -> Any:
    return x["a"] * x["b"]


# -- structures (R1) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "u",
    [
        {"a": U, "b": X},
        {"b": X, "a": U},
        OrderedDict([("b", X), ("a", U)]),
        OrderedDict([("a", U), ("b", X)]),
    ],
)
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_the_order_of_keys_and_the_kind_of_dict_do_not_matter(backend: Backend, u: Any, kind: type) -> None:
    x = kind([("b", U), ("a", X)])
    assert_close(backend, jacobian_vector_product(product, backend, x, u), U * U + X * X)


def test_results_have_the_containers_of_their_partners(backend: Backend) -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(type(x["pair"]))
        first, second = x["pair"]
        return Pair([first * second], OrderedDict(z=2.0 * second, a=(first,), nothing=None))

    x = {"pair": Pair(X, U), "empty": [], "none": None}
    y, v = value_and_jacobian_vector_product(f, backend, x, {"none": None, "pair": Pair(U, X), "empty": []})
    expected = Pair([U * U + X * X], OrderedDict(z=2.0 * X, a=(U,), nothing=None))
    assert_close(backend, v, expected)
    assert_close(backend, y, Pair([X * U], OrderedDict(z=2.0 * U, a=(X,), nothing=None)))
    assert list(v.second) == ["z", "a", "nothing"]
    pulled = vector_jacobian_product(f, backend, x, expected)
    assert type(pulled["pair"]) is Pair
    assert (pulled["empty"], pulled["none"]) == ([], None)
    assert set(seen) == {Pair}


@pytest.mark.parametrize(
    ("u", "message"),
    [
        ({"layers": (X, {"w": X})}, r"u\['layers'\] is a tuple of length 2, but x\['layers'\] is a list of length 2"),
        ({"layers": [X]}, r"u\['layers'\] is a list of length 1, but x\['layers'\] is a list of length 2"),
        (
            {"layers": [X, {"v": X}]},
            r"u\['layers'\]\[1\] is a dict with keys \['v'\].*missing \['w'\], unknown \['v'\]",
        ),
        ({"layers": [X, {"w": [X]}]}, r"u\['layers'\]\[1\]\['w'\] is a list of length 1, but .* is a "),
        ({"layers": [X, None]}, r"u\['layers'\]\[1\] is None, but x\['layers'\]\[1\] is a dict with keys \['w'\]"),
        (X, r"u is a numpy.ndarray, but x is a dict with keys \['layers'\]"),
    ],
)
def test_a_mismatch_names_the_path_and_both_sides(backend: Backend, u: Any, message: str) -> None:
    x = {"layers": [X, {"w": X}]}
    with pytest.raises(StructureMismatchError, match=message):
        jacobian_vector_product(lambda x: x["layers"][0], backend, x, u)


def test_a_namedtuple_is_no_tuple(backend: Backend) -> None:
    with pytest.raises(StructureMismatchError, match="u is a tuple of length 2, but x is a Pair of length 2"):
        jacobian_vector_product(lambda x: x.first, backend, Pair(X, X), (X, X))


def test_a_cotangent_must_have_the_structure_of_the_output(backend: Backend) -> None:
    with pytest.raises(StructureMismatchError, match=r"u is a list of length 2, but f\(x\) is a tuple of length 2"):
        vector_jacobian_product(lambda x: (x, 2.0 * x), backend, X, [U, U])


@pytest.mark.parametrize("x", [{}, [], (), None, {"a": []}])
def test_empty_structures(backend: Backend, x: Any) -> None:
    y, v = value_and_jacobian_vector_product(lambda x: {"constant": 2.0}, backend, x, x)
    assert_close(backend, (y, v), ({"constant": np.asarray(2.0)}, {"constant": np.asarray(0.0)}))
    assert vector_jacobian_product(lambda x: {"constant": 2.0}, backend, x, {"constant": 1.0}) == x


def test_an_empty_output(backend: Backend) -> None:
    assert jacobian_vector_product(lambda x: {"nothing": []}, backend, X, U) == {"nothing": []}
    assert_close(backend, vector_jacobian_product(lambda x: {"nothing": []}, backend, X, {"nothing": []}), 0 * X)


# -- leaves (R2, R3, R4) ------------------------------------------------------------------------------


def test_python_numbers_are_lifted(backend: Backend) -> None:
    y, v = value_and_jacobian_vector_product(lambda x: {"y": x["a"] ** 2, "c": 1.5}, backend, {"a": 3.0}, {"a": 2.0})
    assert_close(
        backend, (y, v), ({"y": np.asarray(9.0), "c": np.asarray(1.5)}, {"y": np.asarray(12.0), "c": np.asarray(0.0)})
    )
    assert_close(backend, jacobian_vector_product(lambda x: x**2, backend, np.float32(3.0), 2.0), np.float32(12.0))
    assert_close(backend, jacobian_vector_product(lambda z: z**2, backend, 1 + 2j, 1j), np.asarray(-4 + 2j))


@pytest.mark.parametrize(
    "x",
    [X[::-1], X.astype(">f8"), np.asfortranarray(np.outer(X, X)), np.broadcast_to(X, (2, 3)), np.ones((3, 0))],
    ids=["flipped", "big-endian", "fortran", "broadcast", "empty"],
)
def test_any_numpy_array_is_taken(backend: Backend, x: np.ndarray) -> None:
    x.flags.writeable = False
    before = x.copy()
    assert_close(backend, jacobian_vector_product(lambda x: x**2, backend, x, x), 2 * before * before)
    assert_close(backend, vector_jacobian_product(lambda x: x**2, backend, x, x), 2 * before * before)
    np.testing.assert_array_equal(x, before)


def test_arrays_of_objects_are_refused(backend: Backend) -> None:
    with pytest.raises(DTypeError, match=r"x is an array of dtype object, .*use xp = adhelpers.array_namespace\(x\)"):
        jacobian_vector_product(lambda x: x, backend, np.array([X, None], dtype=object), X)


@pytest.mark.parametrize("leaf", [1, True, np.arange(3), np.array([True])])
def test_leaves_without_derivative_are_refused(backend: Backend, leaf: Any) -> None:
    with pytest.raises(DTypeError, match=r"x\['n'\] is .*pass it in args or a closure"):
        jacobian_vector_product(lambda x: x["a"], backend, {"a": X, "n": leaf}, {"a": X, "n": leaf})


@pytest.mark.parametrize("output", [1, np.arange(3)])
def test_integer_outputs_are_refused(backend: Backend, output: Any) -> None:
    for call in (jacobian_vector_product, vector_jacobian_product):
        with pytest.raises(DTypeError, match=r"f\(x\)\[1\] is .*return it as aux"):
            call(lambda x: [x, output], backend, X, U)


def test_what_is_no_array_is_refused(backend: Backend) -> None:
    with pytest.raises(TypeError, match=r"x\['s'\] is a str, which backend .* cannot differentiate"):
        jacobian_vector_product(lambda x: x["a"], backend, {"a": X, "s": "text"}, {"a": X, "s": "text"})
    with pytest.raises(TypeError, match=r"f\(x\) is a str"):
        jacobian_vector_product(lambda x: "text", backend, X, U)


@pytest.mark.parametrize("u", [np.asarray(1.0), np.ones(1), np.ones((2, 3)), np.ones(4)])
def test_nothing_is_broadcast(backend: Backend, u: np.ndarray) -> None:
    with pytest.raises(ShapeMismatchError, match=r"u\[0\] has shape .*, but x\[0\] has \(3,\)"):
        jacobian_vector_product(lambda x: x[0], backend, [X], [u])
    with pytest.raises(ShapeMismatchError, match=r"u has shape .*, but f\(x\) has \(3,\)"):
        vector_jacobian_product(lambda x: x**2, backend, X, u)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_in_x_has_the_precision_of_the_array_beside_it(backend: Backend, dtype: str) -> None:
    """A framework's default precision would be another one, on another framework."""
    x = {"k": 0.7, "w": 0.5j, "x": X.astype(dtype), "z": (1j * X).astype("complex64")}

    def f(p: Any) -> Any:
        xp = array_namespace(p["x"])
        return p["k"] * p["x"], xp.real(p["w"] * p["z"])

    (y, _), v = adhelpers.value_and_jacobian_vector_product(f, backend, x, {**x, "k": 1.0, "w": 0.0j})
    assert str(y.dtype).endswith(dtype)
    expected = (X + 0.7 * X).astype(dtype), -0.5 * X.astype("float32")
    assert_close(backend, v, expected)
    if dtype == "float64":
        np.testing.assert_array_equal(to_numpy(backend, y), 0.7 * X)  # and not 0.7 in single precision


@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64"])
def test_nothing_is_cast(backend: Backend, dtype: str) -> None:
    with pytest.raises(DTypeError, match=f"u has dtype .*{dtype}, but x has .*float64"):
        jacobian_vector_product(lambda x: x**2, backend, X, U.astype(dtype))
    with pytest.raises(DTypeError, match=rf"u has dtype .*{dtype}, but f\(x\) has .*float64"):
        vector_jacobian_product(lambda x: x**2, backend, X, U.astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_results_have_the_dtype_of_their_partners(backend: Backend, dtype: str, shape: tuple[int, ...]) -> None:
    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return {"scaled": 0.5 * x * 2, "modulus": xp.mean(xp.abs(x) ** 2), "constant": xp.ones_like(x)}

    x = np.full(shape, 1.5, dtype=dtype)
    y, v = value_and_jacobian_vector_product(f, backend, x, x)
    for a, b in zip(backend.flatten(y)[0], backend.flatten(v)[0], strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
    assert [str(leaf.dtype).rpartition(".")[2] for leaf in backend.flatten(y)[0]].count(dtype) >= 2
    pulled = vector_jacobian_product(f, backend, x, y)
    assert (str(pulled.dtype).rpartition(".")[2], tuple(pulled.shape)) == (dtype, shape)


def test_results_are_arrays_of_the_framework(backend: Backend) -> None:
    kind = type(lifted(backend, X))
    y, v = value_and_jacobian_vector_product(lambda x: [x[0] ** 2, 1.0, 0.0 * x[1]], backend, [X, 2.0], [X, 1.0])
    pulled = vector_jacobian_product(lambda x: x[0] ** 2, backend, [X, 2.0], X)
    assert {type(leaf) for leaf in (*y, *v, *pulled)} == {kind}


# -- zeros and conventions (R6, R7) -------------------------------------------------------------------


def test_independence_gives_zeros(backend: Backend) -> None:
    def f(x: Any) -> Any:
        return {"used": x[0] ** 2, "constant": np.ones(4)}

    v = jacobian_vector_product(f, backend, [X, X], [U, U])
    assert_close(backend, v, {"used": 2 * X * U, "constant": np.zeros(4)})
    pulled = vector_jacobian_product(f, backend, [X, X], {"used": U, "constant": np.ones(4)})
    assert_close(backend, pulled, [2 * X * U, 0 * X])
    assert not np.any(to_numpy(backend, pulled[1]))


def test_complex_products_follow_the_pairing_without_conjugation(backend: Backend) -> None:
    z, t, c = X + 1j * U, U - 2j, X * 1j + 0.5

    def f(z: Any) -> Any:
        xp = array_namespace(z)
        return {"cubic": z**2 * xp.conj(z), "real": xp.abs(z) ** 2}

    v = jacobian_vector_product(f, backend, z, t)
    expected = {"cubic": 2 * abs(z) ** 2 * t + z**2 * np.conj(t), "real": 2 * np.real(np.conj(z) * t)}
    assert_close(backend, v, expected)
    pulled = vector_jacobian_product(f, backend, z, {"cubic": c, "real": X})
    assert_close(backend, pulled, 2 * abs(z) ** 2 * c + np.conj(z**2 * c) + 2 * X * np.conj(z))


def test_real_to_complex(backend: Backend) -> None:
    c = X * 1j + 0.5

    def f(x: Any) -> Any:
        return array_namespace(x).exp(1j * x)

    assert_close(backend, jacobian_vector_product(f, backend, X, U), 1j * np.exp(1j * X) * U)
    assert_close(backend, vector_jacobian_product(f, backend, X, c), np.real(c * 1j * np.exp(1j * X)))


# -- purity, calls, errors (R8, R9, R10) --------------------------------------------------------------


def test_inputs_survive_a_function_that_works_in_place(backend: Backend) -> None:
    def f(x: Any) -> Any:
        y = x
        y *= 2.0
        return y * y

    for call in (jacobian_vector_product, vector_jacobian_product):
        x, u = lifted(backend, X.copy()), lifted(backend, U.copy())
        assert_close(backend, call(f, backend, x, u), 8 * X * U)
        np.testing.assert_array_equal(backend.to_numpy(x), X)
        np.testing.assert_array_equal(backend.to_numpy(u), U)


@pytest.mark.parametrize("call", [value_and_jacobian_vector_product, value_and_vector_jacobian_product])
@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[:2], lambda x: x + 0.0, lambda x: x.reshape(-1)])
def test_results_share_no_memory(backend: Backend, call: Any, f: Any) -> None:
    if backend.name == "jax":
        pytest.skip("JAX arrays cannot be written to")
    x = lifted(backend, X.copy())
    u = lifted(
        backend, U.copy()[: 2 if f(X).size == 2 else 3] if call is value_and_vector_jacobian_product else U.copy()
    )
    arrays = [x, u, *call(f, backend, x, u)]
    for i, a in enumerate(arrays):
        for b in arrays[i + 1 :]:
            assert not np.shares_memory(backend.to_numpy(a), backend.to_numpy(b))


def test_f_runs_once(framework: Backend) -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return [x**2, array_namespace(x).sum(x)]

    value_and_jacobian_vector_product(f, framework, X, U)
    assert len(calls) == 1
    value_and_vector_jacobian_product(f, framework, X, [U, np.asarray(1.0)])
    assert len(calls) == 2


@pytest.mark.parametrize(
    "error", [ValueError("mine"), NotImplementedError("VJP of mine wrt argnums 0 not defined"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("call", [jacobian_vector_product, vector_jacobian_product])
def test_an_error_in_f_passes_through_and_the_next_call_works(
    backend: Backend, call: Any, error: BaseException
) -> None:
    def fails(x: Any) -> Any:
        raise error

    with pytest.raises(type(error)) as caught:
        call(fails, backend, X, U)
    assert caught.value is error
    assert_close(backend, call(lambda x: x**2, backend, X, U), 2 * X * U)


# -- keywords -----------------------------------------------------------------------------------------


def test_args_are_passed_and_not_differentiated(backend: Backend) -> None:
    def f(x: Any, power: int, scale: Any) -> Any:
        return scale["s"] * x**power

    args = (3, {"s": 2.0})
    assert_close(backend, jacobian_vector_product(f, backend, X, U, args=args), 6 * X**2 * U)
    assert_close(backend, vector_jacobian_product(f, backend, X, U, args=args), 6 * X**2 * U)


def test_args_must_be_a_tuple(backend: Backend) -> None:
    with pytest.raises(TypeError, match=r"args is a float, but must be a tuple; .* write args=\(argument,\)"):
        jacobian_vector_product(lambda x, a: a * x, backend, X, U, args=2.0)


def test_aux_is_returned_as_it_is(backend: Backend) -> None:
    marker = object()

    def f(x: Any) -> Any:
        return x**2, {"array": 3.0 * x, "text": "text", "object": marker, "none": None, "int": 3}

    for twin, call in (
        (value_and_jacobian_vector_product, jacobian_vector_product),
        (value_and_vector_jacobian_product, vector_jacobian_product),
    ):
        y, v, aux = twin(f, backend, X, U, has_aux=True)
        assert_close(backend, (y, v), (X**2, 2 * X * U))
        assert_close(backend, aux.pop("array"), 3.0 * X)
        assert aux == {"text": "text", "object": marker, "none": None, "int": 3}
        v, aux = call(f, backend, X, U, has_aux=True)
        assert_close(backend, (v, aux["array"]), (2 * X * U, 3 * X))


def test_aux_needs_a_pair(backend: Backend) -> None:
    with pytest.raises(TypeError, match=r"must return a pair \(y, aux\), but it returned an? "):
        jacobian_vector_product(lambda x: x, backend, X, U, has_aux=True)


# -- nesting (R12, R13) -------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", [jacobian_vector_product, vector_jacobian_product])
@pytest.mark.parametrize("inner", [jacobian_vector_product, vector_jacobian_product])
def test_products_nest_without_perturbation_confusion(framework: Backend, outer: Any, inner: Any) -> None:
    def f(x: Any) -> Any:
        # The inner function closes over the outer variable: d/dx [x * d/dz (x z**2)] = d/dx [2 x**2 z] at z = x.
        return x * inner(lambda z: x * z**2, framework, x, np.ones(3))

    assert_close(framework, outer(f, framework, X, U), 6 * X**2 * U)


@pytest.mark.parametrize("outer", [jacobian_vector_product, vector_jacobian_product])
@pytest.mark.parametrize("inner", [jacobian_vector_product, vector_jacobian_product])
def test_u_is_a_constant_unless_differentiated(framework: Backend, outer: Any, inner: Any) -> None:
    def derivative(u_too: bool) -> Any:
        return outer(lambda x: inner(lambda z: z**3, framework, x, x, differentiate_u=u_too), framework, X, U)

    assert_close(framework, derivative(False), 6 * X**2 * U)
    assert_close(framework, derivative(True), 9 * X**2 * U)


# -- leaves that are no plain numbers (R2, R3, R4) -----------------------------------------------------


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.ma.masked_array, np.matrix])
def test_numpy_arrays_that_mean_more_than_their_numbers_are_refused(backend: Backend, kind: Any) -> None:
    odd = kind([[1.0, 2.0]])
    for x, u in ((odd, np.ones((1, 2))), (np.ones((1, 2)), odd)):
        with pytest.raises(TypeError, match=r"(x|u) is a numpy.\w+, .* such as numpy.asarray"):
            jacobian_vector_product(lambda x: x, backend, x, u)


def test_a_memory_map_is_an_array(backend: Backend, tmp_path: Any) -> None:
    x = np.memmap(tmp_path / "x", dtype="float64", mode="w+", shape=(3,))
    x[:] = X
    assert_close(backend, jacobian_vector_product(lambda x: x * x, backend, x, U), 2 * X * U)


@pytest.mark.parametrize("call", [jacobian_vector_product, vector_jacobian_product])
def test_a_complex_number_for_a_real_partner_is_refused(backend: Backend, call: Any) -> None:
    with pytest.raises(DTypeError, match="u is the complex number 1j, but its partner has dtype"):
        call(lambda x: 2.0 * x, backend, 1.0, 1j)


def test_numbers_that_f_returns_have_the_precision_of_x(backend: Backend, dtype: np.dtype) -> None:
    y, v = value_and_jacobian_vector_product(lambda x: (x, 2.0, 1j), backend, X.astype(dtype), U.astype(dtype))
    complex_dtype = np.result_type(dtype, np.complex64)
    assert [leaf.dtype for leaf in to_numpy(backend, y)] == [dtype, dtype, complex_dtype]
    assert [float(np.abs(leaf)) for leaf in to_numpy(backend, v)[1:]] == [0.0, 0.0]


def test_what_f_may_not_return_goes_into_aux(backend: Backend) -> None:
    with pytest.raises(TypeError, match=r"f\(x\)\['name'\] is a str, .* return anything else as aux with has_aux"):
        jacobian_vector_product(lambda x: {"name": "x", "y": x}, backend, X, U)


def test_numpys_bfloat16_is_refused_where_there_is_none() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for name in ("autograd", "finite-difference"):
        x = X.astype(ml_dtypes.bfloat16)
        with pytest.raises(DTypeError, match=f"x is an array of dtype bfloat16, which backend '{name}' lacks"):
            jacobian_vector_product(lambda x: x, name, x, x)
