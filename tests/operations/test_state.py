"""What calls leave behind: nothing in other threads, after errors, in memory, or in anybody's arrays."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    array_namespace,
    batched_jacobian,
    jacobian_vector_product,
    value_and_batched_jacobian,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)
from conftest import FRAMEWORKS, make

Backend = adhelpers.ADBackend
Function = Callable[[Any], Any]

X = np.array([[0.5, 1.5, -2.0]])
ONE = np.ones_like(X)
OPERATIONS = ["jvp", "vjp", "forward", "reverse"]
every_operation = pytest.mark.parametrize("operation", OPERATIONS)


def differentiate(operation: Any, f: Function, backend: Backend, x: Any = X) -> Any:
    """The derivative of an elementwise function at x (1, B), the batched Jacobian's in either mode."""
    if operation in ("forward", "reverse"):
        return batched_jacobian(f, backend, x, mode=operation)[0, :, :]
    return {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}[operation](f, backend, x, ONE)


def assert_equal(backend: Backend, received: Any, expected: np.ndarray, *, depth: int = 1) -> None:
    tolerance = 1e-11 if backend.name != "finite-difference" else 1e-7 * 1e3 ** (depth - 1)
    np.testing.assert_allclose(backend.to_numpy(received), expected, rtol=tolerance, atol=tolerance)


# -- threads (R11) --------------------------------------------------------------------------------------


