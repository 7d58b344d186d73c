"""`Habit`: whether a solver asks for derivatives where it has already asked for values."""

from __future__ import annotations


class Habit:
    """Predict whether a solver will ask for the derivative at the next point; if so, both are computed together.

    Parameters
    ----------
    needed
        How many times the solver must ask for a derivative where the value is known.
    forgiven
        After how many values in a row without a derivative the count restarts.
    """

    __slots__ = ("_forgiven", "_met", "_missed", "_needed")

    def __init__(self, needed: int, forgiven: int) -> None:
        self._needed = needed
        self._forgiven = forgiven
        self._met = 0
        self._missed = 0

    def expects(self) -> bool:
        """Whether to compute the derivative together with the next value."""
        self._missed += 1
        if self._missed > self._forgiven:
            self._met = 0
        return self._met >= self._needed

    def meet(self) -> None:
        """Record that the solver asked for the derivative where the value was known."""
        self._met += 1
        self._missed = 0
