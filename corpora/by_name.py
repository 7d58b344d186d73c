"""Functions by their names: arguments that fit are found by trying."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from adhelpers import ADBackend
from corpora import exact
from corpora.case import Arrays, Case

_LEFT_OUT = re.compile(
    r"^_|load|save|fromfile|from_dlpack|print|show|memmap|open|test|info|seterr|errstate|set_|get_|frombuffer|fromstring"
    r"|parse|stop_gradient|select_n|array_(repr|str)|array2string|infeed|outfeed|while|rng|random|empty|ndindex|nditer|vectorize|apply_over|Abstract|custom"
)
"""Names of what computes nothing of arrays, or not the same twice."""


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, the same ones each time."""
    return np.random.default_rng(seed).standard_normal(shape)


def _between(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.1 and 0.9, where most functions are defined."""
    return 0.1 + 0.8 * np.random.default_rng(seed).random(shape)


_TAKE_LISTS = re.compile(r"stack|concat|block|meshgrid|multi_dot|select|broadcast_arrays|append")

V, W, R, S = _between(3), _between(3, seed=1), _between(2, 3, seed=2), _between(3, 3, seed=3)
C = numbers(3, 3, 4, seed=4)
M, N = numbers(3, 3, seed=5) + 3.0 * np.eye(3), numbers(3, 3, seed=6)
LARGE = 1.5 + 2.0 * _between(3, seed=7)

Make = Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Template:
    """Arrays to differentiate by, and the arguments that are made of them."""

    label: str
    x: tuple[np.ndarray, ...]
    make: Make = field(default=lambda *x: (x, {}))


def _symmetric(a: Any) -> Any:
    return 0.5 * (a + a.T)


TEMPLATES = (
    Template("matrix", (M,)),
    Template("symmetric", (M,), lambda a: ((_symmetric(a) + 0.0,), {})),
    Template("matrix, vector", (M, V)),
    Template("matrix, matrix", (M, N)),
    Template("vector", (V,)),
    Template("rows", (R,)),
    Template("rows, axis=0", (R,), lambda a: ((a,), {"axis": 0})),
    Template("cube, axis=(-2, -1)", (C,), lambda a: ((a,), {"axis": (-2, -1)})),
    Template("cube, axis=-1, keepdims", (C,), lambda a: ((a,), {"axis": -1, "keepdims": True})),
    Template("cube, axis=(0, 2)", (C,), lambda a: ((a,), {"axis": (0, 2)})),
    Template("cube, axis=1", (C,), lambda a: ((a,), {"axis": 1})),
    Template("cube", (C,)),
    Template("large", (LARGE,)),
    Template("vector, vector", (V, W)),
    Template("vector, large", (V, LARGE)),
    Template("large, vector", (LARGE, V)),
    Template("rows, vector", (R, V)),
    Template("matrix, rows", (S, N)),
    Template("three vectors", (V, W, LARGE)),
    Template("vector, between", (0.5 * (V + W), 0.1 + V, 1.0 + W)),
    Template("list of vectors", (V, W), lambda *x: ((list(x),), {})),
    Template("list of rows", (R, 2.0 * R), lambda *x: ((list(x),), {})),
    Template("vector, 1", (V,), lambda a: ((a, 1), {})),
    Template("2, vector", (V,), lambda a: ((2, a), {})),
    Template("1, large", (LARGE,), lambda a: ((1, a), {})),
    Template("rows, (3, 2)", (R,), lambda a: ((a, (3, 2)), {})),
    Template("rows, (1, 0)", (R,), lambda a: ((a, (1, 0)), {})),
    Template("rows, 1, 0", (R,), lambda a: ((a, 1, 0), {})),
    Template("cube, 0, 1", (C,), lambda a: ((a, 0, 1), {})),
    Template("cube, cube, 1", (C, 2.0 * C), lambda a, b: ((a, b, 1), {})),
    Template("vector, indices", (V,), lambda a: ((a, np.array([2, 0, 1])), {})),
    Template("rows, indices, 1", (R,), lambda a: ((a, np.array([[2, 0, 1], [0, 0, 2]]), 1), {})),
    Template("choice", (V, W), lambda a, b: ((np.array([True, False, True]), a, b), {})),
    Template("subscripts", (R, N), lambda a, b: (("ij,jk->ki", a, b), {})),
    Template("two sums", (C,), lambda a: (("ijk->j", a), {})),
    Template("four vectors", (V, W, LARGE, 0.3 * V)),
    Template("large, two vectors", (LARGE, 0.5 * W, V)),
)


@dataclass(frozen=True)
class Functions:
    """The functions of some modules, and the arguments that they take."""

    backend: ADBackend
    modules: Mapping[str, ModuleType]
    is_wanted: Callable[[Any], bool] = callable

    def operators(self) -> list[str]:
        """``"numpy.sin"`` and all the others; what has several names has the first of them."""
        found: dict[int, str] = {}
        for prefix, module in self.modules.items():
            for name, function in sorted(vars(module).items()):
                if (
                    not _LEFT_OUT.search(name)
                    and callable(function)
                    and not inspect.isclass(function)
                    and self.is_wanted(function)
                ):
                    found.setdefault(id(function), f"{prefix}.{name}")
        return sorted(found.values())

    def function(self, operator: str) -> Any:
        """The function of that name."""
        prefix, _, name = operator.rpartition(".")
        return getattr(self.modules[prefix], name)

    def cases(self, operator: str, samples: int) -> Iterator[Case]:
        """Where it has a derivative by mpmath, at the points of that; and so many of the templates that fit."""
        function, count = self.function(operator), 0
        with warnings.catch_warnings(), self.backend.scope(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for label, f, x, slope in exact.points(operator, function):
                if self._fits(f, (x,), varying=False) and self._is(f, x, slope(0)):
                    yield Case(
                        operator,
                        count,
                        self.backend,
                        f,
                        self._lifted((x,)),
                        f"{operator}({label}) at {x.tolist()}",
                        slope,
                    )
                    count += 1
            taken = 0
            for k, template in enumerate(TEMPLATES):
                if taken == samples:
                    return
                f = _applied(function, template.make)
                if template.label.startswith("list") and not _TAKE_LISTS.search(operator):
                    continue
                if self._fits(f, template.x):
                    taken += 1
                    yield Case(
                        operator, 100 + k, self.backend, f, self._lifted(template.x), f"{operator}({template.label})"
                    )

    def _lifted(self, x: Arrays) -> Arrays:
        return tuple(map(self.backend.asarray, x))

    def _is(self, f: Callable[..., Arrays], x: np.ndarray, value: float) -> bool:
        """Whether it is the function that mpmath has: conventions differ outside of the usual domain."""
        (y,) = f(*self._lifted((x,)))
        return bool(np.allclose(self.backend.to_numpy(y), value, rtol=1e-6, atol=1e-12))

    def _fits(self, f: Callable[..., Arrays], x: tuple[np.ndarray, ...], *, varying: bool = True) -> bool:
        """Whether it gives numbers, which depend on all of `x` if they are to vary."""
        try:
            y = [np.asarray(self.backend.to_numpy(leaf)) for leaf in f(*self._lifted(x))]
            if not y or not all(np.all(np.isfinite(leaf)) for leaf in y):
                return False
            for k in range(len(x) if varying else 0):
                moved = f(*self._lifted(tuple(leaf + 0.01 * (j == k) for j, leaf in enumerate(x))))
                if all(np.array_equal(a, self.backend.to_numpy(b)) for a, b in zip(y, moved, strict=True)):
                    return False
        except Exception:  # noqa: BLE001  # it takes other arguments
            return False
        return True


def _applied(function: Any, make: Make) -> Callable[..., Arrays]:
    def f(*x: Any) -> Arrays:
        args, kwargs = make(*x)
        return floating(function(*args, **kwargs))

    return f


def floating(y: Any) -> Arrays:
    """The floating and complex arrays of a result."""
    found = y if isinstance(y, (list, tuple)) else [y]
    flat = [leaf for each in found for leaf in (floating(each) if isinstance(each, (list, tuple)) else (each,))]
    return tuple([leaf for leaf in flat if np.dtype(getattr(leaf, "dtype", bool)).kind in "fc"])
