"""A call split in two: arrays, and the rest, such as containers and numbers, for which code is compiled."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from adhelpers.plugins.containers import SINGLE, TreeDef
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.plugins.objects import is_numpy, native
from adhelpers.trees.leaves import is_plain, lift
from adhelpers.trees.matching import key_orders, leaf_paths
from adhelpers.trees.tree import LeafName, Tree


@dataclass(frozen=True, slots=True)
class Kept:
    """A non-array leaf. It equals a leaf of the same type and value.

    If values cannot be compared, it equals every leaf of the same type.
    """

    value: Any = field(compare=False)
    key: Any

    @classmethod
    def of(cls, value: Any) -> Kept:
        """Keep a leaf."""
        if is_numpy(value) and hasattr(value, "__setitem__"):  # an array, but not data
            if not is_plain(value) or value.dtype.hasobject:
                return cls(value, type(value))
            return cls(value, (type(value), value.dtype.str, value.shape, value.tobytes()))
        if type(value) in (float, complex) or is_numpy(value):
            return cls(value, (type(value), repr(value)))  # the repr tells 0.0 from -0.0, and nan equals nan
        owner = getattr(value, "__self__", None)  # for a built-in function it is a module
        is_fixed = type(value) in _FIXED or isinstance(value, (type, enum.Enum))
        is_fixed = is_fixed and (owner is None or isinstance(owner, types.ModuleType))
        return cls(value, (type(value), value) if is_fixed else type(value))

    @classmethod
    def constant(cls, value: Any) -> Kept:
        """Keep a leaf that the user has marked as constant: a hashable object does not change.

        Equal objects may differ for `f`: 0.0 equals -0.0, also within a dataclass.
        """
        kept = cls.of(value)
        is_object = kept.may_differ and _hashes(value) and not hasattr(value, "dtype")
        return cls(value, (type(value), _Same(value))) if is_object else kept

    @property
    def may_differ(self) -> bool:
        """Whether it may differ from a leaf that it equals, or change by itself."""
        return isinstance(self.key, type)


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """One object, compared by identity and kept alive."""

    value: Any

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value


def _hashes(value: object) -> bool:
    try:
        hash(value)
    except Exception:  # noqa: BLE001  # from a __hash__ of the user
        return False
    return True


_FIXED = {str, bytes, int, bool, type(None), type(...), types.FunctionType, types.BuiltinFunctionType}
"""Immutable types, not their subclasses, which may hold more.

