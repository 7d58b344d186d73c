"""Directional derivatives from values alone, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Values = tuple[np.ndarray, ...]
Function = Callable[[Values], Values]

STEPS = tuple(2.0**-k for k in (5, 8, 10, 12, 15))
"""The first has only truncation errors, the last only rounding errors."""

CLOSE = 1e-6
"""The error allowed to a derivative, relative to the largest entry of its leaf, in addition to the estimate's error."""

EPSILON = 2.0**-52

BLURRED = 1e-3
"""An estimate with a larger relative error is not used."""


@dataclass(frozen=True)
class Estimate:
    """A derivative, and the possible error of each entry; infinite if nothing is known."""

    values: Values
    errors: Values

    def judge(self, received: Values) -> str:
        """The fault of `received`, empty if it is right; ``"?"`` if too little is known of some entry."""
        unknown = not all(np.all(np.isfinite(error)) for error in self.errors)
        for k, (got, value, error) in enumerate(zip(received, self.values, self.errors, strict=True)):
            if got.shape != value.shape:
                return f"result {k} has shape {got.shape}, not {value.shape}"
            if got.size == 0:
                continue
            known = _is_known(error, value)
            size = float(np.max(np.abs(np.where(known, value, 0.0))))
            with np.errstate(invalid="ignore"):
                off = np.abs(got - value)
                wrong = known & ~(off <= CLOSE * max(size, 1e-3) + 10.0 * error)
                wrong &= ~(np.isnan(got) & unknown)  # an entry that is not finite makes others so, times zero
            if wrong.any():
                place = tuple(
                    map(
                        int,
                        np.unravel_index(
                            int(np.argmax(np.where(wrong, np.nan_to_num(off, nan=np.inf), -1.0))), got.shape
                        ),
                    )
                )
                return f"result {k} at {list(place)} is {got[place]:.9g}, but {value[place]:.9g} is right"
            unknown = unknown or not known.all()
        return "?" if unknown else ""


def along(f: Function, x: Values, t: Values) -> Estimate:
    """The derivative of `f` at `x` along `t`, by fourth-order differences with several steps."""
    # In units of the size of x, if that is moderate: a function of large numbers may depend on their remainders.
    units = (np.abs(d) / np.clip(np.abs(a), 1.0, 100.0) for a, d in zip(x, t, strict=True))
    reach = max((float(np.max(unit, initial=0.0)) for unit in units), default=0.0)
    here, spread = f(x), max((float(np.max(np.abs(a), initial=0.0)) for a in x), default=0.0)
    rows = [_difference(f, x, t, h / (reach or 1.0)) for h in STEPS]
    values: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    moves: Values | None = None
    with np.errstate(all="ignore"):
        for y, column in zip(here, zip(*rows, strict=True), strict=True):
            stack = np.stack(column)
            apart = np.abs(np.diff(stack, axis=0))
            apart = np.where(np.isfinite(apart), apart, np.inf)
            best = np.argmin(apart, axis=0)[None]
            value = np.take_along_axis(stack, best + 1, axis=0)[0]
            error = np.take_along_axis(apart, best, axis=0)[0]
            rounding = _rounding(EPSILON * np.max(np.abs(y), initial=0.0), value, spread, reach)
            # A large entry says little about the rounding of a small one, unless both come from the same numbers.
            blurred = ~_is_known(error + rounding, value)
            if blurred.any():
                moves = _noise(f, x, here) if moves is None else moves
                noise = np.maximum(EPSILON * np.abs(y), moves[len(values)])
                rounding = np.where(blurred, np.minimum(rounding, _rounding(noise, value, spread, reach)), rounding)
            # If the finest step gives another slope, the function is a staircase.
            elsewhere = np.abs(stack[-1] - value) > BLURRED * np.abs(value) + 10.0 * rounding
            values.append(value)
            errors.append(np.where(elsewhere, np.inf, error + rounding))
    return Estimate(tuple(values), tuple(errors))


def _is_known(error: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.asarray(error <= BLURRED * np.maximum(1e-3, np.abs(value)))


def _rounding(noise: Any, value: np.ndarray, spread: float, reach: float) -> np.ndarray:
    """What rounding may do to the differences: that of `f`, and that of `x`."""
    return np.asarray(16.0 * reach * (noise + EPSILON * spread * np.abs(value)) / STEPS[-1])


def _noise(f: Function, x: Values, here: Values) -> Values:
    """How much each entry of `f` changes when `x` is rounded otherwise."""
    random, found = np.random.default_rng(0), tuple([np.zeros(y.shape) for y in here])
    for _ in range(4):
        at = f(tuple([np.asarray(a * (1.0 + EPSILON * random.choice((-1.0, 1.0), a.shape)), a.dtype) for a in x]))
        found = tuple([np.maximum(most, np.abs(y - other)) for most, y, other in zip(found, here, at, strict=True)])
    return found


def _difference(f: Function, x: Values, t: Values, h: float) -> Values:
    def at(k: float) -> Values:
        return f(tuple(np.asarray(a + (k * h) * d).astype(a.dtype) for a, d in zip(x, t, strict=True)))

    with np.errstate(all="ignore"):
        return tuple(
            (8.0 * (a - b) - (c - d)) / (12.0 * h) for a, b, c, d in zip(at(1), at(-1), at(2), at(-2), strict=True)
        )


def has_kink(f: Function, x: Values, t: Values) -> bool:
    """Whether the slopes on both sides differ or are infinite, or values jump, judged by differences of two steps."""

    def sizes(h: float) -> tuple[float, float]:
        ahead, here, behind = (
            f(tuple(np.asarray(a + s * h * d).astype(a.dtype) for a, d in zip(x, t, strict=True)))
            for s in (1.0, 0.0, -1.0)
        )
        with np.errstate(all="ignore"):
            slope = max(map(_largest, ((a - c) / h for a, c in zip(ahead, behind, strict=True))), default=0.0)
            bends = ((a - 2.0 * b + c) / h for a, b, c in zip(ahead, here, behind, strict=True))
            return slope, max(map(_largest, bends), default=0.0)

    (slope, bend), (near_slope, near_bend) = sizes(1e-4), sizes(1e-6)
    return not (near_slope <= 3.0 * slope + 1e-6 < np.inf and near_bend <= max(0.3 * bend, 1e-6) < np.inf)


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.where(np.isfinite(array), np.abs(array), np.inf), initial=0.0))
