"""Print the table of results at points without a derivative, for each backend; ``--write`` puts it into kinks.md."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import adhelpers

PAGE = Path(__file__).with_suffix(".md")
BACKENDS = ("jax", "torch", "autograd", "finite-difference")
OWN = {"jax": "jax.nn", "torch": "torch.nn.functional"}
"""The module of each framework's own activation functions."""
MISSING = "—"

INTRO = """\
# Where there is no derivative

Look up here whether backends agree at a point without a derivative that your function can reach. Each framework has
made its own choice there, and `adhelpers` keeps that choice (promise R20): nothing is smoothed, averaged or replaced.
If the backends differ, write the function differently. Many a `nan` goes away if the argument is made harmless
*before* the function is called: `sqrt(where(x > 0, x, 1))` instead of `where` around `sqrt`.

Each cell shows three results: the Jacobian-vector product in the given direction and in the opposite one, and the
vector-Jacobian product of ones. The two modes of one framework may differ here: torch's `atan2` and `where` around
`sqrt` are examples. A dash means that the backend has no such function, or no rule for it. Finite differences do not
choose: they show the slope between two points close by, one on each side, and large numbers at a jump.
"""


@dataclass(frozen=True)
class Kink:
    """A function at a point without a derivative.

    Attributes
    ----------
    f
        Called as ``f(xp, x)``. If `own`, `xp` is the framework's module of activation functions.
    own
        Whether only the frameworks have the function, and the array API does not.
    """

    name: str
    f: Callable[[Any, Any], Any]
    x: complex | list[float] = 0.0
    u: complex | list[float] = 1.0
    own: bool = False

    def row(self) -> str:
        """A line of the table."""
        point, direction = (show(np.asarray(value)) for value in (self.x, self.u))
        return table_row([f"`{self.name}`", point, direction, *map(self.cell, BACKENDS)])

    def cell(self, name: str) -> str:
        """The three results of one backend."""
        if self.own and name not in OWN:
            return MISSING
        backend = adhelpers.backend(name).double_precision()

        def f(x: Any) -> Any:
            return self.f(importlib.import_module(OWN[name]) if self.own else adhelpers.array_namespace(x), x)

        x, u = np.asarray(self.x), np.asarray(self.u)
        try:
            with np.errstate(all="ignore"):
                y, forward = adhelpers.value_and_jacobian_vector_product(f, backend, x, u)
                backward = adhelpers.jacobian_vector_product(f, backend, x, -u)
                pulled = adhelpers.vector_jacobian_product(f, backend, x, np.ones_like(backend.to_numpy(y)))
        except (AttributeError, adhelpers.UnsupportedOperationError):
            return MISSING
        return " / ".join(show(backend.to_numpy(result)) for result in (forward, backward, pulled))


def show(value: np.ndarray) -> str:
    """Three digits of each number, in parentheses if there are several."""
    if value.ndim:
        return f"({', '.join(map(show, value))})"
    number = value[()] + 0.0  # no negative zeros
    return f"{number:.3g}".replace("+0j", "").replace("-0j", "")


def table_row(cells: list[str]) -> str:
    """Cells between bars."""
    return f"| {' | '.join(cells)} |"


ZERO, TIE, FIRST, SECOND = [0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]

