"""What is remembered of a function that calls nothing wrong, and for which calls."""

from __future__ import annotations

from typing import Any

import pytest
from torch_functions import U, X, equal

import adhelpers
from adhelpers import UnsupportedOperationError, gradient, jacobian_vector_product, vector_jacobian_product

torch = pytest.importorskip("torch")
watched = pytest.importorskip("adhelpers_plugins.torch.watching.watched")

pytestmark = pytest.mark.usefixtures("levels_known")


@pytest.mark.direct
def test_further_arguments_decide_what_is_called() -> None:
    def f(x: Any, is_wrong: bool) -> Any:
        return torch.logcumsumexp(x, 0) if is_wrong else x

    x, u = torch.tensor([-30.0, 30.0, 3.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    for is_wrong in (False, True, False, True):
        for of in (f, lambda x, is_wrong: gradient(lambda x: f(x, is_wrong).sum(), "torch", x)):
            v = jacobian_vector_product(of, "torch", x, u, args=(is_wrong,))
            if of is f:
                equal(v[0], 1.0)


@pytest.mark.direct
def test_a_function_that_calls_nothing_wrong_is_watched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = watched._watch
    monkeypatch.setattr(watched, "_watch", lambda sight, *rest: seen.append(sight) or original(sight, *rest))

    def f(x: Any) -> Any:
        return torch.sin(x)

    for _ in range(3):
        jacobian_vector_product(f, "torch", X, U)
    assert len(seen) == 1
    jacobian_vector_product(f, "torch", X[:2], U[:2])
    vector_jacobian_product(f, "torch", X, U)
    vector_jacobian_product(f, "torch", X, U)
    assert len(seen) == 3


def wrong_of_some(x: Any, which: Any = None) -> Any:
    """What is refused, of three numbers, of single precision, or if it is asked for; otherwise a square."""
    is_wrong = len(x) == 3 or x.dtype == torch.float32 or which
    return torch.special.airy_ai(x) if is_wrong else x**2


@pytest.mark.direct
@pytest.mark.parametrize("operation", [adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product])
@pytest.mark.parametrize(
    ("x", "args"),
    [(torch.ones(3).double(), ()), (torch.ones(2), ()), (torch.ones(2).double(), (True,))],
    ids=["shape", "dtype", "args"],
)
def test_a_call_that_is_not_like_the_one_before_is_looked_at(operation: Any, x: Any, args: Any) -> None:
    """A function is remembered as clean for one kind of call, and for no other."""
    clean = torch.ones(2).double()
    for _ in range(3):
        for _ in range(3):
            operation(wrong_of_some, "torch", clean, clean)
        with pytest.raises(adhelpers.UnsupportedOperationError, match="airy_ai"):
            operation(wrong_of_some, "torch", x, x, args=args)
        with pytest.raises(adhelpers.UnsupportedOperationError, match="airy_ai"):
            operation(torch.special.airy_ai, "torch", clean, clean)


@pytest.mark.parametrize("wrapped", [lambda word: (word,), lambda word: {"how": word}, lambda word: [[word]]])
def test_words_within_containers_among_the_arguments_are_looked_at(wrapped: Any) -> None:
    def f(x: Any, how: Any) -> Any:
        return torch.special.airy_ai(x) if "bessel" in str(how) else 2.0 * x

    equal(jacobian_vector_product(f, "torch", X, U, args=(wrapped("plain"),)), 2.0 * U)
    with pytest.raises(UnsupportedOperationError):
        jacobian_vector_product(f, "torch", X, U, args=(wrapped("bessel"),))
