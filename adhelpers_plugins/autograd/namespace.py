"""The array API over ``autograd.numpy``: the part of the standard that is known to differentiate correctly.

autograd's boxes answer ``__array_namespace__`` with a namespace that is partly raw NumPy, which loses
derivatives silently. Here a name is either right or missing: what is not listed raises.
"""

from __future__ import annotations

from typing import Any

# Made from shapes and dtypes alone.
# Of the same name and meaning in autograd, the last two rows without a derivative.


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no {name!r} yet; "
        f"if autograd.numpy.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
