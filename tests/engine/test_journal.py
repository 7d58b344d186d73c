"""What is decided is told: to `explain`, to the logger at DEBUG, to a prepared operation's report, to nobody else."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ExplainedCall, Explanation, Note, explain
from adhelpers.engine import journal

X = np.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def cube(x: Any) -> Any:
    return x**3


def total(x: Any) -> Any:
    return (x**3).sum()


def names(log: Explanation) -> list[tuple[str, int]]:
    return [(call.operation, call.depth) for call in log.calls]


# -- explain ------------------------------------------------------------------------------------------


def test_a_call_is_explained() -> None:
    with explain() as log:
        adhelpers.jacobian(cube, "finite-difference", X[0], chunk_size=2)
    (call,) = log.calls
    assert (call.operation, call.function, call.backend, call.depth) == ("jacobian", "cube", "finite-difference", 0)
    assert call.seconds > 0.0
    assert call.notes == [
        Note("mode", "forward: finite-difference has no reverse mode"),
        Note("sweep", "3 vectors pushed forward, 2 at once"),
    ]


def test_both_faces_have_the_name_of_the_one_without_value() -> None:
    with explain() as log:
        adhelpers.value_and_gradient(total, "finite-difference", X)
        adhelpers.gradient(total, "finite-difference", X)
    assert names(log) == [("gradient", 0), ("gradient", 0)]


def test_calls_within_calls_have_a_depth() -> None:
    def outer(x: Any) -> Any:
        return adhelpers.gradient(total, "finite-difference", x)

    with explain() as log:
        adhelpers.jacobian_vector_product(outer, "finite-difference", X, X)
        adhelpers.gradient(total, "finite-difference", X)
    assert names(log)[0] == ("jacobian_vector_product", 0)
    assert set(names(log)[1:-1]) == {("gradient", 1)}
    assert names(log)[-1] == ("gradient", 0), "the inner ones have ended"
    printed = str(log).splitlines()
    assert printed[0].startswith("jacobian_vector_product of outer by finite-difference, ")
    assert [line for line in printed if line.startswith("  gradient of total")]


def test_notes_belong_to_the_call_that_is_running() -> None:
    """The outer one's are its own again when the inner one has ended."""
    with explain() as log, journal.call_of("outer", cube, "toy"):
        journal.tell("mode", "before")
        with journal.call_of("inner", cube, "toy"):
            journal.tell("mode", "inside")
        journal.tell("mode", "after")
    outer, inner = log.calls
    assert [note.words for note in outer.notes] == ["before", "after"]
    assert [note.words for note in inner.notes] == ["inside"]


def test_explanations_within_one_another() -> None:
    """The innermost hears; the outer one goes on when it has ended."""
    with explain() as outer:
        adhelpers.gradient(total, "finite-difference", X)
        with explain() as inner:
            adhelpers.jacobian(cube, "finite-difference", X)
        adhelpers.laplacian(total, "finite-difference", X)
    assert names(inner) == [("jacobian", 0)]
    assert names(outer) == [("gradient", 0), ("laplacian", 0)]


def test_nothing_is_collected_afterwards() -> None:
    with explain() as log:
        pass
    adhelpers.gradient(total, "finite-difference", X)
    assert log.calls == []
    assert str(log) == "no operation was called"
    assert not journal.is_heard()
    assert not journal.is_listening()


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()], ids=repr)
def test_an_error_ends_the_explanation(error: BaseException) -> None:
    def f(x: Any) -> Any:
        raise error

    with pytest.raises(type(error)), explain() as log:
        adhelpers.gradient(f, "finite-difference", X)
    assert names(log) == [("gradient", 0)]
    assert log.calls[0].seconds is not None, "what was begun has ended"
    assert not journal.is_heard()
    assert not journal.is_listening()
    adhelpers.gradient(total, "finite-difference", X)
    assert len(log.calls) == 1


def test_an_error_inside_leaves_the_outer_call_running() -> None:
    with explain() as log, journal.call_of("outer", cube, "toy"):
        with contextlib.suppress(ZeroDivisionError), journal.call_of("inner", cube, "toy"):
            raise ZeroDivisionError
        journal.tell("mode", "after")
        adhelpers.gradient(total, "finite-difference", X)
    assert log.calls[0].notes == [Note("mode", "after")]
    assert names(log) == [("outer", 0), ("inner", 1), ("gradient", 1)]


def in_a_thread(call: Callable[[], Any]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_other_threads_are_not_collected() -> None:
    with explain() as log:
        in_a_thread(lambda: adhelpers.gradient(total, "finite-difference", X))
        adhelpers.jacobian(cube, "finite-difference", X)
    assert names(log) == [("jacobian", 0)]


def test_a_thread_with_a_copy_of_the_context_is() -> None:
    """Whoever hands the context on, as asyncio's threads do, wants it so."""
    with explain() as log:
        context = copy_context()
        in_a_thread(lambda: context.run(adhelpers.gradient, total, "finite-difference", X))
    assert names(log) == [("gradient", 0)]


def test_two_threads_explain_each_their_own() -> None:
    barrier, logs = threading.Barrier(2), {}

    def work(name: str) -> None:
        operation = getattr(adhelpers, name)
        with explain() as log:
            for _ in range(3):
                barrier.wait()
                operation(total, "finite-difference", X)
            logs[name] = log

    threads = [threading.Thread(target=work, args=(name,)) for name in ("gradient", "laplacian")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: names(log) for name, log in logs.items()} == {
        name: [(name, 0)] * 3 for name in ("gradient", "laplacian")
    }


def test_results_are_the_same_with_and_without() -> None:
    without = adhelpers.value_and_jacobian(cube, "finite-difference", X)
    with explain():
        within = adhelpers.value_and_jacobian(cube, "finite-difference", X)
    for a, b in zip(without, within, strict=True):
        np.testing.assert_array_equal(a, b)


# -- the logger ---------------------------------------------------------------------------------------


def test_the_logger_at_debug_hears_everything(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="adhelpers"):
        adhelpers.jacobian(cube, "finite-difference", X[0])
        with explain() as log:
            adhelpers.jacobian(cube, "finite-difference", X[0])
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert said == 2 * [
        "jacobian of cube by finite-difference: mode: forward: finite-difference has no reverse mode",
        "jacobian of cube by finite-difference: sweep: 3 vectors pushed forward, all at once",
    ]
    assert len(log.calls) == 1


def test_the_logger_hears_other_threads(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="adhelpers"):
        in_a_thread(lambda: adhelpers.jacobian(cube, "finite-difference", X[0]))
    assert [r for r in caplog.records if "sweep" in r.getMessage()]


def test_the_logger_at_info_hears_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="adhelpers"):
        adhelpers.jacobian(cube, "finite-difference", X[0])
        assert not journal.is_heard()
    assert caplog.records == []


