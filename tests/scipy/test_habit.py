"""Derivatives are foreseen where a solver asks for them point by point."""

from __future__ import annotations

import pytest

from adhelpers.scipy.habit import Habit


def foreseen(habit: Habit, asked: str) -> str:
    """A letter for each value: whether it was expected to be followed by a derivative, which ``d`` asks for."""
    letters = ""
    for letter in asked:
        if letter == "v":
            letters += "y" if habit.expects() else "n"
        else:
            habit.meet()
    return letters


@pytest.mark.parametrize(
    ("needed", "forgiven", "asked", "expected"),
    [
        (1, 4, "vvv", "nnn"),
        (1, 4, "vdvdv", "nyy"),
        (1, 4, "vdvvvvvv", "nyyyynn"),
        (1, 4, "vdvvvvvvdv", "nyyyynny"),
        (2, 1, "vdvdvdv", "nnyy"),
        (2, 1, "vdvdvvv", "nnynn"),
        (2, 1, "vdvdvvdvdv", "nnynny"),
        (2, 1, "vvvdvvvdvvvdv", "nnnnnnnnnn"),
    ],
)
def test_what_was_asked_for_lately_is_expected(needed: int, forgiven: int, asked: str, expected: str) -> None:
    assert foreseen(Habit(needed, forgiven), asked) == expected
