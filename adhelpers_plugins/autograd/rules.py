"""The derivative rule of one application of a primitive: found, and refused where it is missing or wrong."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import autograd.numpy as anp
import numpy as np
from autograd.core import JVPNode, primitive_jvps, primitive_vjps
from autograd.tracer import getval, notrace_primitives

from adhelpers import UnsupportedOperationError
from adhelpers_plugins.autograd.wrong import WRONG_FORWARD, WRONG_REVERSE, Condition


class Application(Protocol):
    """A primitive with its arguments and its value."""

    function: Any
    argnums: Sequence[int]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    value: Any


# Flat functions whose wrong uses can only be seen if they are on the tape.
WATCHED = frozenset({anp.sign, anp.full_like})

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Mode:
    """The rules of one mode."""

    name: str
    rules: dict[Any, Rule]
    wrong: dict[Any, Condition]
    flat: Rule
    """The rule of every function that autograd takes for a constant."""

    def rule(self, node: Application) -> Rule:
        """The rule of a node's primitive; `UnsupportedOperationError` if it is missing or wrong."""
        function = node.function
        rule = self.rules.get(function)
        if rule is None:
            if function not in notrace_primitives[JVPNode]:
                raise self.unsupported(node, "not defined")
            rule = self.flat
        if function in self.wrong and self.wrong[function](node.argnums, *map(getval, node.args), **node.kwargs):
            raise self.unsupported(node, "is wrong for these arguments")
        value = node.value if type(node.value) is np.ndarray else getval(node.value)
        if type(value) is np.ndarray and value.dtype.kind not in "fc":
            raise self.unsupported(node, f"has no meaning for a result of dtype {value.dtype}")
        return rule

    def refuse_if_autograds(self, error: Exception, node: Application) -> None:
        """Raise `UnsupportedOperationError` if autograd's own rule failed, and no rule or function of a user's.

        To be called in the ``except`` clause around the rule, whose frame is then the first of the traceback.
        """
        if not isinstance(error, _NOT_ABOUT_RULES) and _lies_in_libraries(error):
            reason = (
                "not defined" if isinstance(error, KeyError) else f"is not possible ({type(error).__name__}: {error})"
            )
            raise self.unsupported(node, reason) from error

    def unsupported(self, node: Application, reason: str) -> UnsupportedOperationError:
        """The error about a rule."""
        function = getattr(node.function, "__name__", node.function)
        return UnsupportedOperationError(f"{self.name} of {function} wrt argnums {tuple(node.argnums)} {reason}")


FORWARD = Mode(
    "JVP",
    primitive_jvps,
    WRONG_FORWARD,
    lambda argnums, tangents, value, args, kwargs: anp.zeros_like(value),
)
REVERSE = Mode(
    "VJP",
    primitive_vjps,
    WRONG_REVERSE,
    lambda argnums, value, args, kwargs: lambda g: tuple(anp.zeros_like(args[i]) for i in argnums),
)

# What a caller may ask for, with numpy.errstate or a filter of warnings, or the machine may run out of.
_NOT_ABOUT_RULES = (FloatingPointError, Warning, MemoryError)


def _lies_in_libraries(error: Exception) -> bool:
    """Whether every frame below that of the rule's caller is autograd's or that of a library it is made of."""
    frame = None if error.__traceback__ is None else error.__traceback__.tb_next
    if frame is None:
        return False
    while frame is not None:
        if not frame.tb_frame.f_code.co_filename.startswith(_library_folders()):
            return False
        frame = frame.tb_next
    return True


@functools.cache
def _library_folders() -> tuple[str, ...]:
    specs = map(importlib.util.find_spec, ("autograd", "numpy", "scipy"))
    return tuple(os.path.dirname(spec.origin) + os.sep for spec in specs if spec is not None and spec.origin)
