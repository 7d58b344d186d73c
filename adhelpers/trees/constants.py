"""`Constant`: a part of `x` that is not differentiated, and structures with constants."""

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
    """A part of `x` that operations do not differentiate by.

    Put it anywhere in `x`. `f` gets `value` in its place. Results with the structure of `x`, such as a gradient, have
    None there. Give None there in a tangent too.

    Parameters
    ----------
    value
        Anything: a number, an array, a string, a function, a whole module. `f` gets the object itself, not a copy. It
        must not change while prepared operations use it, because compiled code may contain its value.

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
        """Remove marks inside the value, because `f` gets none."""
        if type(self.value) in ATOMS:
            return
        leaves, treedef = open_up(self.value)
        if Constant in map(type, leaves):
            bare = treedef.unflatten([leaf.value if type(leaf) is Constant else leaf for leaf in leaves])
            object.__setattr__(self, "value", bare)

    def __bool__(self) -> bool:
        """Refuse to stand for the value, as in `args`, where everything is constant already."""
        msg = f"a Constant is a mark for x, not a value; use {self.value!r} itself"
        raise ArgumentTypeError(msg)


@dataclass(frozen=True, slots=True)
class Marked:
    """A structure with constants, without its arrays."""

    treedef: TreeDef
    """The structure of all leaves, including constants."""
    places: tuple[Constant | None, ...]
    """The constants; None in place of each array."""

    def filled(self, leaves: Leaves, place: Callable[[Constant], Any]) -> Any:
        """The structure with these arrays, and with ``place(constant)`` for each constant."""
        remaining: Iterator[Any] = iter(leaves)
        return self.treedef.unflatten([next(remaining) if c is None else place(c) for c in self.places])

    def opened(self, leaves: Leaves) -> Any:
        """The structure with the values of constants as leaves; rebuilding it marks them again."""
        make_known({_Opened}, lambda opened: ((opened.value,), None, ("",)), lambda _, values: Constant(*values))
        return self.filled(leaves, lambda constant: _Opened(constant.value))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A container that becomes a `Constant` when it is rebuilt."""

    value: Any
