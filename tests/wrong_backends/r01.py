"""Backends that are wrong by R1: structure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from adhelpers.extend import LeafFunction, Leaves
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend
from wrong_backends.bases import AutogradBackend, Compiling, Pulled, Pushed, Reread, rebuilt
from wrong_backends.registry import wrong


@wrong("R1")
class LosesATangent(AutogradBackend):
    """The last output has no tangent."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents[:-1] if len(tangents) > 1 else tangents, aux


@wrong("R1")
class LosesACotangent(AutogradBackend):
    """The last leaf of x gets no cotangent."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(c)[: max(1, len(x) - 1)], aux


@wrong("R1")
class SwapsTangents(AutogradBackend):
    """Tangents come in the opposite order where their shapes allow it."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs, tangents[::-1] if len({t.shape for t in tangents}) == 1 else tangents, aux


@wrong("R1")
class SwapsCotangents(AutogradBackend):
    """Cotangents come in the opposite order where their shapes allow it."""

    def vjp(self, f: LeafFunction, x: Leaves) -> Pulled:
        outputs, pullback, aux = super().vjp(f, x)
        return outputs, lambda c: pullback(c)[:: -1 if len({leaf.shape for leaf in x}) == 1 else 1], aux


@wrong("R1")
class SwapsOutputs(AutogradBackend):
    """Values come in the opposite order where their shapes allow it, tangents in the right one."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> Pushed:
        outputs, tangents, aux = super().jvp(f, x, u)
        return outputs[::-1] if len({y.shape for y in outputs}) == 1 else outputs, tangents, aux


@wrong("R1")
class TuplesBecomeLists(Reread):
    """A list for a tuple, to f and in results, and a list matches a tuple."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: list(node) if type(node) is tuple else node)


@wrong("R1")
class ListsBecomeTuples(Reread):
    """The other way round."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(node) if type(node) is list else node)


@wrong("R1")
class NamesAreLost(Reread):
    """A plain tuple for a named one."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(node) if hasattr(node, "_fields") else node)


@wrong("R1")
class OrderedDictsBecomeDicts(Reread):
    """A plain dict for an OrderedDict."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: dict(node) if type(node) is OrderedDict else node)


@wrong("R1")
class KeysDoNotCount(Reread):
    """Dicts match by position, whatever their keys."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: list(node.values()) if isinstance(node, dict) else node)


@wrong("R1")
class NoneIsDropped(Reread):
    """None in a tuple disappears."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: tuple(n for n in node if n is not None) if type(node) is tuple else node)


@wrong("R1")
class SurplusKeysAreIgnored(Reread):
    """Of a dict only the first two keys are read."""

    def reread(self, tree: Any) -> Any:
        return rebuilt(tree, lambda node: type(node)(list(node.items())[:2]) if isinstance(node, dict) else node)


@wrong("R1")
class ListsForTuples(FiniteDifferenceBackend):
    """A list for a tuple, with NumPy alone."""

    def flatten(self, tree: Any) -> Any:
        return super().flatten(rebuilt(tree, lambda node: list(node) if type(node) is tuple else node))


@wrong("R1")
class CompiledContainersAreLost(Compiling):
    """What is compiled returns its arrays in a row."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        leaves, _ = self.flatten(function(*arrays))
        return leaves[0] if len(leaves) == 1 else list(leaves)


@wrong("R1")
class CompiledKeysAreSorted(Compiling):
    """A dict comes out of compiled code as JAX would have it."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        return type(result)(sorted(result.items())) if isinstance(result, dict) else result


@wrong("R1")
class CompiledAuxIsOfTheFirst(Compiling):
    """What a function returns beside its result is kept from the first call."""

    def run(self, function: Callable[..., Any], known: dict[Any, Any], arrays: Leaves) -> Any:
        result = function(*arrays)
        return (result[0], known.setdefault("aux", result[1])) if type(result) is tuple else result
