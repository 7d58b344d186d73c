"""The namespace of a backend has what core calls, and gives what NumPy's gives: all else rests on it (R2)."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from adhelpers.namespaces.needed import NEEDED, Needed
from adhelpers.testing.models import numbers
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
    found = [words for needed in NEEDED for words in _fault(subject, needed, xp, own, subject.in_precision(x))]
    missing = [name for name in FOR_FUNCTIONS if not hasattr(xp, name)]
    if missing:
        found.append(f"the namespace has no {', '.join(missing)}: functions of the suite call them")
    if found:
        raise Failure(
            section("received", "\n".join(found)) + section("expected", "functions of the array API standard")
        )


def _fault(subject: Subject, needed: Needed, xp: Any, own: Any, x: np.ndarray) -> list[str]:
    """What is wrong with one function, in a list of a line, or of none."""
    needs = f"core needs it for {needed.purpose}"
    if not hasattr(xp, needed.name):
        return [f"the namespace has no `{needed.signature}`: {needs}"]
    expected = needed.example(numpy_namespace, x, None)
    try:
        received = needed.example(xp, own, subject.backend.device(own))
        if isinstance(expected, (np.ndarray, np.generic)):
            received = subject.backend.to_numpy(received)
    except Exception as error:  # whatever a namespace raises
        return [f"`{needed.signature}` raises {type(error).__name__}: {error}; {needs}"]
    same = np.shape(received) == np.shape(expected) and np.array_equal(received, expected)
    return [] if same else [f"`{needed.signature}` gives {received!r} where NumPy gives {expected!r}; {needs}"]
