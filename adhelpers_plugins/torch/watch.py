"""Watch whether a function calls anything with a wrong derivative, at its first run, and remember the result.

A clean function costs one look-up. Any other is watched in each call: a function that is wrong at the order of the
product is replaced by a composition of others, or else its rule counts as missing.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch._ops import OpOverload, OpOverloadPacket
from torch.overrides import TorchFunctionMode

from adhelpers.extend import (
    FUNCTIONS,
    ArgumentError,
    Leaves,
    UnsupportedOperationError,
    is_listening,
    raised_by_library,
    shared,
    tell,
)
from adhelpers_plugins.torch import levels, stance, wrong
from adhelpers_plugins.torch.compositions import COMPOSITIONS
from adhelpers_plugins.torch.graphs.taken import Taken, tensors_in
from adhelpers_plugins.torch.wrong import Wrong

Direction = Literal["forward", "reverse"]


@dataclass(slots=True)
class Sight:
    """What the watch has seen of a function."""

    is_clean: bool = False
    """Whether it calls nothing whose derivative is wrong at any order."""
    is_script: bool = False
    """Whether it runs TorchScript."""
    leaves_by: tuple[str, ...] = ()
    """By which functions numbers that vary leave PyTorch."""


Latest = tuple[Callable[[], Any], Any, Any, Any]
"""A weak reference to a function that calls nothing wrong, the type of what is made of it, a shape and a dtype."""

_CLEAN = shared(1024)
"""Functions that call nothing wrong, by their identity and signature: what one look-up finds."""


def watched(
    mode: Direction, *, order: int = 1, is_traced: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a product or a sweep in that mode: its functions are watched, unless a compiler traces it.

    `order` says how many derivatives it takes.
    """
    way = f"{mode}, by torch.func" if is_traced else mode  # which sees calls that dual numbers do not see

    def decorate(run: Callable[..., Any]) -> Callable[..., Any]:
        latest: Latest = (lambda: None, None, None, None)  # most calls are like the one before

        @functools.wraps(run)
        def product(f: Any, x: Leaves, tangents: Leaves | None = None) -> Any:
            nonlocal latest
            function = getattr(f, "function", None)
            if function is None or (is_traced and torch.compiler.is_dynamo_compiling()):
                return run(f, x) if tangents is None else run(f, x, tangents)
            told = f.signature
            if _CLEAN and not told and len(x) == 1:
                seen, kind, shape, dtype = latest
                first = x[0]
                if seen() is function and kind is type(f) and dtype is first.dtype and shape == first.shape:
                    return run(f, x) if tangents is None else run(f, x, tangents)
            signature: Any = (id(function), way, type(f), x[0].shape, x[0].dtype)  # made for each call: the cheapest
            if len(x) > 1 or told:
                signature = (*signature, *[(leaf.shape, leaf.dtype) for leaf in x[1:]], told)
            known = _CLEAN.get(signature)
            if known is not None and known() is function:
                if not told and len(x) == 1:
                    latest = (known, type(f), x[0].shape, x[0].dtype)
                return run(f, x) if tangents is None else run(f, x, tangents)
            given = (f, x) if tangents is None else (f, x, tangents)
            sight: Sight = FUNCTIONS.record(function, signature[1:], Sight)
            if sight.is_clean:  # a method, which is made for each call, or one of which there is something to tell
                _tell_of_constants(sight)
                return run(*given)
            watch = functools.partial(_Watch, mode, levels.depth() + (mode == "forward" or is_traced))
            result = _watch(sight, mode, functools.partial(run, *given), watch, order + _outer(x))
            _tell_of_constants(sight)
            if sight.is_clean and not sight.leaves_by:
                with contextlib.suppress(TypeError):  # no weak reference: it is watched each time
                    _CLEAN.pop(signature, None)  # that of a function which lives no more
                    _CLEAN.keep(signature, weakref.ref(function))
            return result

        return product

    return decorate


def _outer(x: Leaves) -> int:
    """How many derivatives may be taken of the result, as far as `x` tells."""
    depth = levels.depth()
    if torch.is_grad_enabled() and any(leaf.requires_grad for leaf in x):
        # What was computed from somebody's leaves is differentiated again by that, nobody knows how often.
        depth += 1 if all(leaf.is_leaf for leaf in x) else 9
    return depth


def _watch(sight: Sight, mode: Direction, run: Callable[[], Any], watching: Callable[[int], _Watch], order: int) -> Any:
    if sight.is_script and mode == "forward":
        raise _refusal(mode, "TorchScript")
    watch = watching(order)
    result = watch.around(run)
    # f has differentiated by a graph, or somebody may by what f closes over.
    further = watch.taken.most + (mode == "reverse" and _is_attached(result))
    if any(order < limit <= order + further for limit in watch.passed):
        watch = watching(order + further)
        result = watch.around(run)
    sight.leaves_by = tuple(sorted(watch.left))
    sight.is_clean, sight.is_script = not (watch.passed or watch.composed or watch.scripts), bool(watch.scripts)
    if watch.scripts:
        raise _refusal(mode, "TorchScript")
    if watch.composed and is_listening():
        names = ", ".join(sorted(watch.composed))
        tell("fallback", f"the {mode} rule of {names} gives wrong numbers: composed of other functions instead")
    return result


