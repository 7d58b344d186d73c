"""The ``linalg`` extension of the array API over ``autograd.numpy``, as far as it is right."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.numpy import matmul as matmul
from autograd.numpy import tensordot as tensordot
from autograd.numpy.linalg import det as det
from autograd.numpy.linalg import inv as inv

from adhelpers_plugins.autograd.composed import broadcast_to
from adhelpers_plugins.autograd.composed import matrix_transpose as matrix_transpose
from adhelpers_plugins.autograd.composed import vecdot as vecdot


def outer(x1: Any, x2: Any, /) -> Any:
    """Each product of an element of one vector with one of the other."""
    return x1[:, None] * x2[None, :]  # autograd's own warns of complex numbers in its second derivative


def solve(x1: Any, x2: Any, /) -> Any:
    """The solution of linear equations; autograd's own has no gradient for what is broadcast."""
    columns = x2[:, None] if x2.ndim == 1 else x2
    batch = np.broadcast_shapes(x1.shape[:-2], columns.shape[:-2])
    a, b = (broadcast_to(m, batch + m.shape[-2:]) for m in (x1, columns))
    solution = anp.linalg.solve(a, b)
    return solution[..., 0] if x2.ndim == 1 else solution


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no 'linalg.{name}' yet; "
        f"if autograd.numpy.linalg.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
