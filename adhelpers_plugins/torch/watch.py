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
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from adhelpers.extend import FUNCTIONS, Array, LeafFunction, Leaves, UnsupportedOperationError, is_listening, tell
from adhelpers_plugins.torch import levels, wrong
from adhelpers_plugins.torch.compositions import Composed
from adhelpers_plugins.torch.wrong import Wrong

Called = dict[str, Wrong]
"""What was seen, by name."""


class _Operators(TorchDispatchMode):
    """Sees operators, which have the rules, in whatever they are called."""

    supports_higher_order_operators = True

    def __init__(self, called: Called) -> None:
        super().__init__()
        self._called = called

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if isinstance(func, OpOverload):
            name = func._schema.name
            entry = wrong.OPERATORS.get(name)
            if entry is None and func.namespace not in _OWN and any(map(_is_differentiable, args)):
                entry = wrong.FOREIGN if _has_rule(func) else wrong.CONSTANT
            if entry is not None and entry.where(*args, **options):
                self._called[name] = entry
        return func(*args, **options)


_OWN = ("aten", "prim", "prims", "profiler")


def _is_differentiable(argument: Any) -> bool:
    return isinstance(argument, torch.Tensor) and (argument.is_floating_point() or argument.is_complex())


def _has_rule(func: OpOverload) -> bool:
    keys = ("Autograd", "AutogradCPU", "AutogradCUDA", "CompositeImplicitAutograd")
    return any(torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key) for key in keys)


class _Functions(TorchFunctionMode):
    """Sees functions, and of which arguments a derivative is wanted."""

    def __init__(self, called: Called) -> None:
        super().__init__()
        self._called = called

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func in wrong.CONSTANTS:
            if any(map(_varies, (*args, *options.values()))):
                self._called[func.__name__] = wrong.CONSTANT
        elif func in wrong.ARGUMENTS:
            for argument, place in wrong.ARGUMENTS[func].items():
                if _varies(options.get(argument, args[place] if place < len(args) else None)):
                    self._called[f"{func.__name__} by its {argument}"] = wrong.ARGUMENT
        elif getattr(func, "__name__", None) == "custom_function_call":
            self._called["a custom autograd.Function"] = wrong.RULE
        return func(*args, **options)


def _varies(argument: Any) -> bool:
    return isinstance(argument, torch.Tensor) and levels.varies(argument)


@contextlib.contextmanager
def _watching(mode: Literal["forward", "reverse"]) -> Iterator[Called]:
    called: Called = {}
    scripts = levels.Scripts() if mode == "forward" else None
    with scripts or contextlib.nullcontext(), _Operators(called), _Functions(called):
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
            signature = (mode, type(f), tuple([(leaf.shape, leaf.dtype) for leaf in x]), *map(_kind, f.args if hasattr(f, 'args') else ()))
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
