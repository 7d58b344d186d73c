"""The dual number, and how a function of NumPy acts on it.

Each sweep has its own tag, higher than that of every sweep around it. A function is applied at the highest tag among
its arguments; arguments with a lower tag are constants there. So primals and tangents may be dual numbers of outer
sweeps, and perturbations are never confused.

A tangent has the shape, the dtype and the memory layout of its primal. A view of the primal comes with a view of the
tangent, so working in place does the same as on plain arrays.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from dualnumbers.functions import CONSTANT, DEFINITIONS, MULTILINEAR, RULES, VIEWS
from dualnumbers.ufuncs import PARTIALS

Array = Any
"""A NumPy array or scalar, or a dual number of an outer sweep."""

_KNOWN = frozenset({*PARTIALS, *MULTILINEAR, *VIEWS, *RULES})


class MissingRuleError(NotImplementedError):
    """There is no derivative rule for this function, or for these arguments of it."""


class Dual(NDArrayOperatorsMixin):
    """An array and its derivative in one direction.

    Parameters
    ----------
    primal
        The array.
    tangent
        Its derivative, with the shape, dtype and memory layout of `primal`.
    tag
        The number of the sweep that the dual number belongs to.
    """

    __slots__ = ("primal", "tag", "tangent")

    def __init__(self, primal: Array, tangent: Array, tag: int) -> None:
        self.primal, self.tangent, self.tag = primal, tangent, tag

    def __repr__(self) -> str:
        return f"Dual({self.primal!r}, {self.tangent!r}, tag={self.tag})"

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise _missing(ufunc, kwargs, "" if method == "__call__" else f".{method}")
        result = _apply(ufunc, args, {})
        return result if out is None else _store(result, *out)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return _apply(function, args, kwargs)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        from dualnumbers import namespace

        return namespace

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        msg = (
            "a dual number cannot become, or be stored in, a plain array: its tangent would be lost; "
            "join dual numbers by numpy.stack, and make arrays to store them in by numpy.zeros_like(x)"
        )
        raise TypeError(msg)

    def __float__(self) -> Any:
        msg = "a dual number cannot become a Python number: its tangent would be lost"
        raise TypeError(msg)

    __complex__ = __int__ = __float__

    def __bool__(self) -> bool:
        return bool(self.primal)

    # Elements.

    def __getitem__(self, index: Any) -> Dual:
        return Dual(self.primal[index], self.tangent[index], self.tag)

    def __setitem__(self, index: Any, new: Any) -> None:
        if level(new) > self.tag:
            msg = "a variable of an inner derivative cannot be stored in an array of an outer one"
            raise TypeError(msg)
        primal, tangent = _split(new, self.tag)
        self.primal[index] = primal
        self.tangent[index] = 0 if tangent is None else tangent

    def __len__(self) -> int:
        return len(self.primal)

    def __iter__(self) -> Iterator[Dual]:
        return iter([self[k] for k in range(len(self))])

    # The other attributes of an array.

    @property
    def shape(self) -> tuple[int, ...]:
        """As of a plain array."""
        return value(self).shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of a plain array."""
        return value(self).dtype

    @property
    def ndim(self) -> int:
        """As of a plain array."""
        return value(self).ndim

    @property
    def size(self) -> int:
        """As of a plain array."""
        return value(self).size

    @property
    def device(self) -> str:
        """As of a plain array."""
        return "cpu"

    @property
    def T(self) -> Array:  # noqa: N802  NumPy's name
        """As of a plain array."""
        return np.transpose(self)

    @property
    def mT(self) -> Array:  # noqa: N802  NumPy's name
        """As of a plain array."""
        return np.matrix_transpose(self)

    @property
    def real(self) -> Array:
        """As of a plain array."""
        return np.real(self)

    @property
    def imag(self) -> Array:
        """As of a plain array."""
        return np.imag(self)

    def astype(self, dtype: Any, *, copy: bool = True) -> Array:
        """As of a plain array; numbers without a fraction have no derivative, and come back plain."""
        primal = self.primal.astype(dtype, copy=copy)
        return Dual(primal, self.tangent.astype(dtype, copy=copy), self.tag) if is_inexact(primal) else primal

    def copy(self) -> Array:
        """As of a plain array."""
        return np.copy(self)

    __copy__ = copy

    def conj(self) -> Array:
        """As of a plain array."""
        return np.conj(self)

    def reshape(self, *shape: Any) -> Array:
        """As of a plain array."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """As of a plain array."""
        return np.sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """As of a plain array."""
        return np.mean(self, axis, keepdims=keepdims)

    def prod(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """As of a plain array."""
        return np.prod(self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """As of a plain array."""
        return np.max(self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False) -> Array:
        """As of a plain array."""
        return np.min(self, axis, keepdims=keepdims)


def value(x: Array) -> Any:
    """The plain array in `x`, without the tangents of any sweep.

    Parameters
    ----------
    x
        A dual number; anything else is returned as it is.
    """
    while isinstance(x, Dual):
        x = x.primal
    return x


def shaped(tangent: Array, primal: Array) -> Array:
    """`tangent` with the shape, dtype and layout of `primal`, in its own memory."""
    if isinstance(tangent, Dual) and tangent.tag > level(primal):
        return Dual(shaped(tangent.primal, primal), shaped(tangent.tangent, primal), tangent.tag)
    result = np.zeros_like(primal)
    result[...] = tangent
    return result


def _apply(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """``function(*args, **kwargs)`` with its derivative."""
    if function in CONSTANT:
        return function(*map(value, args), **{key: value(argument) for key, argument in kwargs.items()})
    if function in DEFINITIONS:
        return DEFINITIONS[function](*args, **kwargs)
    tag = max(map(level, args), default=0)
    if tag == 0 and isinstance(function, np.ufunc):
        return function(*args)  # only `out` is a dual number
    if tag == 0 or function not in _KNOWN or "initial" in kwargs:
        raise _missing(function, kwargs)
    primals, tangents = zip(*(_split(argument, tag) for argument in args), strict=True)
    primal = function(*primals, **kwargs)
    if not is_inexact(primal):
        return primal
    if function in VIEWS:
        return Dual(primal, _tangent(function, primals, tangents, primal, kwargs), tag)
    if any(primal is argument for argument in (*primals, *kwargs.values())):
        raise _missing(function, {"out": primal})
    return Dual(primal, shaped(_tangent(function, primals, tangents, primal, kwargs), primal), tag)


def _tangent(function: Any, primals: tuple[Any, ...], tangents: Any, result: Array, kwargs: dict[str, Any]) -> Array:
    if function in RULES:
        return RULES[function](tangents, result, *primals, **kwargs)
    terms = []
    for k, tangent in enumerate(tangents):
        if tangent is not None and function in PARTIALS:
            terms.append(PARTIALS[function][k](tangent, result, *primals))
        elif tangent is not None:
            terms.append(function(*primals[:k], tangent, *primals[k + 1 :], **kwargs))
    return functools.reduce(operator.add, terms)


def level(argument: Any) -> int:
    """The highest tag in `argument`, which may be a list as `stack` takes it; 0 if there is none."""
    if isinstance(argument, (list, tuple)):
        return max(map(level, argument), default=0)
    return argument.tag if isinstance(argument, Dual) else 0


def _split(argument: Any, tag: int) -> tuple[Any, Any]:
    """The primal and the tangent of `argument` in the sweep `tag`; None stands for zero."""
    if isinstance(argument, (list, tuple)) and level(argument) == tag:
        primals, tangents = zip(*(_split(item, tag) for item in argument), strict=True)
        return list(primals), list(tangents)
    if isinstance(argument, Dual) and argument.tag == tag:
        return argument.primal, argument.tangent
    return argument, None


def _store(result: Array, out: Array) -> Array:
    """`result` written into `out`, or `result` itself where `out` is a scalar, which cannot be written to."""
    if isinstance(value(out), np.generic):
        return result
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        msg = f"cannot store {result.dtype} in place in {out.dtype}"
        raise TypeError(msg)
    out[...] = result
    return out


def is_inexact(array: Array) -> bool:
    """Whether the numbers of `array` can vary continuously."""
    return np.issubdtype(array.dtype, np.inexact)


def _missing(function: Callable[..., Any], kwargs: dict[str, Any], method: str = "") -> MissingRuleError:
    name = f"{getattr(function, '__module__', 'numpy')}.{function.__name__}{method}"
    how = f" with {', '.join(kwargs)}" if kwargs else ""
    return MissingRuleError(f"dualnumbers has no derivative rule for {name}{how}")
