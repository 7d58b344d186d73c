"""The methods of `ADBackend` called directly: what core and derived products take for granted."""

from __future__ import annotations

import dataclasses
import itertools
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability, UnsupportedOperationError
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES, implements, require_own
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.scenarios.operands.refusals import Foreign
from adhelpers.testing.subject import NotConcerned, Subject, share_memory

SCENARIOS = Catalogue()

# -- arrays ----------------------------------------------------------------------------------------------------


@SCENARIOS.add("contract/is-array", "R2")
def _is_array(subject: Subject) -> None:
    """Arrays of the backend are recognised, and nothing else is."""
    is_array = subject.backend.is_array
    subject.expect(is_array(subject.arrays(numbers(3))), "is_array(asarray(...)) = False", "True")
    for leaf in (1.0, 1, None, "text", [1.0], (), object(), np.ma.masked_array([1.0]), Foreign()):
        subject.expect(not is_array(leaf), f"is_array({leaf!r}) = True", "False")


@SCENARIOS.add("contract/asarray", "R2")
def _asarray(subject: Subject) -> None:
    """NumPy arrays keep dtype, shape and values; numbers take dtype and device of `like`."""
    backend = subject.backend
    for array in (numbers(3, 2), numbers(3, 2)[::-1, ::-1], np.asarray(2.5), np.zeros((0, 3))):
        subject.expect_equal(backend.asarray(subject.in_precision(array)), array, what=f"asarray({array!r})")
    for number in (2.5, 3.0):
        like = subject.arrays(numbers(4))
        lifted = backend.asarray(number, like)
        subject.expect_equal(lifted, np.asarray(number), what=f"asarray({number!r}, like)")
        subject.expect(backend.device(lifted) == backend.device(like), repr(backend.device(lifted)), "like's device")


@SCENARIOS.add("contract/asarray-in-float32", "R2", [Capability.FLOAT32])
def _asarray_single(subject: Subject) -> None:
    array = numbers(3).astype(np.float32)
    subject.expect_equal(subject.backend.asarray(array), array, what="asarray of float32")
    lifted = subject.backend.asarray(2.5, subject.arrays(array))
    subject.expect_equal(lifted, np.asarray(2.5, dtype=np.float32), what="asarray(2.5, like) with like in float32")


@SCENARIOS.add("contract/asarray-complex", "R2", [Capability.COMPLEX])
def _asarray_complex(subject: Subject) -> None:
    array = numbers(3) + 1j
    subject.expect_equal(subject.arrays(array), array, what="asarray of complex numbers")
    subject.expect_equal(subject.backend.asarray(2.0 - 1.0j, subject.arrays(array)), np.asarray(2.0 - 1.0j))


@SCENARIOS.add("contract/asarray-copies", "R8")
def _asarray_copies(subject: Subject) -> None:
    source = subject.in_precision(numbers(64))
    lifted = subject.backend.asarray(source)
    source[:] = 7.0
    subject.expect_equal(lifted, numbers(64), what="an array lifted from one that was changed later")


@SCENARIOS.add("contract/stop-gradient", "R13")
def _stop_gradient(subject: Subject) -> None:
    """It is the identity to values."""
    x = numbers(2, 3)
    subject.expect_equal(subject.backend.stop_gradient(subject.arrays(x)), x)


def _same_device(name: str, subject: Subject) -> None:
    x = subject.arrays(numbers(3))
    received = subject.product(name, lambda xp, x: xp.sin(x), x, x)
    device, expected = subject.backend.device(received), subject.backend.device(x)
    subject.expect(device == expected, f"a result on {device!r}", f"one on {expected!r}, where x is")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"contract/device/{_name}", "R4", [_mode])(partial(_same_device, _name))


# -- products of flat tuples ---------------------------------------------------------------------------------------

X, Y, U, V = numbers(4, 3)


def flat(x: Any, y: Any) -> Any:
    """Two arrays to three, and one aside."""
    return (x * y, x**2, y + 1.0), (x - y,)


PUSHED = (U * Y + X * V, 2 * X * U, V)


def pulled(c: Any) -> tuple[np.ndarray, np.ndarray]:
    """The transpose at three cotangents."""
    return c[0] * Y + 2 * c[1] * X, c[0] * X + c[2]


def _tuple(subject: Subject, received: Any, length: int, what: str) -> None:
    fits = isinstance(received, tuple) and len(received) == length
    subject.expect(fits, f"{what} = {received!r}", f"a tuple of {length} arrays")


