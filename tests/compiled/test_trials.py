"""Trials: several ways to one result are checked, timed, and the fastest is kept."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers.compiled import trials
from conftest import make

# -- PyTorch: compiled on request ------------------------------------------------------------------------------------


def test_a_trial_at_zeros_proves_nothing_of_a_function_that_looks_at_its_batch() -> None:
    """Sample by sample it would be another function, which at zeros has the same derivative."""
    jax = pytest.importorskip("jax")

    def f(x: Any) -> Any:
        return jax.numpy.tanh(jax.numpy.ones((4, 4)) @ jax.numpy.tanh(x) ** 2) / x.shape[-1]

    jacobian = adhelpers.prepare(adhelpers.batched_jacobian, f, "jax", jax.numpy.zeros((4, 50)))
    t = np.tanh(0.3)
    expected = (1 - np.tanh(4 * t**2) ** 2) * 2 * t * (1 - t**2) / 50
    np.testing.assert_allclose(jacobian(jax.numpy.full((4, 50), 0.3)), np.full((4, 4, 50), expected), rtol=1e-5)


def test_a_hessian_is_tried_in_the_other_order_of_its_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    tried, compile_way = [], trials.Trials._compile

    def spy(self: trials.Trials, options: dict[str, Any]) -> Any:
        tried.append(options)
        return compile_way(self, options)

    monkeypatch.setattr(trials.Trials, "_compile", spy)
    x = jax.numpy.asarray([0.5, -1.0])
    for options, expected in (
        ({}, [{"mode": "reverse-over-reverse"}]),
        ({"mode": "forward-over-reverse"}, []),
        ({"has_aux": True}, []),
    ):
        tried.clear()
        f = (lambda x: (x.prod() ** 3, 3)) if "has_aux" in options else lambda x: x.prod() ** 3
        hessian = adhelpers.prepare(adhelpers.value_and_hessian, f, "jax", x, **options)
        assert tried == expected
        y, H, *_ = hessian(2 * x)
        np.testing.assert_allclose(y, -8.0, rtol=1e-6)
        # (ab)^3 has the second derivatives 6ab^3, 9a^2b^2 and 6a^3b
        np.testing.assert_allclose(H, [[-48.0, 36.0], [36.0, -12.0]], rtol=1e-5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What trials take for the time; whoever takes time adds to it."""
    now = [0.0]
    monkeypatch.setattr(trials, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_the_fastest_way_that_gives_the_same_is_taken(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 2e-5, "slow": 3e-5, "fast": 1e-5}.get(way, 0.0)
        if way == "raises":
            raise RuntimeError(way)
        return x**2 + x**3 if way == "the same at zeros alone" else x**2

    seen: list[tuple[int, ...]] = []

    def alternatives(backend: Any, options: Any, x: Any, shape: tuple[int, ...]) -> list[dict[str, Any]]:
        seen.append(shape)
        return [{"way": way} for way in ("raises", "the same at zeros alone", "slow", "fast")]

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, alternatives)
    run(np.zeros((2, 3)))
    calls.clear()
    np.testing.assert_array_equal(run(np.full((2, 3), 3.0)), np.full((2, 3), 9.0))
    assert calls == ["fast"]
    run(np.zeros(3))
    assert seen == [(2, 3), (3,)]


def test_one_short_run_by_chance_decides_nothing(clock: list[float]) -> None:
    runs = {"usual": 0, "slow": 0}

    def evaluate(x: Any, way: str = "usual") -> Any:
        runs[way] += 1
        clock[0] += 1e-6 if way == "slow" and runs[way] == 40 else {"usual": 2e-4, "slow": 3e-4}[way]
        return x

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: [{"way": "slow"}])
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

    others = [{"way": "other"}, {"way": "hopeless"}]
    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: others)
    run(np.zeros(3))
    assert calls.count("hopeless") == 3, "compared, and timed twice"
    assert calls[:-1].count("other") == 4, "and in one round more"
    assert calls[-1] == "other"


def test_a_function_that_is_not_defined_beside_the_point_is_not_tried() -> None:
    def evaluate(x: Any, way: str = "usual") -> Any:
        if (x != 0.0).any():
            raise ValueError(way)
        return x

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: [{"way": "other"}])
    np.testing.assert_array_equal(run(np.zeros(3)), np.zeros(3))


def test_prepared_batched_hessians_try_the_other_sweep(jax: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, gives = [], trials.Trials._gives
    monkeypatch.setattr(trials.Trials, "_gives", lambda *given: tried.append(gives(*given)) or tried[-1])
    x = jax.numpy.asarray([[1.0, 2.0], [3.0, 4.0]])
    H = adhelpers.prepare(adhelpers.batched_hessian, lambda x: x[0] ** 2 * x[1], "jax", x)(x)
    np.testing.assert_allclose(H, [[[6.0, 8.0], [2.0, 4.0]], [[2.0, 4.0], [0.0, 0.0]]])
    assert tried == [True], "and none that cannot work"
