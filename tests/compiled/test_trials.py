"""Trials: several ways to one result are checked, timed, and the fastest is kept."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers.compiled import trials
from adhelpers.compiled.trials import Way
from adhelpers.engine.journal import Explanation, call_of
from conftest import make

USUAL = Way("usual", {})


def ways(*names: str) -> Callable[..., list[Way]]:
    """The usual way and others, which `evaluate` is told by its option ``way``."""
    return lambda *_: [USUAL, *(Way(name, {"way": name}) for name in names)]


def new_trials(evaluate: Any, alternatives: Any, told: Explanation | None = None, **options: Any) -> trials.Trials:
    noted = lambda: call_of("choice", evaluate, "finite-difference", told)  # noqa: E731
    return trials.Trials(make("finite-difference"), evaluate, options, alternatives, noted)


def compiling(code: Any) -> Any:
    """A backend for which everything is compiled to `code`."""

    class Compiling(type(make("finite-difference"))):  # type: ignore[misc]
        def compile(self, function: Any) -> Any:
            return code

    return Compiling()


def verdicts(explanation: Explanation) -> dict[str, str]:
    """For each way that was tried, what came of it, from a report."""
    words = [note.words for call in explanation.calls for note in call.notes if note.topic == "trial"]
    return dict(line.split(": ", 1) for line in words)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What trials take for the time; whoever takes time adds to it."""
    now = [0.0]
    monkeypatch.setattr(trials, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


# -- which way is taken -------------------------------------------------------------------------------


def test_the_fastest_way_that_gives_the_same_is_taken(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 2e-5, "slow": 3e-5, "fast": 1e-5}.get(way, 0.0)
        if way == "raises":
            raise RuntimeError(way)
        return x**2 + x**3 if way == "the same at zeros alone" else x**2

    seen: list[tuple[int, ...]] = []

    def alternatives(backend: Any, options: Any, x: Any, shape: tuple[int, ...]) -> list[Way]:
        seen.append(shape)
        return ways("raises", "the same at zeros alone", "slow", "fast")()

    told = Explanation()
    run = new_trials(evaluate, alternatives, told)
    run(np.zeros((2, 3)))
    calls.clear()
    np.testing.assert_array_equal(run(np.full((2, 3), 3.0)), np.full((2, 3), 9.0))
    assert calls == ["fast"]
    said = verdicts(told)
    assert {name: said[name].partition(", ")[2] for name in ("usual", "slow", "fast")} == {
        "usual": "slower",
        "slow": "slower",
        "fast": "taken",
    }
    assert said["raises"] == "not taken, because RuntimeError was raised: raises"
    assert said["the same at zeros alone"] == "not taken, because it gives another result close to x"
    run(np.zeros(3))
    assert seen == [(2, 3), (3,)]


def test_the_usual_way_is_kept_where_it_is_the_fastest(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 1e-5, "slow": 2e-5}[way]
        return x

    run = new_trials(evaluate, ways("slow"))
    run(np.ones(3))
    calls.clear()
    run(np.ones(3))
    assert calls == ["usual"]


def test_a_way_to_another_shape_or_dtype_is_not_taken(clock: list[float]) -> None:
    def evaluate(x: Any, way: str = "usual") -> Any:
        clock[0] += {"usual": 1e-3}.get(way, 1e-6)
        return {"usual": x, "flat": x.ravel(), "narrow": x.astype(np.float32)}[way]

    run = new_trials(evaluate, ways("flat", "narrow"))
    received = run(np.ones((2, 2)))
    assert (received.shape, received.dtype) == ((2, 2), np.float64)


def test_every_array_of_a_result_is_compared(clock: list[float]) -> None:
    """A value that is right says nothing of the derivative behind it, nor the derivative of the value."""

    def evaluate(x: Any, way: str = "usual") -> Any:
        clock[0] += {"usual": 1e-3}.get(way, 1e-6)
        return (x + (way == "wrong value"), 2.0 * x + (way == "wrong derivative"))

    told = Explanation()
    y, v = new_trials(evaluate, ways("wrong value", "wrong derivative"), told)(np.ones(2))
    np.testing.assert_array_equal([y, v], [[1.0, 1.0], [2.0, 2.0]])
    assert {said for name, said in verdicts(told).items() if name != "usual"} == {
        "not taken, because it gives another result close to x"
    }


def test_what_is_fast_is_checked_once_for_each_shape_and_dtype() -> None:
    """Before code is used, by one evaluation with values, which the code must then give."""
    calls = []

    def evaluate(x: Any) -> Any:
        calls.append(x.dtype)
        return x

    run = new_trials(evaluate, None, check_batch=True)
    counts = []
    for x in (np.ones(2), np.zeros(2), np.ones(3), np.ones(2, dtype=np.float32), np.ones(2)):
        before = len(calls)
        run(x)
        counts.append(len(calls) - before)
    assert counts == [3, 1, 3, 3, 1]


def test_code_that_gives_another_result_is_not_taken() -> None:
    def evaluate(x: Any) -> Any:
        return x**2

    for wrong, taken in ((1.0 + 1e-12, 1.0 + 1e-12), (1.01, 1.0), (np.nan, 1.0)):
        backend = compiling(lambda x, wrong=wrong: wrong * x**2)
        run = trials.Trials(backend, evaluate, {"check": True}, None)
        for _ in range(2):
            np.testing.assert_array_equal(run(np.asarray([2.0, 3.0])), taken * np.asarray([4.0, 9.0]))
        unchecked = trials.Trials(backend, evaluate, {"check": False}, None)
        np.testing.assert_array_equal(unchecked(np.asarray([2.0])), np.asarray([wrong * 4.0]))


# -- how long it takes --------------------------------------------------------------------------------


def test_one_short_run_by_chance_decides_nothing(clock: list[float]) -> None:
    runs = {"usual": 0, "slow": 0}

    def evaluate(x: Any, way: str = "usual") -> Any:
        runs[way] += 1
        clock[0] += 1e-6 if way == "slow" and runs[way] == 40 else {"usual": 2e-4, "slow": 3e-4}[way]
        return x

    run = new_trials(evaluate, ways("slow"))
    run(np.zeros(3))
    assert runs["slow"] >= 40
    before = runs["slow"]
    run(np.zeros(3))
    assert runs["slow"] == before


def test_no_way_is_timed_for_long(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 2.0, "other": 1.0, "hopeless": 10.0}[way]
        return x

    told = Explanation()
    new_trials(evaluate, ways("other", "hopeless"), told)(np.zeros(3))
    assert calls.count("hopeless") == 3, "compared, and timed twice"
    assert calls[:-1].count("other") == 4, "and in one round more"
    assert calls[-1] == "other"
    assert verdicts(told)["hopeless"] == "10 s in its first call, too slow to be timed further"


def test_a_function_that_is_not_defined_beside_the_point_is_not_tried() -> None:
    def evaluate(x: Any, way: str = "usual") -> Any:
        if (x != 0.0).any():
            raise ValueError(way)
        return x

    told = Explanation()
    run = new_trials(evaluate, ways("other"), told)
    np.testing.assert_array_equal(run(np.zeros(3)), np.zeros(3))
    assert verdicts(told)["only the usual formulation"] == "close to x, ValueError was raised: usual"
    assert "other" not in verdicts(told)


# -- what is tried of the operations ------------------------------------------------------------------


def test_a_trial_at_zeros_proves_nothing_of_a_function_that_looks_at_its_batch(jax: ModuleType) -> None:
    """Sample by sample it would be another function, which at zeros has the same derivative."""

    def f(x: Any) -> Any:
        return jax.numpy.tanh(jax.numpy.ones((4, 4)) @ jax.numpy.tanh(x) ** 2) / x.shape[-1]

    jacobian = adhelpers.prepare(adhelpers.batched_jacobian, f, "jax", jax.numpy.zeros((4, 50)))
    t = np.tanh(0.3)
    expected = (1 - np.tanh(4 * t**2) ** 2) * 2 * t * (1 - t**2) / 50
    np.testing.assert_allclose(jacobian(jax.numpy.full((4, 50), 0.3)), np.full((4, 4, 50), expected), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"forward-over-reverse", "reverse-over-reverse"}),
        ({"mode": "forward-over-reverse"}, set()),
        ({"has_aux": True}, set()),
    ],
    ids=["any", "chosen", "aux"],
)
def test_a_hessian_is_tried_in_the_other_order_of_its_sweeps(
    jax: ModuleType, options: dict[str, Any], expected: set[str]
) -> None:
    x = jax.numpy.asarray([0.5, -1.0])
    f = (lambda x: (x.prod() ** 3, 3)) if "has_aux" in options else lambda x: x.prod() ** 3
    hessian = adhelpers.prepare(adhelpers.value_and_hessian, f, "jax", x, **options)
    assert set(verdicts(hessian.report())) == expected
    y, H, *_ = hessian(2 * x)
    np.testing.assert_allclose(y, -8.0, rtol=1e-6)
    # (ab)^3 has the second derivatives 6ab^3, 9a^2b^2 and 6a^3b
    np.testing.assert_allclose(H, [[-48.0, 36.0], [36.0, -12.0]], rtol=1e-5)


