"""Every operation on every backend: a failure of one stops no other, and memory stays bounded."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, statuses, stopped

from adhelpers import ComparisonReport, array_namespace
from adhelpers.comparison import participants, run
from adhelpers.comparison.operations import OPERATIONS


def test_ports_without_a_reference_of_their_own_are_held_to_differences_of_one() -> None:
    pytest.importorskip("torch")
    import torch

    report = quickly({"autograd": cubic, "torch": lambda x: x**2 * x.detach()}, X)
    assert set(statuses(report, "autograd").values()) == {"agrees"}
    assert statuses(report, "torch")["jvp"] == "differs"
    only = quickly({"torch": lambda x: torch.relu(x) ** 2}, X)  # a function of tensors alone
    assert only.agree, str(only)


def test_failure_on_one_backend_stops_no_other() -> None:
    def fails(x: Any) -> Any:
        raise RuntimeError("not here")

    report = quickly(ports(fails), X)
    assert set(statuses(report, "autograd").values()) == {"failed"}
    assert set(statuses(report, "finite-difference").values()) == {"unchecked"}
    assert not report.agree
    assert result(report, "vjp", "autograd").error == "RuntimeError: not here"


def test_function_that_exits_stops_no_other() -> None:
    def exits(x: Any) -> Any:
        raise SystemExit(3)

    report = quickly(ports(exits), X)
    assert set(statuses(report, "finite-difference").values()) == {"unchecked"}
    assert result(report, "value", "autograd").error == "SystemExit: 3"


def test_failure_of_the_reference_stops_no_other() -> None:
    pytest.importorskip("torch")

    def no_numpy(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise TypeError("tensors, please")
        return x**3

    report = quickly(no_numpy, X, backends=["torch", "finite-difference"])
    derivatives = dict.fromkeys(("jvp", "vjp", "batched_jacobian"), "agrees")
    assert statuses(report, "torch") == {"value": "unchecked", **derivatives}  # the only value that there is
    assert set(statuses(report, "finite-difference").values()) == {"failed"}
    assert any("the reference takes the function of torch" in note for note in report.notes)


def test_batched_jacobian_is_left_out_with_the_reason() -> None:
    report = quickly(lambda x: x / array_namespace(x).sum(x), X)
    assert report.agree
    assert any(note.startswith("batched_jacobian was left out: BatchMixingError: f mixes") for note in report.notes)
    asked = quickly(lambda x: array_namespace(x).sum(x), X, operations=["batched_jacobian"])
    assert result(asked, "batched_jacobian", "autograd").status == "failed"


def test_times_are_reported_unless_unwanted(report: ComparisonReport) -> None:
    assert all(r.seconds is not None and 0.0 < r.seconds < 10.0 for r in report.results)
    assert all(r.first_seconds is not None and r.first_seconds > 0.0 for r in report.results)
    assert all(r.seconds is None and r.first_seconds is None for r in quickly(cubic, X).results)


LARGE = """
import resource, sys
import numpy as np
from adhelpers import array_namespace, compare
def f(x):
    return array_namespace(x).sin(x) * x
