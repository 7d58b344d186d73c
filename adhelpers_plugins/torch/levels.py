"""PyTorch's active transformations and its forward mode, by its private names for them, which are used only here.

At the top level, dual numbers and ``torch.autograd.grad`` are two to three times faster than ``torch.func``, and
serve functions that it refuses: those that change captured tensors, such as batch normalisation in training,
and custom functions without ``setup_context``. Inside a transformation only ``torch.func`` is right.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Self

import torch
from torch.autograd import forward_ad
from torch.autograd.graph import GradientEdge

from adhelpers.extend import ONE_THREAD
from adhelpers_plugins.torch import stance

try:
    from torch import _add_batch_dim, _remove_batch_dim
    from torch._C import (
        _enter_dual_level,
        _exit_dual_level,
        _vmapmode_decrement_nesting,
        _vmapmode_increment_nesting,
    )
    from torch._C._functorch import _add_batch_dim as _make_batched
    from torch._C._functorch import _remove_batch_dim as _take_batched
    from torch._C._functorch import (  # type: ignore[attr-defined, unused-ignore]
        _set_vmap_fallback_warning_enabled,
        _vmap_decrement_nesting,
        _vmap_increment_nesting,
        get_interpreter_stack,
        get_unwrapped,
        is_batchedtensor,
        is_functorch_wrapped_tensor,
        maybe_current_level,
        unwrap_if_dead,
    )
    from torch._functorch import eager_transforms
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
    from torch._VF import _make_dual, _unpack_dual
    from torch.autograd.forward_ad import _set_fwd_grad_enabled

    KNOWN = isinstance(eager_transforms.JVP_NESTING, int) and isinstance(forward_ad._current_level, int)
except (ImportError, AttributeError):
    KNOWN = False
"""Whether this version of PyTorch tells which transformations are active; where not, all goes through torch.func."""

try:
    from torch.autograd.graph import _engine_run_backward as _run_engine
except ImportError:
    _run_engine = None

# The first dual number imports a module that warns about its own deprecated calls: meet it here.
with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    importlib.import_module("torch._decomp.decompositions_for_jvp")

PLAIN = (torch.Tensor, torch.nn.Parameter)
"""The types of tensors that no transformation has wrapped."""


class _ForwardMode:
    """PyTorch's forward mode, held by one thread at a time: it keeps its level in globals.

    Two threads in it at once get wrong values. It may be entered again by the thread that holds it. Meanwhile what
    was compiled by ``torch.compile`` runs as it was written, in all threads: compiled code drops tangents.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._foreign = False
        self.as_written = stance.AsWritten()
        self.holder: int | None = None

    def __enter__(self) -> None:
        ONE_THREAD.acquire()
        self._depth += 1
        if self._depth == 1:
            self.holder = threading.get_ident()
            # In a dual level of the user's own, torch.func.jvp must be told of it to nest.
            self._foreign = KNOWN and forward_ad._current_level >= 0 and eager_transforms.JVP_NESTING == 0
            if self._foreign:
                eager_transforms.JVP_NESTING += 1
            try:
                self.as_written.__enter__()
            except BaseException:  # an interrupt
                self.__exit__()
                raise

    def __exit__(self, *exception: object) -> None:
        # An interrupt may come in each call of a function: the others follow nevertheless.
        self._depth -= 1
        try:
            if self._depth == 0:
                if self._foreign:
                    eager_transforms.JVP_NESTING -= 1
                self.holder = None
                self.as_written.__exit__(*exception)
        finally:
            ONE_THREAD.release()


_FORWARD_MODE = _ForwardMode()


def forward_mode() -> contextlib.AbstractContextManager[None]:
    """The forward mode for this thread alone; without a lock in a compiler, which traces one thread."""
    return contextlib.nullcontext() if torch.compiler.is_dynamo_compiling() else _FORWARD_MODE


@contextlib.contextmanager
def compiler() -> Iterator[None]:
    """The forward mode for our compiler, which may enter it: compiled code still runs compiled."""
    with _FORWARD_MODE, _FORWARD_MODE.as_written.suspended():
        yield


@contextlib.contextmanager
def outside_inference_mode() -> Iterator[None]:
    """Leave inference mode, without a graph: PyTorch up to 2.7 gives only zero derivatives in inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def surrounded() -> bool:
    """Whether a transformation is active in this thread, or that is unknown."""
    if torch.compiler.is_dynamo_compiling() or not KNOWN or maybe_current_level() is not None:
        return True
    return forward_ad._current_level >= 0 and _forward_mode_is_ours()


def _forward_mode_is_ours() -> bool:
    """Whether levels of forward mode are this thread's: they are globals, and those that we enter have a holder."""
    return _FORWARD_MODE.holder in (None, threading.get_ident())


