"""Containers, and leaves other than arrays of the backend: which match, which are lifted, what `args` carries."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np

from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


def weighted(xp: Any, x: Any) -> Any:
    """A function of a dict with keys b and a."""
    return {"q": x["b"] ** 2 * x["a"], "p": x["a"] ** 3}


X = {"b": np.array([1.0, 2.0]), "a": np.array([3.0, -1.0])}
PUSHED = {"q": 2 * X["b"] * X["a"] * 0.5 + X["b"] ** 2 * 4.0, "p": 3 * X["a"] ** 2 * 4.0}
PULLED = {"b": 2 * X["b"] * X["a"] * 0.5, "a": X["b"] ** 2 * 0.5 + 3 * X["a"] ** 2 * 4.0}


def _partners(name: str, subject: Subject, kind: Any, keys: str) -> None:
    """A `u` with its keys in another order, or in another kind of dict."""
    values = dict(zip("ba" if name == "jvp" else "qp", (0.5, 4.0), strict=True))
    u = kind((key, np.full(2, values[key])) for key in keys)
    received = subject.product(name, weighted, subject.arrays(X), subject.arrays(u))
    subject.expect_close(received, PUSHED if name == "jvp" else PULLED)


for _name, _mode in MODES.items():
    _keys = "ba" if _name == "jvp" else "qp"
    for _label, _kind, _order in (
        ("keys-in-another-order", dict, _keys[::-1]),
        ("an-ordered-dict-for-a-dict", OrderedDict, _keys),
        ("an-ordered-dict-in-another-order", OrderedDict, _keys[::-1]),
    ):
        SCENARIOS.add(f"{_label}/{_name}", "R1", [_mode])(partial(_partners, _name, kind=_kind, keys=_order))


# -- NumPy arrays in any memory layout, and numbers --------------------------------------------------------


def curved(xp: Any, x: Any) -> Any:
    return x**2 + xp.sin(x)


def _numpy_arrays() -> dict[str, Any]:
    block = numbers(4, 6)
    read_only = numbers(3, 2)
    read_only.flags.writeable = False
    return {
        "flipped": block[::-1, ::-2],
        "fortran": np.asfortranarray(block),
        "transposed": block.T,
        "big-endian": block.astype(">f8"),
        "read-only": read_only,
        "strided": block[1::2, ::3],
        "broadcast": np.broadcast_to(block[0], (4, 6)),
        "0-d": np.asarray(0.3),
        "scalar": np.float64(0.3),
    }


def _lifted(name: str, array: np.ndarray, subject: Subject) -> None:
    u = array if name == "jvp" else numbers(*array.shape, seed=1)
    expected = (2 * array + np.cos(array)).astype(float) * u
    subject.expect_close(subject.product(name, curved, array, u), expected)


for _label, _array in _numpy_arrays().items():
    for _name, _mode in MODES.items():
        SCENARIOS.add(f"numpy-{_label}/{_name}", "R2", [_mode])(partial(_lifted, _name, _array))


@SCENARIOS.add("python-floats/jvp", "R2", [MODES["jvp"]])
def _floats_forward(subject: Subject) -> None:
    """A number in u takes the dtype of its partner; one in f(x) is a constant."""
    x = {"a": subject.arrays(np.asarray(3.0)), "b": subject.arrays(np.asarray(0.5))}
    received = subject.jvp(lambda xp, x: {"y": x["a"] * x["b"], "c": 1.5}, x, {"a": 2.0, "b": 1.0})
    subject.expect_close(received, {"y": np.asarray(4.0), "c": np.asarray(0.0)})


@SCENARIOS.add("python-floats/vjp", "R2", [MODES["vjp"]])
def _floats_reverse(subject: Subject) -> None:
    x = subject.arrays(np.asarray(3.0))
    subject.expect_close(subject.vjp(lambda xp, x: x**2, x, 2.0), np.asarray(12.0))


def _number_as_point(name: str, subject: Subject) -> None:
    """A float in x takes the framework's default precision, and a number in u follows it."""
    result = subject.product(name, lambda xp, x: {"y": x["a"] ** 2}, {"a": 3.0}, {"a" if name == "jvp" else "y": 0.5})
    ((leaf,), _) = subject.backend.flatten(result)
    subject.expect(subject.backend.is_array(leaf), f"a {type(leaf).__name__}", "an array of the backend")
    subject.expect(abs(float(subject.backend.to_numpy(leaf)) - 3.0) < 1e-2, repr(leaf), "3.0")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"a-float-as-x/{_name}", "R2", [_mode])(partial(_number_as_point, _name))


def _further_arguments(name: str, subject: Subject) -> None:
    """`args` reach f unchanged, of any type."""
    thing = object()

    def f(xp: Any, x: Any, power: int, label: str, other: object, indices: Any) -> Any:
        if (type(power), label, type(indices)) != (int, "name", np.ndarray) or other is not thing:
            msg = f"args arrived as {(power, label, other, indices)}"
            raise TypeError(msg)
        return x**power

    x, u = numbers(3), numbers(3, seed=1)
    args = (3, "name", thing, np.array([1, 2]))
    received = subject.product(name, f, subject.arrays(x), subject.arrays(u), args=args)
    subject.expect_close(received, 3 * x**2 * u)


for _name, _mode in MODES.items():
    SCENARIOS.add(f"further-arguments/{_name}", "R2", [_mode])(partial(_further_arguments, _name))
