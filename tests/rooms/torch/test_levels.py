"""Transformations around an operation, and forward mode in other threads."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from torch_functions import PRODUCTS, OldStyle, U, X, equal, square

import adhelpers
from adhelpers import (
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)

torch = pytest.importorskip("torch")
names = pytest.importorskip("adhelpers_plugins.torch.names")
levels = pytest.importorskip("adhelpers_plugins.torch.levels")

pytestmark = pytest.mark.usefixtures("levels_known")


def test_operations_work_inside_transformations() -> None:
    rows = torch.stack([X, U])
    for call in PRODUCTS:
        equal(torch.func.vmap(lambda x, call=call: call(square, None, x, x))(rows), 2 * rows**2)
        equal(torch.func.grad(lambda x, call=call: call(square, None, x, x).sum())(X), 2 * X)
    jacobians = torch.func.vmap(lambda x: batched_jacobian(square, None, x[None]))(rows)
    equal(jacobians, 2 * rows[:, None, None])


def test_threads_mixing_both_products_give_right_answers() -> None:
    wrong = []

    def work(seed: int) -> None:
        x = torch.tensor([1.0 + seed, 2.0], dtype=torch.float64)
        for _ in range(50):
            for call in PRODUCTS:
                v = call(lambda x: x**3, "torch", x, x)
                if not torch.allclose(v, 3 * x**3):
                    wrong.append((seed, v))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.direct
def test_another_threads_forward_mode_is_no_transformation_of_this_one() -> None:
    inside, done = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        done.wait(10)  # for a thread that calls no forward mode
        return x**2

    thread = threading.Thread(target=jacobian_vector_product, args=(slow, "torch", X, U))
    thread.start()
    inside.wait(10)
    equal(vector_jacobian_product(OldStyle.apply, "torch", X, U), 2 * X * U)
    done.set()
    thread.join()


@pytest.mark.direct
def test_another_threads_forward_mode_takes_no_derivative_of_this_ones_results() -> None:
    """Of eigenvalues, forward mode is right at the first order alone."""
    inside = threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        time.sleep(0.3)
        return x**2

    thread = threading.Thread(target=jacobian_vector_product, args=(slow, "torch", X, U))
    thread.start()
    inside.wait(10)
    backend, matrix = adhelpers.backend("torch", fallback=False), torch.diag(X)
    slopes = jacobian_vector_product(torch.linalg.eigvalsh, backend, matrix, torch.diag(U))
    equal(slopes, U[torch.argsort(X)])
    thread.join()


@pytest.mark.direct
@pytest.mark.parametrize("call", PRODUCTS)
def test_products_inside_a_dual_level_of_the_users_own(call: Any) -> None:
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        x = forward_ad.make_dual(X, U)
        second = forward_ad.unpack_dual(call(lambda x: x**3, None, x, torch.ones_like(X))).tangent
    equal(second, 6 * X * U)


@pytest.mark.direct
@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        (names, "enter_dual_level", "after"),
        (names, "exit_dual_level", "after"),
        (levels.stance.AsWritten, "__enter__", "before"),
        (levels.stance.AsWritten, "__enter__", "after"),
        (levels.stance.AsWritten, "__exit__", "after"),
    ],
)
def test_an_interrupt_leaves_forward_mode(owner: Any, name: str, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python delivers it when one of its own functions begins, and when any has returned."""
    original = getattr(owner, name)

    def interrupted(*args: Any, **options: Any) -> Any:
        if when == "after":
            original(*args, **options)
        raise KeyboardInterrupt

    before = torch._dynamo.eval_frame._stance
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            jacobian_vector_product(square, "torch", X, U)
    assert torch._dynamo.eval_frame._stance is before
    received: list[Any] = []
    thread = threading.Thread(
        target=lambda: received.append(jacobian_vector_product(square, "torch", X, U)), daemon=True
    )
    thread.start()
    thread.join(10)
    equal(received[0], 2 * X * U)
    with torch.autograd.forward_ad.dual_level():
        pass
