"""The namespace of a backend has what core calls, and gives what NumPy's gives: all else rests on it (R2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from adhelpers.namespaces.needed import NEEDED, Needed
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, nested
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Failure, Subject, section

SCENARIOS = Catalogue()

FOR_FUNCTIONS = (
    *("sin", "cos", "exp", "log", "sqrt", "tanh", "abs", "max", "sum", "mean", "where", "reshape", "permute_dims"),
    *("concat", "stack", "broadcast_to", "asarray", "zeros", "zeros_like", "ones_like"),
)
"""What the functions of the suite call beside operators, ``@`` and indexing; complex ones also real, imag and conj."""


@SCENARIOS.add("contract/namespace", "R2", since=2)
def _namespace(subject: Subject) -> None:
    """Every function that core calls is there, with its parameters, and right."""
    x = numbers(2, 3)
    own = subject.arrays(x)
    xp = subject.backend.array_namespace(own)
    subject.record("backend.array_namespace(x)", x=x)
    found = _faults(subject, xp, own, subject.in_precision(x), values=True)
    missing = [name for name in FOR_FUNCTIONS if not hasattr(xp, name)]
    if missing:
        found.append(f"the namespace has no {', '.join(missing)}: functions of the suite call them")
    _expect_none(found)


def _of_tracers(name: str, subject: Subject) -> None:
    """The namespace of tracers has these functions too; only shapes are compared, as values cannot always be read."""
    x = numbers(2, 3)
    found: list[str] = []

    def f(xp: Any, tracer: Any) -> Any:
        found[:] = found or _faults(subject, xp, tracer, subject.in_precision(x), values=False)
        return tracer

    subject.product(name, f, subject.arrays(x), subject.arrays(x))
    _expect_none(found)


for _name in MODES:
    SCENARIOS.add(f"contract/namespace-of-tracers/{_name}", "R2", nested(_name), since=2)(partial(_of_tracers, _name))


def _expect_none(faults: list[str]) -> None:
    if faults:
        raise Failure(
            section("received", "\n".join(faults)) + section("expected", "functions of the array API standard")
        )


def _faults(subject: Subject, xp: Any, own: Any, x: np.ndarray, values: bool) -> list[str]:
    """A line for each function that is missing or wrong."""
    return [words for needed in NEEDED for words in _fault(subject, needed, xp, own, x, values)]


def _fault(subject: Subject, needed: Needed, xp: Any, own: Any, x: np.ndarray, values: bool) -> list[str]:
    """What is wrong with one function, or with the shape that it gives, in a list of a line, or of none."""
    needs = f"core needs it for {needed.purpose}"
    if not hasattr(xp, needed.name):
        return [f"the namespace has no `{needed.signature}`: {needs}"]
    expected: Any = needed.example(numpy_namespace, x, None)
    try:
        received = needed.example(xp, own, subject.backend.device(own))
        if isinstance(expected, (np.ndarray, np.generic)):
            if values:
                received = subject.backend.to_numpy(received)
            else:
                received, expected = (f"an array of shape {tuple(y.shape)}" for y in (received, expected))
    except Exception as error:  # whatever a namespace raises
        return [f"`{needed.signature}` raises {type(error).__name__}: {error}; {needs}"]
    same = np.shape(received) == np.shape(expected) and np.array_equal(received, expected)
    return [] if same else [f"`{needed.signature}` gives {received!r} where NumPy gives {expected!r}; {needs}"]
