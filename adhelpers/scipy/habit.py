"""`Habit`: whether a solver asks for derivatives where it has asked for values."""

from __future__ import annotations


class Habit:
    """Whether a derivative is likely to be asked for at the next point: then both are computed together.

    Parameters
    ----------
    needed
        How many derivatives must have been asked for where the value was known.
    forgiven
        After how many values in a row without one that is forgotten.
    """

    __slots__ = ("_forgiven", "_met", "_missed", "_needed")

    def __init__(self, needed: int, forgiven: int) -> None:
        self._needed = needed
        self._forgiven = forgiven
        self._met = 0
        self._missed = 0

    def expects(self) -> bool:
        """Whether to compute the derivative too, with a value that is asked for now."""
        self._missed += 1
        if self._missed > self._forgiven:
            self._met = 0
        return self._met >= self._needed

    def meet(self) -> None:
        """The derivative was asked for where the value was known."""
        self._met += 1
        self._missed = 0