KINKS = [
    Kink("abs(x)", lambda xp, x: xp.abs(x)),
    Kink("abs(x), complex", lambda xp, x: xp.abs(x), 0j, 1 + 0j),
    Kink("abs(x), complex", lambda xp, x: xp.abs(x), 0j, 1j),
    Kink("sqrt(x * x)", lambda xp, x: xp.sqrt(x * x)),
    Kink("sqrt(x)", lambda xp, x: xp.sqrt(x)),
    Kink("x ** 0.5", lambda xp, x: x**0.5),
    Kink("x[0] ** x[1]", lambda xp, x: x[0] ** x[1], ZERO, FIRST),
    Kink("x[0] ** x[1]", lambda xp, x: x[0] ** x[1], ZERO, SECOND),
    Kink("log(abs(x))", lambda xp, x: xp.log(xp.abs(x))),
    Kink("x * log(abs(x))", lambda xp, x: x * xp.log(xp.abs(x))),
    Kink("acos(x)", lambda xp, x: xp.acos(x), 1.0),
    Kink("maximum(x, 0)", lambda xp, x: xp.maximum(x, xp.zeros_like(x))),
    Kink("minimum(x, 0)", lambda xp, x: xp.minimum(x, xp.zeros_like(x))),
    Kink("relu(x), framework's own", lambda nn, x: nn.relu(x), own=True),
    Kink("relu6(x), framework's own", lambda nn, x: nn.relu6(x), 6.0, own=True),
    Kink("leaky_relu(x), framework's own", lambda nn, x: nn.leaky_relu(x), own=True),
    Kink("clip(x, 0, 1)", lambda xp, x: xp.clip(x, 0.0, 1.0)),
    Kink("clip(x, 0, 1)", lambda xp, x: xp.clip(x, 0.0, 1.0), 1.0),
    Kink("where(x > 0, x, 0)", lambda xp, x: xp.where(x > 0, x, xp.zeros_like(x))),
    Kink("where(x > 0, sqrt(x), 0)", lambda xp, x: xp.where(x > 0, xp.sqrt(x), xp.zeros_like(x))),
    Kink("sign(x)", lambda xp, x: xp.sign(x)),
    Kink("sign(x), complex", lambda xp, x: xp.sign(x), 0j, 1 + 0j),
    Kink("floor(x)", lambda xp, x: xp.floor(x), 1.0),
    Kink("round(x)", lambda xp, x: xp.round(x), 0.5),
    Kink("remainder(x, 1)", lambda xp, x: xp.remainder(x, xp.ones_like(x)), 1.0),
    Kink("max(x)", lambda xp, x: xp.max(x), TIE, FIRST),
    Kink("max(x)", lambda xp, x: xp.max(x), TIE, TIE),
    Kink("min(x)", lambda xp, x: xp.min(x), TIE, FIRST),
    Kink("sort(x)", lambda xp, x: xp.sort(x), TIE, FIRST),
    Kink("sort(x)[0]", lambda xp, x: xp.sort(x)[0], TIE, FIRST),
    Kink("median(x)", lambda xp, x: xp.median(x), [1.0, 1.0, 1.0], [1.0, 0.0, 0.0]),
    Kink("sqrt(sum(x ** 2))", lambda xp, x: xp.sqrt(xp.sum(x**2)), ZERO, FIRST),
    Kink("linalg.vector_norm(x)", lambda xp, x: xp.linalg.vector_norm(x), ZERO, FIRST),
    Kink("linalg.vector_norm(x, ord=1)", lambda xp, x: xp.linalg.vector_norm(x, ord=1), ZERO, FIRST),
    Kink("linalg.vector_norm(x, ord=inf)", lambda xp, x: xp.linalg.vector_norm(x, ord=float("inf")), TIE, FIRST),
    Kink("hypot(x[0], x[1])", lambda xp, x: xp.hypot(x[0], x[1]), ZERO, FIRST),
    Kink("atan2(x[0], x[1])", lambda xp, x: xp.atan2(x[0], x[1]), ZERO, FIRST),
    Kink("atan2(x[0], x[1])", lambda xp, x: xp.atan2(x[0], x[1]), ZERO, SECOND),
]


def table() -> list[str]:
    """The lines of the table."""
    headers = ["function", "point", "direction", *BACKENDS]
    return [table_row(headers), table_row(["---"] * len(headers)), *(kink.row() for kink in KINKS)]


def page() -> str:
    """The whole of kinks.md."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "torch", "autograd", "numpy"))
    made = f"Made by `python docs/kinks.py --write` with {versions}, in double precision on a CPU."
    return "\n".join([INTRO, *table(), "", made, ""])


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write("\n".join(table()) + "\n")