A function can change with its closure, but code is made for its present state.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One argument of a call, without its arrays."""

    name: str
    treedef: TreeDef
    leaves: tuple[Kept | None, ...]
    """The non-array leaves; None in place of each array."""
    orders: tuple[tuple[Any, ...], ...] = field(compare=False)
    """The keys of each dict in their order: the order is no difference (R1), but `f` can see it."""

    @property
    def may_differ(self) -> bool:
        """Whether it may differ from an argument that it equals."""
        return any(leaf is not None and leaf.may_differ for leaf in self.leaves)

    def rebuild(self, arrays: Iterator[Array]) -> Any:
        """The argument with these arrays."""
        leaves = [next(arrays) if leaf is None else leaf.value for leaf in self.leaves]
        return leaves[0] if self.treedef is SINGLE else self.treedef.unflatten(leaves)


Parts = tuple[Part, ...]
Kind = tuple[Any, Any, Any]
"""Shape, dtype and device of an array; the device is None if it is unknown, as for a tracer."""
Call = tuple[Parts, tuple[Kind, ...]]
"""What a strict call and the example call must have in common."""


def split(backend: ADBackend, point: dict[str, Any], args: tuple[Any, ...]) -> tuple[Parts, Leaves]:
    """Split the call ``(x, u, *args)`` or ``(x, *args)`` into its parts without arrays, and its arrays."""
    x = Tree.read_point(backend, point["x"])
    like = x.leaves[0] if x.leaves else None
    if x.marked is None:
        parts = [_part("x", point["x"], x.treedef, [None] * len(x.leaves))]
        arrays = list(x.leaves)
    else:
        part, arrays = _with_data(backend, "x", x.marked.opened(x.leaves), like, Kept.constant)
        parts = [part]
    if "u" in point:
        leaves, treedef = backend.flatten(point["u"])
        leaves = tuple(
            lift(backend, u, LeafName("u", treedef, i), like) if is_numpy(u) else u for i, u in enumerate(leaves)
        )
        kept = [None if backend.is_array(leaf) else Kept.of(leaf) for leaf in leaves]
        arrays += [leaf for leaf, other in zip(leaves, kept, strict=True) if other is None]
        parts.append(_part("u", point["u"], treedef, kept))
    for i, arg in enumerate(args):
        part, data = _with_data(backend, f"args[{i}]", arg, like, Kept.of)
        arrays += data
        parts.append(part)
    return tuple(parts), tuple(arrays)


def _with_data(
    backend: ADBackend, name: str, tree: Any, like: Array | None, keep: Callable[[Any], Kept]
) -> tuple[Part, list[Array]]:
    """Split an argument that need not be differentiated into its part without arrays, and its arrays."""
    leaves, treedef = backend.flatten(tree)
    kept = [None if _is_data(backend, leaf) else keep(leaf) for leaf in leaves]
    data = [native(leaf) if is_numpy(leaf) else leaf for leaf, other in zip(leaves, kept, strict=True) if other is None]
    for leaf in filter(_is_large, data):
        lift(backend, leaf, name, like)  # raises instead of narrowing it
    return _part(name, tree, treedef, kept), data


def _part(name: str, tree: Any, treedef: TreeDef, leaves: list[Kept | None]) -> Part:
    return Part(name, treedef, tuple(leaves), () if treedef is SINGLE else key_orders(tree))


def _is_data(backend: ADBackend, leaf: Any) -> bool:
    """Whether an argument is an array; a NumPy scalar is a number, and may be a size."""
    if is_numpy(leaf):
        return hasattr(leaf, "__setitem__") and is_plain(leaf) and leaf.dtype.kind in "fciub"
    return backend.is_array(leaf)


def _is_large(array: Any) -> bool:
    """Whether it is a NumPy array with integers that a framework without 64 bits would change silently."""
    if not is_numpy(array) or array.dtype.kind not in "iu" or array.itemsize < 8 or not array.size:
        return False
    return bool(array.max() >= 2**31 or array.min() < -(2**31))


def join(parts: Parts, arrays: Leaves) -> tuple[Any, ...]:
    """Join what `split` has split."""
    remaining = iter(arrays)
    return tuple([part.rebuild(remaining) for part in parts])


def describe(backend: ADBackend, parts: Parts, arrays: Leaves) -> Call:
    """Describe the call without its values."""
    return parts, tuple([(a.shape, a.dtype, None if is_numpy(a) else backend.device(a)) for a in arrays])


def differences(expected: Call, given: Call) -> list[str]:
    """The differences in words, one line for each leaf."""
    before, now = _leaves(*expected), _leaves(*given)
    lines = [
        f"{path}: prepared with {_words(before.get(path, _NOTHING))}, but {_words(now.get(path, _NOTHING))} was given"
        for path in {**before, **now}
        if not _alike(before.get(path), now.get(path))
    ]
    if len(expected[0]) != len(given[0]):
        lines.append(f"prepared with {len(expected[0])} arguments, but {len(given[0])} were given")
    return lines or [
        f"{a.name}: prepared with the containers {a.treedef}, but {b.treedef} was given"
        for a, b in zip(expected[0], given[0], strict=True)
        if a.treedef != b.treedef
    ]


_NOTHING = Kept(None, None)


def _leaves(parts: Parts, kinds: tuple[Kind, ...]) -> dict[str, Kind | Kept]:
    remaining = iter(kinds)
    return {
        path: next(remaining) if kept is None else kept
        for part in parts
        for path, kept in zip(leaf_paths(part.treedef, part.name), part.leaves, strict=True)
    }


def _alike(a: Kind | Kept | None, b: Kind | Kept | None) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple) and None in (a[2], b[2]):
        return a[:2] == b[:2]
    return a == b


def _words(leaf: Kind | Kept) -> str:
    if isinstance(leaf, Kept):
        return "nothing" if leaf is _NOTHING else repr(leaf.value)
    shape, dtype, device = leaf
    return f"{dtype}{list(shape)}" + ("" if device is None else f" on {device}")