@pytest.mark.parametrize("aux", ["numbers", "keys"])
def test_aux_may_be_anything(jax: ModuleType, aux: str) -> None:
    """Whole numbers have no rounding, and random keys no numbers."""
    x = jax.numpy.asarray([1.0, 2.0])

    def f(x: Any) -> Any:
        return x**2, jax.numpy.argmax(x) if aux == "numbers" else jax.random.key(3)

    for backend in ("jax", adhelpers.backend("jax", jit=True)):
        J, given = adhelpers.prepare(adhelpers.jacobian, f, backend, x, has_aux=True)(x)
        np.testing.assert_array_equal(J, [[2.0, 0.0], [0.0, 4.0]])
        assert given == f(x)[1]


def test_a_constant_before_the_point_is_not_moved(jax: ModuleType) -> None:
    """An index, say, with which f is defined nowhere nearby."""
    x = {"index": adhelpers.Constant(jax.numpy.asarray([1, 0])), "weights": jax.numpy.asarray([1.0, 2.0])}
    hessian = adhelpers.prepare(adhelpers.hessian, lambda x: jax.numpy.prod(x["weights"][x["index"]]) ** 2, "jax", x)
    assert set(verdicts(hessian.report())) == {"forward-over-reverse", "reverse-over-reverse"}
    H = hessian(x)["weights"]["weights"]
    np.testing.assert_allclose(H, [[8.0, 8.0], [8.0, 2.0]], rtol=1e-6)  # of (ab)^2: 2b^2, 4ab and 2a^2


