"""Dtypes of results, and 64 bits (R4, R5)."""

from __future__ import annotations

import gc
import sys
import warnings
from functools import partial
from typing import Any

import numpy as np

from adhelpers import Capability, DTypeError
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import BOTH_PRECISIONS, MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


# -- dtypes (R4) --------------------------------------------------------------------------------


def halved(xp: Any, x: Any) -> Any:
    return x * 0.5


def reduced(xp: Any, x: Any) -> Any:
    """Reductions, whose transposes some frameworks compute in another precision."""
    return xp.mean(x) + xp.max(x) + xp.sum((x - xp.mean(x)) ** 2)


def _half_digits(name: str, f: Any, x: np.ndarray, u: np.ndarray, expected: np.ndarray, subject: Subject) -> None:
    received = subject.product(name, f, subject.arrays(x), subject.arrays(u))
    subject.expect_close(received, expected.astype(x.dtype))


_ROW = np.array([1.0, -2.0, 4.0], dtype=np.float32)
_SLOPE = 1 / 3 + np.array([0, 0, 1]) + 2 * (_ROW - _ROW.mean())
_NUMBER, _COMPLEX = np.asarray(3.0, dtype=np.float32), np.asarray(1 + 2j, dtype=np.complex64)
for _label, _f, _x, _cotangent, _derivative in (
    ("0-d", halved, _NUMBER, _NUMBER, 0.5),
    ("reductions", reduced, _ROW, _NUMBER, _SLOPE),
    ("identity", lambda xp, x: x, _ROW, _ROW, 1.0),
):
    SCENARIOS.add(f"float32-{_label}/jvp", "R4", [Capability.FORWARD, Capability.FLOAT32])(
        partial(_half_digits, "jvp", _f, _x, _x, np.sum(_derivative * _x) if _f is reduced else _derivative * _x)
    )
    SCENARIOS.add(f"float32-{_label}/vjp", "R4", [Capability.REVERSE, Capability.FLOAT32])(
        partial(_half_digits, "vjp", _f, _x, _cotangent, np.asarray(_derivative * _cotangent))
    )
for _name, _mode in MODES.items():
    SCENARIOS.add(f"complex64-0-d/{_name}", "R4", [_mode, Capability.FLOAT32, Capability.COMPLEX])(
        partial(_half_digits, _name, halved, _COMPLEX, _COMPLEX, np.asarray(0.5 + 1j))
    )


def _array_without_dimensions(name: str, subject: Subject) -> None:
    """The result is an array too, although NumPy's arithmetic, for example, returns a scalar."""
    x = subject.one()
    for what, result in zip(("value", "product"), subject.value_and_product(name, halved, x, x), strict=True):
        subject.expect(type(result) is type(x), f"a {what} of type {type(result)}", f"{type(x)}, as x is")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"an-array-without-dimensions/{_name}", "R4", [_mode])(partial(_array_without_dimensions, _name))


def widened(xp: Any, x: Any) -> Any:
    return xp.astype(x, xp.float64) ** 2


@SCENARIOS.add("a-wider-output/jvp", "R4", [Capability.FORWARD, *BOTH_PRECISIONS])
def _wider_forward(subject: Subject) -> None:
    x = subject.arrays(_ROW)
    value, pushed = subject.value_and_product("jvp", widened, x, x)
    subject.expect_close(value, _ROW.astype(float) ** 2, what="the value")
    subject.expect_close(pushed, 2 * _ROW.astype(float) ** 2, precision=np.float32)


@SCENARIOS.add("a-wider-output/vjp", "R4", [Capability.REVERSE, *BOTH_PRECISIONS])
def _wider_reverse(subject: Subject) -> None:
    u = np.array([1.0, 0.5, -1.0])
    received = subject.vjp(widened, subject.arrays(_ROW), subject.arrays(u))
    subject.expect_close(received, (2 * _ROW * u).astype(np.float32))


