"""Arguments, values, calls, memory, dtypes and preparation of each operation, on a cubic with known derivatives."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    Capability,
    PreparationMismatchError,
    array_namespace,
    hessian,
    hessian_vector_product,
    jacobian,
    prepare,
    value_and_gauss_newton_product,
    value_and_gradient,
    value_and_hessian,
    value_and_hessian_vector_product,
    value_and_laplacian,
)
from adhelpers.operations.declaration import declaration_of
from conftest import MODES, assert_close, lifted

Backend = adhelpers.ADBackend
Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # the plain kind, as users write it
X, U = np.array([1.0, 2.0, -0.5]), np.array([0.5, -1.0, 2.0])
BATCH = np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, 1.5]])


# -- every operation on a cubic, whose derivatives are known -----------------------------------------------


def power(x: Any, factor: float) -> Any:
    return factor * x**3


def total(x: Any, factor: float) -> Any:
    return factor * (x**3).sum()


def columns(x: Any, factor: float) -> Any:
    return factor * array_namespace(x).sum(x**3, axis=0)


@dataclass(frozen=True)
class Operation:
    """An operation on one of the functions above, with the derivative for the factor 1."""

    name: str
    f: Callable[..., Any]
    x: np.ndarray
    derivative: np.ndarray
    u: np.ndarray | None = None
    degree: int = 1
    """How often the factor counts."""
    order: int = 1

    @property
    def operands(self) -> tuple[np.ndarray, ...]:
        return (self.x,) if self.u is None else (self.x, self.u)

    @property
    def plain(self) -> Callable[..., Any]:
        return getattr(adhelpers, self.name)

    @property
    def twin(self) -> Callable[..., Any]:
        return getattr(adhelpers, f"value_and_{self.name}")

    def value(self, factor: float = 1.0) -> Any:
        return np.asarray(self.f(self.x, factor))

    def expected(self, factor: float = 1.0) -> np.ndarray:
        return self.derivative * factor**self.degree


ONE = np.asarray(0.7)
EYE = np.eye(3)[:, :, None]
OPERATIONS = (
    Operation("derivative", power, ONE, 3.0 * ONE**2),
    Operation("second_derivative", power, ONE, 6.0 * ONE, order=2),
    Operation("gradient", total, X, 3.0 * X**2),
    Operation("jacobian", power, X, np.diag(3.0 * X**2)),
    Operation("hessian", total, X, np.diag(6.0 * X), order=2),
    Operation("hessian_vector_product", total, X, 6.0 * X * U, U, order=2),
    Operation("gauss_newton_product", power, X, 9.0 * X**4 * U, U, degree=2),
    Operation("laplacian", total, X, np.asarray(6.0 * X.sum()), order=2),
    Operation("batched_gradient", columns, BATCH, 3.0 * BATCH**2),
    Operation("batched_hessian", columns, BATCH, 6.0 * BATCH * EYE, order=2),
)
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@every_operation
def test_arguments_aux_and_values(backend: Backend, operation: Operation) -> None:
    marker = object()

    def with_aux(x: Any, factor: float, label: str) -> Any:
        return operation.f(x, factor), {"array": 2.0 * x, "label": label, "marker": marker, "nothing": None}

    y, expected, aux = operation.value(1.5), operation.expected(1.5), {"label": "a", "marker": marker, "nothing": None}
    operands = operation.operands
    received = operation.plain(operation.f, backend, *operands, args=(1.5,))
    assert_close(backend, received, expected, depth=operation.order)
    value, received = operation.twin(operation.f, backend, *operands, args=(1.5,))
    assert_close(backend, value, y)
    assert_close(backend, received, expected, depth=operation.order)
    options: dict[str, Any] = {"args": (1.5, "a"), "has_aux": True}
    received, other = operation.plain(with_aux, backend, *operands, **options)
    assert_close(backend, received, expected, depth=operation.order)
    assert_close(backend, other.pop("array"), 2.0 * operation.x)
    assert other == aux
    value, received, other = operation.twin(with_aux, backend, *operands, **options)
    assert_close(backend, value, y)
    assert_close(backend, received, expected, depth=operation.order)
    assert_close(backend, other.pop("array"), 2.0 * operation.x)
    assert other == aux


@every_operation
def test_f_runs_once_and_values_cost_nothing(framework: Backend, operation: Operation) -> None:
    """One sweep serves all vectors."""
    options = {"check": False} if "check" in declaration_of(operation.plain).operation.options else {}
    for call in (operation.plain, operation.twin):
        calls = []

        def f(x: Any, calls: list[int] = calls) -> Any:
            calls.append(1)
            return operation.f(x, 1.0)

        call(f, framework, *operation.operands, **options)
        assert len(calls) == 1


@every_operation
def test_f_may_work_in_place(backend: Backend, operation: Operation) -> None:
    def f(x: Any) -> Any:
        x *= 2.0
        return operation.f(x, 0.125)

    operands = lifted(backend, operation.operands)
    received = operation.plain(f, backend, *operands)
    assert_close(backend, received, operation.expected(), depth=operation.order)
    for operand, before in zip(operands, operation.operands, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(operand), before)


@every_operation
def test_errors_of_f_are_the_same_object_and_nothing_is_left_behind(backend: Backend, operation: Operation) -> None:
    error = LookupError("mine")

    def fails(x: Any) -> Any:
        operation.f(x, 1.0)
        raise error

    with pytest.raises(LookupError) as caught:
        operation.plain(fails, backend, *operation.operands)
    assert caught.value is error
    received = operation.plain(operation.f, backend, *operation.operands, args=(1.0,))
    assert_close(backend, received, operation.expected(), depth=operation.order)


@every_operation
def test_what_does_not_depend_on_x_gives_exact_zeros(backend: Backend, operation: Operation) -> None:
    def constant(x: Any) -> Any:
        return array_namespace(x).asarray(np.full(operation.value().shape, 2.0))

    received = operation.plain(constant, backend, *operation.operands)
    assert_close(backend, received, 0.0 * operation.derivative)
    assert not np.any(backend.to_numpy(received))


@every_operation
def test_single_precision_is_kept(backend: Backend, operation: Operation) -> None:
    if backend.name == "finite-difference" and operation.order == 2:
        pytest.skip("differences of differences leave a digit or two")
    operands = [operand.astype(np.float32) for operand in operation.operands]
    value, received = operation.twin(operation.f, backend, *operands, args=(1.0,))
    assert (value.dtype, received.dtype) == (lifted(backend, operands[0]).dtype,) * 2
    assert_close(backend, (value, received), (operation.value(), operation.derivative))


@every_operation
def test_half_precision_is_kept(backend: Backend, operation: Operation) -> None:
    if Capability.BFLOAT16 not in backend.capabilities:
        pytest.skip("it has none")
    xp = backend.array_namespace(lifted(backend, X))
    operands = [xp.astype(lifted(backend, operand), xp.bfloat16) for operand in operation.operands]

    def once() -> Any:
        return operation.plain(operation.f, backend, *operands, args=(1.0,))

    def prepared() -> Any:
        return prepare(operation.plain, operation.f, backend, *operands, args=(1.0,))(*operands, 1.0)

    for call in (once, once, prepared):  # the second call uses what the first has learnt
        received = call()
        assert received.dtype == xp.bfloat16
        wide = backend.to_numpy(xp.astype(received, xp.float32))
        np.testing.assert_allclose(wide, operation.derivative, rtol=0.03, atol=0.01)


@every_operation
def test_prepared(backend: Backend, operation: Operation) -> None:
    (*operands,) = lifted(backend, operation.operands)
    call = prepare(operation.plain, operation.f, backend, *operands, args=(1.0,))
    for factor in (1.0, 2.0):
        received = call(*operands, factor)
        assert_close(backend, received, operation.expected(factor), depth=operation.order)
    strict = prepare(operation.twin, operation.f, backend, *operands, args=(1.0,), strict=True)
    value, received = strict(*operands, 1.0)
    assert_close(backend, value, operation.value())
    assert_close(backend, received, operation.expected(), depth=operation.order)
    if operation.x.ndim:
        fewer = [operand[:2] for operand in operands]
        whole = operation.derivative
        part = whole[:2, :2] if whole.shape[:2] == (3, 3) else whole[:2] if whole.ndim else np.asarray(18.0)
        assert_close(backend, call(*fewer, 1.0), part, depth=operation.order)
        with pytest.raises(PreparationMismatchError):
            strict(*fewer, 1.0)
    if "u" not in operation.plain.__annotations__ and operation.u is None:
        with pytest.raises(TypeError, match="takes no u; leave it out"):
            prepare(operation.plain, operation.f, backend, *operands, *operands, args=(1.0,))


@every_operation
def test_every_call_compiled(operation: Operation) -> None:
    pytest.importorskip("jax")
    backend = adhelpers.backend("jax", jit=True).double_precision()
    for _ in range(2):
        value, received = operation.twin(operation.f, backend, *operation.operands, args=(2.0,))
        assert_close(backend, (value, received), (operation.value(2.0), operation.expected(2.0)))


# -- memory (R8) --------------------------------------------------------------------------------------------


def identity_or_constant(backend: Backend) -> dict[str, tuple[Any, Any, Any]]:
    """Functions that hand back what they were given, or hold: of x, for each shape of f(x)."""
    held, number = lifted(backend, X.copy()), lifted(backend, np.asarray(2.0))
    return {
        "a number": (lambda x: x, np.asarray(1.5), None),
        "a number held": (lambda x: number, np.asarray(1.5), number),
        "an array": (lambda x: [x, x], X.copy(), None),
        "an array held": (lambda x: [held, x], X.copy(), held),
    }


@pytest.mark.parametrize("case", ["a number", "a number held", "an array", "an array held"])
def test_values_share_no_memory(backend: Backend, case: str) -> None:
    if backend.name == "jax":
        pytest.skip("JAX arrays cannot be written to")
    f, x, held = identity_or_constant(backend)[case]
    x, u = lifted(backend, x), lifted(backend, x.copy())
    calls: list[Any] = [(adhelpers.value_and_jacobian, (x,)), (value_and_gauss_newton_product, (x, u))]
    if "number" in case:
        calls += [
            (adhelpers.value_and_derivative, (x,)),
            (adhelpers.value_and_second_derivative, (x,)),
            (value_and_gradient, (x,)),
            (value_and_hessian, (x,)),
            (value_and_laplacian, (x,)),
            *[(lambda *a, m=m: value_and_hessian_vector_product(*a, mode=m), (x, u)) for m in MODES],
        ]
    for call, operands in calls:
        leaves, _ = backend.flatten(call(f, backend, *operands))
        require_apart(backend, [*leaves, *operands, *([] if held is None else [held])])


def require_apart(backend: Backend, arrays: list[Any]) -> None:
    for a, b in itertools.combinations([np.asarray(backend.to_numpy(array)) for array in arrays], 2):
        assert not (np.shares_memory(a, b) and (a.flags.writeable or b.flags.writeable))


def memory(array: Any) -> int:
    """Where the memory begins of which an array is a part."""
    if not isinstance(array, np.ndarray):
        return int(array.untyped_storage().data_ptr())
    return memory(array.base) if isinstance(array.base, np.ndarray) else int(array.ctypes.data)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_blocks_share_no_memory(backend: Backend, mode: Any) -> None:
    if backend.name == "jax":
        pytest.skip("JAX arrays cannot be written to")
    x = lifted(backend, {"a": X.copy(), "b": U.copy()})
    J = jacobian(lambda x: [x["a"] * x["b"], x["a"] + x["b"], x["a"]], backend, x, mode=mode)
    require_apart(backend, [*backend.flatten(J)[0], *x.values()])
    assert len({memory(leaf) for leaf in backend.flatten(J)[0]}) == 6  # nor are they parts of one array
    outer = {"forward": "forward-over-reverse", "reverse": "reverse-over-reverse"}[mode]
    H = hessian(lambda x: (x["a"] * x["b"]).sum(), backend, x, mode=outer)  # type: ignore[arg-type]
    require_apart(backend, [*backend.flatten(H)[0], *x.values()])
    v = hessian_vector_product(lambda x: (x["a"] * x["b"]).sum(), backend, x, x, mode=outer)  # type: ignore[arg-type]
    require_apart(backend, [*backend.flatten(v)[0], *x.values()])
