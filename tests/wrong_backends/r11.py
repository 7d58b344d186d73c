"""Backends that are wrong by R11: threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from adhelpers.extend import LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pulled, Pushed, isbox
from wrong_backends.registry import wrong


@wrong("R11")
class SharesTangents(AutogradBackend):
    """The direction is kept in the class while other threads run."""

    direction: ClassVar[Leaves] = ()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        type(self).direction = u
        time.sleep(1e-3)
        mine = u if any(map(isbox, (*x, *u))) else type(self).direction
        return super().jvp(f, x, mine)


@wrong("R11")
class SharesTapes(AutogradBackend):
    """The latest trace is kept in the class."""

    latest: ClassVar[Any] = None

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        type(self).latest = super().vjp(f, x)
        super().vjp(lambda *x: (x, ()), x)  # which waits for other threads
        return type(self).latest


@wrong("R11")
class RefusesOtherThreads(AutogradBackend):
    """It declares threads, but serves one at a time."""

    lock: ClassVar[Any] = threading.RLock()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        if not self.lock.acquire(blocking=False):
            raise RuntimeError("busy")
        try:
            return super().jvp(f, x, u)
        finally:
            self.lock.release()


@wrong("R11")
class SharesDirections(FiniteDifferenceBackend):
    """The direction is kept in the class while f runs, with NumPy alone."""

    direction: ClassVar[Leaves] = ()

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        type(self).direction = u
        f(*map(np.array, x))
        fits = [leaf.shape for leaf in self.direction] == [leaf.shape for leaf in x]
        return super().jvp(f, x, self.direction if fits else u)


@wrong("R11")
class SharesFunctions(FiniteDifferenceBackend):
    """The function is kept in the class while it runs, with NumPy alone."""

    function: ClassVar[list[LeafFunction]] = []

    def jvp_sweep(self, f: LeafFunction, x: Leaves, tangents: Leaves) -> Pushed:
        self.function[:] = [f]
        return super().jvp_sweep(lambda *leaves: self.function[0](*leaves), x, tangents)


@wrong("R11")
class LocksArraysWithoutALock(AutogradBackend):
    """While f runs its operands cannot be changed, and one thread takes the lock of another for the caller's own."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        before = [not isbox(leaf) and leaf.flags.writeable for leaf in x]
        self.set(x, [False] * len(x))
        try:
            return super().jvp(f, x, u)
        finally:
            self.set(x, before)

    def set(self, x: Leaves, writable: list[bool]) -> None:
        for leaf, flag in zip(x, writable, strict=True):
            if not isbox(leaf):
                leaf.flags.writeable = flag


@wrong("R11")
class CompiledForOneThread(Compiling):
    """Operands lie in a place that all threads share."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        known["arrays"] = arrays
        time.sleep(1e-3)
        return function(*known["arrays"])