def _two_precisions(name: str, subject: Subject) -> None:
    x = {"narrow": _ROW, "wide": numbers(3)}

    def f(xp: Any, x: Any) -> Any:
        return {"narrow": x["narrow"] ** 2, "wide": x["wide"] ** 2}

    received = subject.product(name, f, subject.arrays(x), subject.arrays(x))
    subject.expect_close(received, {"narrow": 2 * _ROW**2, "wide": 2 * x["wide"] ** 2})


for _name, _mode in MODES.items():
    SCENARIOS.add(f"leaves-of-two-precisions/{_name}", "R4", [_mode, *BOTH_PRECISIONS])(partial(_two_precisions, _name))


def _brain_float(name: str, subject: Subject) -> None:
    one = subject.one()
    xp = subject.backend.array_namespace(one)
    x = xp.astype(subject.arrays(np.array([1.0, 2.0])), xp.bfloat16)
    received = subject.product(name, lambda xp, x: x**2, x, x)
    subject.expect(received.dtype == x.dtype, f"dtype {received.dtype}", f"dtype {x.dtype}")
    wide = subject.backend.to_numpy(xp.astype(received, one.dtype))
    subject.expect(np.array_equal(wide, [2.0, 8.0]), repr(wide), "[2.0, 8.0]")


for _name, _mode in MODES.items():
    SCENARIOS.add(f"bfloat16/{_name}", "R4", [_mode, Capability.BFLOAT16])(partial(_brain_float, _name))


# -- 64 bits (R5) --------------------------------------------------------------------------------


def _not_narrowed(name: str, subject: Subject) -> None:
    """The backend takes all 64 bits, or says how to turn them on."""
    x = np.array([1.0 + 2.0**-40, 1e300])
    try:
        received = subject.product(name, lambda xp, x: x * 1.0, x, x)
    except DTypeError as error:
        subject.expect(len(str(error)) > 40, f"DTypeError: {error}", "a message that says how to turn 64 bits on")
        return
    got = subject.numpy(received)
    deviation = np.max(np.abs(got / x - 1.0))
    allowed = 10 * subject.backend.relative_error(2.0**-52)
    subject.expect(got.dtype == x.dtype and deviation < allowed, repr(got), f"{x!r}, or a DTypeError")


def _settings_untouched(name: str, subject: Subject) -> None:
    """Global settings stay as they are; unusual ones show whether a call resets them."""
    x, u = subject.arrays(numbers(3)), subject.arrays(numbers(3))
    subject.product(name, lambda xp, x: x**2, x, u)  # imports at the first use may warn
    state = np.random.get_state()  # noqa: NPY002  # the global one is the point
    limit, collects = sys.getrecursionlimit(), gc.isenabled()
    try:
        np.random.seed(20_000)  # noqa: NPY002
        sys.setrecursionlimit(limit - 17)
        gc.enable()
        with np.errstate(divide="print", over="ignore"), np.printoptions(precision=5), warnings.catch_warnings():
            warnings.simplefilter("once")
            before = _settings()
            subject.product(name, lambda xp, x: x**2, x, u)
            after = _settings()
    finally:
        np.random.set_state(state)  # noqa: NPY002
        sys.setrecursionlimit(limit)
        (gc.enable if collects else gc.disable)()
    changed = [what for what in before if before[what] != after[what]]
    received, expected = ({what: settings[what] for what in changed} for settings in (after, before))
    subject.expect(not changed, f"after the call {received}", f"as before: {expected}")


def _settings() -> dict[str, Any]:
    return {
        "floating point errors": np.geterr(),
        "printed digits": np.get_printoptions()["precision"],
        "filters of warnings": list(warnings.filters),
        "NumPy's random state": repr(np.random.get_state()),  # noqa: NPY002
        "limit of recursion": sys.getrecursionlimit(),
        "garbage is collected": gc.isenabled(),
    }


for _name, _mode in MODES.items():
    SCENARIOS.add(f"64-bits-kept/{_name}", "R5", [_mode, Capability.FLOAT64], as_given=True)(
        partial(_not_narrowed, _name)
    )
    SCENARIOS.add(f"settings-untouched/{_name}", "R5", [_mode])(partial(_settings_untouched, _name))
