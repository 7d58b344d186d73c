"""`MixingCheck` alone, with a sweep that is a given matrix: what is caught, and where, on plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

from adhelpers import BatchMixingError
from adhelpers.batch.basis import BatchBasis
from adhelpers.batch.layout import LAYOUTS
from adhelpers.batch.mixing import MixingCheck
from adhelpers.engine.journal import Explanation, call_of
from adhelpers.testing.models import numbers

N, M, B = 3, 2, 6
both = pytest.mark.parametrize("axis", [-1, 0])
chunks = pytest.mark.parametrize("step", [1, 2, 3, 4, 100])


def independent() -> np.ndarray:
    """A matrix ``(M, B, N, B)`` that mixes nothing."""
    matrix = np.zeros((M, B, N, B))
    for b in range(B):
        matrix[:, b, :, b] = numbers(M, N, seed=b)
    return matrix


class Checked:
    """One check, and how many vectors were pushed for it."""

    def __init__(self, matrix: np.ndarray, axis: Any, step: int, *, x: Any = None, y: Any = None) -> None:
        last = axis == -1
        outputs, batch, inputs, _ = matrix.shape
        self.pushed: list[int] = []

        def push(block: Any) -> Any:
            (vectors,) = block
            self.pushed.append(len(vectors))
            flat = vectors if last else np.swapaxes(vectors, 1, 2)
            results = np.einsum("mbnc,knc->kmb", matrix, flat)
            return (results if last else np.swapaxes(results, 1, 2),)

        def placed(array: np.ndarray) -> np.ndarray:
            return array if last else array.T

        leaf = placed(np.ones((inputs, batch)) if x is None else x)
        output = placed(np.ones((outputs, batch)) if y is None else y)
        backend, layout = ForwardToy(), LAYOUTS[axis]
        self.check = MixingCheck(layout, lambda: (leaf, output), backend, (leaf,))
        for block in BatchBasis(layout, backend, (leaf,)).blocks(step):
            self.check.take(block, push(block))
        self.swept = list(self.pushed)

        def push_one(vector: Any) -> Any:
            pushed = self.pushed.copy()
            results = push(tuple(leaf[None] for leaf in vector))
            self.pushed = pushed  # by itself, and in no sweep
            return tuple(leaf[0] for leaf in results)

        self.check.finish(push, push_one, lambda: None, step)


# -- what is let pass ---------------------------------------------------------------------------------


@both
@chunks
def test_what_does_not_mix_passes_by_one_product_more(axis: Any, step: int) -> None:
    checked = Checked(independent(), axis, step)
    assert checked.check.passed
    assert sum(checked.pushed) == N
    assert checked.pushed == checked.swept, "nothing more was pushed to be sure"


@both
@chunks
def test_the_results_of_basis_vectors_are_kept_and_no_other(axis: Any, step: int) -> None:
    """The random vector's, which comes with the last block whatever the size of that, is none of them."""
    matrix = independent()
    (stack,) = Checked(matrix, axis, step).check.stacks((np.ones((M, B)),))
    expected = np.einsum("mbnb->nmb", matrix)
    np.testing.assert_allclose(stack, expected if axis == -1 else np.swapaxes(expected, 1, 2))


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1.0, 1e8, 1e200])
def test_any_size_passes(scale: float) -> None:
    assert Checked(scale * independent(), -1, 2).check.passed


def test_zero_derivatives_pass() -> None:
    assert Checked(np.zeros((M, B, N, B)), -1, 2).check.passed


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_not_suspicious(bad: float) -> None:
    """Zero times infinity is no mixing."""
    matrix = independent()
    matrix[0, 1, :, 1] = bad
    matrix[0, 1, :, [0, 2, 3, 4, 5]] = 0.0
    with np.errstate(all="ignore"):
        assert Checked(matrix, -1, 2).check.passed


