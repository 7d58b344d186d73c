"""Calls of PyTorch's functions: their names, whether they vary, and what is wrong of them."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import OpOverload, OpOverloadPacket

from adhelpers_plugins.torch import levels, wrong
from adhelpers_plugins.torch.graphs.taken import tensors_in
from adhelpers_plugins.torch.wrong import Wrong


def wrong_in(name: str, func: Any, args: Any, options: dict[str, Any]) -> list[tuple[str, Wrong]]:
    """What is wrong of a call, and the words for it."""
    if ":" in name:
        if not any_varies((*args, *options.values())):
            return []
        return [(name, wrong.FOREIGN if _has_rule(func) else wrong.CONSTANT)]
    found = []
    entry = wrong.FUNCTIONS.get(name)
    if entry is not None and entry.where(*args, **options):
        found.append((name, entry))
    if name in wrong.MAPPED:
        found.append((f"{name} under vmap", wrong.MAPPED[name] if levels.is_mapping() else wrong.UNMAPPED))
    for argument, place in wrong.ARGUMENTS.get(name, {}).items():
        if varies(options.get(argument, args[place] if place < len(args) else None)):
            found.append((f"{name} by its {argument}", wrong.ARGUMENT))
    if name in wrong.CONSTANTS and any_varies((*args, *options.values())):
        found.append((name, wrong.CONSTANT))
    return found


def varies(argument: Any) -> bool:
    """Whether it is a tensor, and a derivative with respect to it may be wanted."""
    return isinstance(argument, torch.Tensor) and levels.varies(argument)


def any_varies(arguments: Any) -> bool:
    """Whether any of these varies, or stands in a list among them that does."""
    return any(map(varies, tensors_in(arguments)))


def name_of(func: Any) -> str:
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
