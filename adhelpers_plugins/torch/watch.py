"""What a function calls whose derivative is wrong: seen when it is first run, and remembered with it.

A function that calls nothing of the kind pays for one look-up. For another one what it calls is composed, if it can be,
or else the rule counts as missing.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch._ops import OpOverload, OpOverloadPacket
from torch.overrides import TorchFunctionMode

from adhelpers.extend import FUNCTIONS, Array, LeafFunction, Leaves, UnsupportedOperationError, is_listening, tell
from adhelpers_plugins.torch import levels, wrong
from adhelpers_plugins.torch.compositions import Composed
from adhelpers_plugins.torch.wrong import Wrong

Called = dict[str, Wrong]
"""What was seen, by name."""


class _Watch(TorchFunctionMode):
    """Sees the functions of PyTorch that are called, and of which arguments a derivative is wanted."""

    def __init__(self, called: Called) -> None:
        super().__init__()
        self._called = called

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        name, is_foreign = _identify(func)
        entry = wrong.FUNCTIONS.get(name)
        if entry is not None and entry.where(*args, **options):
            self._called[name] = entry
        if name in wrong.ARGUMENTS:
            for argument, place in wrong.ARGUMENTS[name].items():
                if _varies(options.get(argument, args[place] if place < len(args) else None)):
                    self._called[f"{name} by its {argument}"] = wrong.ARGUMENT
        elif (is_foreign or name in wrong.CONSTANTS) and any(map(_varies, (*args, *options.values()))):
            self._called[name] = wrong.FOREIGN if is_foreign and _has_rule(func) else wrong.CONSTANT
        return func(*args, **options)


def _identify(func: Any) -> tuple[str, bool]:
    """The name of a function, and whether it is an operator that somebody has added to PyTorch's own."""
    if isinstance(func, OpOverload):
        func = func.overloadpacket
    if isinstance(func, OpOverloadPacket):
        namespace, _, name = func._qualified_op_name.partition("::")
        return (name, False) if namespace in _OWN else (func._qualified_op_name, True)
    return getattr(func, "__name__", ""), False


_OWN = ("aten", "prim", "prims", "profiler")


def _has_rule(func: Any) -> bool:
    """Whether an operator has a derivative in some mode."""
    packet = func.overloadpacket if isinstance(func, OpOverload) else func
    names = [getattr(packet, overload)._name for overload in packet.overloads()]
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    return any(has_kernel(name, key) for name in names for key in _KEYS)


_KEYS = ("Autograd", "AutogradCPU", "AutogradCUDA", "CompositeImplicitAutograd")


def _varies(argument: Any) -> bool:
    return isinstance(argument, torch.Tensor) and levels.varies(argument)


@contextlib.contextmanager
def _watching(mode: Literal["forward", "reverse"]) -> Iterator[Called]:
    called: Called = {}
    scripts = levels.Scripts() if mode == "forward" else None
    with scripts or contextlib.nullcontext(), _Watch(called):
        yield called
    if scripts is not None and scripts.runs:
        called["TorchScript"] = wrong.SCRIPT


@dataclass(slots=True)
class Sight:
    """What a function was seen to call by itself, and what it still calls where it is composed; None until then."""

    itself: Called | None = None
    composed: Called | None = None


def watched(mode: Literal["forward", "reverse"]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A product, or a sweep, in that mode, whose function is watched; ``of_gradient`` differentiates it once before."""

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(run)
        def product(f: Any, x: Leaves, *vectors: Any, **options: Any) -> Any:
            function = getattr(f, "function", None)
            if function is None or torch.compiler.is_dynamo_compiling():
                return run(f, x, *vectors, **options)
            signature = (
                mode,
                type(f),
                tuple([(leaf.shape, leaf.dtype) for leaf in x]),
                *map(_kind, f.args if hasattr(f, "args") else ()),
            )
            sight: Sight = FUNCTIONS.record(function, signature, Sight)
            if sight.itself is not None and not sight.itself:
                return run(f, x, *vectors, **options)
            return _Product(mode, run, f, x, vectors, options).evaluate(sight)

        return product

    return decorate


def _kind(argument: Any) -> Any:
    """What of a further argument decides which functions are called, as far as that is known."""
    if isinstance(argument, (bool, int, str)):
        return type(argument), argument
    return (argument.shape, argument.dtype) if isinstance(argument, torch.Tensor) else type(argument)


@dataclass(slots=True)
class _Product:
    """One product, of a function that is seen for the first time or calls what is wrong."""

    mode: Literal["forward", "reverse"]
    run: Callable[..., Any]
    f: LeafFunction
    x: Leaves
    vectors: tuple[Any, ...]
    options: dict[str, Any]

    def evaluate(self, sight: Sight) -> Any:
        """The product, right, or an error."""
        faults = self._faults(sight.itself, ())
        if not faults:
            result, sight.itself = self._run(self.f, sight.itself)
            faults = self._faults(sight.itself, result)
            if not faults:
                return result
        if not self._faults(sight.composed, ()):
            result, sight.composed = self._run(_Composed(self.f), sight.composed)
            if not self._faults(sight.composed, result):
                if is_listening():
                    tell("fallback", f"PyTorch's {self.mode} rule of {faults} is wrong: composed of other functions")
                return result
        msg = f"PyTorch's {self.mode} rule of {self._faults(sight.composed, ()) or faults} gives wrong numbers"
        raise UnsupportedOperationError(msg)

    def _run(self, f: Any, called: Called | None) -> tuple[Any, Called]:
        if called is not None:
            return self.run(f, self.x, *self.vectors, **self.options), called
        with _watching(self.mode) as called:
            result = self.run(f, self.x, *self.vectors, **self.options)
        return result, called

    def _faults(self, called: Called | None, result: Any) -> str:
        """The names of what is wrong at the order of this product."""
        if not called:
            return ""
        order: float = 1 + bool(self.options.get("of_gradient")) + levels.depth()
        if torch.is_grad_enabled():
            attached = [leaf for leaves in (self.x, *result) if isinstance(leaves, tuple) for leaf in leaves]
            attached = [leaf for leaf in attached if leaf.requires_grad]
            # What was computed from somebody's leaves is differentiated again by that, nobody knows how often.
            is_computed = any(leaf.requires_grad and not leaf.is_leaf for leaf in self.x)
            order += _OFTEN if is_computed else bool(attached)
        return ", ".join(name for name, entry in called.items() if getattr(entry, self.mode) <= order)


_OFTEN = 99


class _Composed:
    """A function, composed where its own rules are wrong."""

    def __init__(self, f: Any) -> None:
        self._f = f

    def __call__(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """``(outputs, aux)``."""
        with Composed():
            result: tuple[Leaves, Leaves] = self._f(*leaves)
        return result

    def values(self, *leaves: Array) -> tuple[Leaves, Leaves]:
        """What a `GradientFunction` has."""
        with Composed():
            result: tuple[Leaves, Leaves] = self._f.values(*leaves)
        return result
