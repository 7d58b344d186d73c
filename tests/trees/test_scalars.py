"""What functions of one number, and those that give one, require."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.trees.scalars import ones, require_scalar_output, require_scalar_point
from adhelpers.trees.tree import Tree
from conftest import lifted, to_numpy

TOY = ForwardToy()


def tree(value: Any, name: str = "x") -> Tree:
    return Tree.read(TOY, value, name)


@pytest.mark.parametrize("value", [2.0, 1j, np.asarray(3.0), np.float32(1.0), np.asarray(1.0j)], ids=repr)
def test_one_number_is_a_point(value: Any) -> None:
    assert require_scalar_point(tree(value), "jacobian") == value


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (
            np.ones(1),
            ShapeMismatchError,
            r"x has shape \(1,\), but must be one number here, of shape \(\); use jacobian",
        ),
        (np.ones((2, 3)), ShapeMismatchError, r"x has shape \(2, 3\)"),
        ([1.0], StructureMismatchError, "x is a list of length 1, but must be one number here; use jacobian"),
        ({"a": 1.0}, StructureMismatchError, r"x is a dict with keys \['a'\]"),
        ([], StructureMismatchError, "x is a list of length 0"),
        (None, StructureMismatchError, "x is None"),
    ],
    ids=repr,
)
def test_other_points_name_the_operations_for_them(value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        require_scalar_point(tree(value), "jacobian")


@pytest.mark.parametrize("value", [2.0, np.asarray(3.0), np.float32(1.0)], ids=repr)
def test_one_real_number_has_a_gradient(value: Any) -> None:
    assert require_scalar_output(tree(value, "f(x)")) == value


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (
            np.ones(1),
            ShapeMismatchError,
            r"f\(x\) has shape \(1,\), but .* of shape \(\); sum over f\(x\), or use jacobian",
        ),
        ((1.0, 2.0), StructureMismatchError, r"f\(x\) is a tuple of length 2.*return anything else as aux"),
        (1j, DTypeError, r"f\(x\) is complex \(complex128\).*return its real part.*holomorphic=True"),
        ([], StructureMismatchError, r"f\(x\) is a list of length 0"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["f(x)", "loss(f(x))"])
def test_other_outputs_say_what_to_do(value: Any, error: type[Exception], words: str, name: str) -> None:
    words = words if name == "f(x)" else r"loss\(f\(x\)\) .*; let the loss return one real number$"
    with pytest.raises(error, match=words):
        require_scalar_output(tree(value, name))


def test_ones_on_every_backend(backend: Any) -> None:
    with backend.scope():
        given = tuple(lifted(backend, [np.zeros((2, 1)), np.asarray(5.0 + 1j), np.zeros(0, np.float32)]))
        received = to_numpy(backend, ones(backend, given))
    for array, shape, dtype in zip(received, [(2, 1), (), (0,)], [float, complex, np.float32], strict=True):
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, np.ones(shape))
