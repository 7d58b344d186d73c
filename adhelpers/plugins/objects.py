"""Objects that no backend takes apart, and the arrays that they hold."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins.containers import NAMESPACE, describe

_MOST = 1000
"""The most objects to visit: arrays lie close to their holder, and a logger leads to everything."""

ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range})
"""Types that hold nothing."""

REGISTER = f"register its type with optree.register_pytree_node(..., namespace={NAMESPACE!r})"
"""What to do to make a container of a type, in words for a message."""


def arrays_held(is_array: Callable[[Any], bool], leaf: Any) -> tuple[Any, ...]:
    """The arrays that a non-array leaf holds in its attributes, elements and closures."""
    if type(leaf) in ATOMS or _is_plain_array(leaf):
        return ()
    found: list[Any] = []
    seen, queue = {id(leaf)}, deque([leaf])
    while queue and len(seen) < _MOST:
        for part in _parts(queue.popleft()):
            if id(part) not in seen and type(part) not in ATOMS:
                seen.add(id(part))
                (found if is_array(part) else queue).append(part)
    return tuple(found)


def _parts(node: Any) -> list[Any]:
    """The objects that an object refers to, except its type and what all functions of a module share."""
    if isinstance(node, (type, ModuleType)) or _is_plain_array(node):
        return []
    if isinstance(node, FunctionType):
        return [*(node.__closure__ or ()), node.__defaults__, node.__kwdefaults__, node.__dict__]
    if is_numpy(node):
        return list(node.flat)  # the garbage collector does not know these
    return gc.get_referents(node)


def is_numpy(node: Any) -> bool:
    """Whether `node` is a NumPy array or scalar; does not import NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(node, (numpy.ndarray, numpy.generic))


def native(array: Any) -> Any:
    """A NumPy array in the machine's byte order, which frameworks require of arrays that they take as they are."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def is_numpy_scalar(node: Any) -> bool:
    """Whether `node` is a NumPy scalar, which is immutable; does not import NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(node, numpy.generic)


def complex_of_numpy(real: Any, imaginary: Any) -> Any:
    """Join NumPy's arrays; ``real + 1j * imaginary`` would be NaN where the imaginary part is infinite."""
    import numpy as np

    joined = np.array(real + 0j)
    joined.imag = imaginary
    return joined


def is_seen_by_numpy(array: Any) -> bool:
    """Whether NumPy's functions dispatch to the array; of other arrays they would read only the numbers."""
    return is_numpy(array) or getattr(type(array), "__array_ufunc__", None) is not None


def _is_plain_array(node: Any) -> bool:
    return is_numpy(node) and node.dtype.kind != "O"


def cannot_be_freed(leaf: Any, name: str) -> ArgumentTypeError:
    """The error for an object that holds tracers."""
    return ArgumentTypeError(
        f"{name} is {describe(leaf)}, which holds arrays of the derivative being taken; they would leak, because only "
        f"containers are taken apart: return its arrays in a dict or a tuple, or {REGISTER}"
    )
