"""A case: one function of a framework at one point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from adhelpers import ADBackend

Arrays = tuple[Any, ...]
"""Arrays of the framework, or NumPy's."""


@dataclass(frozen=True)
class Case:
    """A function at a point.

    Attributes
    ----------
    operator
        What the lists call it, such as ``"linalg_det/float64"``.
    sample
        Which of its samples this is.
    backend
        Differentiates it.
    f
        ``f(*x)``, a tuple of floating or complex arrays.
    x
        The arrays to differentiate by.
    words
        How it was called, for reports.
    exact
        The derivatives of a function of one number by their order, first and second, where they are known.
    """

    operator: str
    sample: int
    backend: ADBackend
    f: Callable[..., Arrays]
    x: Arrays
    words: str
    exact: Callable[[int], float] | None = None

    @property
    def name(self) -> str:
        """``"linalg_det/float64#2"``, say."""
        return f"{self.operator}#{self.sample}"

    def numpy(self, arrays: Arrays) -> tuple[np.ndarray, ...]:
        """Those arrays as NumPy's."""
        return tuple(np.asarray(self.backend.to_numpy(array)) for array in arrays)

    def lifted(self, arrays: Arrays) -> Arrays:
        """NumPy's arrays as the framework's."""
        return tuple(self.backend.asarray(np.asarray(array)) for array in arrays)

    def over_numpy(self, x: Arrays) -> tuple[np.ndarray, ...]:
        """The values of `f`, from NumPy to NumPy."""
        return self.numpy(self.f(*self.lifted(x)))


class Corpus(Protocol):
    """What a module of cases has."""

    def operators(self) -> list[str]:
        """The names of all operators, in order."""

    def cases(self, operator: str, samples: int) -> Iterator[Case]:
        """So many cases of one of them, the same ones each time."""