def is_mapped(tensor: torch.Tensor) -> bool:
    """Whether `tensor` may be one of many under vmap, at any level."""
    if torch.compiler.is_dynamo_compiling() or not KNOWN or type(tensor) not in PLAIN:
        return surrounded()
    return is_functorch_wrapped_tensor(tensor) and _is_batched(tensor)


def _is_batched(tensor: torch.Tensor) -> bool:
    while is_functorch_wrapped_tensor(tensor):
        if is_batchedtensor(tensor):
            return True
        tensor = get_unwrapped(tensor)
    return False


def has_no_value(tensor: torch.Tensor) -> bool:
    """Whether elements of `tensor` cannot be read: under vmap, in compilation, on the meta device."""
    if torch.compiler.is_dynamo_compiling() or tensor.is_meta:
        return True
    if KNOWN and type(tensor) in PLAIN:
        return is_functorch_wrapped_tensor(tensor) and _is_batched(tensor)
    try:
        tensor.detach().reshape(-1)[:1].sum().item()
    except RuntimeError:
        return True
    return False


def depth() -> int:
    """How many derivatives the active transformations may take of the current computation."""
    if not KNOWN:
        return 9 if surrounded() else 0
    active = _active()
    nesting = eager_transforms.JVP_NESTING if _forward_mode_is_ours() else 0
    forward = max(nesting, sum("Jvp" in key for key in active))
    return forward + sum("Grad" in key for key in active)


def is_mapping() -> bool:
    """Whether ``torch.func.vmap`` is active, or may be."""
    return any("Vmap" in key for key in _active()) if KNOWN else surrounded()


def _active() -> list[str]:
    """The names of the transformations that are active, the outermost first."""
    return [str(interpreter.key()) for interpreter in get_interpreter_stack() or ()]


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether a transformation has wrapped `tensor`."""
    return KNOWN and is_functorch_wrapped_tensor(tensor)


def has_memory(tensor: torch.Tensor) -> bool:
    """Whether `tensor` has memory to compare: a subclass, or a wrapped tensor, may have none."""
    return type(tensor) is torch.Tensor and not (KNOWN and is_functorch_wrapped_tensor(tensor))


def varies(tensor: torch.Tensor) -> bool:
    """Whether a derivative with respect to `tensor` may be wanted."""
    if not KNOWN:
        return True
    if tensor.requires_grad or _has_tangent(tensor):
        return True
    if not is_wrapped(tensor):
        return False
    inner = get_unwrapped(tensor)
    while is_batchedtensor(inner):
        inner = get_unwrapped(inner)
    # Tangents beneath another level cannot be looked at.
    return is_wrapped(inner) or inner.requires_grad or _has_tangent(inner)


def _has_tangent(tensor: torch.Tensor) -> bool:
    if forward_ad._current_level < 0:
        return False
    with contextlib.nullcontext() if is_wrapped(tensor) else temporarily_clear_interpreter_stack():
        return forward_ad.unpack_dual(tensor, level=0).tangent is not None


def apply(function: Any, option: Any, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``function.apply`` without its look-up of the signature, which takes half of each call."""
    if not KNOWN or maybe_current_level() is not None:
        return function.apply(option, *tensors)
    return super(torch.autograd.Function, function).apply(option, *map(unwrap_if_dead, tensors))


