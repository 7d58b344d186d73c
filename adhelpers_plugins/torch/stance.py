"""Compiled code drops tangents: run that of ``torch.compile`` uncompiled for a while, and count runs of TorchScript."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import torch

try:
    from torch._dynamo import eval_frame

    _EAGER = eval_frame.DynamoStance("force_eager")
    KNOWN = isinstance(eval_frame._stance, eval_frame.DynamoStance)
except (ImportError, AttributeError):
    KNOWN = False
"""Whether it is done within a microsecond in this version of PyTorch; its public way takes ten."""


class AsWritten:
    """A context in which nothing runs compiled, in any thread. Only one thread may enter it at a time, and once."""

    def __init__(self) -> None:
        self._before: Any = None

    def __enter__(self) -> None:
        if KNOWN:
            self._before, eval_frame._stance = eval_frame._stance, _EAGER
        else:
            self._before = torch.compiler.set_stance("force_eager")
            self._before.__enter__()

    def __exit__(self, *exception: object) -> None:
        before, self._before = self._before, None
        if before is None:  # an interrupt came before it was entered
            return
        if KNOWN:
            eval_frame._stance = before
        else:
            before.__exit__(None, None, None)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """A context inside this one, for our compiler, in which compiled code runs compiled again."""
        if not KNOWN:
            with torch.compiler.set_stance("default"):
                yield
            return
        eval_frame._stance = self._before
        try:
            yield
        finally:
            eval_frame._stance = _EAGER


class Scripts:
    """How often TorchScript runs inside of it; others must not count meanwhile."""

    def __enter__(self) -> Self:
        if _LockingLogger is not None:
            self._logger = _LockingLogger()
            self._previous = _set_logger(self._logger)
        return self

    def __exit__(self, *exception: object) -> None:
        if _LockingLogger is not None:
            _set_logger(self._previous)

    @property
    def runs(self) -> int:
        """How often it ran, or zero if this version of PyTorch does not count."""
        if _LockingLogger is None:
            return 0
        return int(self._logger.get_counter_val("pytorch_runtime.graph_executor_invocations"))


_LockingLogger: Any = getattr(torch._C, "LockingLogger", None)
_set_logger: Any = getattr(torch._C, "_logging_set_logger", None)
