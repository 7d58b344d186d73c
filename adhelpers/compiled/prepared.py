"""`Prepared`: an operation on one function, which has done once what can be done once."""

from __future__ import annotations

import inspect
import operator
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

from adhelpers.compiled import call
from adhelpers.compiled.call import Call, Parts
from adhelpers.compiled.trials import Alternatives, Options, Trials
from adhelpers.engine.records import FUNCTIONS
from adhelpers.errors import PreparationMismatchError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.trees.leafwise import require_tuple
from adhelpers.trees.leaves import is_numpy

MOST_REMEMBERED = 64
"""For how many kinds of call compiled code is kept; the oldest is forgotten first."""

Compiled = Callable[..., Any]


class Prepared:
    """An operation on one function; `adhelpers.prepare` makes it.

    Call it with ``(x, u, *args)``, or ``(x, *args)`` if the operation takes no `u`. Any number of threads may.

    Attributes
    ----------
    operation, f, backend, options, strict
        As they were given to `adhelpers.prepare`.
    """

    __slots__ = (
        "__weakref__",
        "_alternatives",
        "_compiled",
        "_eager",
        "_expected",
        "_lock",
        "_names",
        "_plain",
        "backend",
        "f",
        "operation",
        "options",
        "strict",
    )

    def __init__(
        self,
        operation: Callable[..., Any],
        f: Callable[..., Any],
        backend: ADBackend,
        names: tuple[str, ...],
        *,
        strict: bool,
        options: Options,
        alternatives: Alternatives | None = None,
    ) -> None:
        self.operation = operation
        self.f = f
        self.backend = backend
        self.options = options
        self.strict = strict
        self._names = names
        self._alternatives = alternatives
        self._eager = backend.eager()
        self._expected: Call | None = None
        self._compiled: dict[Hashable, Compiled] = {}
        self._lock = threading.Lock()
        self._plain: tuple[tuple[type, ...], Compiled] = ((), self._call)

    def __call__(self, *arguments: Any) -> Any:
        """The operation at these arguments."""
        types, compiled = self._plain
        return compiled(*arguments) if tuple(map(type, arguments)) == types else self._call(*arguments)

    def _call(self, *arguments: Any) -> Any:
        count = len(self._names)
        if len(arguments) < count:
            msg = f"{self!r} takes ({', '.join(self._names)}, *args), but the arguments given were {len(arguments)}"
            raise TypeError(msg)
        point, args = arguments[:count], arguments[count:]
        if not self.backend.compiles and not self.strict:
            return self._evaluate(point, args)
        with self.backend.scope():
            parts, arrays = call.split(self.backend, dict(zip(self._names, point, strict=True)), args)
            if self.strict:
                self._require_expected(parts, arrays)
            if not self.backend.compiles or any(part.may_differ for part in parts):
                return self._evaluate(point, args)
            compiled = self._compiled_for(parts)
            result = compiled(*arrays)
        only_arrays = len(arrays) == len(arguments) and all(map(operator.is_, arguments, arrays))
        if only_arrays and not self.strict and not any(map(is_numpy, arguments)):
            # Let arrays of these types go straight to their code, which checks the rest.
            self._plain = tuple(map(type, arguments)), compiled
        return result

    def _evaluate(self, point: Any, args: tuple[Any, ...], **options: Any) -> Any:
        return self.operation(self.f, self._eager, *point, args=args, **{**self.options, **options})

    def _require_expected(self, parts: Parts, arrays: Leaves) -> None:
        given = call.describe(self.backend, parts, arrays)
        if self._expected is None:
            self._expected = given
        if given == self._expected:
            return
        lines = call.differences(self._expected, given)
        if lines:
            words = "\n  ".join(lines)
            msg = f"with strict=True a call must be like the one that it was prepared with:\n  {words}\nprepare anew"
            raise PreparationMismatchError(msg)

    def _compiled_for(self, parts: Parts) -> Compiled:
        key = tuple([(part, part.orders) for part in parts])
        compiled = self._compiled.get(key)
        if compiled is None:
            with self._lock:
                while len(self._compiled) >= MOST_REMEMBERED:
                    del self._compiled[next(iter(self._compiled))]
                compiled = self._compiled.setdefault(key, self._compile(parts))
        return compiled

    def _compile(self, parts: Parts) -> Compiled:
        count = len(self._names)

        def evaluate(*arrays: Any, **options: Any) -> Any:
            arguments = call.join(parts, arrays)
            return self._evaluate(arguments[:count], arguments[count:], **options)

        parameters = inspect.signature(self.operation).parameters
        if self._alternatives is None and "check_batch" not in parameters:
            return self.backend.compile(evaluate)
        options = {name: parameter.default for name, parameter in parameters.items()} | self.options
        return Trials(self.backend, evaluate, options, self._alternatives)

    def __repr__(self) -> str:
        name = getattr(self.f, "__qualname__", None) or repr(self.f)
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        strict = ", strict" if self.strict else ""
        return f"<prepared {self.operation.__name__} of {name} by {self.backend!r}{options}{strict}>"

    def __reduce__(self) -> Any:
        msg = f"{self!r} holds compiled code, which cannot be pickled; pickle the function, and prepare it anew there"
        raise TypeError(msg)


def compiled_call(
    operation: Callable[..., Any],
    f: Callable[..., Any],
    backend: ADBackend,
    point: dict[str, Any],
    args: tuple[Any, ...],
    **options: Any,
) -> Any:
    """The operation at ``{"x": x, "u": u}``, or at ``{"x": x}``; it is prepared once, and forgotten with `f`."""
    require_tuple(args)
    record = FUNCTIONS.record(f, (operation, backend, *options.items()))
    if record.prepared is None:
        try:
            weakly = _Weakly(f)
        except TypeError:  # it cannot be remembered, and would be compiled every time
            return operation(f, backend.eager(), *point.values(), args=args, **options)
        record.prepared = Prepared(operation, weakly, backend, tuple(point), strict=False, options=options)
    return record.prepared(*point.values(), *args)


class _Weakly:
    """A function that is called, but not kept."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._reference = weakref.WeakMethod(f) if inspect.ismethod(f) else weakref.ref(f)
        self.__qualname__ = getattr(f, "__qualname__", type(f).__qualname__)

    def __call__(self, *args: Any) -> Any:
        f = self._reference()
        assert f is not None, "who calls the operation holds its function"
        return f(*args)
