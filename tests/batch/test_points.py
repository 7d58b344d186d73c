"""What `x` and ``f(x)`` must be where the batch is told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import BatchAxisError, DTypeError
from adhelpers.batch.layout import LAYOUTS
from adhelpers.batch.points import require_copies, require_output, require_point
from adhelpers.trees.tree import Tree

both = pytest.mark.parametrize("axis", [-1, 0])


def tree(value: Any, name: str = "x") -> Tree:
    return Tree.read(ForwardToy(), value, name)


@both
@pytest.mark.parametrize("shape", [(2, 3), (1, 1), (0, 3), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize(("dtype", "holomorphic"), [(float, False), (float, None), (complex, True)])
def test_points(axis: Any, shape: tuple[int, ...], dtype: Any, holomorphic: Any) -> None:
    x = np.zeros(shape, dtype)
    assert require_point(tree(x), LAYOUTS[axis], holomorphic) is x


@pytest.mark.parametrize(
    ("x", "holomorphic", "error", "words"),
    [
        (
            np.ones(3),
            False,
            BatchAxisError,
            r"x has shape \(3,\), but a batch needs at least two dimensions",
        ),
        (1.0, False, BatchAxisError, r"x has shape \(\)"),
        ([np.ones((2, 3))], False, BatchAxisError, "x is a structure of 1 leaves, but .* a single array"),
        ({}, False, BatchAxisError, "x is a structure of 0 leaves"),
        (np.ones((2, 3), complex), False, DTypeError, r"x is complex \(complex128\), .* pass holomorphic=True"),
        (
            np.ones((2, 3), complex),
            None,
            DTypeError,
            r"x is complex \(complex128\), but one gradient for each .* needs real",
        ),
        (np.ones((2, 3)), True, DTypeError, "holomorphic=True needs a complex x, but x has dtype float64; leave"),
    ],
)
def test_what_is_no_point(x: Any, holomorphic: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        require_point(tree(x), LAYOUTS[-1], holomorphic)


@both
def test_outputs_share_the_batch(axis: Any) -> None:
    x, y = np.ones((2, 3)), np.ones((5, 4, 3) if axis == -1 else (2, 5, 4))
    assert require_output(tree(y, "f(x)"), x, LAYOUTS[axis], False) is y


@pytest.mark.parametrize(
    ("axis", "shape", "fits"),
    [
        (-1, (3,), False),
        (-1, (2, 4), True),
        (-1, (5, 4), False),
        (-1, (), False),
        (0, (3, 3), True),
        (0, (3, 2), False),
        (0, (2,), False),
    ],
)
def test_what_loses_the_batch(axis: Any, shape: tuple[int, ...], fits: bool) -> None:
    """The message says whether the other convention would fit."""
    x = np.ones((2, 3))
    with pytest.raises(BatchAxisError) as raised:
        require_output(tree(np.ones(shape), "f(x)"), x, LAYOUTS[axis], False)
    message = str(raised.value)
    assert f"x has shape (2, 3) and f(x) {shape}" in message
    other = f"pass batch_axis={LAYOUTS[axis].other().axis}, with which they fit"
    assert message.endswith(other if fits else "let f keep the batch axis")


def test_a_holomorphic_function_has_complex_outputs() -> None:
    with pytest.raises(DTypeError, match=r"needs a complex f\(x\), but f\(x\) has dtype float64"):
        require_output(tree(np.ones((2, 3)), "f(x)"), np.ones((2, 3), complex), LAYOUTS[-1], True)


@both
def test_copies_of_outputs(axis: Any) -> None:
    x, y = np.ones((2, 3) if axis == -1 else (3, 2)), np.ones((4, 5, 6) if axis == -1 else (6, 4, 5))
    assert require_copies(tree(y, "f(x)"), x, LAYOUTS[axis], 2, 20) is y
    for count, size in ((3, 20), (2, 5)):
        with pytest.raises(ValueError, match="not copies of its result"):
            require_copies(tree(y, "f(x)"), x, LAYOUTS[axis], count, size)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_copies_of_another_dtype(dtype: str) -> None:
    """Another precision will do; one pullback from complex outputs to real x gives half of the truth."""
    x, y = np.ones((2, 3)), np.ones((2, 6), dtype)
    if dtype == "complex128":
        with pytest.raises(ValueError, match="the real or the imaginary part"):
            require_copies(tree(y, "f(x)"), x, LAYOUTS[-1], 2, 2)
    else:
        assert require_copies(tree(y, "f(x)"), x, LAYOUTS[-1], 2, 2) is y