def test_what_rounding_leaves_of_a_common_shift_passes() -> None:
    """As of f(x) = x - max(x) + max(x), whose value was seen to be large: some roundings of it leak everywhere."""
    matrix = independent() * 0.0
    matrix += 1e-16 * numbers(M, B, N, B, seed=9)
    large = np.full((M, B), 10.0)
    assert Checked(matrix, -1, 2, y=large).check.passed
    with pytest.raises(BatchMixingError):  # what is as small beside a smaller value is mixing
        Checked(matrix, -1, 2, y=1e-6 * large)


def test_no_vectors_and_no_outputs() -> None:
    assert not Checked(np.zeros((M, B, 0, B)), -1, 2).check.passed, "there was nothing to see"
    assert not Checked(np.zeros((0, B, N, B)), -1, 2).check.passed


@pytest.mark.parametrize("batch", [1, 2])
def test_small_batches_that_do_not_mix(batch: int) -> None:
    matrix = np.zeros((M, batch, N, batch))
    for b in range(batch):
        matrix[:, b, :, b] = 1.0 + b
    assert Checked(matrix, -1, 2).check.passed


# -- what is caught -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("output", "point"), [(b, c) for b in range(B) for c in range(B) if b != c and (b in (0, B - 1) or c in (0, B - 1))]
)
def test_two_elements_that_mix_are_caught_wherever_they_are(axis: Any, output: int, point: int) -> None:
    """By a single entry of the Jacobian, in either direction: first and last element, and all beside them."""
    matrix = independent()
    matrix[1, output, 2, point] = 0.5
    with pytest.raises(BatchMixingError):
        Checked(matrix, axis, 2)


@both
@chunks
@pytest.mark.parametrize("entry", range(N))
@pytest.mark.parametrize("output", range(M))
def test_every_entry_is_looked_at_across_the_bounds_of_chunks(axis: Any, step: int, entry: int, output: int) -> None:
    matrix = independent()
    matrix[output, 0, entry, B - 1] = 1e-3
    with pytest.raises(BatchMixingError):
        Checked(matrix, axis, step)


@chunks
def test_a_permutation_of_the_batch_is_caught(step: int) -> None:
    """Its sum over the batch is that of the identity."""
    matrix = np.zeros((N, B, N, B))
    for b in range(B):
        matrix[:, (b + 1) % B, :, b] = np.eye(N)
    with pytest.raises(BatchMixingError):
        Checked(matrix, -1, step)


def test_small_mixing_beside_large_values_is_caught() -> None:
    matrix = independent()
    matrix[:, 0, :, 0] *= 1e12
    matrix[1, 5, 2, 0] = 1e-3
    with pytest.raises(BatchMixingError):
        Checked(matrix, -1, 2)


def test_mixing_beside_what_is_not_finite_is_caught() -> None:
    matrix = independent()
    matrix[0, 1, :, 1] = np.inf
    matrix[1, 5, 2, 0] = 0.5
    with np.errstate(all="ignore"), pytest.raises(BatchMixingError):
        # What is infinite in one output leaves the others as they are.
        Checked(np.where(np.isinf(matrix), 1e300, matrix), -1, 2)


@both
def test_the_message_says_what_to_type(axis: Any) -> None:
    matrix = independent()
    matrix[1, 0, 2, B - 1] = 0.5
    with pytest.raises(BatchMixingError) as raised:
        Checked(matrix, axis, 2)
    message = str(raised.value)
    assert f"with {LAYOUTS[axis]}" in message
    assert f"pass batch_axis={LAYOUTS[axis].other().axis}" in message
    assert "check=False" in message


def test_what_was_seen_is_told() -> None:
    log = Explanation()
    with call_of("batched_jacobian", len, "toy", log):
        Checked(independent(), -1, 2)
    assert [note.topic for note in log.calls[0].notes] == ["check"]


# -- tracers ------------------------------------------------------------------------------------------


def test_without_values_nothing_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracer leaves nothing to look at: nobody may remember that it was seen."""
    monkeypatch.setattr(ForwardToy, "is_traced", lambda self, leaf: True)
    matrix = independent()
    matrix[1, 0, 2, B - 1] = 0.5
    assert not Checked(matrix, -1, 2).check.passed
