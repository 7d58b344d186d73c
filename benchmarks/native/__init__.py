"""The frameworks by hand: for each task, every sensible formulation as a named function.

A formulation of a product is ``make(f)``, which returns ``op(x, u)``. One of a batched Jacobian is ``make(f, cell)``,
which returns ``op(x)``, a J of shape ``(M, N, B)``. Work that a user would do once, such as compiling, is in ``make``,
and work of each call in ``op``. By hand one knows shapes, and that `f` does not mix the batch. The first line of a
formulation's docstring is its entry in the report.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import adhelpers
from benchmarks.contest import Contender, Kind

NAMES = ("jax", "torch", "autograd")
Function = Callable[[Any], Any]
Operation = Callable[..., Any]
Make = Callable[..., Operation]


@dataclass(frozen=True)
class Formulations:
    """Formulations of one task by hand: the obvious ones, and those that take more thought."""

    obvious: tuple[Make, ...]
    by_hand: tuple[Make, ...] = ()

    def __iter__(self) -> Iterator[Make]:
        return iter((*self.obvious, *self.by_hand))

    def contenders(
        self, finish: Callable[[Any], Any], f: Any, made_of: tuple[Any, ...], *args: Any
    ) -> Iterator[Contender]:
        """Each as a contender at the point `args`; `made_of` is what a formulation takes besides `f`."""
        for make in self:
            kind: Kind = "obvious" if make in self.obvious else "by hand"
            yield Contender(make.__name__, kind, call(finish, functools.partial(make, f, *made_of), *args))


def call(finish: Callable[[Any], Any], make: Callable[[], Callable[..., Any]], *args: Any) -> Callable[[], Any]:
    """A call to time, of the operation that `make` returns; it ends when the result is there.

    An error in `make` is raised by the call, where a contest notes it.
    """
    try:
        op = make()
    except Exception as error:  # noqa: BLE001
        failure = error

        def fail() -> Any:
            raise failure

        return fail
    return lambda: finish(op(*args))


@dataclass(frozen=True)
class Rules:
    """A sine with a rule of its own, as the framework has them, and what it is differentiated by.

    Attributes
    ----------
    own
        The function, once for each way.
    tasks
        How the sum of a function is differentiated, by name, and how many times as long a neutral rule may take.
    """

    own: tuple[Function, ...]
    tasks: dict[str, tuple[Make, float]]


@dataclass(frozen=True)
class Native:
    """A framework.

    Attributes
    ----------
    finish
        Wait for a result that may still be computed.
    eager, compiled
        Formulations of ``"jvp"``, ``"vjp"``, ``"jacobian"`` and the operations of `benchmarks.sections.curvature`, for
        one call and for a function compiled before.
    maps
        Formulations of many products at one point: what is kept, and one product by it.
    glue
        Formulations of what SciPy's solvers call, between NumPy's arrays.
    rules
        Functions with rules of their own.
    jit
        How a user would compile a call of adhelpers, if the framework compiles.
    """

    name: str
    xp: Any
    backend: adhelpers.ADBackend
    asarray: Callable[[np.ndarray], Any]
    finish: Callable[[Any], Any]
    maps: dict[str, Formulations]
    glue: dict[str, Formulations]
    rules: Rules
    eager: dict[str, Formulations]
    compiled: dict[str, Formulations]
    jit: Callable[[Any], Any] | None = None


def load(name: str) -> Native:
    """A framework by name, which must be installed."""
    native = importlib.import_module(f"benchmarks.native.{name}").NATIVE
    assert isinstance(native, Native)
    return native