def unpack(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The primal of the innermost level, which may have tangents of outer levels, and the tangent."""
    return _unpack_dual(tensor, level=0)


def layers(tensors: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The tensors, and all tensors wrapped in them, level by level."""
    for tensor in tensors:
        yield tensor
        while is_wrapped(tensor):
            tensor = get_unwrapped(tensor)
            yield tensor


def value_of(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the constant inside a wrapped tensor; under vmap, of the tensor that stands for many."""
    tensor = tensor.detach().clone()  # which wraps it anew
    while is_wrapped(tensor) and not is_batchedtensor(tensor):
        tensor = get_unwrapped(tensor)
    return tensor


def forward_in_rules() -> contextlib.AbstractContextManager[None]:
    """Turn forward mode on in the ``jvp`` of a custom function, where PyTorch turns it off."""
    return _set_fwd_grad_enabled(True)


class DualNumbers:
    """A level of dual numbers, in this thread alone, inside which ``torch.func.jvp`` still nests.

    PyTorch's public functions for it import modules on every call, which takes as long as its own work: this calls
    what they call.
    """

    __slots__ = ("_level",)

    def __enter__(self) -> Self:
        _FORWARD_MODE.__enter__()
        try:
            self._level = _enter_dual_level()
        except BaseException:
            if forward_ad._current_level < 0:  # an interrupt came when PyTorch had entered, and nobody knew of it
                with contextlib.suppress(RuntimeError):  # or else it had not
                    _exit_dual_level(level=0)
            _FORWARD_MODE.__exit__()
            raise
        forward_ad._current_level = self._level
        eager_transforms.JVP_NESTING += 1  # torch.func.jvp is told of one level more
        return self

    def __exit__(self, *exception: object) -> None:
        eager_transforms.JVP_NESTING -= 1
        forward_ad._current_level = self._level - 1
        try:
            _exit_dual_level(level=self._level)
        finally:
            _FORWARD_MODE.__exit__()

    def make(self, primal: torch.Tensor, tangent: torch.Tensor) -> torch.Tensor:
        """A dual number."""
        return _make_dual(primal, tangent, level=self._level)

    def unpack(self, dual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Primal and tangent, the latter None for a constant."""
        return _unpack_dual(dual, level=self._level)


class Tangents:
    """Many tangents at once, by PyTorch's older vmap: ``torch.func.vmap`` has no rule for dual numbers.

    Calls the vmap directly, because its public wrapper takes longer than small products.
    """

    __slots__ = ("_count", "_level")

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        self._level = _vmapmode_increment_nesting()
        return self

    def __exit__(self, *exception: object) -> None:
        _vmapmode_decrement_nesting()

    def each(self, stack: torch.Tensor) -> torch.Tensor:
        """One tensor that stands for a stack."""
        return _add_batch_dim(stack, 0, self._level)

    def stacked(self, each: torch.Tensor) -> torch.Tensor:
        """The stack of such a tensor."""
        return _remove_batch_dim(each, self._level, self._count, 0)


class _Unwarned:
    """``torch.func.vmap`` warns where it must loop, as the older one does in silence: that is nothing to the user."""

    def __enter__(self) -> None:
        _set_vmap_fallback_warning_enabled(False)

    def __exit__(self, *exception: object) -> None:
        _set_vmap_fallback_warning_enabled(True)


def unwarned() -> contextlib.AbstractContextManager[None]:
    """Suppress the warnings of ``torch.func.vmap``; in a compiler it does not loop."""
    return _Unwarned() if KNOWN and not torch.compiler.is_dynamo_compiling() else contextlib.nullcontext()


class Cotangents:
    """Many cotangents at once, by the functions beneath ``torch.func.vmap``.

    The older vmap, which ``is_grads_batched`` uses, loops over the vectors for some derivatives, such as that of tanh.
    """

    __slots__ = ("_count", "_level")

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        self._level = _vmap_increment_nesting(self._count, "error")
        _set_vmap_fallback_warning_enabled(False)
        return self

    def __exit__(self, *exception: object) -> None:
        _set_vmap_fallback_warning_enabled(True)
        _vmap_decrement_nesting()

    def each(self, stack: torch.Tensor) -> torch.Tensor:
        """One tensor that stands for a stack."""
        return _make_batched(stack, 0, self._level)

    def stacked(self, each: torch.Tensor) -> torch.Tensor:
        """The stack of such a tensor."""
        return _take_batched(each, self._level, self._count, 0)


Vmap = type[Cotangents | Tangents]


def gradients(
    outputs: tuple[torch.Tensor, ...],
    inputs: tuple[GradientEdge, ...],
    cotangents: tuple[torch.Tensor, ...],
    *,
    create_graph: bool,
    vmap: Vmap | None = None,
) -> tuple[torch.Tensor | None, ...]:
    """``torch.autograd.grad``, or its engine alone, because the core has made the same checks.

    With `vmap`, the cotangents are stacked.
    """
    if _run_engine is None or not KNOWN:
        return torch.autograd.grad(
            outputs,
            inputs,
            cotangents,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            is_grads_batched=vmap is not None,
        )
    if vmap is None:
        return _run_engine(outputs, cotangents, True, create_graph, inputs, True, accumulate_grad=False)
    with vmap(cotangents[0].shape[0]) as vectors:
        each = tuple([vectors.each(cotangent) for cotangent in cotangents])
        pulled = _run_engine(outputs, each, True, create_graph, inputs, True, accumulate_grad=False)
        return tuple([None if g is None else vectors.stacked(g) for g in pulled])
