"""Functions that agree and functions that differ, with short words for comparing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adhelpers import ComparisonReport, array_namespace, compare
from adhelpers.comparison import Result

autograd = pytest.importorskip("autograd")

PAIR = ("autograd", "finite-difference")
"""Two backends that start quickly."""
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def quickly(f: Any, x: Any, *args: Any, **options: Any) -> ComparisonReport:
    """Compare without times, and on `PAIR` unless `f` is ports or backends are named."""
    if not isinstance(f, dict):
        options.setdefault("backends", PAIR)
    return compare(f, x, *args, **{"timing": False, **options})


def result(report: ComparisonReport, operation: str, backend: str) -> Result:
    """The one result of an operation on a backend."""
    (found,) = [r for r in report.results if (r.operation, r.backend) == (operation, backend)]
    return found


def statuses(report: ComparisonReport, backend: str) -> dict[str, str]:
    """Of one backend, by operation."""
    return {r.operation: r.status for r in report.results if r.backend == backend}


def cubic(x: Any) -> Any:
    return x**3


def tree_model(x: Any) -> Any:
    xp = array_namespace(x["w"])
    return {"layers": [xp.sin(x["w"]), x["w"] * x["b"]], "norm": xp.sum(x["w"] ** 2)}


TREE = {"w": X, "b": np.asarray(0.7)}


def stopped(x: Any) -> Any:
    """The argument without its derivative, on autograd."""
    return autograd.tracer.getval(x)


def ports(wrong: Callable[[Any], Any], right: Callable[[Any], Any] = cubic) -> dict[str, Callable[[Any], Any]]:
    """One model for each of `PAIR`: what is wrong is wrong on autograd."""
    return {"autograd": wrong, "finite-difference": right}


def relu(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.where(x > 0.0, x, 0.0 * x)


def magnitude(x: Any) -> Any:
    return array_namespace(x).abs(x)


KINK = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, -1.0]])
