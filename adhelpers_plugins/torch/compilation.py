"""Functions compiled by ``torch.compile``."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any

import torch

from adhelpers.extend import QUESTIONS
from adhelpers_plugins.torch import levels

for question in QUESTIONS:
    torch.compiler.assume_constant_result(question)  # or else torch.compile stops at what it cannot trace


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.compile`` of a function between tensors and any structure, where no transformation is active."""
    # PyTorch counts what it compiles by code object, and stops at eight: many closures may share one.
    own = types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    run = torch.compile(own, dynamic=False)

    def run_or_call(*arrays: Any) -> Any:
        # Inside a transformation compiled code leaves its levels behind, and NumPy's arrays it takes for tensors.
        if levels.surrounded() or not all(type(array) in levels.PLAIN for array in arrays):
            return function(*arrays)
        with levels.forward_mode(), contextlib.suppress(Exception):  # the compiler may enter it
            return run(*arrays)
        # An error of f's own, which may have come in PyTorch's words, or what PyTorch cannot compile.
        return function(*arrays)

    return run_or_call