def _triple(subject: Subject, received: Any, words: str) -> Any:
    fits = isinstance(received, tuple) and len(received) == 3
    subject.expect(fits, repr(received), f"a tuple {words}")
    return received


@SCENARIOS.add("contract/flat-jvp", "R7", [Capability.FORWARD])
def _flat_jvp(subject: Subject) -> None:
    require_own(subject.backend, "jvp")
    subject.record("backend.jvp(f, (x, y), (u, v))", flat, x=X, y=Y, u=U, v=V)
    received = subject.backend.jvp(flat, subject.arrays((X, Y)), subject.arrays((U, V)))
    outputs, tangents, aux = _triple(subject, received, "(outputs, tangents, aux)")
    _tuple(subject, outputs, 3, "outputs")
    _tuple(subject, tangents, 3, "tangents")
    subject.expect_close((*outputs, *aux), (X * Y, X**2, Y + 1.0, X - Y), what="outputs and aux of backend.jvp")
    subject.expect_close(tangents, PUSHED, what="tangents of backend.jvp")


@SCENARIOS.add("contract/flat-vjp", "R7", [Capability.REVERSE])
def _flat_vjp(subject: Subject) -> None:
    require_own(subject.backend, "vjp")
    subject.record("backend.vjp(f, (x, y)), then pullback((u, v, x))", flat, x=X, y=Y, u=U, v=V)
    received = subject.backend.vjp(flat, subject.arrays((X, Y)))
    outputs, pullback, aux = _triple(subject, received, "(outputs, pullback, aux)")
    _tuple(subject, outputs, 3, "outputs")
    subject.expect_close((*outputs, *aux), (X * Y, X**2, Y + 1.0, X - Y), what="outputs and aux of backend.vjp")
    _tuple(subject, pullback(subject.arrays((U, V, X))), 2, "pullback(cotangents)")


@SCENARIOS.add("contract/pullback-reused", "R14", [Capability.REVERSE])
def _pullback_reused(subject: Subject) -> None:
    """A pullback may be called any number of times, in any order, also after others were made."""
    require_own(subject.backend, "vjp")
    subject.record("backend.vjp(f, (x, y)), and its pullback several times", flat, x=X, y=Y, u=U, v=V)
    _, pullback, _ = subject.backend.vjp(flat, subject.arrays((X, Y)))
    first, second = (U, V, X), (Y, X, V)
    kept = []
    for cotangents in (first, second, first):
        received = pullback(subject.arrays(cotangents))
        subject.expect_close(received, pulled(cotangents), what="pullback(cotangents)")
        kept.append((received, cotangents))
    _, other, _ = subject.backend.vjp(flat, subject.arrays((2 * X, Y)))
    received = other(subject.arrays(first))
    elsewhere = (U * Y + 4 * V * X, 2 * U * X + X)
    subject.expect_close(received, elsewhere, what="pullback(cotangents) at another point")
    kept.append((pullback(subject.arrays(second)), second))
    for received, cotangents in kept:  # each in memory of its own
        subject.expect_close(received, pulled(cotangents), what="a result of a pullback, after it was called again")


@SCENARIOS.add("contract/pullbacks-own-memory", "R8", [Capability.REVERSE])
def _pullbacks_memory(subject: Subject) -> None:
    require_own(subject.backend, "vjp")
    _, pullback, _ = subject.backend.vjp(lambda x, y: ((x + y,), ()), subject.arrays((X, Y)))
    cotangents = subject.arrays((U,))
    arrays = [subject.backend.to_numpy(leaf) for leaf in (*pullback(cotangents), *pullback(cotangents), *cotangents)]
    for a, b in itertools.combinations(arrays, 2):
        subject.expect(not share_memory(a, b), "results of a pullback that share memory", "memory of its own for each")