def _tell_of_constants(sight: Sight) -> None:
    if sight.leaves_by and is_listening():
        names = ", ".join(sight.leaves_by)
        tell("constant", f"numbers leave PyTorch by {names}: what is computed from them has no derivative")


def _is_attached(result: Any) -> bool:
    return any(y.requires_grad for y in result[0])


def _refusal(mode: Direction, name: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(f"PyTorch's {mode} rule of {name} gives wrong numbers here")


_TO_NUMPY = (
    "f converts a differentiated tensor to a NumPy array, as NumPy also does with a tensor beside one of its arrays, "
    "and results of NumPy have no derivative; convert data to tensors, by xp.asarray(data) with "
    "xp = adhelpers.array_namespace(x), or write tensor.detach() for a constant"
)


_UNNESTED = re.compile(
    r"torch.autograd.functional.\* APIs|Nested forward mode AD is not supported"
    r"|backward\(\) called inside a functorch transform|mutating directly with `.data` inside functorch"
)
"""What PyTorch says where one of its ways to differentiate, or to have constants, does not work inside another."""


def _detached_by(argument: Any) -> str | None:
    """Which function of PyTorch's has detached what varies on its way to a derivative that is to be differentiated.

    Those are written in Python, and unseen. So it is asked who has called ``detach``.
    """
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_name == "__torch_function__":
        frame = frame.f_back
    if frame is None or not _varies(argument):
        return None
    module = frame.f_globals.get("__name__")
    if module == "torch.autograd.functional" and frame.f_locals.get("create_graph"):
        return module
    return "torch.func.linearize" if module == "torch.fx.experimental.const_fold" else None


class _Watch(TorchFunctionMode):  # type: ignore[misc]
    """Sees the functions of PyTorch that are called, and refuses or composes what is wrong at that order."""

    def __init__(self, mode: Direction, depth: int, order: int) -> None:
        super().__init__()
        self._mode = mode
        self._depth = depth
        """How many derivatives are taken around the function; it may take further ones itself."""
        self._order = order
        self.passed: list[float] = []
        """From which order those are wrong that are right at this one, or were called with constants."""
        self.composed: set[str] = set()
        self.left: set[str] = set()
        """By which functions numbers that vary leave PyTorch."""
        self.scripts = 0
        self.taken = Taken()

    def around(self, run: Callable[[], Any]) -> Any:
        """Call `run` under the watch, and return its result."""
        try:
            return self._around(run)
        except RuntimeError as error:
            if _UNNESTED.search(str(error)) and raised_by_library(error, "torch"):
                raise UnsupportedOperationError(str(error)) from error
            raise

    def _around(self, run: Callable[[], Any]) -> Any:
        if self._mode == "reverse":
            with levels.forward_mode(), self:  # where nothing is compiled: a compiler would trace the watch
                return run()
        with levels.forward_mode(), stance.Scripts() as scripts, self:
            result = run()
        self.scripts = scripts.runs * (wrong.SCRIPT.forward <= self._order)
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        name = _name(func)
        given = (*args, *options.values())
        if name in wrong.LEAVING and _any_varies(given):
            self.left.add(name.strip("_"))
        if name in wrong.TO_NUMPY and _any_varies(given):
            raise ArgumentError(_TO_NUMPY)
        if name == "detach" and (blamed := _detached_by(*given)):
            raise _refusal(self._mode, blamed)
        taken_inside = max(0, levels.depth() - self._depth)
        order = self._order + taken_inside
        for blamed, entry in _entries(name, func, args, options):
            # Derivatives that f takes itself are of either mode.
            limit = min(entry.forward, entry.reverse) if taken_inside else getattr(entry, self._mode)
            matters = name == "data" or _any_varies(given)  # what varies may be written to data of what does not
            if limit > order + self._is_attached(args, options) or not matters:
                self.passed.append(limit)
                continue
            composition = COMPOSITIONS.get(func)
            if composition is None:
                raise _refusal(self._mode, blamed)
            self.composed.add(blamed)
            return composition(*args, **options)
        is_taken = func in _BY_GRAPH and options.get("create_graph")
        count = self.taken.before(args[:1]) if is_taken else 0
        result = func(*args, **options)
        if is_taken:
            self.taken.after(count, result)
        if self._mode == "forward" and not name.startswith("__") and _takes_numbers(func, args, options):
            raise _refusal(self._mode, f"{name} by what PyTorch takes for a number")
        return result

    def _is_attached(self, args: Any, options: dict[str, Any]) -> bool:
        """Whether somebody may differentiate by what the arguments are: in reverse mode all are part of a graph."""
        tensors = [a for a in (*args, *options.values()) if isinstance(a, torch.Tensor) and a.requires_grad]
        if self._mode == "reverse":
            tensors = [tensor for tensor in tensors if tensor.is_leaf and not levels.is_wrapped(tensor)]
        return bool(tensors) and torch.is_grad_enabled()


_BY_GRAPH = (torch.autograd.grad, torch.Tensor.backward)


def _entries(name: str, func: Any, args: Any, options: dict[str, Any]) -> list[tuple[str, Wrong]]:
    """What is wrong of a call, and the words for it."""
    if ":" in name:
        if not _any_varies((*args, *options.values())):
            return []
        return [(name, wrong.FOREIGN if _has_rule(func) else wrong.CONSTANT)]
    found = []
    entry = wrong.FUNCTIONS.get(name)
    if entry is not None and entry.where(*args, **options):
        found.append((name, entry))
    if name in wrong.MAPPED:
        found.append((f"{name} under vmap", wrong.MAPPED[name] if levels.is_mapping() else wrong.UNMAPPED))
    for argument, place in wrong.ARGUMENTS.get(name, {}).items():
        if _varies(options.get(argument, args[place] if place < len(args) else None)):
            found.append((f"{name} by its {argument}", wrong.ARGUMENT))
    if name in wrong.CONSTANTS and _any_varies((*args, *options.values())):
        found.append((name, wrong.CONSTANT))
    return found


def _any_varies(arguments: Any) -> bool:
    return any(map(_varies, tensors_in(arguments)))


def _takes_numbers(func: Any, args: Any, options: dict[str, Any]) -> bool:
    """Whether a tensor without dimensions that varies stands where PyTorch wants a number, which has no derivative.

    PyTorch takes the number out of a dual number, and refuses a tensor that requires a gradient there: so it is asked.
    """
    places = [k for k, argument in enumerate(args) if _is_number_that_varies(argument)]
    names = [name for name, argument in options.items() if _is_number_that_varies(argument)]
    if not (places or names) or options.get("out") is not None:
        return False
    key = (func, *places, *names)
    known = _NUMBERS.get(key)
    if known is None:
        like = _cloned if func.__name__.endswith("_") else (lambda argument: argument)  # what it writes to stays
        given = [_leaf_like(a) if k in places else like(a) for k, a in enumerate(args)]
        try:
            func(*given, **{name: _leaf_like(a) if name in names else like(a) for name, a in options.items()})
            known = False
        except TypeError:  # although it took the tensors themselves
            known = True
        except Exception:  # noqa: BLE001  # of other values: it has taken the tensors
            known = False
        _NUMBERS.keep(key, known)
    return bool(known)


def _is_number_that_varies(argument: Any) -> bool:
    if not isinstance(argument, torch.Tensor) or argument.ndim != 0:
        return False
    if levels.KNOWN and levels.is_mapped(argument):  # vmap has no number to take
        return False
    return (argument.is_floating_point() or argument.is_complex()) and _varies(argument)


def _cloned(argument: Any) -> Any:
    if isinstance(argument, (list, tuple)):
        return [*map(_cloned, argument)]
    return argument.clone() if isinstance(argument, torch.Tensor) else argument


def _leaf_like(number: Any) -> Any:
    return torch.ones((), dtype=number.dtype, device=number.device, requires_grad=True)


_NUMBERS = shared(1024)
"""By function and the places of numbers that vary: whether it takes Python's numbers alone there."""


def _varies(argument: Any) -> bool:
    return isinstance(argument, torch.Tensor) and levels.varies(argument)


def _name(func: Any) -> str:
    """The name of a function; that of an operator that somebody has added to PyTorch's own has a namespace in it."""
    if isinstance(func, OpOverload):
        func = func.overloadpacket
    if isinstance(func, OpOverloadPacket):
        namespace, _, name = func._qualified_op_name.partition("::")
        return name if namespace in _OWN else func._qualified_op_name
    if func == _DATA:
        return "data"
    return getattr(func, "__name__", "")


_DATA = torch.Tensor.data.__get__

_OWN = ("aten", "prim", "prims", "profiler")


def _has_rule(func: Any) -> bool:
    """Whether an operator has a derivative in some mode."""
    packet = func.overloadpacket if isinstance(func, OpOverload) else func
    names = [getattr(packet, overload)._name for overload in packet.overloads()]
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    return any(has_kernel(name, key) for name in names for key in _KEYS)


_KEYS = ("Autograd", "AutogradCPU", "AutogradCUDA", "CompositeImplicitAutograd")
