"""A call split in two: arrays, and all the rest, containers and numbers among it, for which code is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adhelpers.contract import ADBackend, Array, Leaves
from adhelpers.leaves import is_numpy, lift
from adhelpers.structure import SINGLE, TreeDef, leaf_paths
from adhelpers.trees import LeafName, Tree


@dataclass(frozen=True, slots=True)
class Kept:
    """A leaf that is no array: equal to one of the same type and value, or, where that cannot be said, to itself."""

    value: Any

    def __hash__(self) -> int:
        try:
            return hash((type(self.value), self.value))
        except TypeError:
            return id(self.value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Kept) or type(self.value) is not type(other.value):
            return False
        try:
            return self.value is other.value or (hash(self.value) == hash(other.value) and self.value == other.value)
        except TypeError:
            return False


@dataclass(frozen=True, slots=True)
class Part:
    """One argument of a call without its arrays."""

    name: str
    treedef: TreeDef
    leaves: tuple[Kept | None, ...]
    """None where there is an array."""

    def rebuild(self, arrays: Iterator[Array]) -> Any:
        """The argument with these arrays."""
        leaves = [next(arrays) if leaf is None else leaf.value for leaf in self.leaves]
        return leaves[0] if self.treedef is SINGLE else self.treedef.unflatten(leaves)


Parts = tuple[Part, ...]
Kinds = tuple[tuple[Any, ...], ...]
"""Shape, dtype and device of each array."""


def split(backend: ADBackend, point: dict[str, Any], args: tuple[Any, ...]) -> tuple[Parts, Leaves]:
    """The call ``(x, u, *args)``, or ``(x, *args)``: without its arrays, and its arrays."""
    x = Tree.read(backend, point["x"], "x")
    parts = [Part("x", x.treedef, (None,) * len(x.leaves))]
    arrays = list(x.leaves)
    like = arrays[0] if arrays else None
    others = {name: tree for name, tree in (*point.items(), ("args", args)) if name != "x"}
    for name, tree in others.items():
        leaves, treedef = backend.flatten(tree)
        kept: list[Kept | None] = []
        for i, leaf in enumerate(leaves):
            if is_numpy(leaf) and name == "u":
                leaf = lift(backend, leaf, LeafName(name, treedef, i), like)
            is_data = is_numpy(leaf) and leaf.ndim > 0 and leaf.dtype.kind in "fciub"  # a NumPy scalar may be a size
            if is_data or (backend.is_array(leaf) and not is_numpy(leaf)):
                arrays.append(leaf)
                kept.append(None)
            else:
                kept.append(Kept(leaf))
        parts.append(Part(name, treedef, tuple(kept)))
    return tuple(parts), tuple(arrays)


def join(parts: Parts, arrays: Leaves) -> tuple[list[Any], tuple[Any, ...]]:
    """``(x, u)`` or ``(x,)``, and args, from what `split` made of them."""
    remaining = iter(arrays)
    *point, args = [part.rebuild(remaining) for part in parts]
    return point, args


def kinds(backend: ADBackend, arrays: Leaves) -> Kinds:
    """What a strict call must have in common with the one that it was prepared with, besides its parts."""
    return tuple([(array.shape, array.dtype, backend.device(array)) for array in arrays])


def differences(expected: tuple[Parts, Kinds], given: tuple[Parts, Kinds]) -> list[str]:
    """In words, a line for each leaf that differs."""
    before, now = _words(*expected), _words(*given)
    lines = [
        f"{path}: prepared with {before.get(path, 'nothing there')}, but {now.get(path, 'nothing')} was given"
        for path in {**before, **now}
        if before.get(path) != now.get(path)
    ]
    return lines or [
        f"{a.name}: prepared with the containers {a.treedef}, but {b.treedef} was given"
        for a, b in zip(expected[0], given[0], strict=True)
        if a.treedef != b.treedef
    ]


def _words(parts: Parts, kinds: Kinds) -> dict[str, str]:
    remaining = iter(kinds)
    words = {}
    for part in parts:
        for path, kept in zip(leaf_paths(part.treedef, part.name), part.leaves, strict=True):
            if kept is None:
                shape, dtype, device = next(remaining)
                where = "" if device is None else f" on {device}"
                words[path] = f"{dtype}{list(shape)}{where}"
            else:
                words[path] = repr(kept.value)
    return words