backends = sys.argv[1].split(",")
compare(f, np.ones((2, 2)), backends=backends, timing=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = compare(f, np.linspace(-3.0, 3.0, 10_000_000), backends=backends, timing=False, operations=["jvp", "vjp"])
assert report.agree, report
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_ten_million_elements_take_three_times_their_memory_per_backend() -> None:
    backends = ["autograd", "finite-difference", *(["torch"] if importlib.util.find_spec("torch") else [])]
    command = [sys.executable, "-c", LARGE, ",".join(backends)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    data = 4 * 80e6 / 1024  # x, its tangent, f(x) and a product: 10 million float64 each
    assert int(run.stdout) < 3 * data * len(backends)


# -- every operation, by its name ---------------------------------------------------------------------


def total(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.sum(x**3 * xp.flip(x, axis=0))


EVERY = {
    "gradient": (total, X),
    "hessian": (total, X),
    "hessian_vector_product": (total, X),
    "gauss_newton_product": (cubic, X),
    "jacobian": (cubic, X),
    "laplacian": (total, X),
    "derivative": (cubic, np.asarray(1.5)),
    "second_derivative": (cubic, np.asarray(1.5)),
    "batched_gradient": (lambda x: x[0] ** 3 * x[1], X),
    "batched_hessian": (lambda x: x[0] ** 3 * x[1], X),
}


@pytest.mark.parametrize("operation", EVERY)
def test_every_operation_is_compared_by_its_name(operation: str) -> None:
    f, x = EVERY[operation]
    report = quickly(f, x, operations=[operation])
    assert report.agree, str(report)
    assert statuses(report, "autograd") == {"value": "agrees", operation: "agrees"}
    assert result(report, operation, "autograd").deviation is not None


@pytest.mark.parametrize("operation", EVERY)
def test_a_fault_of_a_percent_is_found_in_every_operation(operation: str) -> None:
    f, x = EVERY[operation]

    def wrong(x: Any) -> Any:
        return 1.01 * f(x) - 0.01 * f(stopped(x))

    report = quickly(ports(wrong, f), x, operations=[operation])
    assert statuses(report, "autograd") == {"value": "agrees", operation: "differs"}


def test_all_operations_have_names() -> None:
    assert {"jvp", "vjp", "batched_jacobian", *EVERY} == OPERATIONS.keys()


def test_operations_are_compared_in_the_order_in_which_they_are_asked_for() -> None:
    report = quickly(total, X, operations=["hessian", "gradient", "vector_jacobian_product"])
    assert list(statuses(report, "autograd")) == ["value", "hessian", "gradient", "vjp"]


def test_a_kink_is_nobodys_fault_in_gradients_and_jacobians() -> None:
    """One of the slopes at zero is chosen: 1 on autograd by `where`, and the mean of both by differences."""
    from comparing import KINK, relu

    def chosen(x: Any) -> Any:
        return array_namespace(x).where(x >= 0.0, x, 0.0 * x)

    def summed(f: Any) -> Any:
        return lambda x: array_namespace(x).sum(f(x))

    report = quickly({"autograd": chosen, "finite-difference": relu}, KINK, operations=["jacobian"])
    assert statuses(report, "autograd")["jacobian"] == "agrees"  # there is but one exact backend
    assert any("x lies at a kink" in words for finding in report.findings for words in finding.words)
    report = quickly({"autograd": summed(chosen), "finite-difference": summed(relu)}, KINK, operations=["gradient"])
    assert any("x lies at a kink" in words for finding in report.findings for words in finding.words)


# -- times --------------------------------------------------------------------------------------------


def test_times_are_those_of_the_first_the_repeated_and_the_prepared_call() -> None:
    report = quickly(cubic, X, operations=["jvp"], timing=True)
    for found in report.results:
        times = (found.first_seconds, found.seconds, found.prepare_seconds, found.prepared_seconds)
        assert all(time is not None and 0.0 < time < 10.0 for time in times), found


def test_prepared_calls_of_a_backend_that_compiles_do_not_run_f(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed as prepared is compiled: `f` runs while it is made ready, and never again."""
    pytest.importorskip("jax")
    calls: list[None] = []
    while_timed: list[int] = []

    def f(x: Any) -> Any:
        calls.append(None)
        return x**3

    def timed(call: Any) -> float:
        before = len(calls)
        call()
        while_timed.append(len(calls) - before)
        return 1.0

    monkeypatch.setattr(run, "median_seconds", timed)
    quickly(f, X, backends=["jax"], reference=None, operations=["jvp"], timing=True)
    assert while_timed == [1, 0, 1, 0]  # the value and the jvp, each as it is and prepared


def test_a_call_that_cannot_be_prepared_is_noted_and_has_its_other_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(participants, "prepare", fails)
    report = quickly(cubic, X, operations=["jvp"], timing=True)
    assert report.agree
    assert result(report, "jvp", "autograd").prepared_seconds is None
    assert result(report, "jvp", "autograd").seconds is not None
    assert "cubic: jvp on autograd cannot be prepared (RuntimeError: no compiler)" in report.notes


def test_a_prepared_call_that_gives_something_else_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participants, "prepare", lambda operation, f, *rest, **options: lambda *operands: 1.5 * X)
    notes = quickly(cubic, X, operations=["jvp"], timing=True).notes
    words = "cubic: jvp on autograd: the prepared call differs from the plain one by "
    assert any(note.startswith(words) for note in notes)


def test_ports_in_single_precision_are_compared_on_jax() -> None:
    jnp = pytest.importorskip("jax.numpy")
    report = quickly({"jax": lambda x: jnp.sin(x) * x}, X.astype(np.float32), operations=["jvp"])
    assert statuses(report, "jax") == {"value": "unchecked", "jvp": "agrees"}