@SCENARIOS.add("contract/pullback-of-a-pullback", "R14", [Capability.REVERSE])
def _pullback_differentiable(subject: Subject) -> None:
    """A pullback is differentiable in its cotangents: its transpose is the pushforward."""
    require_own(subject.backend, "vjp")
    if not subject.backend.capabilities & {Capability.FORWARD, Capability.NESTING}:
        msg = "nothing that is declared differentiates a pullback"
        raise NotConcerned(msg)
    subject.record("backend.vjp(f, (x, y)), and backend.vjp of its pullback", flat, x=X, y=Y, u=U, v=V)
    _, pullback, _ = subject.backend.vjp(flat, subject.arrays((X, Y)))
    ones = subject.arrays((np.ones(3), np.ones(3), np.ones(3)))
    _, pushforward, _ = subject.backend.vjp(lambda *cotangents: (pullback(cotangents), ()), ones)
    subject.expect_close(pushforward(subject.arrays((U, V))), PUSHED, what="the pullback of a pullback", depth=2)


# -- many vectors at once, but for sweeps, which have a module of their own ------------------------------------------


@SCENARIOS.add("contract/formulations", "R18")
def _formulations(subject: Subject) -> None:
    """Both sweeps are among them, whatever the sizes."""
    for n, m, batch in ((2, 3, 4), (3, 2, 4), (1, 1, 1), (300, 2, 1), (2, 300, 10000)):
        found = list(subject.backend.formulations(n, m, batch))
        subject.expect(
            {("forward", "sweep"), ("reverse", "sweep")} <= set(found) and len(set(found)) == len(found),
            f"formulations({n}, {m}, {batch}) = {found}",
            "both sweeps, and nothing twice",
        )


@SCENARIOS.add("contract/sample-jacobian", "R18")
def _sample_jacobian(subject: Subject) -> None:
    require_own(subject.backend, "sample_jacobian")
    x = numbers(2, 3)

    def squares(x: Any) -> Any:
        return (subject.namespace(x).stack([x[0] ** 2, x[0] * x[1], 3.0 * x[1]]),), ()

    zero = np.zeros(3)
    expected = np.asarray([[2 * x[0], zero], [x[1], x[0]], [zero, zero + 3.0]])
    for mode in ("forward", "reverse"):
        subject.record(f"backend.sample_jacobian(f, x, -1, {mode!r})", squares, x=x)
        y, jacobian = subject.backend.sample_jacobian(squares, subject.arrays(x), -1, mode)
        subject.expect_close(y, np.asarray([x[0] ** 2, x[0] * x[1], 3.0 * x[1]]), what="the value")
        subject.expect_close(jacobian, expected)


@SCENARIOS.add("contract/relative-error", "R7")
def _relative_error(subject: Subject) -> None:
    """At least half of the digits are owed: less could not be told from a wrong result, nor mixing from rounding."""
    for epsilon in (2.0**-23, 2.0**-52):
        owed, step = subject.backend.relative_error(epsilon), subject.backend.relative_step(epsilon)
        subject.expect(
            epsilon <= owed <= epsilon**0.5, f"relative_error({epsilon}) = {owed}", f"{epsilon} to {epsilon**0.5}"
        )
        least = 0.99 * epsilon / owed  # over a smaller one, rounding alone would be a larger error
        subject.expect(
            step == 0.0 or least <= step <= 0.1, f"relative_step({epsilon}) = {step}", f"0, or {least:.2g} to 0.1"
        )


# -- missing rules (R14) ---------------------------------------------------------------------------------------------


def _no_fallback(name: str, subject: Subject) -> None:
    """With fallback=False a backend's own product works, and one that would be derived is refused."""
    native = implements(subject.backend, name)
    strict = Subject(dataclasses.replace(subject.backend, fallback=False).double_precision())
    call = partial(strict.product, name, lambda xp, x: x**2, subject.arrays(X), subject.arrays(U))
    if native:
        subject.expect_close(call(), 2 * X * U)
    else:
        message = str(subject.expect_error(UnsupportedOperationError, call))
        subject.expect("fallback=True" in message, message, "a message that names fallback=True")


def _unsupported_inside(name: str, subject: Subject) -> None:
    """What f cannot do on this backend, neither mode can differentiate: the error says so."""

    def f(xp: Any, x: Any) -> Any:
        msg = "an inner operation has no rule"
        raise UnsupportedOperationError(msg)

    call = partial(subject.product, name, f, subject.arrays(X), subject.arrays(U))
    message = str(subject.expect_error(UnsupportedOperationError, call))
    subject.expect("an inner operation has no rule" in message, message, "a message that quotes the inner one")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"no-fallback/{_name}", "R14", [_mode])(partial(_no_fallback, _name))
    SCENARIOS.add(f"unsupported-inside/{_name}", "R14", [_mode])(partial(_unsupported_inside, _name))
