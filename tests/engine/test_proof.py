"""Ways to sweep are proved, and what is wrong is not taken."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import numpy as np
import pytest
from linear_toys import MATRIX, Counting, Linear

import adhelpers
from adhelpers.engine import journal
from adhelpers.engine.proof import Proof
from adhelpers.engine.rounding import Tolerance
from adhelpers.engine.sweeps import Sweep, SweepRecord
from adhelpers.extend import Leaves, Pullback

X = (np.asarray([1.0, -2.0, 0.5]),)


class Wrong(Counting):
    """Sweeps are spoilt, at first sight in ways that ordinary vectors do not show; products are right."""

    name: ClassVar[str] = "wrong"
    spoil: ClassVar[Any] = staticmethod(lambda stack: stack)
    values: ClassVar[float] = 0.0

    def jvp_sweep(self, f: Any, x: Leaves, tangents: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        outputs, (stack,), aux = super().jvp_sweep(f, x, tangents)
        return tuple(y + self.values for y in outputs), (self.spoil(stack),), aux

    def vjp_sweep(self, pullback: Pullback, cotangents: Leaves) -> Leaves:
        (stack,) = super().vjp_sweep(pullback, cotangents)
        return (self.spoil(stack),)

    def vjp(self, f: Any, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        outputs, pullback, aux = super().vjp(f, x)

        def counted(cotangents: Leaves) -> Leaves:
            self.asked.append("pullback")
            return pullback(cotangents)

        return outputs, counted, aux


SPOILT = {
    "axes exchanged": lambda stack: stack.swapaxes(0, 1) if len(set(stack.shape)) == 1 else stack,
    "a sign": lambda stack: -stack,
    "one entry": lambda stack: stack + np.pad([[1e-3]], [(0, size - 1) for size in stack.shape]),
    "the last vector": lambda stack: np.concatenate([stack[:-1], 0 * stack[-1:]]),
    "twice the first": lambda stack: np.concatenate([stack[:1], stack[:-1]]),
    "not finite": lambda stack: np.where(stack == stack.max(), np.nan, stack),
    "another number of results": lambda stack: np.repeat(stack, 2, axis=0),
    "an error": lambda stack: stack.reshape(7, 7),  # raised by compiled code, and not by a function of a user's
}
SQUARE = MATRIX[:3]


def swept(backend: Any, mode: Any, record: SweepRecord, **options: Any) -> np.ndarray:
    result = Sweep(backend, Linear(SQUARE), X, known=record, **options).evaluate(mode)
    np.testing.assert_array_equal(result.outputs[0], SQUARE @ X[0])
    (stack,) = result.results.stacks(X)
    return stack.T if result.forward else stack


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("fault", SPOILT)
def test_a_wrong_sweep_is_not_taken(mode: Any, chunk_size: Any, fault: str, caplog: Any) -> None:
    class Spoilt(Wrong):
        spoil = staticmethod(SPOILT[fault])

    backend, record = Spoilt(), SweepRecord()
    with caplog.at_level(logging.INFO, "adhelpers"):
        for _ in range(3):
            np.testing.assert_array_equal(swept(backend, mode, record, chunk_size=chunk_size), SQUARE)
    if chunk_size is None or fault != "axes exchanged":  # blocks of two are none that axes could be exchanged in
        assert record.verdicts == {(mode, "all at once"): False}
        assert len([r for r in caplog.records if "all at once is not used" in r.getMessage()]) == 1


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_right_sweep_is_proved_once(mode: Any) -> None:
    backend, record = Wrong(), SweepRecord()
    for singles in (1, 0, 0):
        backend.asked.clear()
        np.testing.assert_array_equal(swept(backend, mode, record), SQUARE)
        assert backend.asked.count((mode, 3)) == 1
        assert backend.asked.count("jvp") == (singles if mode == "forward" else 0)
        assert backend.asked.count("pullback") == (singles + 3 if mode == "reverse" else 0)  # it sweeps by three
    assert record.verdicts == {(mode, "all at once"): True}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_always_and_never(mode: Any) -> None:
    class Later(Wrong):
        spoil = staticmethod(lambda stack: stack + Later.off)
        off: ClassVar[float] = 0.0

    backend, record = Later(), SweepRecord()
    np.testing.assert_array_equal(swept(backend, mode, record, check=True), SQUARE)
    Later.off = 1.0  # with what is no reason to prove anew
    np.testing.assert_array_equal(swept(backend, mode, record, check=True), SQUARE + 1.0)
    np.testing.assert_array_equal(swept(backend, mode, record, check=False), SQUARE + 1.0)
    np.testing.assert_array_equal(swept(backend, mode, record, check="always"), SQUARE)
    np.testing.assert_array_equal(swept(backend, mode, record, check=False), SQUARE)  # it is known to be wrong by now


def test_values_are_compared_too() -> None:
    class Shifted(Wrong):
        values = 1.0

    record = SweepRecord()
    np.testing.assert_array_equal(swept(Shifted(), "forward", record), SQUARE)
    assert record.verdicts == {("forward", "all at once"): False}


def test_a_function_that_gives_another_result_each_time_is_left_alone() -> None:
    """Nothing can be proved of it, and one by one it would be worse."""

    class Drifting(Linear):
        def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
            (y,), aux = super().__call__(*leaves)
            return (y + self.calls,), aux

    backend = Wrong()
    backend.asked.clear()
    Sweep(backend, Drifting(SQUARE), X, known=SweepRecord()).evaluate("forward")
    assert backend.asked.count(("forward", 3)) == 1


def test_an_error_of_f_is_told_as_it_is_and_decides_nothing() -> None:
    class Failing(Linear):
        def __call__(self, *leaves: Any) -> tuple[Leaves, Leaves]:
            if leaves[0][0] < 0.0:
                msg = "negative"
                raise ValueError(msg)
            return super().__call__(*leaves)

    record, f = SweepRecord(), Failing(SQUARE)
    with pytest.raises(ValueError, match="negative") as raised:
        Sweep(Wrong(), f, (-X[0],), known=record).evaluate("forward")
    assert raised.value.__context__ is None
    assert record.verdicts == {}


def test_the_proof_is_explained() -> None:
    class Spoilt(Wrong):
        spoil = staticmethod(lambda stack: 2.0 * stack)

    for kind, words in (
        (Wrong, "the sweep is right"),
        (Spoilt, "all at once is not used: a combination of the vectors"),
    ):
        with adhelpers.explain() as log, journal.call_of("sweep", "f", "toy"):
            swept(kind(), "forward", SweepRecord())
        assert words in str(log)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_rounding_is_no_fault(dtype: str) -> None:
    generator = np.random.default_rng(1)
    matrix = (generator.standard_normal((40, 30)) * 10.0 ** generator.uniform(-6, 6, (40, 1))).astype(dtype)
    basis = np.eye(30, dtype=dtype)
    backend = Counting()
    x, y = (np.ones(30, dtype=dtype),), (matrix @ np.ones(30, dtype=dtype),)
    for off, right in ((0.0, True), (10 * np.finfo(dtype).eps, True), (0.05, False)):
        proof = Proof(backend)
        for block in (basis[:7], basis[7:]):
            proof.take((block,), ((block @ matrix.T) * (1.0 + off),))
        single = (matrix @ proof.vector[0],)
        assert proof.holds(single, Tolerance(backend, x, y)) is right


def test_infinite_entries_are_compared_as_such() -> None:
    backend = Counting()
    ones, inf = np.ones(2), np.asarray([np.inf, 1.0])
    tolerance = Tolerance(backend, (ones,), (ones,))
    assert tolerance.allows(inf, inf, inf)
    assert tolerance.allows(np.asarray([np.nan, 1.0]), inf, inf)  # a sum of infinities of either sign
    assert not tolerance.allows(ones, inf, ones)
    assert not tolerance.allows(inf, ones, inf)
