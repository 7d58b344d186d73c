"""Every operation on every backend: a failure of one stops no other, and memory stays bounded."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from comparing import X, cubic, ports, quickly, result, statuses

from adhelpers import ComparisonReport, array_namespace


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
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert not report.agree
    assert result(report, "vjp", "autograd").error == "RuntimeError: not here"


def test_function_that_exits_stops_no_other() -> None:
    def exits(x: Any) -> Any:
        raise SystemExit(3)

    report = quickly(ports(exits), X)
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert result(report, "value", "autograd").error == "SystemExit: 3"


def test_failure_of_the_reference_stops_no_other() -> None:
    pytest.importorskip("torch")

    def no_numpy(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise TypeError("tensors, please")
        return x**3

    report = quickly(no_numpy, X, backends=["torch", "finite-difference"])
    assert set(statuses(report, "torch").values()) == {"agrees"}
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
@pytest.mark.parametrize("backends", ["autograd,finite-difference", "autograd,torch,finite-difference"])
def test_ten_million_elements_take_three_times_their_memory_per_backend(backends: str) -> None:
    if "torch" in backends:
        pytest.importorskip("torch")
    run = subprocess.run([sys.executable, "-c", LARGE, backends], capture_output=True, text=True, check=True)
    data = 4 * 80e6 / 1024  # x, its tangent, f(x) and a product: 10 million float64 each
    assert int(run.stdout) < 3 * data * (backends.count(",") + 1)
