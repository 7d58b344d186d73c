"""Functions compiled by ``torch.compile``, by this backend or by a user around it."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from adhelpers.extend import QUESTIONS, Array, Cache, Leaves, public_operations
from adhelpers_plugins.torch import levels
from adhelpers_plugins.torch.memory import memory_of, own
from adhelpers_plugins.torch.wrong import has_mended

try:
    from torch._C._dynamo.eval_frame import _FrameAction, _FrameExecStrategy, set_code_exec_strategy

    _AS_WRITTEN = _FrameExecStrategy(_FrameAction.SKIP, _FrameAction.SKIP)
    KNOWN = has_mended("2.13")  # up to 2.7 it does not hold for what is called
except ImportError:
    KNOWN = False
"""Whether this version of PyTorch can exclude a function and its callees from compilation."""

for question in QUESTIONS:
    # By its name Dynamo keeps the answer among the globals of whoever asks, where the question itself may stand.
    question.__code__ = question.__code__.replace(co_name=f"answer_of_{question.__name__}")
    torch.compiler.assume_constant_result(question)  # or else torch.compile stops at what it cannot trace


def traced_whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which a compiler around it traces as a whole or leaves uncompiled.

    If `f` breaks the graph, Dynamo would compile its parts inside our transformation without seeing its levels, and
    derivatives would be zero.
    """
    if KNOWN:
        set_code_exec_strategy(function.__code__, _AS_WRITTEN)
        return function
    apart = torch.compiler.disable(function)

    def either(*args: Any) -> Any:
        return (function if _is_ours else apart)(*args)

    return functools.wraps(function)(either)


if KNOWN:
    # If `f` breaks the graph, Dynamo would try each function of the core in turn, and trace all that it calls anew.
    for operation in public_operations():
        set_code_exec_strategy(operation.__code__, _FrameExecStrategy(_FrameAction.DEFAULT, _FrameAction.SKIP))
    # A function that is compiled may be the first to import this module; PyTorch would warn that it cannot trace that.
    set_code_exec_strategy(traced_whole.__code__, _AS_WRITTEN)

_is_ours = False
"""Whether the compiler is ours; its results are compared with uncompiled ones."""


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    global _is_ours  # which a compiler can look at
    with levels.compiler():
        _is_ours = True
        try:
            yield
        finally:
            _is_ours = False


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.compile`` of a function from tensors to any structure, for calls without an active transformation."""
    # PyTorch counts what it compiles by code object, and stops at eight: many closures may share one.
    own = types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    run = torch.compile(own, dynamic=False)
    proved: Cache[Hashable, bool] = Cache(_MOST)

    def run_or_call(*arrays: Any) -> Any:
        # Inside a transformation compiled code leaves its levels behind, and NumPy's arrays it takes for tensors.
        if levels.surrounded() or not all(type(array) in levels.PLAIN for array in arrays):
            return function(*arrays)
        shapes = tuple([(array.shape, array.dtype) for array in arrays])
        is_right = proved.get(shapes)
        if is_right is None:
            with contextlib.suppress(Exception):  # of f's own, at a point close by
                is_right = proved.keep(shapes, _agree(run, function, arrays))
        if is_right:
            with contextlib.suppress(Exception):
                with _ours():
                    result = run(*arrays)
                return _owned(result, arrays)
        # An error of f's own, which may have come in PyTorch's words, or what PyTorch does not compile rightly.
        return function(*arrays)

    return run_or_call


def _owned(result: Any, arrays: Leaves) -> Any:
    """The result in its own memory: compiled code leaves copies out, and returns views of what it is given."""
    taken = memory_of(arrays)
    return tree_map_only(torch.Tensor, lambda tensor: own(tensor, taken, is_new=not tensor._is_view()), result)


_MOST = 64
"""The number of shapes of one call that are remembered; PyTorch compiles eight."""


def _agree(run: Callable[..., Any], function: Callable[..., Any], arrays: Leaves) -> bool:
    """Whether compiled and uncompiled results agree at a nearby point: at zero, wrong rules may be right.

    The compiler silently drops a user's rules in forward mode.
    """
    generator = torch.Generator().manual_seed(0)
    apart = {id(array): _moved(array, generator) for array in arrays}  # the same one where it was the same
    moved = tuple([apart[id(array)] for array in arrays])
    expected = function(*moved)
    try:
        with _ours():
            received = run(*moved)
    except Exception:  # noqa: BLE001  # it cannot be compiled
        return False
    pairs = zip(tree_leaves(received), tree_leaves(expected), strict=True)
    return all(_close(a, b) for a, b in pairs if isinstance(b, torch.Tensor))


def _moved(array: Array, generator: torch.Generator) -> Array:
    """A nearby array, of the same kind to the compiler; the array itself if there is none."""
    is_plain = type(array) is torch.Tensor and (array.is_floating_point() or array.is_complex())
    if not is_plain or 0 in array.stride():
        return array
    share = torch.rand(array.shape, generator=generator, dtype=torch.float64).to(array.device)
    moved = torch.empty_strided(array.shape, array.stride(), dtype=array.dtype, device=array.device)
    return moved.copy_(array.detach() * (1 + share / 64) + share / 1024).requires_grad_(array.requires_grad)


def _close(received: Any, expected: Array) -> bool:
    """Whether half of the digits agree."""
    if not (expected.is_floating_point() or expected.is_complex()):
        return True
    sizes = expected.detach().abs()
    largest = float(sizes[sizes.isfinite()].max()) if sizes.isfinite().any() else 0.0
    tolerance = torch.finfo(expected.dtype).eps ** 0.5 * largest
    return torch.allclose(received.detach(), expected.detach(), rtol=0.0, atol=tolerance, equal_nan=True)
