"""The ``linalg`` extension of the array API over ``autograd.numpy``, as far as it is right."""

from __future__ import annotations

from typing import Any

from autograd.numpy import matmul as matmul
from autograd.numpy import outer as outer
from autograd.numpy import tensordot as tensordot
from autograd.numpy.linalg import det as det
from autograd.numpy.linalg import inv as inv
from autograd.numpy.linalg import solve as solve

from adhelpers_plugins.autograd.composed import matrix_transpose as matrix_transpose
from adhelpers_plugins.autograd.composed import vecdot as vecdot


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no linalg.{name!r} yet; "
        f"if autograd.numpy.linalg.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
