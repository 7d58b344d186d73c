"""Watch whether a function calls anything with a wrong derivative, at its first run, and remember the result.

A clean function costs one look-up. Any other is watched in each call: a function that is wrong at the order of the
product is replaced by a composition of others, or else its rule counts as missing.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from adhelpers.extend import FUNCTIONS, Leaves, is_listening, shared, tell
from adhelpers_plugins.torch import levels
from adhelpers_plugins.torch.watching.watch import Direction, Watch, refusal


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
            watch = functools.partial(Watch, mode, levels.depth() + (mode == "forward" or is_traced))
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


def _watch(sight: Sight, mode: Direction, run: Callable[[], Any], watching: Callable[[int], Watch], order: int) -> Any:
    if sight.is_script and mode == "forward":
        raise refusal(mode, "TorchScript")
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
        raise refusal(mode, "TorchScript")
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
