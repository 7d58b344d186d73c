"""Find the derivative rule of a primitive's application, and refuse it if it is missing or wrong."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.core import JVPNode, primitive_jvps, primitive_vjps
from autograd.numpy import fft, linalg, numpy_wrapper
from autograd.tracer import getval, notrace_primitives

from adhelpers.extend import ArgumentError, UnsupportedOperationError
from adhelpers_plugins.autograd import wrong_in_scipy
from adhelpers_plugins.autograd.mended import MENDED_REVERSE
from adhelpers_plugins.autograd.operands import Lent, are_changed
from adhelpers_plugins.autograd.wrong import WRONG_FORWARD, WRONG_REVERSE, Condition

# Flat functions whose wrong uses can only be seen if they are on the tape.
WATCHED = frozenset({anp.sign, anp.full_like})

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Mode:
    """The rules of one mode."""

    name: str
    rules: dict[Any, Rule]
    wrong: dict[Any, Condition]
    wrong_in_scipy: dict[str, Condition]
    flat: Rule
    """The rule of every function that autograd takes for a constant."""
    mended: dict[Any, Rule] = field(default_factory=dict)
    """Instead of some of `rules`."""

    def rule(
        self, function: Callable[..., Any], argnums: Sequence[int], value: Any, args: Sequence[Any], kwargs: Any
    ) -> Rule:
        """The rule of a primitive, applied to `args`; `UnsupportedOperationError` if it is missing or wrong."""
        rule = self.mended.get(function) or self.rules.get(function)
        if rule is None:
            if function not in notrace_primitives[JVPNode]:
                raise UnsupportedOperationError(self.message(function, argnums, "not defined"))
            rule = self.flat
        is_wrong = self.wrong.get(function)
        if is_wrong is None and function not in NUMPYS:
            is_wrong = wrong_in_scipy.condition_for(function, self.wrong_in_scipy)
        if is_wrong is not None and is_wrong(argnums, *map(getval, args), **kwargs):
            raise UnsupportedOperationError(self.message(function, argnums, "is wrong for these arguments"))
        if type(value) is not np.ndarray:
            value = getval(value)
        if type(value) is np.ndarray and value.dtype.kind not in "fc":
            reason = f"has no meaning for a result of dtype {value.dtype}"
            raise UnsupportedOperationError(self.message(function, argnums, reason))
        return rule

    def refuse_out(
        self, function: Callable[..., Any], argnums: Sequence[int], value: Any, args: Sequence[Any], kwargs: Any
    ) -> None:
        """Raise `UnsupportedOperationError` if NumPy, or a ufunc, wrote `value` to an array of the caller's.

        That array has no box. Some rules write the derivative to it too, and what `f` reads from it is a constant.
        """
        if function not in NUMPYS and not isinstance(getattr(function, "fun", None), np.ufunc):
            return
        by_position = any(arg is value for i, arg in enumerate(args) if i not in argnums)
        if by_position or kwargs.get("out") is not None:
            reason = "is not possible with an array `out`, which has no trace: use the function's result instead"
            raise UnsupportedOperationError(self.message(function, argnums, reason))

    def refuse_changed(self, function: Callable[..., Any], argnums: Sequence[int], lent: Lent) -> None:
        """Raise `ArgumentError` if the arrays that a rule is about to use were changed since the call.

        No other mode may stand in: it would call `f` again, with the arrays of today.
        """
        if are_changed(lent):
            reason = "is not possible: an array among its arguments was changed after the call; give it a copy"
            raise ArgumentError(self.message(function, argnums, reason))

    def failure(self, error: Exception, function: Callable[..., Any], argnums: Sequence[int]) -> str | None:
        """The message for an error of a rule; None if a user's own rule or function raised it.

        Call it in the ``except`` clause around the rule: the frames of this module are then first in the traceback.
        """
        if isinstance(error, UnsupportedOperationError):
            return str(error)
        if isinstance(error, _NOT_ABOUT_RULES) or not _lies_in_libraries(error):
            return None
        missing = isinstance(error, KeyError)
        reason = "not defined" if missing else f"is not possible ({type(error).__name__}: {error})"
        return self.message(function, argnums, reason)

    def message(self, function: Callable[..., Any], argnums: Sequence[int], reason: str) -> str:
        """The text of an error about a rule."""
        return f"{self.name} of {getattr(function, '__name__', function)} wrt argnums {tuple(argnums)} {reason}"


FORWARD = Mode(
    "JVP",
    primitive_jvps,
    WRONG_FORWARD,
    wrong_in_scipy.WRONG_FORWARD,
    lambda argnums, tangents, value, args, kwargs: anp.zeros_like(value),
)
REVERSE = Mode(
    "VJP",
    primitive_vjps,
    WRONG_REVERSE,
    wrong_in_scipy.WRONG_REVERSE,
    lambda argnums, value, args, kwargs: lambda g: tuple(anp.zeros_like(args[i]) for i in argnums),
    MENDED_REVERSE,
)

# Since autograd 1.9 the primitives of mean, var and std are private names of the wrapper.
NUMPYS = frozenset(f for module in (anp, numpy_wrapper, fft, linalg) for f in vars(module).values() if callable(f))


def makes_arrays(function: Callable[..., Any], value: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether nobody else holds the array `value`, unless it is a view, or the arrays that the rule returns.

    A user's primitives and rules may hold their arrays, ``real(x)`` may be `x` itself, and ``out`` has an owner.
    """
    return function in NUMPYS and "out" not in kwargs and id(value) not in map(id, args)


# What a caller may ask for, with numpy.errstate or a filter of warnings, or the machine may run out of.
_NOT_ABOUT_RULES = (FloatingPointError, Warning, MemoryError)


def _lies_in_libraries(error: Exception) -> bool:
    """Whether every frame below those of the rule's callers is autograd's or that of a library it is made of."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return _are_of_libraries(list(itertools.dropwhile(_calls_rules, frames)))


def _calls_rules(frame: FrameType) -> bool:
    """Whether it is that of a module of this folder, as a rule's callers are."""
    return os.path.dirname(frame.f_code.co_filename) == os.path.dirname(__file__)


def lies_in_libraries(error: Exception, first: FrameType) -> bool:
    """The same for the frame `first` and those below it."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return _are_of_libraries(frames[frames.index(first) :])


def _are_of_libraries(frames: Sequence[FrameType]) -> bool:
    return bool(frames) and all(frame.f_code.co_filename.startswith(_library_folders()) for frame in frames)


@functools.cache
def _library_folders() -> tuple[str, ...]:
    specs = map(importlib.util.find_spec, ("autograd", "numpy", "scipy"))
    return tuple(os.path.dirname(spec.origin) + os.sep for spec in specs if spec is not None and spec.origin)