def test_prepared_batched_hessians_try_the_other_sweep(jax: ModuleType) -> None:
    x = jax.numpy.asarray([[1.0, 2.0], [3.0, 4.0]])
    hessian = adhelpers.prepare(adhelpers.batched_hessian, lambda x: x[0] ** 2 * x[1], "jax", x)
    np.testing.assert_allclose(hessian(x), [[[6.0, 8.0], [2.0, 4.0]], [[2.0, 4.0], [0.0, 0.0]]])
    said = verdicts(hessian.report())
    assert set(said) == {"forward sweep", "reverse sweep"}, "and none that cannot work"
    assert not [words for words in said.values() if words.startswith("not taken")]


@pytest.mark.parametrize("operation", ["jacobian", "hessian", "batched_jacobian"])
def test_a_function_that_closes_over_a_tracer_is_not_tried(jax: ModuleType, operation: str) -> None:
    """Its results have no numbers to compare, and the code that is kept serves later calls with numbers."""
    x = jax.numpy.asarray([1.0, 2.0, 3.0])

    def total(w: Any) -> Any:
        f = (lambda x: (w * x**3).sum()) if operation == "hessian" else lambda x: w * x**3
        point = x[None, :] if operation == "batched_jacobian" else x
        prepared = adhelpers.prepare(getattr(adhelpers, operation), f, "jax", point)
        return prepared(point).sum()

    expected = 6 * x if operation == "hessian" else 3 * x**2
    np.testing.assert_allclose(jax.grad(total)(x), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.grad(total))(x), expected, rtol=1e-6)
