"""`AtPoint`: the base of the public derivatives at a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from adhelpers import options
from adhelpers.engine import journal
from adhelpers.engine.sweeps import Check
from adhelpers.errors import ArgumentTypeError
from adhelpers.linear.linear_map import LinearMap, Made
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.leaves import constant_unless
from adhelpers.trees.tree import Tree

Many = Callable[[Leaves, int, Check, int | None], Leaves]
"""Products of stacked vectors: `LinearMap.push_many` or `LinearMap.pull_many`."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The results of compiled code at a point: the value or the gradient, both maps, and the aux."""

    y: Tree
    maps: Made
    aux: Any


class AtPoint:
    """A derivative at a point, for many products."""

    __slots__ = ("__weakref__", "_backend", "_map", "_name", "_x")

    made_by: ClassVar[str]
    """The public function that makes it."""

    def __init__(self, backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Compiled | None = None) -> None:
        self._backend = backend
        self._name = journal.name_of(f.function)
        self._x = x
        self._map = self._linear_map(backend, f, x, None if made is None else made.maps)

    @classmethod
    def of(cls, f: Callable[..., Any], backend: ADBackend, x: Any, args: tuple[Any, ...], has_aux: bool) -> Self:
        """The derivative of a user's function at `x`."""
        with backend.scope():
            point = Tree.read_point(backend, x)
            return cls(backend, LeafwiseFunction(f, point, args, has_aux=has_aux), point)

    @staticmethod
    def _linear_map(backend: ADBackend, f: LeafwiseFunction, x: Tree, made: Made | None) -> LinearMap:
        """The linear map behind the products."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        msg = (
            f"{self!r} holds intermediate results of the framework, which cannot be copied or pickled; use it where it "
            f"is, or pickle the function and x, and call {self.made_by} again there"
        )
        raise ArgumentTypeError(msg)

    def _product(self, name: str) -> AbstractContextManager[Any]:
        """The context of a product: the backend's scope and, if anybody listens, an entry in the journal."""
        if not journal.is_heard():
            return self._backend.scope()
        return _told(f"{self.made_by}().{name}", self._name, self._backend)

    def _many(
        self, name: str, product: Many, of: Tree, vectors: Any, letter: str, like: Tree, check: Check, size: int | None
    ) -> Any:
        """One sweep of stacked vectors, each with the structure `of`; the results are stacked too."""
        options.check("check", check)
        options.chunk_size("chunk_size", size)
        with self._product(name):
            stacks, count = of.read_stacks(vectors, letter)
            return like.rebuild(product(constant_unless(False, self._backend, stacks), count, check, size))


@contextmanager
def _told(operation: str, function: str, backend: ADBackend) -> Iterator[None]:
    with journal.call_of(operation, function, backend.name), backend.scope():
        yield
