"""Between a structure of arrays and one vector: numbers stand where they should, and nothing else passes."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.plugins.lookup import owner_of
from conftest import lifted, make

pytest.importorskip("scipy")
view = adhelpers.scipy.view


class Curve(NamedTuple):
    slope: Any
    knots: Any


def tree() -> dict[str, Any]:
    """Sorted by its keys the numbers are 0, 1, ..., 9."""
    return {"b": Curve(np.asarray(6.0), [np.asarray([7.0, 8.0]), 9.0]), "a": np.arange(6.0).reshape(2, 3), "n": None}


def half_of_squares(x: dict[str, Any]) -> Any:
    xp = adhelpers.array_namespace(x["a"])
    slope, knots = x["b"]
    return 0.5 * (xp.sum(x["a"] ** 2) + slope**2 + xp.sum(knots[0] ** 2) + knots[1] ** 2)


# -- there and back -----------------------------------------------------------------------------------


def test_numbers_stand_in_the_order_of_the_leaves(backend: adhelpers.ADBackend) -> None:
    made = view(half_of_squares, backend, tree())
    np.testing.assert_array_equal(made.x0, np.arange(10.0))


def test_the_gradient_of_half_of_squares_is_the_vector_itself(backend: adhelpers.ADBackend) -> None:
    """Each leaf gets its own numbers, in its own shape."""
    x = np.linspace(-1.0, 2.0, 10)
    np.testing.assert_allclose(view(half_of_squares, backend, tree()).gradient(x), x, atol=1e-8)


def test_a_vector_is_rebuilt_in_arrays_of_the_backend(backend: adhelpers.ADBackend) -> None:
    made = view(half_of_squares, backend, tree())
    rebuilt = made.rebuild(10.0 + np.arange(10.0))
    assert list(rebuilt) == ["b", "a", "n"]
    assert rebuilt["n"] is None
    assert isinstance(rebuilt["b"], Curve)
    assert isinstance(rebuilt["b"].knots, list)
    for leaf, shape in ((rebuilt["a"], (2, 3)), (rebuilt["b"].slope, ()), (rebuilt["b"].knots[0], (2,))):
        assert backend.is_array(leaf)
        assert tuple(leaf.shape) == shape
        assert str(leaf.dtype).endswith("float64")
    np.testing.assert_array_equal(backend.to_numpy(rebuilt["a"]), [[10.0, 11.0, 12.0], [13.0, 14.0, 15.0]])
    np.testing.assert_array_equal(made.flatten(rebuilt), 10.0 + np.arange(10.0))


def test_what_was_rebuilt_is_a_point_of_the_function(framework: adhelpers.ADBackend) -> None:
    made = view(half_of_squares, framework, tree())
    with framework.scope():
        y = half_of_squares(made.rebuild(np.arange(10.0)))
    assert float(y) == 142.5


def test_what_was_rebuilt_shares_no_memory(backend: adhelpers.ADBackend) -> None:
    made, vector = view(half_of_squares, backend, tree()), np.arange(10.0)
    rebuilt = made.rebuild(vector)
    vector[:] = -1.0
    np.testing.assert_array_equal(made.flatten(rebuilt), np.arange(10.0))


def test_the_start_is_that_of_the_moment_when_the_view_was_made(backend: adhelpers.ADBackend) -> None:
    x0 = np.ones(2)
    made = view(lambda x: x, backend, x0)
    x0[:] = 5.0
    made.x0[:] = 6.0
    np.testing.assert_array_equal(made.x0, [1.0, 1.0])


@pytest.mark.parametrize("x0", [2.0, np.asarray(2.0), np.asarray([2.0]), np.asarray([[2.0]])], ids=repr)
def test_a_single_number_is_a_vector_of_one(backend: adhelpers.ADBackend, x0: Any) -> None:
    made = view(lambda x: adhelpers.array_namespace(x).sum(x**3), backend, x0)
    assert made.x0.shape == (1,)
    assert made.value(made.x0) == 8.0
    np.testing.assert_allclose(made.gradient(made.x0), [12.0], rtol=1e-8)
    assert tuple(made.rebuild([3.0]).shape) == np.shape(x0)


def test_finite_differences_stay_with_the_framework_of_the_arrays() -> None:
    torch = make("torch")
    x0 = lifted(torch, np.asarray([1.0, 2.0]))

    def cubes(x: Any) -> Any:
        assert owner_of((x,)) == torch
        return x.pow(3).sum()

    made = view(cubes, "finite-difference", x0)
    np.testing.assert_allclose(made.gradient([1.0, 3.0]), [3.0, 27.0], rtol=1e-8)
    assert torch.is_array(made.rebuild(made.x0))


# -- bounds -------------------------------------------------------------------------------------------


def test_a_number_fills_its_leaf(backend: adhelpers.ADBackend) -> None:
    made = view(half_of_squares, backend, tree())
    low = {"a": -np.inf, "b": Curve(0, [np.asarray([True, False]), np.float32(0.5)]), "n": None}
    np.testing.assert_array_equal(made.flatten(low), [-np.inf] * 6 + [0.0, 1.0, 0.0, 0.5])
    np.testing.assert_array_equal(made.flatten(np.inf), [np.inf] * 10)


def test_the_order_of_keys_and_the_kind_of_dict_do_not_matter(backend: adhelpers.ADBackend) -> None:
    made = view(lambda x: x["a"] + x["b"], backend, {"b": 1.0, "a": 2.0})
    np.testing.assert_array_equal(made.flatten(OrderedDict(a=3.0, b=4.0)), [3.0, 4.0])


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"a": 1.0}, StructureMismatchError, r"tree is a dict with keys \['a'\].*missing \['b'\]"),
        (np.zeros(4), StructureMismatchError, "tree is a numpy.ndarray, but x0 is a dict"),
        (None, StructureMismatchError, "tree is None"),
        ({"a": np.ones(2), "b": 1.0}, ShapeMismatchError, r"tree\['a'\] has shape \(2,\).*one number for all"),
        ({"a": 1.0, "b": 1j}, DTypeError, r"tree\['b'\] has dtype complex128"),
        ({"a": 1.0, "b": "low"}, DTypeError, r"tree\['b'\] has dtype <U3"),
    ],
    ids=["key", "array", "none", "shape", "complex", "text"],
)
def test_what_is_not_like_the_start_is_refused(given: Any, error: type[Exception], words: str) -> None:
    made = view(lambda x: x["a"].sum() * x["b"], "finite-difference", {"a": np.ones(3), "b": 1.0})
    with pytest.raises(error, match=words):
        made.flatten(given)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (np.ones(4), ShapeMismatchError, "x has 4 numbers, but x0 has 3"),
        ([[1.0], [1.0, 2.0]], ShapeMismatchError, "x holds lists of different lengths; convert .* with view.flatten"),
        (np.ones((3, 1)), ShapeMismatchError, r"x has shape \(3, 1\), but must be a vector"),
        (np.ones(3) + 0j, DTypeError, "x has dtype complex128, but SciPy's solvers take real numbers"),
        ({"a": 1.0}, DTypeError, "x has dtype object.*view.flatten"),
    ],
    ids=["length", "ragged", "shape", "complex", "structure"],
)
def test_vectors_are_checked(given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        view(np.sum, "finite-difference", np.ones(3)).value(given)


@pytest.mark.parametrize("given", [[1, 2, 3], np.arange(1, 7)[::2] // 2 + 1, np.asarray([1, 2, 3], ">f4")], ids=repr)
def test_vectors_of_other_real_dtypes_and_layouts_are_taken(backend: adhelpers.ADBackend, given: Any) -> None:
    made = view(lambda x: adhelpers.array_namespace(x).sum(x**2), backend, np.ones(3))
    assert made.value(given) == 14.0


# -- precision ----------------------------------------------------------------------------------------


def test_single_precision_is_refused(framework: adhelpers.ADBackend) -> None:
    x0 = lifted(framework, {"w": np.ones(2), "b": np.ones(1, np.float32)})
    with pytest.raises(DTypeError, match=r"x0\['b'\] has dtype .*float32.*convert x0\['b'\] to float64"):
        view(lambda x: x["w"], framework, x0)


@pytest.mark.parametrize("x0", [np.ones(2), 1.0], ids=["array", "number"])
def test_jax_without_64_bits_names_the_cure(x0: Any) -> None:
    make("jax")
    with pytest.raises(DTypeError, match=r"adhelpers\.backend\('jax', x64=True\)"):
        view(lambda x: x, "jax", x0)


def test_arrays_of_jax_without_64_bits_name_the_cure() -> None:
    make("jax")
    import jax.numpy as jnp

    with pytest.raises(DTypeError, match=r"dtype float32.*adhelpers\.backend\('jax', x64=True\)"):
        view(lambda x: x, None, jnp.ones(2))


def test_jax_with_64_bits_for_all_needs_no_option() -> None:
    make("jax")
    script = (
        "import jax, numpy, adhelpers.scipy; jax.config.update('jax_enable_x64', True)\n"
        "view = adhelpers.scipy.view(lambda x: x @ x, 'jax', numpy.asarray([1.0, 2.0]))\n"
        "assert (view.gradient(view.x0 + 1e-12) - 2 * (view.x0 + 1e-12) == 0.0).all()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("x0", [np.arange(3), {"n": 3}], ids=["array", "number"])
def test_integers_are_refused(backend: adhelpers.ADBackend, x0: Any) -> None:
    with pytest.raises(DTypeError, match="convert it to a floating dtype"):
        view(lambda x: x, backend, x0)


def test_complex_numbers_are_refused_with_advice(backend: adhelpers.ADBackend) -> None:
    with pytest.raises(DTypeError, match=r"x0\['z'\] has dtype .*complex128.*x\['re'\] \+ 1j \* x\['im'\]"):
        view(lambda x: x["a"], backend, {"a": np.ones(2), "z": np.ones(2) + 1j})


def test_a_start_without_numbers_is_refused(backend: adhelpers.ADBackend) -> None:
    for x0 in ({}, np.ones((2, 0))):
        with pytest.raises(ArgumentError, match="x0 holds no numbers"):
            view(lambda x: x, backend, x0)


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda xp, x: xp.astype(x, xp.float32), DTypeError, "dtype .*float32.*float64"),
        (lambda xp, x: {"a": x, "b": xp.astype(x, xp.float32)}, DTypeError, "dtype .*float32.*float64"),
        (lambda xp, x: 1j * x, DTypeError, "complex128.*real and imaginary parts"),
        (lambda xp, x: None, ArgumentError, "holds no numbers"),
    ],
    ids=["narrowed", "narrowed in part", "complex", "nothing"],
)
def test_results_that_are_not_of_double_precision_are_refused(
    framework: adhelpers.ADBackend, f: Any, error: type[Exception], words: str
) -> None:
    made = view(lambda x: f(adhelpers.array_namespace(x), x), framework, np.ones(2))
    for method in (made.value, made.jacobian):
        with pytest.raises(error, match=words):
            method(made.x0)
