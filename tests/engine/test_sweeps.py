"""Sweeps: which mode is taken, how often `f` is called, what becomes of results, on backends that count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from linear_toys import MATRIX, Counting, Linear
from toys import ForwardToy, ReverseToy

from adhelpers import ArgumentTypeError, DTypeError, UnsupportedOperationError
from adhelpers.engine.results import Results
from adhelpers.engine.seeds import Basis
from adhelpers.engine.sweeps import Sweep, SweepRecord, fastest
from adhelpers.extend import ADBackend, Formulation, Leaves


@pytest.fixture
def asked() -> list[Any]:
    """What was asked of the backend."""
    Counting.asked.clear()
    return Counting.asked


def lacking(*modes: str, fallback: bool = True) -> ADBackend:
    class Lacking(Counting):
        pass

    Lacking.lacking = modes
    return Lacking(fallback=fallback)


def matrix_of(swept: Any, like: Leaves) -> np.ndarray:
    """The Jacobian from the results of a sweep."""
    (stack,) = swept.results.stacks(like)
    return stack.T if swept.forward else stack


# -- modes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 100])
def test_every_mode_gives_the_jacobian(mode: Any, chunk_size: Any, asked: list[Any]) -> None:
    f, x = Linear(MATRIX), (np.asarray([1.0, -2.0, 0.5]),)
    swept = Sweep(Counting(), f, x, chunk_size=chunk_size).evaluate(mode)
    assert swept.forward == (mode == "forward" or (mode == "auto" and 3 < 4))
    np.testing.assert_array_equal(swept.outputs[0], MATRIX @ x[0])
    np.testing.assert_array_equal(swept.aux[0], 7.0)
    np.testing.assert_array_equal(matrix_of(swept, x if not swept.forward else swept.outputs), MATRIX)
    assert swept.imaginary is None


@pytest.mark.parametrize(
    ("mode", "chunk_size", "expected"),
    [
        ("forward", None, [("forward", 3)]),
        ("forward", 2, [("forward", 2), ("forward", 1)]),
        ("reverse", None, ["vjp", ("reverse", 4)]),
        ("reverse", 3, ["vjp", ("reverse", 3), ("reverse", 1)]),
        ("reverse", 2, ["vjp", ("reverse", 2), ("reverse", 2)]),
    ],
)
def test_vectors_go_in_blocks(mode: Any, chunk_size: Any, expected: list[Any], asked: list[Any]) -> None:
    Sweep(Counting(), Linear(MATRIX), (np.ones(3),), chunk_size=chunk_size, check=False).evaluate(mode)
    assert asked == expected


# -- learning -----------------------------------------------------------------------------------------


def test_the_first_automatic_sweep_learns_the_number_of_outputs(asked: list[Any]) -> None:
    """Reverse mode's evaluation tells it; forward mode is taken if it has fewer vectors, at once from then on.

    The first sweep is proved by one product.
    """
    record = SweepRecord()
    for expected in (["vjp", ("forward", 3), "jvp"], [("forward", 3)], [("forward", 3)]):
        asked.clear()
        Sweep(Counting(), Linear(MATRIX), (np.ones(3),), known=record).evaluate("auto")
        assert asked == expected
        assert record.output_size == 4


def test_an_evaluation_that_was_made_is_used(asked: list[Any]) -> None:
    """With as few outputs as inputs forward mode would begin anew, so that it has to wait for the next call."""
    record = SweepRecord()
    f = Linear(np.eye(3))
    for expected, calls in ((["vjp", ("reverse", 3)], 1), ([("forward", 3)], 3)):
        asked.clear()
        f.calls = 0
        swept = Sweep(Counting(), f, (np.ones(3),), known=record, check=False).evaluate("auto")
        assert asked == expected
        assert f.calls == calls
        np.testing.assert_array_equal(matrix_of(swept, (np.ones(3),)), np.eye(3))


def test_fewer_outputs_are_pulled_back(asked: list[Any]) -> None:
    for _ in range(2):
        asked.clear()
        swept = Sweep(Counting(), Linear(MATRIX.T), (np.ones(4),), known=SweepRecord()).evaluate("auto")
        assert asked == ["vjp", ("reverse", 3)]
        np.testing.assert_array_equal(matrix_of(swept, (np.ones(4),)), MATRIX.T)


def test_what_is_traced_takes_the_mode_that_it_is_to_keep(asked: list[Any]) -> None:
    """The code that comes of it would have the other mode for ever."""

    class Traced(Counting):
        def is_traced(self, leaf: Any) -> bool:
            return True

    Sweep(Traced(), Linear(np.eye(3)), (np.ones(3),), check=False).evaluate("auto")
    assert asked == ["vjp", ("forward", 3)]


def test_a_function_that_has_other_outputs_by_now_is_learnt_anew(asked: list[Any]) -> None:
    record = SweepRecord()
    Sweep(Counting(), Linear(MATRIX), (np.ones(3),), known=record).evaluate("auto")
    swept = Sweep(Counting(), Linear(MATRIX[:1]), (np.ones(3),), known=record).evaluate("auto")
    np.testing.assert_array_equal(matrix_of(swept, swept.outputs if swept.forward else (np.ones(3),)), MATRIX[:1])
    assert record.output_size == 1
    asked.clear()
    Sweep(Counting(), Linear(MATRIX[:1]), (np.ones(3),), known=record).evaluate("auto")
    assert asked == ["vjp", ("reverse", 1)]


def test_the_order_of_the_backend_decides() -> None:
    class Reversed(Counting):
        def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
            return [
                Formulation("reverse", "replicate"),
                Formulation("reverse", "sweep"),
                Formulation("forward", "sweep"),
            ]

    record = SweepRecord(output_size=100)
    assert fastest(Reversed(), record, 2, 1, "auto", ("sweep",)) == ("reverse", "sweep")
    assert fastest(Reversed(), record, 2, 1, "auto", ("sweep", "replicate")) == ("reverse", "replicate")
    assert fastest(Reversed(), record, 2, 1, "forward", ("sweep", "replicate")) == ("forward", "sweep")


def test_the_batch_counts_for_the_order() -> None:
    seen = []

    class Looking(Counting):
        def formulations(self, n: int, m: int, batch: int) -> Any:
            seen.append((n, m, batch))
            return super().formulations(n, m, batch)

    Sweep(Looking(), Linear(MATRIX), (np.ones(3),), batch=5).evaluate("auto")
    assert seen == [(3, 4, 5)], "asked once, and remembered"


def test_a_backend_that_leaves_a_sweep_out_is_told_so() -> None:
    class Bare(Counting):
        def formulations(self, n: int, m: int, batch: int) -> list[Formulation]:
            return [Formulation("reverse", "sweep")]

    with pytest.raises(ArgumentTypeError, match=r"Bare\.formulations returns no sweep in forward mode"):
        fastest(Bare(), SweepRecord(output_size=2), 2, 1, "forward", ("sweep",))


# -- the other mode -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("lacks", "taken"), [("forward", ["vjp", ("reverse", 4)]), ("reverse", [("forward", 3)])])
def test_the_other_mode_stands_in(lacks: Any, taken: list[Any], asked: list[Any]) -> None:
    x = (np.ones(3),)
    swept = Sweep(lacking(lacks), Linear(MATRIX), x, check=False).evaluate(lacks)
    # What lacks a rule lacks it for one vector, too.
    assert [entry for entry in asked if entry not in ("jvp", (lacks, 3))] == taken
    assert swept.forward == (lacks == "reverse")
    np.testing.assert_array_equal(matrix_of(swept, swept.outputs if swept.forward else x), MATRIX)


@pytest.mark.parametrize("lacks", ["forward", "reverse"])
def test_automatic_mode_takes_what_there_is_even_where_the_user_wants_no_fallback(lacks: str) -> None:
    x = (np.ones(3),)
    for _ in range(2):
        swept = Sweep(lacking(lacks, fallback=False), Linear(MATRIX), x).evaluate("auto")
        np.testing.assert_array_equal(matrix_of(swept, swept.outputs if swept.forward else x), MATRIX)


@pytest.mark.parametrize("lacks", ["forward", "reverse"])
def test_without_fallback_the_users_mode_is_the_only_one(lacks: Any) -> None:
    with pytest.raises(UnsupportedOperationError, match=f"lacks a {lacks} rule .*a sweep in the other mode"):
        Sweep(lacking(lacks, fallback=False), Linear(MATRIX), (np.ones(3),)).evaluate(lacks)


def test_neither_mode_names_both() -> None:
    backend = lacking("forward", "reverse")
    for mode in ("forward", "reverse", "auto"):
        with pytest.raises(UnsupportedOperationError, match="cannot stand in"):
            Sweep(backend, Linear(MATRIX), (np.ones(3),)).evaluate(mode)  # type: ignore[arg-type]


def test_an_error_of_f_is_no_missing_rule() -> None:
    class Broken(Linear):
        def __call__(self, *leaves: Any) -> Any:
            raise ZeroDivisionError

    for mode in ("forward", "reverse", "auto"):
        with pytest.raises(ZeroDivisionError):
            Sweep(Counting(), Broken(MATRIX), (np.ones(3),)).evaluate(mode)  # type: ignore[arg-type]


def test_a_backend_without_reverse_mode_is_not_asked_for_it() -> None:
    f = Linear(MATRIX)
    swept = Sweep(ForwardToy(), f, (np.ones(3),)).evaluate("auto")
    assert swept.forward
    np.testing.assert_array_equal(matrix_of(swept, swept.outputs), MATRIX)


def test_a_backend_without_forward_mode_pulls_back() -> None:
    x = (np.ones(3),)
    for _ in range(2):
        swept = Sweep(ReverseToy(), Linear(MATRIX), x, known=SweepRecord(output_size=4)).evaluate("auto")
        assert not swept.forward
        np.testing.assert_array_equal(matrix_of(swept, x), MATRIX)


# -- what becomes of outputs and results --------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
@pytest.mark.parametrize("chunk_size", [None, 1])
def test_outputs_are_shown_before_vectors_are_pulled(mode: Any, chunk_size: Any, asked: list[Any]) -> None:
    """Whoever refuses them does so at the price of one evaluation."""

    def refuse(outputs: Leaves) -> None:
        assert outputs[0].shape == (4,)
        raise DTypeError

    f = Linear(MATRIX)
    with pytest.raises(DTypeError):
        Sweep(Counting(), f, (np.ones(3),), accept=refuse, chunk_size=chunk_size).evaluate(mode)
    assert len(asked) == 1


def test_outputs_are_shown_once(asked: list[Any]) -> None:
    for mode in ("forward", "reverse"):
        seen: list[Leaves] = []
        Sweep(Counting(), Linear(MATRIX), (np.ones(3),), accept=seen.append, chunk_size=1).evaluate(mode)  # type: ignore[arg-type]
        assert len(seen) == 1


def test_what_receives_may_push_more(asked: list[Any]) -> None:
    class More(Results):
        def finish(self, push: Any, single: Any, prove: Any, step: int) -> None:
            assert step == 2
            self.blocks.append(push((np.ones((1, 3)),)))
            (alone,) = single((np.full(3, 2.0),))
            self.blocks.append((alone[None],))

    swept = Sweep(Counting(), Linear(MATRIX), (np.ones(3),), receive=More, chunk_size=2).evaluate("forward")
    (stack,) = swept.results.stacks(swept.outputs)
    np.testing.assert_array_equal(stack, np.concatenate([MATRIX.T, np.outer([1.0, 2.0], MATRIX.sum(axis=1))]))


def test_other_seeds_may_be_swept() -> None:
    class Twice(Basis):
        def _units(self, leaf: Any, size: int, first: int, count: int) -> Any:
            return 2.0 * super()._units(leaf, size, first, count)

    swept = Sweep(Counting(), Linear(MATRIX), (np.ones(3),), Twice).evaluate("forward")
    np.testing.assert_array_equal(matrix_of(swept, swept.outputs), 2.0 * MATRIX)


# -- complex outputs of real x ------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 1, 3])
def test_complex_outputs_of_real_numbers_take_two_halves(chunk_size: Any, asked: list[Any]) -> None:
    """Real x receives Re(J) from the cotangent 1, and Im(J) from -i."""
    matrix = MATRIX + 1j * MATRIX[::-1]
    x = (np.asarray([1.0, -2.0, 0.5]),)
    swept = Sweep(Counting(), Linear(matrix), x, chunk_size=chunk_size).evaluate("reverse")
    (real,), (imaginary,) = swept.results.stacks(x), swept.imaginary.stacks(x)
    np.testing.assert_array_equal(real, matrix.real)
    np.testing.assert_array_equal(imaginary, matrix.imag)
    assert asked.count("vjp") == 1


def test_forward_mode_needs_no_second_half() -> None:
    matrix = MATRIX + 1j * MATRIX[::-1]
    swept = Sweep(Counting(), Linear(matrix), (np.ones(3),)).evaluate("forward")
    assert swept.imaginary is None
    np.testing.assert_array_equal(matrix_of(swept, swept.outputs), matrix)


def test_a_holomorphic_function_takes_one_half() -> None:
    class Holomorphic(Counting):
        def vjp(self, f: Any, x: Leaves) -> Any:
            outputs, aux = f(*x)
            return outputs, lambda u: (u[0] @ f.matrix,), aux

    matrix, x = MATRIX + 1j * MATRIX[::-1], (np.ones(3, complex),)
    swept = Sweep(Holomorphic(), Linear(matrix), x, holomorphic=True).evaluate("reverse")
    assert swept.imaginary is None
    np.testing.assert_array_equal(matrix_of(swept, x), matrix)


# -- nothing to sweep ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_without_leaves_f_is_called_and_that_is_all(mode: Any, asked: list[Any]) -> None:
    class Constant(Linear):
        def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
            assert leaves == ()
            return (np.asarray(3.0),), ()

    record = SweepRecord()
    swept = Sweep(Counting(), Constant(MATRIX), (), known=record).evaluate(mode)
    assert (swept.outputs, swept.aux, asked) == ((3.0,), (), [])
    assert swept.results.stacks(()) == ()
    assert record.output_size == 1


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
@pytest.mark.parametrize("lacks", [(), ("forward",), ("reverse",)])
def test_empty_leaves_have_outputs(mode: Any, lacks: tuple[str, ...], asked: list[Any]) -> None:
    """There is no vector, but ``f(x)`` has to come from somewhere, whichever mode there is."""
    f, x = Linear(np.zeros((2, 0))), (np.zeros(0),)
    swept = Sweep(lacking(*lacks), f, x).evaluate(mode)
    np.testing.assert_array_equal(swept.outputs[0], np.zeros(2))
    assert matrix_of(swept, swept.outputs if swept.forward else x).shape == (2, 0)
    assert f.calls == 1


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_no_outputs(mode: Any) -> None:
    x = (np.ones(3),)
    swept = Sweep(Counting(), Linear(np.zeros((0, 3))), x).evaluate(mode)
    assert swept.outputs[0].shape == (0,)
    assert matrix_of(swept, swept.outputs if swept.forward else x).shape == (0, 3)
