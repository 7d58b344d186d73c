"""`Constant`: a part of `x` that is not differentiated, and structures in which some stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import TreeDef, make_known
from adhelpers.plugins.functions import Leaves
from adhelpers.plugins.lookup import open_up
from adhelpers.plugins.objects import ATOMS


@dataclass(frozen=True, slots=True)
class Constant:
    """A part of `x` that an operation does not differentiate by.

    It may stand anywhere in `x`. `f` is called with `value` in its place. Results with the structure of `x`, such as a
    gradient, have None there, and so has a tangent.

    Parameters
    ----------
    value
        Anything: a number, an array, a word, a function, a whole module. `f` gets the object itself, not a copy. It
        must not change while operations that were prepared with it are in use, for code may be compiled for it.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> def power(x):
    ...     return (x["base"] ** x["exponent"]).sum()
    >>> x = {"base": numpy.asarray([1.0, 2.0]), "exponent": adhelpers.Constant(3)}
    >>> gradient = adhelpers.gradient(power, "finite-difference", x)
    >>> gradient["base"].round(3), gradient["exponent"]
    (array([ 3., 12.]), None)
    """

    value: Any

    def __post_init__(self) -> None:
        """Take marks within the value off: `f` gets none."""
        if type(self.value) in ATOMS:
            return
        leaves, treedef = open_up(self.value)
        if Constant in map(type, leaves):
            bare = treedef.unflatten([leaf.value if type(leaf) is Constant else leaf for leaf in leaves])
            object.__setattr__(self, "value", bare)

    def __bool__(self) -> bool:
        """Refuse to be taken for the value, as among `args`, where all is constant already."""
        msg = f"a Constant is a mark for x and no value; use {self.value!r} itself"
        raise ArgumentTypeError(msg)


@dataclass(frozen=True, slots=True)
class Marked:
    """A structure in which constants stand, without its arrays."""

    treedef: TreeDef
    """Of all leaves, constants among them."""
    places: tuple[Constant | None, ...]
    """None where there is an array."""

    def filled(self, leaves: Leaves, place: Callable[[Constant], Any]) -> Any:
        """The structure with these arrays, and with what `place` makes of each constant."""
        remaining: Iterator[Any] = iter(leaves)
        return self.treedef.unflatten([next(remaining) if c is None else place(c) for c in self.places])

    def opened(self, leaves: Leaves) -> Any:
        """The same with the values of constants for leaves; to rebuild it with others marks them again."""
        make_known({_Opened}, lambda opened: ((opened.value,), None, ("",)), lambda _, values: Constant(*values))
        return self.filled(leaves, lambda constant: _Opened(constant.value))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A container that becomes a `Constant` when it is rebuilt."""

    value: Any
