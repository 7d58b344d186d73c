"""The price of each promise of safety: a call that keeps it over one that does not, by an option or by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import adhelpers
from benchmarks import cells, ours
from benchmarks.contest import Contender, Contest, Kind
from benchmarks.native import Native
from benchmarks.section import Section, Settings, Table, show_ratio, show_time

ABOUT = """\
Each row compares a call that keeps a promise of safety with the same call without it. If an option switches the promise
off, both calls are ours. If none does, both are by hand in the framework itself. The promises are numbered as in
`docs/design.md`. Products are of four numbers, where prices are highest.
"""
UNNAMED = "—"
Call = Callable[[], Any]


@dataclass(frozen=True)
class Price:
    """A promise, with two calls that give the same result."""

    rule: str
    what: str
    with_rule: Call
    without: Call
    reference: np.ndarray
    kind: Kind = "ours"


def run(settings: Settings) -> Section:
    """Every price on every framework."""
    section = Section("safety", "The price of safety", ABOUT)
    cell = cells.CELLS[0] if settings.size == "smoke" else cells.CELLS[2]
    rows = []
    for native in settings.natives:
        for price in (*_of_the_check(native, cell), *_of_products(native, cells.PRODUCTS[0]), *_by_hand(native)):
            calls = {"with": price.with_rule, "without": price.without}
            contenders = tuple(Contender(name, price.kind, call) for name, call in calls.items())
            outcome = settings.hold(Contest(price.what, native.name, price.rule, contenders, price.reference))
            section.outcomes.append(outcome)
            if len(outcome.seconds) == len(calls):
                times = (show_time(outcome.microseconds(name)) for name in calls)
                rows.append((native.name, price.rule, price.what, *times, show_ratio(outcome.ratio(*calls))))
    headers = ("framework", "promise", "measure", "with, µs", "without, µs", "ratio")
    section.tables.append(Table("Prices", headers, rows))
    return section


def _of_the_check(native: Native, cell: cells.Cell) -> Iterator[Price]:
    """The checks of `batched_jacobian`, and what it must learn about a new function."""
    f, x, reference = cell.bind(native.xp, native.asarray), native.asarray(cell.batch_of_points()), cell.reference()

    def seen(check: Any) -> Call:
        return lambda: native.finish(adhelpers.batched_jacobian(f, native.backend, x, check=check))

    def new(check: Any) -> Call:
        def call() -> Any:
            def g(x: Any) -> Any:
                return f(x)

            return native.finish(adhelpers.batched_jacobian(g, native.backend, x, check=check))

        return call

    rule = "R18 batched"
    yield Price(rule, "mixing is checked by default, f was seen before", seen(True), seen(False), reference)
    yield Price(rule, "mixing is checked by default, f is new", new(True), new(False), reference)
    yield Price(rule, 'mixing is checked always (`"always"`)', seen("always"), seen(False), reference)
    yield Price("R9 calls", "f is new, and so is the size of its output", new(False), seen(False), reference)


def _of_products(native: Native, problem: cells.Product) -> Iterator[Price]:
    """The safety and comfort of every operation, measured on the two products."""
    f, x = problem.bind(native.xp, native.asarray), native.asarray(problem.point())
    for operation, product in ours.PRODUCTS.items():
        u, reference = native.asarray(problem.direction(operation)), problem.reference(operation)
        tell = _Prices(native, operation, product, f, x, u, reference)
        yield tell.price("R1 structure", "x, u and f(x) are dicts", tell.with_dicts(), tell.plain())
        yield tell.price("R13 `u`", "`u` is constant", tell.plain(), tell.plain(differentiate_u=True))
        without_fallback = tell.plain(adhelpers.backend(native.name, fallback=False))
        yield tell.price("R14 missing rules", "the other mode is the fallback", tell.plain(), without_fallback)
        if native.name == "jax":
            scoped = tell.plain(adhelpers.backend("jax", x64=True))
            yield tell.price("R5 64 bits", "64-bit types for this call alone (`x64=True`)", scoped, tell.plain())
        yield tell.price(UNNAMED, "the backend is given by name", tell.plain(native.name), tell.plain())
        if native.name != "autograd":  # NumPy arrays identify no backend
            yield tell.price(UNNAMED, "the backend is inferred", tell.plain(None), tell.plain())


@dataclass(frozen=True)
class _Prices:
    """Calls of one product."""

    native: Native
    operation: str
    product: Callable[..., Any]
    f: Callable[[Any], Any]
    x: Any
    u: Any
    reference: np.ndarray

    def price(self, rule: str, what: str, with_rule: Call, without: Call) -> Price:
        """Of this product."""
        return Price(rule, f"{self.operation}: {what}", with_rule, without, self.reference)

    def plain(self, *backend: adhelpers.ADBackend | str | None, **options: Any) -> Call:
        """A call, by another backend if one is given."""
        (chosen,) = backend or (self.native.backend,)
        return lambda: self.native.finish(self.product(self.f, chosen, self.x, self.u, **options))

    def with_dicts(self) -> Call:
        """A call whose x, u and result stand in dicts."""

        def f(x: dict[str, Any]) -> dict[str, Any]:
            return {"y": self.f(x["x"])}

        u_name, v_name = ("x", "y") if self.operation == "jvp" else ("y", "x")
        x, u = {"x": self.x}, {u_name: self.u}
        return lambda: self.native.finish(self.product(f, self.native.backend, x, u)[v_name])


def _by_hand(native: Native) -> Iterator[Price]:
    """Promises that cannot be switched off: the framework's own small VJP, with and without the measure."""
    problem = cells.PRODUCTS[0]
    f, x = problem.bind(native.xp, native.asarray), native.asarray(problem.point())
    u, reference = native.asarray(problem.direction("vjp")), problem.reference("vjp")
    prices = {"torch": _of_torch, "autograd": _of_autograd}.get(native.name)
    for rule, what, with_rule, without in prices(f, x, u) if prices else ():
        yield Price(rule, f"vjp by hand: {what}", with_rule, without, reference, "by hand")


