"""By how much two results differ: numbers, in blocks, so that memory stays bounded."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adhelpers.comparison.results import Deviation

BLOCK = 2**18
"""So many entries are compared at once."""
MOST_PLACES = 256
"""So many places are remembered at which the tolerance is exceeded the most; a kink is searched for at each."""

Leaves = Mapping[str, np.ndarray]
"""A result: its leaves by their paths."""


class IncomparableError(Exception):
    """Two results that differ in structure or shapes; the message says how."""


@dataclass(frozen=True)
class Tolerance:
    """Entries agree within the larger of `rtol` times the larger entry and `atol`, both of their leaf, by its path."""

    rtol: Mapping[str, float]
    atol: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """A deviation, and more about where it is.

    Attributes
    ----------
    agree
        Whether no entry is beyond the tolerance.
    places
        The worst places beyond the tolerance, path and index, the worst first.
    """

    deviation: Deviation
    agree: bool
    places: tuple[tuple[str, tuple[int, ...]], ...]


def require_comparable(a: Leaves, b: Leaves, b_name: str) -> None:
    """Refuse results whose entries do not correspond."""
    if a.keys() != b.keys():
        msg = f"has the leaves {', '.join(sorted(a)) or 'none'}, but {b_name} has {', '.join(sorted(b)) or 'none'}"
        raise IncomparableError(msg)
    for path, leaf in a.items():
        if leaf.shape != b[path].shape:
            msg = f"{path} has shape {leaf.shape}, but {b[path].shape} on {b_name}"
            raise IncomparableError(msg)


def measure(a: Leaves, b: Leaves, tolerance: Tolerance) -> Measured:
    """The deviation of two comparable results."""
    max_abs = max_ulp = worst = 0.0
    differing = nans = 0
    place = next(((path, leaf.shape and (0,) * leaf.ndim) for path, leaf in a.items()), ("", ()))
    found: list[tuple[float, int, str, tuple[int, ...]]] = []
    relatives = {"": 0.0}
    for path, leaf in a.items():
        partner, rtol, atol = b[path], tolerance.rtol[path], tolerance.atol[path]
        relatives[path] = 0.0
        unit = max(epsilon(leaf.dtype), epsilon(partner.dtype))
        least = max(_smallest_normal(leaf.dtype), _smallest_normal(partner.dtype))
        floor = atol / rtol if rtol > 0.0 else 0.0
        p_all, q_all = leaf.reshape(-1), partner.reshape(-1)
        for start in range(0, p_all.size, BLOCK):
            p, q = _wide(p_all[start : start + BLOCK]), _wide(q_all[start : start + BLOCK])
            with np.errstate(all="ignore"):
                both_nan = np.isnan(p) & np.isnan(q)
                same = (p == q) | both_nan
                difference = np.where(same, 0.0, np.nan_to_num(np.abs(p - q), nan=np.inf))
                size = np.maximum(np.abs(p), np.abs(q))
                allowed = np.maximum(rtol * size, atol)
                off = difference > 0.0
                alone = ~np.isfinite(difference)
                excess = np.where(off, np.where(alone, np.inf, difference / allowed), 0.0)
                relative = np.where(off, np.where(alone, np.inf, difference / np.maximum(size, floor)), 0.0)
                ulps = np.where(off, np.where(alone, np.inf, difference / _spacing(size, unit, least)), 0.0)
            nans += int(np.count_nonzero(both_nan))
            max_abs = max(max_abs, float(difference.max(initial=0.0)))
            relatives[path] = max(relatives[path], float(relative.max(initial=0.0)))
            max_ulp = max(max_ulp, float(ulps.max(initial=0.0)))
            top = int(np.argmax(excess))
            if excess[top] > worst:
                worst = float(excess[top])
                place = path, _index(start + top, leaf.shape)
            beyond = np.flatnonzero(excess > 1.0)
            differing += beyond.size
            if beyond.size > MOST_PLACES:
                beyond = beyond[np.argpartition(excess[beyond], -MOST_PLACES)[-MOST_PLACES:]]
            found += [(float(excess[i]), -len(found), path, _index(start + int(i), leaf.shape)) for i in beyond]
            found = heapq.nlargest(MOST_PLACES, found)
    rtol, atol = tolerance.rtol.get(place[0], 0.0), tolerance.atol.get(place[0], 0.0)
    deviation = Deviation(max_abs, relatives[place[0]], max_ulp, place[0], place[1], differing, nans, rtol, atol)
    return Measured(deviation, differing == 0, tuple((path, index) for _, _, path, index in found))


def largest(array: np.ndarray) -> float:
    """The largest magnitude of a finite entry, in blocks."""
    flat, found = array.reshape(-1), 0.0
    for start in range(0, flat.size, BLOCK):
        size = np.abs(_wide(flat[start : start + BLOCK]))
        found = max(found, float(size[np.isfinite(size)].max(initial=0.0)))
    return found


def is_finite(array: np.ndarray) -> bool:
    """Whether no entry is NaN or infinite, in blocks."""
    flat = array.reshape(-1)
    return all(bool(np.all(np.isfinite(_wide(flat[i : i + BLOCK])))) for i in range(0, flat.size, BLOCK))


def epsilon(dtype: np.dtype) -> float:
    """The distance from 1 to the next number, of dtypes too that NumPy itself does not know."""
    try:
        return float(np.finfo(dtype).eps)
    except (TypeError, ValueError):
        one, step = np.ones((), dtype), 1.0
        while float(one + np.asarray(step / 2, dtype)) > 1.0:
            step /= 2
        return step


def _wide(block: np.ndarray) -> np.ndarray:
    """In double precision, so that differences of small types are exact."""
    return block.astype(np.complex128 if block.dtype.kind == "c" else np.float64, copy=False)


def _spacing(size: np.ndarray, unit: float, least: float) -> np.ndarray:
    _, exponent = np.frexp(np.maximum(size, least))
    return np.ldexp(unit, exponent - 1)


def _smallest_normal(dtype: np.dtype) -> float:
    try:
        return float(np.finfo(dtype).smallest_normal)
    except (TypeError, ValueError):
        return float(np.finfo(np.float32).smallest_normal)


def _index(position: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(position, shape)))
