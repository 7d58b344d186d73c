"""Gradients and Hessians of each element of a batch (R18)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import adhelpers
from adhelpers import BatchMixingError, Capability
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import BOTH, call
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


def curved(xp: Any, x: Any) -> Any:
    return xp.sin(x[0]) * x[1] ** 2 + x[2] ** 3 * x[0]


def _curved(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients (N, B) and the Hessians (N, N, B)."""
    a, b, c = x
    zero = np.zeros_like(a)
    gradients = np.stack([np.cos(a) * b**2 + c**3, 2.0 * np.sin(a) * b, 3.0 * c**2 * a])
    ab, ac = 2.0 * np.cos(a) * b, 3.0 * c**2
    rows = [[-np.sin(a) * b**2, ab, ac], [ab, 2.0 * np.sin(a), zero], [ac, zero, 6.0 * c * a]]
    return gradients, np.array(rows)


def _batched(order: int, axis: int, subject: Subject) -> None:
    x = numbers(3, 4)
    operation = (adhelpers.value_and_batched_gradient, adhelpers.value_and_batched_hessian)[order - 1]

    def f(xp: Any, x: Any) -> Any:
        return curved(xp, x if axis == -1 else xp.permute_dims(x, (1, 0)))

    point = np.ascontiguousarray(np.moveaxis(x, -1, axis))
    # After a wrong derivative the check would say that f mixes the batch.
    options = {"batch_axis": axis, "check_batch": False}
    value, received = call(operation, subject, f, subject.arrays(point), **options)
    subject.expect_close(value, curved(numpy_namespace, x), what="the value")
    subject.expect_close(received, np.moveaxis(_curved(x)[order - 1], -1, axis), depth=order)


def _mixing(operation: Callable[..., Any], subject: Subject) -> None:
    def f(xp: Any, x: Any) -> Any:
        return xp.sum(x, axis=0) * xp.sum(x**2)

    x = subject.arrays(numbers(2, 3))
    subject.expect_error(BatchMixingError, lambda: call(operation, subject, f, x))


for _axis, _label in ((-1, "last"), (0, "first")):
    SCENARIOS.add(f"batched-gradient/{_label}", "R18", [Capability.REVERSE])(partial(_batched, 1, _axis))
    SCENARIOS.add(f"batched-hessian/{_label}", "R18", BOTH)(partial(_batched, 2, _axis))
SCENARIOS.add("refused-mixing/batched-gradient", "R18", [Capability.REVERSE])(
    partial(_mixing, adhelpers.batched_gradient)
)
SCENARIOS.add("refused-mixing/batched-hessian", "R18", BOTH)(partial(_mixing, adhelpers.batched_hessian))