def _of_autograd(f: Callable[[Any], Any], x: Any, u: Any) -> Iterator[tuple[str, str, Call, Call]]:
    from benchmarks.native.autograd import core_vjp

    vjp = core_vjp(f)
    yield "R8 purity", "x and the result are copied", lambda: vjp(x.copy(), u).copy(), lambda: vjp(x, u)


def _of_torch(f: Callable[[Any], Any], x: Any, u: Any) -> Iterator[tuple[str, str, Call, Call]]:
    import torch

    def bare() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf), leaf, u)[0]

    def with_clone() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf.clone()), leaf, u)[0]

    def with_clone_of_view() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf.view_as(leaf).clone()), leaf, u)[0]

    def with_gradients_enabled() -> Any:
        with torch.enable_grad():
            return bare()

    def with_graph() -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf), leaf, u, create_graph=True)[0].detach()

    def with_walk() -> Any:
        leaf = x.detach().requires_grad_()
        y = f(leaf)
        return torch.autograd.grad(y, leaf, u, create_graph=_leads_elsewhere(y.grad_fn, leaf))[0]

    yield "R8 purity", "f works on a clone", with_clone, bare
    yield "R8 purity", "f works on a clone of a view", with_clone_of_view, bare
    yield "R15 context", "gradients are enabled", with_gradients_enabled, bare
    yield "R15 context", "the graph is searched for Parameters", with_walk, bare
    yield "R12 nesting", "the result has a graph", with_graph, bare
    yield UNNAMED, "`torch.func.vjp` instead", lambda: torch.func.vjp(f, x)[1](u)[0], bare


def _leads_elsewhere(end: Any, leaf: Any) -> bool:
    """Whether a graph ends anywhere but in `leaf`."""
    seen, stack = {end}, [end]
    while stack:
        node = stack.pop()
        if getattr(node, "variable", leaf) is not leaf:
            return True
        parents = {parent for parent, _ in node.next_functions if parent is not None} - seen
        seen |= parents
        stack += parents
    return False
