"""Functions that write to views of arrays: derivatives follow as values do, or there is an error (R8)."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import adhelpers
from adhelpers import Capability
from adhelpers.testing import references
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, bound, or_refused, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, NotConcerned, Subject

SCENARIOS = Catalogue()

X = numbers(3, 3)


def row_written(xp: Any, x: Any) -> Any:
    y = x * 1.0
    row = y[0]
    row[...] = 3.0 * row**2
    return y * x


def own_argument_written(xp: Any, x: Any) -> Any:
    part = x[1:, 0]
    part[...] = part * x[0, 1:]
    return x**2


def view_of_a_view_written(xp: Any, x: Any) -> Any:
    y = xp.sin(x)
    y[:, 1:][0][1:] = 0.0
    return y


def turned_view_written(xp: Any, x: Any) -> Any:
    y = x * 1.0
    columns = xp.permute_dims(y, (1, 0))
    columns[1] = columns[0] * columns[2]
    return y


def overwritten_later(xp: Any, x: Any) -> Any:
    """A value read from a view before it was written to stays the old value."""
    y = x * 1.0
    row = y[0]
    product = row * x[1]
    row[...] = 0.0
    return product + row


def turned_in_place(xp: Any, x: Any) -> Any:
    """Transpose in place, by the array's own method if it has one."""
    y = xp.stack([x[0], x[1] ** 2, x[2] ** 3])
    if hasattr(y, "t_"):
        y.t_()
    else:
        y[...] = xp.permute_dims(y, (1, 0)) * 1.0
    return y


WRITING = (
    row_written,
    own_argument_written,
    view_of_a_view_written,
    turned_view_written,
    overwritten_later,
    turned_in_place,
)


def _over_numpy(f: Function, x: Any) -> Any:
    return f(numpy_namespace, np.array(x))


def _require_writing(f: Function, subject: Subject) -> None:
    """Skip the scenario if arrays cannot be written to, or if views are copies."""
    x = subject.arrays(X)
    try:
        y = subject.numpy(f(subject.namespace(x), x))
    except Exception as error:
        msg = f"arrays of the backend cannot be written to like this: {error}"
        raise NotConcerned(msg) from error
    if not np.allclose(y, _over_numpy(f, X)):
        msg = "a view in NumPy is a copy in this framework"
        raise NotConcerned(msg)


def _product(name: str, f: Function, subject: Subject) -> None:
    _require_writing(f, subject)
    value = _over_numpy(f, X)
    u = numbers(*(X.shape if name == "jvp" else value.shape), seed=1)
    reference = references.pushforward if name == "jvp" else references.pullback
    x = subject.arrays(X)

    def check() -> None:
        y, received = subject.value_and_product(name, f, x, subject.arrays(u))
        subject.expect_close(y, value, what="the value")
        subject.expect_close(received, reference(partial(_over_numpy, f), X, u))

    or_refused(check)
    subject.expect_equal(x, X, what="x, after the call")


def _jacobian(mode: str, f: Function, subject: Subject) -> None:
    _require_writing(f, subject)

    def check() -> None:
        subject.record(f"jacobian(f, backend, x, mode={mode!r})", f, x=X)
        operands: Any = (bound(subject, f), subject.backend, subject.arrays(X))
        received = adhelpers.jacobian(*operands, mode=mode)  # type: ignore[call-overload]
        subject.expect_close(received, references.jacobian(partial(_over_numpy, f), X))

    or_refused(check)


def _swept(name: str, f: Function, subject: Subject) -> None:
    """The backend's own sweep, with as many vectors as x has rows."""
    require_own(subject.backend, name)
    _require_writing(f, subject)
    value = _over_numpy(f, X)
    u = numbers(3, *(X.shape if name == "jvp" else value.shape), seed=2)
    reference = references.pushforward if name == "jvp" else references.pullback
    expected = np.stack([reference(partial(_over_numpy, f), X, vector) for vector in u])

    def leafwise(x: Any) -> Any:
        return (f(subject.namespace(x), x),), ()

    def check() -> None:
        backend, x, vectors = subject.backend, subject.arrays((X,)), subject.arrays((u,))
        subject.record(f"backend.{name}_sweep of f at x", f, x=X, u=u)
        if name == "jvp":
            swept = backend.jvp_sweep(leafwise, x, vectors)[1]
        else:
            swept = backend.vjp_sweep(backend.vjp(leafwise, x)[1], vectors)
        subject.expect_close(swept, (expected,), what=f"the stack of backend.{name}_sweep")

    or_refused(check)


for _f in WRITING:
    _label = _f.__name__.replace("_", "-")
    for _name, _mode in MODES.items():
        SCENARIOS.add(f"{_label}/{_name}", "R8", [_mode])(partial(_product, _name, _f))
        SCENARIOS.add(f"contract/{_label}-in-a-sweep/{_name}", "R8", [_mode])(partial(_swept, _name, _f))
    for _jacobian_mode, _capability in (("forward", Capability.FORWARD), ("reverse", Capability.REVERSE)):
        SCENARIOS.add(f"{_label}/{_jacobian_mode}-jacobian", "R8", [_capability])(
            partial(_jacobian, _jacobian_mode, _f)
        )