def test_threads_on_all_backends_at_once_get_right_answers_only() -> None:
    backends = [make(name) for name in FRAMEWORKS]  # a framework that is missing skips the test
    start = threading.Barrier(8)

    def work(seed: int) -> int:
        x, calls = X * (1.0 + seed / 8), 0

        def f(z: Any) -> Any:
            return (1.0 + seed) * z**3

        start.wait()
        for turn in range(12):
            for backend in backends[seed % 4 :] + backends[: seed % 4]:
                for operation in OPERATIONS:
                    expected = (1.0 + seed) * 3 * x**2
                    assert_equal(backend, differentiate(operation, f, backend, x), expected)
                    calls += 1
                outer, inner = OPERATIONS[turn % 4], OPERATIONS[turn // 4]
                second = differentiate(
                    outer, lambda z, inner=inner, b=backend: differentiate(inner, f, b, z), backend, x
                )
                assert_equal(backend, second, (1.0 + seed) * 6 * x, depth=2)
                calls += 1
        return calls

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [12 * 4 * 5] * 8


def test_threads_that_nest_two_frameworks_in_opposite_orders_do_not_wait_for_each_other() -> None:
    backends = [make("torch"), make("autograd")]
    inside = [threading.Event(), threading.Event()]
    found: dict[int, float] = {}

    def work(k: int) -> None:
        outer, inner = backends[k], backends[1 - k]

        def f(x: Any) -> Any:
            inside[k].set()
            inside[1 - k].wait(0.3)  # in vain, if the other thread is kept out
            constant = jacobian_vector_product(lambda z: z**2, inner, np.asarray(3.0), np.asarray(1.0))
            return float(inner.to_numpy(constant)) * x

        found[k] = float(outer.to_numpy(jacobian_vector_product(f, outer, np.asarray(1.0), np.asarray(1.0))))

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {0: 6.0, 1: 6.0}


@pytest.mark.parametrize("slow", OPERATIONS)
def test_torchs_modules_may_train_while_another_thread_is_in_forward_mode(slow: str) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")
    rng = np.random.default_rng(0)
    x, u = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    deviation = np.sqrt(x.var(0) + 1e-5)
    centred = (x - x.mean(0)) / deviation
    expected = (u - u.mean(0) - centred * (u * centred).mean(0)) / deviation
    inside = threading.Event()

    def f(z: Any) -> Any:
        inside.set()
        time.sleep(0.1)  # not until the other thread has finished: that would be a deadlock
        return z**3

    def train() -> list[Any]:
        module = torch.nn.BatchNorm1d(2, affine=False).double()
        inside.wait(10)
        return [vector_jacobian_product(module, backend, x, u) for _ in range(20)]

    with ThreadPoolExecutor(2) as pool:
        training, slowly = pool.submit(train), pool.submit(differentiate, slow, f, backend)
        assert_equal(backend, slowly.result(30), 3 * X**2)
        for received in training.result(30):
            assert_equal(backend, received, expected)


# -- errors in f (R10) ----------------------------------------------------------------------------------


def state() -> dict[str, Any]:
    """Whatever of the frameworks' process-wide and thread-local state an operation could leave wrong."""
    found: dict[str, Any] = {"numpy": np.geterr()}
    if "autograd" in sys.modules:
        from autograd.tracer import trace_stack

        found["autograd"] = trace_stack.top
    if "torch" in sys.modules:
        import torch
        from torch._functorch import eager_transforms
        from torch.autograd import forward_ad

        found["torch"] = (
            forward_ad._current_level,
            eager_transforms.JVP_NESTING,
            torch._C._functorch.maybe_current_level(),
            torch._C._is_fwd_grad_enabled(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_dtype(),
        )
    if "jax" in sys.modules:
        import jax

        found["jax"] = (dict(jax.config.values), jax.config.jax_enable_x64, jax.numpy.ones(1).dtype)
    return found


def assert_untouched(backend: Backend, before: dict[str, Any]) -> None:
    """Nothing has changed, and each operation works, in this thread and in another one."""
    assert state() == before

    def work() -> None:
        for operation in OPERATIONS:
            assert_equal(backend, differentiate(operation, lambda z: z**3, backend), 3 * X**2)

    work()
    failures: list[BaseException] = []

    def in_thread() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # handed on
            failures.append(error)

    thread = threading.Thread(target=in_thread, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "a lock is still held"
    assert failures == []


ERRORS = [ValueError("mine"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()]
every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def raising(error: BaseException, at_call: int) -> Function:
    """A cubic that works, and at that call raises once it has worked."""
    calls = itertools.count(1)

    def f(z: Any) -> Any:
        y = z**3
        if next(calls) == at_call:
            raise error
        return y

    return f


def raised_by(error: BaseException, call: Callable[[], Any]) -> None:
    with pytest.raises(type(error)) as caught:
        call()
    assert caught.value is error


@every_error
@every_operation
def test_an_error_in_f_leaves_nothing_behind(backend: Backend, operation: str, error: BaseException) -> None:
    before = state()
    raised_by(error, lambda: differentiate(operation, raising(error, 1), backend))
    assert_untouched(backend, before)


@every_error
@pytest.mark.parametrize("at_call", [2, 3])
def test_an_error_in_a_later_chunk_leaves_nothing_behind(backend: Backend, at_call: int, error: BaseException) -> None:
    f, before = raising(error, at_call), state()
    x = np.ones((4, 2))
    try:
        raised_by(error, lambda: batched_jacobian(f, backend, x, mode="forward", chunk_size=1))
    finally:
        assert_untouched(backend, before)


@pytest.mark.parametrize("inner", OPERATIONS)
@pytest.mark.parametrize("outer", OPERATIONS)
@pytest.mark.parametrize("at_call", [1, 2, 3])
def test_an_error_in_a_nested_f_leaves_nothing_behind(backend: Backend, at_call: int, outer: str, inner: str) -> None:
    before = state()
    for error in ERRORS:
        g = raising(error, at_call)

        def f(x: Any, g: Any = g) -> Any:
            return sum(differentiate(inner, g, backend, x) for _ in range(3))

        raised_by(error, lambda f=f: differentiate(outer, f, backend))
        assert state() == before
    assert_untouched(backend, before)


@every_operation
def test_an_error_that_f_handles_itself_does_no_harm(backend: Backend, operation: str) -> None:
    before = state()
    error = ValueError("mine")

    def f(x: Any) -> Any:
        for inner in OPERATIONS:
            raised_by(error, lambda inner=inner: differentiate(inner, raising(error, 1), backend, x))
        return x**3

    assert_equal(backend, differentiate(operation, f, backend), 3 * X**2)
    assert_untouched(backend, before)


# -- memory ---------------------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    """No collector at work, nor anything older than the test for it to look at."""
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


@every_operation
def test_calls_do_not_accumulate(backend: Backend, operation: str, no_collector: None) -> None:
    def cube(z: Any) -> Any:
        return z**3

    def call(times: int) -> tuple[int, int]:
        for _ in range(times // 2):
            differentiate(operation, cube, backend)
            differentiate(operation, lambda z: z**3, backend)  # a new function each time
        gc.collect()
        return len(gc.get_objects()), sys.getallocatedblocks()

    warm, times = (100, 200) if backend.name == "jax" else (300, 2000)
    call(warm)
    counts = [call(warm), *(call(times) for _ in range(3))]
    # What accumulates does so every time; a table of somebody's that has to grow does not.
    objects, blocks = (
        min(after - before for before, after in itertools.pairwise(column)) for column in zip(*counts, strict=True)
    )
    assert objects < times // 50
    assert blocks < times // 2


# PyTorch's and JAX's own transformations leave cycles, though none that holds f.
CYCLES = {"jax": OPERATIONS, "torch": ["forward", "reverse"]}


@every_operation
@pytest.mark.parametrize("depth", [1, 2])
def test_calls_make_no_reference_cycles(backend: Backend, operation: str, depth: int, no_collector: None) -> None:
    class Cube:
        def __call__(self, z: Any) -> Any:
            return z**3

    def call() -> tuple[Any, Any]:
        f = Cube()
        g = f if depth == 1 else lambda z: differentiate("vjp", f, backend, z)
        return differentiate(operation, g, backend), weakref.ref(f)

    call()  # whatever a framework makes once
    gc.collect()
    result, function = call()
    assert function() is None
    result = weakref.ref(result)
    assert result() is None
    if operation not in CYCLES.get(backend.name, []) and (depth == 1 or backend.name != "torch"):
        assert gc.collect() == 0


@every_operation
def test_results_attached_to_a_parameter_go_with_their_last_reference(operation: str, no_collector: None) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")

    def call() -> tuple[Any, Any]:
        weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        return differentiate(operation, lambda z: weight * z**3, backend), weakref.ref(weight)

    call()
    gc.collect()
    result, weight = call()
    assert weight() is not None
    del result
    assert weight() is None


# -- purity (R8) ----------------------------------------------------------------------------------------


def add(x: Any) -> Any:
    x += 1.0
    return x**2


def scale_twice(x: Any) -> Any:
    y = x
    y *= 2.0
    x *= 3.0
    return y * x


def overwrite(x: Any) -> Any:
    x[...] = 0.0
    return 1.0 * x


def overwrite_part(x: Any) -> Any:
    x[:, 1] = 5.0
    return x**2


def overwrite_and_return(x: Any) -> Any:
    x[:, 1:] *= 2.0
    return x


# Functions that work in place, with their slopes.
IN_PLACE: dict[str, tuple[Function, np.ndarray]] = {
    "add": (add, 2.0 * (X + 1.0)),
    "overwrite": (overwrite, 0.0 * X),
    "overwrite a part": (overwrite_part, 2.0 * X * [[1.0, 0.0, 1.0]]),
    "overwrite and return": (overwrite_and_return, np.array([[1.0, 2.0, 2.0]])),
    "scale twice": (scale_twice, 72.0 * X),
}


@every_operation
@pytest.mark.parametrize(
    ("framework", "name"),
    # Boxes take no assignment, and augment into new ones.
    [*itertools.product(["torch", "finite-difference"], IN_PLACE), ("autograd", "add")],
)
def test_inputs_survive_functions_that_work_in_place(framework: str, name: str, operation: str) -> None:
    backend = make(framework)
    f, expected = IN_PLACE[name]
    memory, tangent = X.copy(), ONE.copy()
    if framework == "torch":
        torch = pytest.importorskip("torch")
        x, u = torch.from_numpy(memory), torch.from_numpy(tangent)  # which share their memory
    else:
        x, u = memory, tangent
    if operation in ("forward", "reverse"):
        received = batched_jacobian(f, backend, x, mode=operation)[0, :, :]
    else:
        product = {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}[operation]
        received = product(f, backend, x, u)
    assert_equal(backend, received, expected)
    np.testing.assert_array_equal(memory, X)
    np.testing.assert_array_equal(tangent, ONE)


CONSTANT = np.array([[7.0, 8.0, 9.0]])

# Functions of x (1, 3) that return what is not theirs, by namespace and constant.
LENDERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "x": lambda xp, x, c: x,
    "a view": lambda xp, x, c: x[...],
    "a transposed view": lambda xp, x, c: xp.matrix_transpose(xp.matrix_transpose(x)),
    "one element repeated": lambda xp, x, c: xp.broadcast_to(x[:, :1], (1, 3)),
    "a constant": lambda xp, x, c: c,
    "a view of a constant": lambda xp, x, c: c[...],
    "a sum of x": lambda xp, x, c: x + xp.sum(x),
}


def arrays_of(tree: Any) -> list[Any]:
    return [a for leaf in tree for a in arrays_of(leaf)] if isinstance(tree, (tuple, list)) else [tree]


def assert_separate(backend: Backend, results: list[Any], others: list[Any]) -> None:
    """Each result can be written to, and the write is seen in it alone."""
    before = [backend.to_numpy(a).copy() for a in others]
    for i, result in enumerate(results):
        result[...] = 100.0 + i
    for i, result in enumerate(results):
        assert np.all(backend.to_numpy(result) == 100.0 + i)
    for a, b in zip(others, before, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), b)


@pytest.mark.parametrize("name", LENDERS)
@pytest.mark.parametrize("framework", ["torch", "autograd", "finite-difference"])
def test_results_of_products_are_nobody_elses(framework: str, name: str) -> None:
    backend = make(framework)
    x, c, one = (backend.asarray(a) for a in (X, CONSTANT, ONE))

    def f(x: Any) -> Any:
        y = LENDERS[name](array_namespace(x), x, c)
        return (y, y), [y, c]

    for call, u in ((value_and_jacobian_vector_product, one), (value_and_vector_jacobian_product, (one, one))):
        assert_separate(backend, arrays_of(call(f, backend, x, u, has_aux=True)), [x, c, one])
    two = adhelpers.vector_jacobian_product(lambda x: x[0] + x[1], backend, (x, x), one)
    assert_separate(backend, arrays_of(two), [x, one])


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("name", [name for name in LENDERS if name != "a sum of x" and name != "one element repeated"])
@pytest.mark.parametrize("framework", ["torch", "autograd", "finite-difference"])
def test_results_of_batched_jacobians_are_nobody_elses(framework: str, name: str, mode: Any) -> None:
    backend = make(framework)
    x, c = backend.asarray(X), backend.asarray(CONSTANT)

    def f(x: Any) -> Any:
        y = LENDERS[name](array_namespace(x), x, c)
        return y, [y, c]

    for _ in range(2):  # the second time without the check
        assert_separate(backend, arrays_of(value_and_batched_jacobian(f, backend, x, mode=mode, has_aux=True)), [x, c])


# -- calls of f (R9) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(OPERATIONS, repeat=2)))
def test_nested_operations_run_f_once(framework: Backend, outer: str, inner: str) -> None:
    calls = []

    def g(z: Any) -> Any:
        calls.append(1)
        return z**3

    def f(x: Any) -> Any:
        return differentiate(inner, g, framework, x)

    for _ in range(2):  # there may be more to learn
        assert_equal(framework, differentiate(outer, f, framework), 6 * X, depth=2)
    calls.clear()
    assert_equal(framework, differentiate(outer, f, framework), 6 * X)
    assert len(calls) == 1
