"""Run one function through the three operations on every backend, and say where results differ."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from adhelpers import registry, structure
from adhelpers.batched import value_and_batched_jacobian
from adhelpers.contract import ADBackend
from adhelpers.errors import BatchAxisError, UnsupportedOperationError
from adhelpers.gallery import Problem
from adhelpers.operations import value_and_jacobian_vector_product, value_and_vector_jacobian_product

REFERENCE = "finite-difference"
"""What a function without closed forms is compared to."""

ROUNDING = 1e5
"""Results agree if they differ by at most this many times the error that the worse of the two owes."""

Status = Literal["agrees", "differs", "unsupported", "failed"]


@dataclass(frozen=True)
class Result:
    """One operation on one backend.

    Attributes
    ----------
    deviation
        The largest difference from the reference, relative to the largest entry of the reference's leaf.
    tolerance
        The largest deviation that counts as agreement.
    seconds
        The median time of repeated calls.
    error
        What was raised, where the status is "unsupported" or "failed".
    """

    function: str
    operation: str
    backend: str
    status: Status
    deviation: float | None = None
    tolerance: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Task:
    """One operation of one function, and what it must give."""

    function: str
    operation: str
    call: Callable[[ADBackend], Any]
    expected: Any
    reference_error: float

    def run(self, backend: ADBackend) -> Result:
        """Evaluate the task on `backend`, whatever it raises, and time it."""
        place = (self.function, self.operation, backend.name)
        try:
            value = to_numpy(backend, self.call(backend))
            deviation = largest_deviation(value, self.expected)
        except UnsupportedOperationError as error:
            return Result(*place, "unsupported", error=str(error))
        except Exception as error:  # noqa: BLE001  # the user's function may raise anything
            return Result(*place, "failed", error=f"{type(error).__name__}: {error}")
        epsilon = _epsilon(self.expected)
        tolerance = ROUNDING * max(backend.relative_error(epsilon), self.reference_error)
        status: Status = "agrees" if deviation <= tolerance else "differs"
        return Result(*place, status, deviation, tolerance, _median_seconds(lambda: self.call(backend)))


def usable_backends(names: list[str] | None = None) -> tuple[list[ADBackend], dict[str, ImportError]]:
    """The backends of those names, or all that are registered, and why the others cannot be used."""
    usable: list[ADBackend] = []
    failures: dict[str, ImportError] = {}
    for name in sorted(registry.current().descriptions) if names is None else names:
        try:
            usable.append(registry.backend(name).double_precision())
        except ImportError as error:
            if names is not None:
                raise
            failures[name] = error
    return usable, failures


def gallery_tasks(problem: Problem) -> Iterator[Task]:
    """The operations of a problem with closed forms."""
    yield _task(problem.name, "jvp", problem.f, problem.jvp, problem.x, problem.tangent)
    yield _task(problem.name, "vjp", problem.f, problem.vjp, problem.x, problem.cotangent)
    if problem.jacobian is not None:
        yield _task(problem.name, "batched", problem.f, problem.jacobian, problem.x)


def function_tasks(
    name: str, f: Callable[[Any], Any], x: np.ndarray, *, batch_axis: Literal[-1, 0] = -1, seed: int = 0
) -> Iterator[Task]:
    """The operations of any function, held to finite differences on NumPy arrays."""
    reference = registry.backend(REFERENCE)
    random = np.random.default_rng(seed)
    tangent = _random_like(random, x)
    y, pushed = value_and_jacobian_vector_product(f, reference, x, tangent)
    owed = reference.relative_error(_epsilon(x))
    yield _task(name, "jvp", f, pushed, x, tangent, owed=owed)
    leaves, treedef = reference.flatten(y)
    cotangent = treedef.unflatten([_random_like(random, leaf) for leaf in leaves])
    _, pulled = value_and_vector_jacobian_product(f, reference, x, cotangent)
    yield _task(name, "vjp", f, pulled, x, cotangent, owed=owed)
    holomorphic = np.iscomplexobj(x)
    try:
        _, jacobian = value_and_batched_jacobian(f, reference, x, batch_axis=batch_axis, holomorphic=holomorphic)
    except (BatchAxisError, TypeError):
        return  # not a function of one batch
    yield _task(name, "batched", f, jacobian, x, owed=owed, batch_axis=batch_axis, holomorphic=holomorphic)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "jvp": value_and_jacobian_vector_product,
    "vjp": value_and_vector_jacobian_product,
    "batched": value_and_batched_jacobian,
}


def _task(
    name: str, operation: str, f: Callable[[Any], Any], expected: Any, *args: Any, owed: float = 0.0, **options: Any
) -> Task:
    def call(backend: ADBackend) -> Any:
        return _OPERATIONS[operation](f, backend, *args, **options)[1]

    return Task(name, operation, call, expected, owed)


def _random_like(random: np.random.Generator, array: Any) -> np.ndarray:
    numbers = random.standard_normal(array.shape)
    if np.iscomplexobj(array):
        numbers = numbers + 1j * random.standard_normal(array.shape)
    return np.asarray(numbers, dtype=array.dtype)


def to_numpy(backend: ADBackend, tree: Any) -> Any:
    """A result with NumPy arrays for leaves."""
    leaves, treedef = backend.flatten(tree)
    return treedef.unflatten([backend.to_numpy(leaf) for leaf in leaves])


def largest_deviation(value: Any, expected: Any) -> float:
    """The largest difference relative to the largest entry of its leaf; NaNs at the same places agree."""
    leaves, treedef = structure.flatten(expected)
    received = structure.flatten_like(value, "the result", expected, "the reference", treedef, structure.flatten)
    largest = 0.0
    for a, b in zip(received, leaves, strict=True):
        if a.shape != b.shape:
            msg = f"a result has shape {a.shape}, its reference {b.shape}"
            raise ValueError(msg)
        if a.size == 0:
            continue
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        finite = np.abs(b)[np.isfinite(b)]
        scale = float(finite.max(initial=0.0)) or 1.0
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where(same, 0.0, np.abs(a - b) / scale)
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
    return largest


def _epsilon(tree: Any) -> float:
    return max((float(np.finfo(leaf.dtype).eps) for leaf in structure.flatten(tree)[0]), default=0.0)


def _median_seconds(call: Callable[[], Any], budget: float = 0.05) -> float:
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 21):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if sum(times) > 20 * budget:
            break
    return statistics.median(times)