# -- a prepared operation's report --------------------------------------------------------------------


def test_a_report_begins_with_the_call_that_prepared() -> None:
    prepared = adhelpers.prepare(adhelpers.gradient, total, "finite-difference", X)
    report = prepared.report()
    assert names(report) == [("gradient", 0)]
    assert report.calls[0].notes[0] == Note(
        "code", "finite-difference compiles nothing: each call is the operation itself"
    )
    prepared(X)
    assert len(report.calls) == 1, "later calls are told to those who ask, and decide nothing anew"


def test_a_prepared_operation_is_explained_too() -> None:
    prepared = adhelpers.prepare(adhelpers.batched_jacobian, cube, "finite-difference", X)
    with explain() as log:
        prepared(X)
    assert [(c.operation, c.function, c.backend) for c in log.calls] == [
        ("batched_jacobian", "cube", "finite-difference")
    ]
    assert "sweep" in [note.topic for note in log.calls[0].notes]


def test_preparing_is_explained_and_reported() -> None:
    with explain() as log:
        prepared = adhelpers.prepare(adhelpers.gradient, total, "finite-difference", X)
    assert names(log) == names(prepared.report()) == [("gradient", 0)]


def test_a_report_of_compiled_code_has_the_choice() -> None:
    jax = pytest.importorskip("jax")
    prepared = adhelpers.prepare(adhelpers.hessian, total, "jax", jax.numpy.ones(2))
    report = prepared.report()
    assert names(report) == [("hessian", 0), ("choice of code for hessian", 1)]
    taken = [note.words for note in report.calls[1].notes if note.topic == "trial"]
    assert len([words for words in taken if words.endswith(", taken")]) == 1
    assert Note("code", "for float32[2]") in report.calls[1].notes
    prepared(jax.numpy.ones(2))
    assert len(report.calls) == 2
    with explain() as log:
        prepared(jax.numpy.ones(2))
    assert [note.words for call in log.calls for note in call.notes] == ["runs compiled code"]


def test_a_report_tells_nested_operations_apart() -> None:
    def outer(x: Any) -> Any:
        return adhelpers.jacobian(cube, "finite-difference", x).sum(axis=0)

    prepared = adhelpers.prepare(adhelpers.jacobian_vector_product, outer, "finite-difference", X[0], X[0])
    assert "mode" not in [note.topic for note in prepared.report().calls[0].notes]


def test_calls_that_run_their_code_decide_nothing_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    jax = pytest.importorskip("jax")
    x = jax.numpy.ones(2)
    prepared = adhelpers.prepare(adhelpers.gradient, total, "jax", x)
    prepared(x)
    with caplog.at_level(logging.DEBUG, logger="adhelpers"):
        prepared(x)
    assert [record.getMessage() for record in caplog.records] == []


def test_a_call_of_what_cannot_be_remembered_is_explained() -> None:
    jax = pytest.importorskip("jax")

    class Slotted:
        __slots__ = ()

        def __call__(self, x: Any) -> Any:
            return (x**2).sum()

    with explain() as log:
        adhelpers.gradient(Slotted(), adhelpers.backend("jax", jit=True), jax.numpy.ones(2))
    assert names(log) == [("gradient", 0)]


# -- in words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2.0, "2 s"),
        (1.0, "1 s"),
        (0.25, "250 ms"),
        (0.001, "1 ms"),
        (1.5e-5, "15 µs"),
        (1.234e-7, "0.123 µs"),
        (0.0, "0 µs"),
    ],
)
def test_times(seconds: float, words: str) -> None:
    assert journal.in_words(seconds) == words


def test_the_same_note_several_times_is_printed_once() -> None:
    with explain() as log, journal.call_of("outer", cube, "toy"):
        for topic, words in (("mode", "a"), ("sweep", "b"), ("sweep", "b"), ("sweep", "a"), ("mode", "a")):
            journal.tell(topic, words)
    notes = [Note("mode", "a"), Note("sweep", "b", 2), Note("sweep", "a"), Note("mode", "a")]
    assert log.calls[0].notes == notes
    call = ExplainedCall("gradient", "f", "toy", notes, depth=1, seconds=0.5)
    assert str(call).splitlines() == [
        "  gradient of f by toy, 500 ms",
        "    mode         a",
        "    sweep        b (2 times)",
        "    sweep        a",
        "    mode         a",
    ]


def test_a_call_that_has_not_ended_has_no_time() -> None:
    assert str(ExplainedCall("gradient", "f", "toy")) == "gradient of f by toy"


def test_a_function_without_a_name_is_called_by_its_type() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return x

    assert journal.name_of(Model()) == "Model"
    assert journal.name_of(cube) == "cube"
