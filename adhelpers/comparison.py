"""Run one function through the three operations on every backend, and say where results differ."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from adhelpers import registry, structure
from adhelpers.batched import value_and_batched_jacobian
from adhelpers.contract import ADBackend
from adhelpers.errors import BatchAxisError, BatchMixingError, UnsupportedOperationError
from adhelpers.gallery import Problem
from adhelpers.operations import value_and_jacobian_vector_product, value_and_vector_jacobian_product

REFERENCE = "finite-difference"
"""What a function without closed forms is compared to."""

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
    """One operation of one function, and what it must give.

    Attributes
    ----------
    reference_error
        The relative error that `expected` owes.
    floor
        What a smaller leaf of `expected` counts as, since that leaf may be noise.
    """

    function: str
    operation: str
    call: Callable[[ADBackend], Any]
    expected: Any
    reference_error: float
    floor: float

    def run(self, backend: ADBackend) -> Result:
        """Evaluate the task on `backend`, whatever it raises, and time it."""
        place = (self.function, self.operation, backend.name)

        def evaluate() -> Any:
            return to_numpy(backend, self.call(backend))  # which waits for what is computed asynchronously

        try:
            deviation = largest_deviation(evaluate(), self.expected, self.floor)
            seconds = _median_seconds(evaluate)
        except UnsupportedOperationError as error:
            return Result(*place, "unsupported", error=str(error))
        except Exception as error:  # noqa: BLE001  # the user's function may raise anything
            return Result(*place, "failed", error=f"{type(error).__name__}: {error}")
        owed = max(backend.relative_error(_epsilon(self.expected)), self.reference_error)
        # Half of the digits that the worse of the two owes: in float32 too, that is far from any wrong result.
        tolerance = math.sqrt(owed)
        status: Status = "agrees" if deviation <= tolerance else "differs"
        return Result(*place, status, deviation, tolerance, seconds)


def usable_backends(names: list[str] | None = None) -> tuple[list[ADBackend], dict[str, Exception]]:
    """The backends of those names, or all that are registered, and why the others cannot be used."""
    usable: list[ADBackend] = []
    failures: dict[str, Exception] = {}
    for name in sorted(registry.current().descriptions) if names is None else names:
        try:
            usable.append(registry.backend(name).double_precision())
        except Exception as error:  # noqa: BLE001  # a plugin may fail in any way at all
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
    random = np.random.default_rng((seed, 1))  # not `seed` alone: x, drawn from that, would be the tangent
    tangent = _random_like(random, x)
    y, pushed = value_and_jacobian_vector_product(f, reference, x, tangent)
    leaves, treedef = reference.flatten(y)
    owed = reference.relative_error(_epsilon(x))
    # The rounding of f itself, about owed * |f| / |x|, shows in its differences however small the derivative is.
    floor = 100 * math.sqrt(owed) * max(map(_largest, leaves), default=0.0) / max(1.0, _largest(x))
    error = {"reference_error": owed, "floor": floor}
    yield _task(name, "jvp", f, pushed, x, tangent, **error)
    cotangent = treedef.unflatten([_random_like(random, leaf) for leaf in leaves])
    _, pulled = value_and_vector_jacobian_product(f, reference, x, cotangent)
    yield _task(name, "vjp", f, pulled, x, cotangent, **error)
    holomorphic = np.iscomplexobj(x)
    try:
        _, jacobian = value_and_batched_jacobian(f, reference, x, batch_axis=batch_axis, holomorphic=holomorphic)
    except (BatchAxisError, BatchMixingError, TypeError):
        return  # not a function of one batch
    yield _task(name, "batched", f, jacobian, x, batch_axis=batch_axis, holomorphic=holomorphic, **error)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "jvp": value_and_jacobian_vector_product,
    "vjp": value_and_vector_jacobian_product,
    "batched": value_and_batched_jacobian,
}


def _task(
    name: str,
    operation: str,
    f: Callable[[Any], Any],
    expected: Any,
    *args: Any,
    reference_error: float = 0.0,
    floor: float = 0.0,
    **options: Any,
) -> Task:
    def call(backend: ADBackend) -> Any:
        return _OPERATIONS[operation](f, backend, *args, **options)[1]

    return Task(name, operation, call, expected, reference_error, floor)


def _random_like(random: np.random.Generator, array: Any) -> np.ndarray:
    numbers = random.standard_normal(array.shape)
    if np.iscomplexobj(array):
        numbers = numbers + 1j * random.standard_normal(array.shape)
    return np.asarray(numbers, dtype=array.dtype)


def to_numpy(backend: ADBackend, tree: Any) -> Any:
    """A result with NumPy arrays for leaves."""
    leaves, treedef = backend.flatten(tree)
    return treedef.unflatten([backend.to_numpy(leaf) for leaf in leaves])


def largest_deviation(value: Any, expected: Any, floor: float = 0.0) -> float:
    """The largest difference relative to the largest entry of its leaf, or to `floor` where that is larger.

    NaNs at the same places agree.
    """
    leaves, _ = structure.flatten(expected)
    received, _ = structure.flatten(structure.arrange_like(value, "the result", expected, "the reference"))
    largest = 0.0
    for a, b in zip(received, leaves, strict=True):
        if a.shape != b.shape:
            msg = f"a result has shape {a.shape}, its reference {b.shape}"
            raise ValueError(msg)
        if a.size == 0:
            continue
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        scale = max(_largest(b), floor) or 1.0
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where(same, 0.0, np.abs(a - b) / scale)
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
    return largest


def _largest(array: Any) -> float:
    return float(np.abs(array)[np.isfinite(array)].max(initial=0.0))


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
