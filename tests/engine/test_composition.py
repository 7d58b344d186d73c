"""Of which modes second derivatives are composed, on toys that say what they were asked."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from toys import ForwardToy, ReverseToy

from adhelpers import ADBackend, hessian_vector_product, second_derivative
from adhelpers.engine import composition
from adhelpers.engine.composition import COMPOSITIONS, order
from adhelpers.engine.journal import Explanation, call_of
from conftest import MODES

X, U = np.asarray([1.0, -2.0, 0.5]), np.asarray([0.5, 1.0, -1.0])
M = np.asarray([[2.0, 1.0, 0.0], [1.0, -3.0, 4.0], [0.0, 4.0, 1.0]])


def quadratic(x: Any) -> Any:
    """x' M x, whose Hessian is 2 M."""
    return x @ M @ x


@pytest.mark.parametrize("mode", MODES)
def test_the_outer_mode_stands_first(mode: Any) -> None:
    assert order(ForwardToy(), mode) == tuple(mode.split("-over-"))


def test_every_composition_is_known() -> None:
    assert ("auto", *MODES) == COMPOSITIONS


def test_automatic_mode_is_the_backends_fastest() -> None:
    class Both(ForwardToy):
        def vjp(self, f: Any, x: Any) -> Any:
            return ReverseToy().vjp(f, x)

    class Alone(ReverseToy):
        jvp = ADBackend.jvp

    class Other(Both):
        second_order: ClassVar[Any] = "reverse-over-forward"

    expected = {
        ForwardToy: ("forward", "forward"),
        Alone: ("reverse", "reverse"),
        Both: ("forward", "reverse"),
        Other: ("reverse", "forward"),
    }
    assert {toy: order(toy(), "auto") for toy in expected} == expected


def test_who_listens_hears_the_composition() -> None:
    log = Explanation()
    with call_of("hessian", quadratic, "toy", log):
        order(ForwardToy(), "auto")
        order(ForwardToy(), "reverse-over-forward")
    assert [note.words for note in log.calls[0].notes] == [
        "forward-over-forward, the fastest of forward-toy",
        "reverse-over-forward",
    ]


@pytest.mark.parametrize("toy", [ForwardToy, ReverseToy])
@pytest.mark.parametrize("mode", COMPOSITIONS)
def test_every_composition_gives_the_hessian_along_a_direction(toy: Any, mode: Any) -> None:
    np.testing.assert_allclose(hessian_vector_product(quadratic, toy(), X, U, mode=mode), 2.0 * M @ U, atol=1e-9)


@pytest.mark.parametrize("mode", COMPOSITIONS)
@pytest.mark.parametrize("x", [(), {}, {"a": []}], ids=repr)
def test_no_leaves_have_no_direction(mode: Any, x: Any) -> None:
    assert hessian_vector_product(lambda x: np.asarray(2.0), ForwardToy(), x, x, mode=mode) == x


# -- twice along a number -----------------------------------------------------------------------------


class Asked(ReverseToy):
    """Both modes, reverse twice being the faster, with a list of what was asked."""

    name: ClassVar[str] = "asked"
    second_order: ClassVar[Any] = "reverse-over-reverse"
    asked: ClassVar[list[str]] = []

    def jvp(self, f: Any, x: Any, u: Any) -> Any:
        self.asked.append("jvp")
        return ForwardToy().jvp(f, x, u)

    def vjp(self, f: Any, x: Any) -> Any:
        self.asked.append("vjp")
        return super().vjp(f, x)


@pytest.fixture
def asked() -> list[str]:
    Asked.asked.clear()
    return Asked.asked


def test_one_number_takes_the_reverse_mode_where_that_is_faster(asked: list[str]) -> None:
    for shape in ((), (1,), (1, 1)):
        asked.clear()
        v = second_derivative(lambda x, shape=shape: (3.0 * x * x).reshape(shape), Asked(), np.asarray(2.0))
        assert v.shape == shape
        np.testing.assert_allclose(v, np.full(shape, 6.0))
        assert set(asked) == {"vjp"}


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.asarray([1.0, 2.0]) * x * x, np.asarray([2.0, 4.0])),
        (lambda x: (x * x, 3.0 * x * x), (2.0, 6.0)),
        (lambda x: 1j * x * x, 2j),
    ],
    ids=["an array", "a pair", "complex"],
)
def test_several_numbers_take_the_forward_mode_and_this_is_remembered(f: Any, expected: Any, asked: list[str]) -> None:
    for turn in range(3):
        asked.clear()
        v = second_derivative(f, Asked(), np.asarray(2.0))
        np.testing.assert_allclose(v, expected)
        assert asked[-1] == "jvp"
        assert ("vjp" in asked) == (turn == 0), "it was tried once"


def test_a_complex_point_takes_the_forward_mode(asked: list[str]) -> None:
    np.testing.assert_allclose(second_derivative(lambda z: z * z * 3.0, Asked(), np.asarray(1.0 + 2.0j)), 6.0)
    assert set(asked) == {"jvp"}


def test_without_the_reverse_rule_forward_mode_stands_in() -> None:
    np.testing.assert_allclose(second_derivative(lambda x: 3.0 * x * x, ForwardToy(), 2.0), 6.0)

    class Lacking(ForwardToy):
        second_order: ClassVar[Any] = "reverse-over-reverse"

    np.testing.assert_allclose(second_derivative(lambda x: 3.0 * x * x, Lacking(fallback=False), 2.0), 6.0)


def test_what_was_seen_of_one_dtype_says_nothing_of_another() -> None:
    outputs = composition.Outputs()
    assert not outputs.are_several

    def f(x: Any) -> Any:
        return (x * x, x) if x.dtype == np.float32 else 2.0 * x * x

    np.testing.assert_allclose(second_derivative(f, Asked(), np.asarray(2.0, np.float32))[0], 2.0, rtol=1e-5)
    Asked.asked.clear()
    np.testing.assert_allclose(second_derivative(f, Asked(), np.asarray(2.0)), 4.0)
    assert set(Asked.asked) == {"vjp"}
