"""The mode that sees which functions of PyTorch are called, and refuses or composes the wrong ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode

from adhelpers.extend import ArgumentError, UnsupportedOperationError, raised_by_library
from adhelpers_plugins.torch import levels, stance, wrong
from adhelpers_plugins.torch.compositions.table import COMPOSITIONS
from adhelpers_plugins.torch.graphs.taken import Taken
from adhelpers_plugins.torch.watching.calls import any_varies, name_of, varies, wrong_in
from adhelpers_plugins.torch.watching.numbers import takes_numbers

Direction = Literal["forward", "reverse"]


class Watch(TorchFunctionMode):  # type: ignore[misc]
    """Sees the functions of PyTorch that are called, and refuses or composes what is wrong at that order."""

    def __init__(self, mode: Direction, depth: int, order: int) -> None:
        super().__init__()
        self._mode = mode
        self._depth = depth
        """How many derivatives are taken around the function; it may take further ones itself."""
        self._order = order
        self.passed: list[float] = []
        """From which order those are wrong that are right at this one, or were called with constants."""
        self.composed: set[str] = set()
        self.left: set[str] = set()
        """By which functions numbers that vary leave PyTorch."""
        self.scripts = 0
        self.taken = Taken()

    def around(self, run: Callable[[], Any]) -> Any:
        """Call `run` under the watch, and return its result."""
        try:
            return self._around(run)
        except RuntimeError as error:
            if _UNNESTED.search(str(error)) and raised_by_library(error, "torch"):
                raise UnsupportedOperationError(str(error)) from error
            raise

    def _around(self, run: Callable[[], Any]) -> Any:
        if self._mode == "reverse":
            with levels.forward_mode(), self:  # where nothing is compiled: a compiler would trace the watch
                return run()
        with levels.forward_mode(), stance.Scripts() as scripts, self:
            result = run()
        self.scripts = scripts.runs * (wrong.SCRIPT.forward <= self._order)
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        name = name_of(func)
        given = (*args, *options.values())
        if name in wrong.LEAVING and any_varies(given):
            self.left.add(name.strip("_"))
        if name in wrong.TO_NUMPY and any_varies(given):
            raise ArgumentError(_TO_NUMPY)
        if name == "detach" and (blamed := _detached_by(*given)):
            raise refusal(self._mode, blamed)
        taken_inside = max(0, levels.depth() - self._depth)
        order = self._order + taken_inside
        for blamed, entry in wrong_in(name, func, args, options):
            # Derivatives that f takes itself are of either mode.
            limit = min(entry.forward, entry.reverse) if taken_inside else getattr(entry, self._mode)
            matters = name == "data" or any_varies(given)  # what varies may be written to data of what does not
            if limit > order + self._is_attached(args, options) or not matters:
                self.passed.append(limit)
                continue
            composition = COMPOSITIONS.get(func)
            if composition is None:
                raise refusal(self._mode, blamed)
            self.composed.add(blamed)
            return composition(*args, **options)
        is_taken = func in _BY_GRAPH and options.get("create_graph")
        count = self.taken.before(args[:1]) if is_taken else 0
        result = func(*args, **options)
        if is_taken:
            self.taken.after(count, result)
        if self._mode == "forward" and not name.startswith("__") and takes_numbers(func, args, options):
            raise refusal(self._mode, f"{name} by what PyTorch takes for a number")
        return result

    def _is_attached(self, args: Any, options: dict[str, Any]) -> bool:
        """Whether somebody may differentiate by what the arguments are: in reverse mode all are part of a graph."""
        tensors = [a for a in (*args, *options.values()) if isinstance(a, torch.Tensor) and a.requires_grad]
        if self._mode == "reverse":
            tensors = [tensor for tensor in tensors if tensor.is_leaf and not levels.is_wrapped(tensor)]
        return bool(tensors) and torch.is_grad_enabled()


_BY_GRAPH = (torch.autograd.grad, torch.Tensor.backward)


def refusal(mode: Direction, name: str) -> UnsupportedOperationError:
    """The error that counts as a missing rule."""
    return UnsupportedOperationError(f"PyTorch's {mode} rule of {name} gives wrong numbers here")


_TO_NUMPY = (
    "f converts a differentiated tensor to a NumPy array, as NumPy also does with a tensor beside one of its arrays, "
    "and results of NumPy have no derivative; convert data to tensors, by xp.asarray(data) with "
    "xp = adhelpers.array_namespace(x), or write tensor.detach() for a constant"
)

_UNNESTED = re.compile(
    r"torch.autograd.functional.\* APIs|Nested forward mode AD is not supported"
    r"|backward\(\) called inside a functorch transform|mutating directly with `.data` inside functorch"
)
"""What PyTorch says where one of its ways to differentiate, or to have constants, does not work inside another."""


def _detached_by(argument: Any) -> str | None:
    """Which function of PyTorch's has detached what varies on its way to a derivative that is to be differentiated.

    Those are written in Python, and unseen. So it is asked who has called ``detach``.
    """
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_name == "__torch_function__":
        frame = frame.f_back
    if frame is None or not varies(argument):
        return None
    module = frame.f_globals.get("__name__")
    if module == "torch.autograd.functional" and frame.f_locals.get("create_graph"):
        return module
    return "torch.func.linearize" if module == "torch.fx.experimental.const_fold" else None
