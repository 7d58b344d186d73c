"""`LinearMap`: the derivative of a function at a point, for many products."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adhelpers.caches import FUNCTIONS
from adhelpers.engine import derived
from adhelpers.engine.missing_rules import Function, either, is_missing_rule
from adhelpers.engine.results import Results
from adhelpers.engine.seeds import Given, zeros
from adhelpers.engine.sweeps import Check, Sweep, SweepRecord
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves, Pullback, Pushforward
from adhelpers.trees.leaves import copies, zeros_like

T = TypeVar("T")

Linear = Callable[[Leaves], Leaves]

Made = tuple[Leaves, Pushforward | None, Pullback | None, Leaves]
"""What `ADBackend.linearize` returns."""


class LinearMap:
    """The derivative of `f` at `x`; a direction that `ADBackend.linearize` does not give is made at its first use.

    As long as it lives, it keeps the graph or tape of `f` in memory. `made` holds maps that compiled code has made
    already.

    Attributes
    ----------
    outputs, aux
        The results of `f` at `x`.
    """

    __slots__ = ("_backend", "_f", "_pullback", "_pushforward", "_runs_f", "_x", "aux", "outputs")

    def __init__(self, backend: ADBackend, f: Function, x: Leaves, made: Made | None = None) -> None:
        self._backend = backend
        self._f = f
        # Copies, because `f` may run again after the caller has changed the originals.
        self._x = copies(backend, x)
        self._pushforward: Pushforward | None = None
        self._pullback: Pullback | None = None
        self._runs_f = type(backend).linearize is ADBackend.linearize
        if not x:
            given = f() if made is None else (made[0], made[3])
            self.outputs, self.aux = (copies(backend, leaves) for leaves in given)
            return
        if made is None:
            made = self._either(
                lambda: backend.linearize(f, self._x),
                self._by_products,
                rule="rule for linear maps",
                way="its products",
            )
        self.outputs, self._pushforward, self._pullback, self.aux = made

    @property
    def is_pulled_best(self) -> bool:
        """Whether pulling is ready, while pushing needs preparation or runs `f`."""
        outer_mode = self._backend.second_order.partition("-")[0]
        return self._pushforward is None or (self._pullback is not None and outer_mode == "reverse")

    def push(self, tangents: Leaves) -> Leaves:
        """Push tangents of `x` forward."""
        if not self._x or not self.outputs:
            return zeros_like(self._backend, self.outputs)
        return self._applied(self._pushforward, self._pushed, tangents)

    def pull(self, cotangents: Leaves) -> Leaves:
        """Pull cotangents of the outputs back."""
        if not self._x or not self.outputs:
            return zeros_like(self._backend, self._x)
        return self._applied(self._pullback, self._pulled, cotangents)

    def _applied(
        self, native: Linear | None, otherwise: Callable[[Callable[[Linear], Leaves]], Leaves], u: Leaves
    ) -> Leaves:
        """A product; without detours if the map is ready, because solvers ask for many."""
        if native is not None:
            try:
                return native(u)
            except Exception as error:
                if not is_missing_rule(self._backend, error):
                    raise
        return otherwise(lambda linear: linear(u))

    def push_many(self, tangents: Leaves, count: int, check: Check, chunk_size: int | None) -> Leaves:
        """`push` for stacks of `count` vectors, in a sweep."""
        if not self._x or not self.outputs or not count:
            return tuple([zeros(self._backend, y, count) for y in self.outputs])
        sweep = self._sweep(tangents, check, chunk_size)

        def push(pushforward: Pushforward) -> Results:
            if self._runs_f and pushforward is self._pushforward:
                return sweep.forward().results  # which runs f once instead of once for each vector
            return sweep.through("forward", pushforward, self.outputs)

        return self._pushed(push).stacks(self.outputs)

    def pull_many(self, cotangents: Leaves, count: int, check: Check, chunk_size: int | None) -> Leaves:
        """`pull` for stacks of `count` cotangents, in a sweep."""
        if not self._x or not self.outputs or not count:
            return tuple([zeros(self._backend, leaf, count) for leaf in self._x])
        sweep = self._sweep(cotangents, check, chunk_size)
        return self._pulled(lambda pullback: sweep.through("reverse", pullback, self.outputs)).stacks(self._x)

    def _by_products(self) -> Made:
        if not self._backend.has_reverse:
            return ADBackend.linearize(self._backend, self._f, self._x)
        outputs, pullback, aux = derived.vjp(self._backend, self._f, self._x)
        return outputs, None, pullback, aux

    def _pushed(self, use: Callable[[Pushforward], T]) -> T:
        pushforward = self._pushforward
        if pushforward is None:
            return use(self._transposed_pullback())
        return self._either(
            lambda: use(pushforward),
            lambda: use(self._transposed_pullback()),
            rule="forward rule",
            way="the transpose of a pullback",
        )

    def _pulled(self, use: Callable[[Pullback], T]) -> T:
        if self._pullback is None and not self._backend.has_reverse:
            return use(self._columns())
        return self._either(
            lambda: self._pulled_in_reverse(use),
            lambda: use(self._columns()),
            rule="reverse rule",
            way="a sweep of Jacobian-vector products",
        )

    def _pulled_in_reverse(self, use: Callable[[Pullback], T]) -> T:
        backend, f, pullback = self._backend, self._f, self._pullback

        def at_hand() -> T:
            return self._tried(self._transposed_pushforward() if pullback is None else pullback, use)

        if self._pushforward is None or self._runs_f:
            return at_hand()
        # The map may be the transpose of a pushforward, which ignores the user's own reverse rule.
        return either(
            backend,
            f,
            at_hand,
            lambda: self._tried(backend.vjp(f, self._x)[1], use),
            rule="rule to transpose a pushforward",
            way="a vector-Jacobian product",
            allowed=backend.has_reverse,
        )

    def _tried(self, pullback: Pullback, use: Callable[[Pullback], T]) -> T:
        result = use(pullback)
        if pullback is not self._pullback and self._may_keep():
            self._pullback = pullback
        return result

    def _transposed_pullback(self) -> Pushforward:
        pullback = self._pullback
        if pullback is None or (self._pushforward is not None and not self._runs_f):
            # The framework's pullback may be made of a pushforward that cannot push.
            pullback = derived.vjp(self._backend, self._f, self._x)[1]
        pushforward = derived.transposed(self._backend, pullback, self.outputs)
        if self._may_keep():
            self._pullback, self._pushforward, self._runs_f = pullback, pushforward, False
        return pushforward

    def _transposed_pushforward(self) -> Pullback:
        assert self._pushforward is not None, "one of the two exists"
        return derived.transposed(self._backend, self._pushforward, self._x)

    def _columns(self) -> Pullback:
        pullback = derived.vjp_from_jvps(self._backend, self._f, self._x)[1]
        if self._may_keep():
            self._pullback = pullback
        return pullback

    def _may_keep(self) -> bool:
        """Whether maps made now may serve later calls: not inside a transformation, whose tracers they may hold."""
        leaf = self._x[0]
        return self._backend.keeps(self._backend.array_namespace(leaf).ones_like(leaf))

    def _either(self, native: Callable[[], T], substitute: Callable[[], T], *, rule: str, way: str) -> T:
        backend = self._backend
        return either(backend, self._f, native, substitute, rule=rule, way=way, allowed=backend.fallback)

    def _sweep(self, stacks: Leaves, check: Check, chunk_size: int | None) -> Sweep:
        f, kinds = self._f, tuple([(leaf.shape, leaf.dtype) for leaf in self._x])
        signature = (f.kind, type(self._backend), Given, kinds, f.signature)
        is_traced = any(map(self._backend.is_traced, self._x))  # about which nothing may be remembered
        return Sweep(
            self._backend,
            f,
            self._x,
            seeds=lambda backend, leaves: Given(stacks),
            chunk_size=chunk_size,
            check=check,
            known=None if is_traced else FUNCTIONS.record(f.function, signature, SweepRecord),
        )
