"""The arrays of the caller's that a rule uses later: `f`, or its caller, may have changed them by then.

Copies of large ones would cost as much as the function itself, and their memory: those are kept as they are, with a few
of their elements, which tell whether the whole was written to, but hardly whether one element was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy import ndarray

_LARGE = 10_000
"""A copy of so many elements takes 2 microseconds, and recording a primitive 10."""

_FEW = 64

Lent = list[tuple[ndarray, bytes]]
"""Large arrays, each with a few of its elements as they were."""


def kept(
    args: Sequence[Any], kwargs: dict[str, Any], argnums: Sequence[int]
) -> tuple[Sequence[Any], dict[str, Any], Lent]:
    """The arguments without the caller's small arrays, and those large ones that they still have.

    What boxes held, at `argnums`, is nobody else's.
    """
    lent: Lent = []
    if len(argnums) < len(args):
        args = tuple([arg if i in argnums else _kept(arg, lent) for i, arg in enumerate(args)])
    if kwargs:
        kwargs = {key: _kept(option, lent) for key, option in kwargs.items()}
    return args, kwargs, lent


def _kept(operand: Any, lent: Lent) -> Any:
    kind = type(operand)
    if kind is ndarray:
        if operand.size <= _LARGE:
            return operand.copy("K")
        lent.append((operand, _a_few(operand)))
    elif kind is list or kind is tuple:  # indices, and numbers for an array
        return kind([_kept(item, lent) for item in operand])
    return operand


def are_changed(lent: Lent) -> bool:
    """Whether an array is not what it was, as far as a few elements tell."""
    return any(_a_few(array) != elements for array, elements in lent)


def _a_few(array: ndarray) -> bytes:
    few: ndarray = array.flat[:: array.size // _FEW]
    return few.tobytes()
