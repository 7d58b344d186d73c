"""Linear maps from compiled code, with compiled products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adhelpers.caches import Cache
from adhelpers.compiled import call
from adhelpers.compiled.call import Parts
from adhelpers.compiled.prepared import MOST_REMEMBERED, Prepared
from adhelpers.engine import derived
from adhelpers.engine.composition import order
from adhelpers.engine.derivatives import Gradient
from adhelpers.engine.missing_rules import is_missing_rule
from adhelpers.linear.at_point import AtPoint, Compiled
from adhelpers.linear.linearization import Linearization
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves, Pullback
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree


class LinearOperation:
    """The declaration of `linearize` or `linearize_gradient` for `Prepared`."""

    operands = ("x",)
    defaults: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    alternatives = None
    is_checked = False
    along = None

    def __init__(self, kind: type[AtPoint]) -> None:
        self.kind = kind
        self.name = kind.made_by

    def check(self, options: Mapping[str, Any]) -> None:
        """Nothing to check: there are no options."""

    def evaluate(
        self,
        f: Callable[..., Any],
        backend: ADBackend,
        operands: tuple[Any, ...],
        args: tuple[Any, ...],
        has_aux: bool,
        options: Mapping[str, Any],
        *,
        with_value: bool = True,
    ) -> Any:
        """The linear map, without compiled code."""
        return self.kind.of(f, backend, operands[0], args, has_aux)


class PreparedLinearMap(Prepared):
    """`linearize` or `linearize_gradient`, prepared for one function.

    The evaluation at a point and each product are compiled. Compiled code can return the framework's maps if they are
    containers of arrays.
    """

    __slots__ = ()

    def _compile(self, parts: Parts) -> Callable[..., Any]:
        assert isinstance(self._declared, LinearOperation)
        backend, has_aux, kind = self._eager, self._has_aux, self._declared.kind
        if type(backend).linearize is ADBackend.linearize:
            return lambda *arrays: self._evaluate(*_parted(parts, arrays))
        products: Cache[Any, Callable[..., Any]] = Cache(MOST_REMEMBERED)

        def read(arrays: Leaves) -> tuple[Tree, LeafwiseFunction]:
            (point,), args = _parted(parts, arrays)
            x = Tree.read_point(backend, point)
            return x, LeafwiseFunction(self.f, x, args, has_aux=has_aux)

        def evaluate(*arrays: Any) -> Any:
            with backend.scope():
                x, f = read(arrays)
                if kind is Linearization:
                    outputs, pushforward, pullback, aux = backend.linearize(f, x.leaves)
                    y, value = f.output(outputs), None
                else:
                    gradient = Gradient(backend, f, order(backend, "auto")[1])
                    outputs, pushforward, pullback, aux = backend.linearize(gradient, x.leaves)
                    y, value, aux = x, aux[0], aux[1:]
                rebuilt = f.aux(aux) if has_aux else None
                return y.rebuild(outputs), pushforward, pullback, value, rebuilt

        code = self.backend.compile(evaluate)

        def run(*arrays: Any) -> Any:
            with backend.scope():
                try:
                    result, pushforward, pullback, value, aux = code(*arrays)
                except Exception as error:
                    if not is_missing_rule(backend, error):
                        raise
                    return self._evaluate(*_parted(parts, arrays))  # which uses a substitute rule, or raises
                x, f = read(arrays)
                y = Tree.read(backend, result, "f(x)")
                maps = _compiled_maps(self.backend, products, x.leaves, y.leaves, pushforward, pullback)
                made = Compiled(y, (y.leaves, *maps, () if value is None else (value,)), aux)
                return kind(backend, f, x, made)

        return run


def _parted(parts: Parts, arrays: Leaves) -> tuple[tuple[Any], tuple[Any, ...]]:
    x, *args = call.join(parts, arrays)
    return (x,), tuple(args)


def _compiled_maps(
    backend: ADBackend,
    products: Cache[Any, Callable[..., Any]],
    x: Leaves,
    outputs: Leaves,
    pushforward: Any,
    pullback: Any,
) -> tuple[Pullback, Pullback]:
    """Both maps with code for their products; a missing map is the transpose of the other."""
    native, like = (pullback, outputs) if pushforward is None else (pushforward, x)
    leaves, treedef = backend.flatten(native)
    # The code serves other points too, so its closures must not hold the arrays of this one.
    count, size = len(leaves), len(like)

    def straight(*arrays: Any) -> Leaves:
        linear: Pullback = treedef.unflatten(arrays[:count])
        return linear(arrays[count:])

    def turned(*arrays: Any) -> Leaves:
        linear: Pullback = treedef.unflatten(arrays[:count])
        points, vectors = arrays[count : count + size], arrays[count + size :]
        return derived.transposed(backend.eager(), linear, points)(vectors)

    def compiled(function: Callable[..., Leaves], *given: Any) -> Pullback:
        key = (function.__name__, treedef)
        code = products.get(key)
        if code is None:
            code = products.keep(key, backend.compile(function))
        return lambda vectors: tuple(code(*given, *vectors))

    return (
        compiled(straight, *leaves) if pushforward is not None else compiled(turned, *leaves, *like),
        compiled(turned, *leaves, *like) if pullback is None else compiled(straight, *leaves),
    )
