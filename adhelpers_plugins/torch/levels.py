"""PyTorch's active transformations, and its forward mode.

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

from adhelpers.extend import ONE_THREAD
from adhelpers_plugins.torch import names, stance

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
            self._foreign = names.KNOWN and forward_ad._current_level >= 0 and names.eager_transforms.JVP_NESTING == 0
            if self._foreign:
                names.eager_transforms.JVP_NESTING += 1
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
                    names.eager_transforms.JVP_NESTING -= 1
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
    if torch.compiler.is_dynamo_compiling() or not names.KNOWN or names.maybe_current_level() is not None:
        return True
    return forward_ad._current_level >= 0 and _forward_mode_is_ours()


def _forward_mode_is_ours() -> bool:
    """Whether levels of forward mode are this thread's: they are globals, and those that we enter have a holder."""
    return _FORWARD_MODE.holder in (None, threading.get_ident())


def is_mapped(tensor: torch.Tensor) -> bool:
    """Whether `tensor` may be one of many under vmap, at any level."""
    if torch.compiler.is_dynamo_compiling() or not names.KNOWN or type(tensor) not in PLAIN:
        return surrounded()
    return names.is_functorch_wrapped_tensor(tensor) and _is_batched(tensor)


def _is_batched(tensor: torch.Tensor) -> bool:
    while names.is_functorch_wrapped_tensor(tensor):
        if names.is_batchedtensor(tensor):
            return True
        tensor = names.get_unwrapped(tensor)
    return False


def has_no_value(tensor: torch.Tensor) -> bool:
    """Whether elements of `tensor` cannot be read: under vmap, in compilation, on the meta device."""
    if torch.compiler.is_dynamo_compiling() or tensor.is_meta:
        return True
    if names.KNOWN and type(tensor) in PLAIN:
        return names.is_functorch_wrapped_tensor(tensor) and _is_batched(tensor)
    try:
        tensor.detach().reshape(-1)[:1].sum().item()
    except RuntimeError:
        return True
    return False


def depth() -> int:
    """How many derivatives the active transformations may take of the current computation."""
    if not names.KNOWN:
        return 9 if surrounded() else 0
    active = _active()
    nesting = names.eager_transforms.JVP_NESTING if _forward_mode_is_ours() else 0
    forward = max(nesting, sum("Jvp" in key for key in active))
    return forward + sum("Grad" in key for key in active)


def is_mapping() -> bool:
    """Whether ``torch.func.vmap`` is active, or may be."""
    return any("Vmap" in key for key in _active()) if names.KNOWN else surrounded()


def _active() -> list[str]:
    """The names of the transformations that are active, the outermost first."""
    return [str(interpreter.key()) for interpreter in names.get_interpreter_stack() or ()]


def is_wrapped(tensor: torch.Tensor) -> bool:
    """Whether a transformation has wrapped `tensor`."""
    return names.KNOWN and names.is_functorch_wrapped_tensor(tensor)


def has_memory(tensor: torch.Tensor) -> bool:
    """Whether `tensor` has memory to compare: a subclass, or a wrapped tensor, may have none."""
    return type(tensor) is torch.Tensor and not (names.KNOWN and names.is_functorch_wrapped_tensor(tensor))


def varies(tensor: torch.Tensor) -> bool:
    """Whether a derivative with respect to `tensor` may be wanted."""
    if not names.KNOWN:
        return True
    if tensor.requires_grad or _has_tangent(tensor):
        return True
    if not is_wrapped(tensor):
        return False
    inner = names.get_unwrapped(tensor)
    while names.is_batchedtensor(inner):
        inner = names.get_unwrapped(inner)
    # Tangents beneath another level cannot be looked at.
    return is_wrapped(inner) or inner.requires_grad or _has_tangent(inner)


def _has_tangent(tensor: torch.Tensor) -> bool:
    if forward_ad._current_level < 0:
        return False
    with contextlib.nullcontext() if is_wrapped(tensor) else names.temporarily_clear_interpreter_stack():
        return forward_ad.unpack_dual(tensor, level=0).tangent is not None


def apply(function: Any, option: Any, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``function.apply`` without its look-up of the signature, which takes half of each call."""
    if not names.KNOWN or names.maybe_current_level() is not None:
        return function.apply(option, *tensors)
    return super(torch.autograd.Function, function).apply(option, *map(names.unwrap_if_dead, tensors))


def unpack(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The primal of the innermost level, which may have tangents of outer levels, and the tangent."""
    return names.unpack_dual(tensor, level=0)


def layers(tensors: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The tensors, and all tensors wrapped in them, level by level."""
    for tensor in tensors:
        yield tensor
        while is_wrapped(tensor):
            tensor = names.get_unwrapped(tensor)
            yield tensor


def value_of(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of the constant inside a wrapped tensor; under vmap, of the tensor that stands for many."""
    tensor = tensor.detach().clone()  # which wraps it anew
    while is_wrapped(tensor) and not names.is_batchedtensor(tensor):
        tensor = names.get_unwrapped(tensor)
    return tensor


def forward_in_rules() -> contextlib.AbstractContextManager[None]:
    """Turn forward mode on in the ``jvp`` of a custom function, where PyTorch turns it off."""
    return names.set_fwd_grad_enabled(True)


class DualNumbers:
    """A level of dual numbers, in this thread alone, inside which ``torch.func.jvp`` still nests.

    PyTorch's public functions for it import modules on every call, which takes as long as its own work: this calls
    what they call.
    """

    __slots__ = ("_level",)

    def __enter__(self) -> Self:
        _FORWARD_MODE.__enter__()
        try:
            self._level = names.enter_dual_level()
        except BaseException:
            if forward_ad._current_level < 0:  # an interrupt came when PyTorch had entered, and nobody knew of it
                with contextlib.suppress(RuntimeError):  # or else it had not
                    names.exit_dual_level(level=0)
            _FORWARD_MODE.__exit__()
            raise
        forward_ad._current_level = self._level
        names.eager_transforms.JVP_NESTING += 1  # torch.func.jvp is told of one level more
        return self

    def __exit__(self, *exception: object) -> None:
        names.eager_transforms.JVP_NESTING -= 1
        forward_ad._current_level = self._level - 1
        try:
            names.exit_dual_level(level=self._level)
        finally:
            _FORWARD_MODE.__exit__()

    def make(self, primal: torch.Tensor, tangent: torch.Tensor) -> torch.Tensor:
        """A dual number."""
        return names.make_dual(primal, tangent, level=self._level)

    def unpack(self, dual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Primal and tangent, the latter None for a constant."""
        return names.unpack_dual(dual, level=self._level)
