"""Shared by the examples: the choice of backends, and the check that results agree."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

import adhelpers

FRAMEWORKS = ("torch", "jax", "autograd")


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line with `--backends`, described by the program's docstring."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--backends", nargs="+", metavar="NAME", help="by default every framework that is installed")
    return made


def chosen(names: Iterable[str] | None, *, exact: bool = False) -> dict[str, adhelpers.ADBackend]:
    """The backends with these names, ready for float64; without names, every framework that is installed.

    `exact` refuses finite differences, which have too few digits, or take too long for many weights.
    """
    # double_precision() is adhelpers.backend("jax", x64=True) on JAX, and changes nothing elsewhere.
    found = {}
    for name in names or FRAMEWORKS:
        try:
            found[name] = adhelpers.backend(name).double_precision()
        except adhelpers.BackendLoadError:
            if names is not None:
                raise
            print(f"{name} is left out: its framework is not installed")
    for name, backend in found.items():
        if exact:
            require(slack(backend) == 1.0, f"this program needs exact derivatives, which {name!r} does not have")
    return found or fail("no framework is installed; write pip install adhelpers[all]")


def slack(backend: adhelpers.ADBackend) -> float:
    """The factor by which derivatives of `backend` are less exact than rounding: 1 except for finite differences."""
    epsilon = float(np.finfo(np.float64).eps)
    return backend.relative_error(epsilon) / epsilon


def error(received: Any, expected: Any) -> float:
    """The largest deviation, relative to the largest entry expected."""
    received, expected = np.asarray(received), np.asarray(expected)
    if received.shape != expected.shape:
        fail(f"shape {received.shape} was received, {expected.shape} expected")
    return float(np.max(np.abs(received - expected)) / np.max(np.abs(expected)))


def require(condition: bool, message: str) -> None:
    """End the program with that message, and status 1, unless the condition holds (NaN compares False)."""
    if not condition:
        fail(message)


def require_agreement(
    results: Mapping[str, Any], backends: Mapping[str, adhelpers.ADBackend], rtol: float, what: str
) -> None:
    """End the program unless every backend agrees with the first one, up to `rtol` of the largest entry."""
    first, *others = results
    for name in others:
        deviation = error(results[name], results[first])
        allowed = rtol * max(slack(backends[name]), slack(backends[first]))
        require(
            deviation <= allowed, f"{what} on {name} differs from {first} by {deviation:.1e}; {allowed:.0e} allowed"
        )
    if others:
        print(f"{what}: {', '.join(results)} agree")


def fail(message: str) -> NoReturn:
    """End the program with status 1, and the message on stderr."""
    sys.exit(message)
