"""`Prepared`: an operation on one function, with checks and compilation done once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from adhelpers.caches import Cache
from adhelpers.compiled import call
from adhelpers.compiled.call import Call, Parts
from adhelpers.compiled.trials import Alternatives, Options, Trials
from adhelpers.engine import journal
from adhelpers.engine.journal import Explanation
from adhelpers.errors import ArgumentTypeError, PreparationMismatchError
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.plugins.objects import is_numpy

MOST_REMEMBERED = 64
"""For how many kinds of call to keep compiled code; the oldest is forgotten first."""

Compiled = Callable[..., Any]


class Operation(Protocol):
    """The part of `adhelpers.operations.declaration.Operation` that is needed here."""

    @property
    def name(self) -> str:
        """The name of the function without ``f(x)``."""

    @property
    def operands(self) -> tuple[str, ...]:
        """``("x",)`` or ``("x", "u")``."""

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The default of each option."""

    @property
    def alternatives(self) -> Alternatives | None:
        """The formulations to compile besides the usual one."""

    @property
    def is_checked(self) -> bool:
        """Whether the operation has a `check` option."""

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
        """The result, preceded by ``f(x)`` with `with_value`, and followed by aux if there is some."""


class Prepared:
    """An operation on one function; `adhelpers.prepare` makes it.

    Call it with ``(x, u, *args)``, or ``(x, *args)`` if the operation takes no `u`. Any number of threads may call it.

    Attributes
    ----------
    operation, f, backend, options, strict
        The arguments of `adhelpers.prepare`.
    """

    __slots__ = (
        "__weakref__",
        "_all_options",
        "_compiled",
        "_compiles",
        "_declared",
        "_eager",
        "_expected",
        "_explanation",
        "_has_aux",
        "_names",
        "_plain",
        "_with_value",
        "backend",
        "f",
        "operation",
        "options",
        "strict",
    )

    def __init__(
        self,
        operation: Callable[..., Any] | Operation,
        declared: Operation,
        f: Callable[..., Any],
        backend: ADBackend,
        *,
        with_value: bool,
        strict: bool,
        options: Options,
    ) -> None:
        self.operation = operation
        self.f = f
        self.backend = backend
        self.options = options
        self.strict = strict
        self._declared = declared
        self._names = declared.operands
        self._compiles = backend.compiles
        self._with_value = with_value
        self._all_options = {**declared.defaults, **{name: options[name] for name in options if name != "has_aux"}}
        self._has_aux = options.get("has_aux", False)
        self._eager = backend.eager()
        self._expected: Call | None = None
        self._compiled: Cache[Hashable, Compiled] = Cache(MOST_REMEMBERED)
        self._plain: tuple[tuple[type, ...], Compiled] = ((), self._call)
        self._explanation = Explanation()

    def __call__(self, *arguments: Any) -> Any:
        """Run the operation at these arguments."""
        types, compiled = self._plain
        if tuple(map(type, arguments)) == types and not journal.is_explained():
            return compiled(*arguments)
        if not journal.is_heard():
            return self._call(*arguments)
        with journal.call_of(self._declared.name, self.f, self.backend.name):
            return self._call(*arguments)

    def report(self) -> Explanation:
        """The decisions made while compiling for the calls so far, to be printed.

        Returns
        -------
        Explanation
            It has an entry for the example call of `adhelpers.prepare`, and one for each choice between formulations:
            which were tried for these shapes, how long each took, and why it lost.

        Examples
        --------
        >>> import numpy, adhelpers
        >>> prepared = adhelpers.prepare(adhelpers.gradient, lambda x: (x**2).sum(), "finite-difference", numpy.ones(2))
        >>> print(prepared.report())  # doctest: +ELLIPSIS
        gradient of <lambda> by finite-difference, ...
          code         finite-difference compiles nothing: each call is the operation itself
          ...
        """
        return self._explanation

    def _call(self, *arguments: Any) -> Any:
        names = self._names
        count = len(names)
        if len(arguments) < count:
            counted = "1 argument was" if len(arguments) == 1 else f"{len(arguments)} arguments were"
            msg = f"{self!r} takes ({', '.join(names)}, *args), but {counted} given"
            raise ArgumentTypeError(msg)
        operands, args = arguments[:count], arguments[count:]
        if not self._compiles and not self.strict:
            return self._evaluate(operands, args)
        with self.backend.scope():
            parts, arrays = call.split(self.backend, dict(zip(names, operands, strict=True)), args)
            if self.strict:
                self._require_expected(parts, arrays)
            if not self._compiles:
                return self._evaluate(operands, args)
            mutable = [part.name for part in parts if part.may_differ]
            if mutable:
                if journal.is_listening():
                    words = (
                        f"not compiled: {' and '.join(mutable)} may change unnoticed, being neither data nor immutable"
                    )
                    journal.tell("code", words)
                return self._evaluate(operands, args)
            compiled = self._compiled_for(parts)
            result = compiled(*arrays)
        only_arrays = len(arrays) == len(arguments) and all(map(operator.is_, arguments, arrays))
        if only_arrays and not self.strict and not any(map(is_numpy, arguments)):
            # Pass arrays of these types straight to the code, which checks the rest.
            self._plain = tuple(map(type, arguments)), compiled
        return result

    def code_for(self, *arguments: Any) -> tuple[Compiled | None, Leaves]:
        """The code for calls like this one (None if it is not compiled), and the arrays to call it with.

        Calling the code with other arrays of these shapes and dtypes skips all checks. With
        `ADBackend.compiled_takes_numpy` they may be NumPy arrays, and results may share their memory.
        """
        names = self._names
        operands, args = arguments[: len(names)], arguments[len(names) :]
        with self.backend.scope():
            parts, arrays = call.split(self.backend, dict(zip(names, operands, strict=True)), args)
        if not self._compiles or any(part.may_differ for part in parts):
            return None, arrays
        return self._compiled_for(parts), arrays

    def _evaluate(self, operands: tuple[Any, ...], args: tuple[Any, ...], **replaced: Any) -> Any:
        options = {**self._all_options, **replaced} if replaced else self._all_options
        return self._declared.evaluate(
            self.f, self._eager, operands, args, self._has_aux, options, with_value=self._with_value
        )

    def _require_expected(self, parts: Parts, arrays: Leaves) -> None:
        given = call.describe(self.backend, parts, arrays)
        if self._expected is None:
            self._expected = given
        if given == self._expected:
            return
        lines = call.differences(self._expected, given)
        if lines:
            words = "\n  ".join(lines)
            msg = f"with strict=True a call must be like the example call of prepare:\n  {words}\nprepare it again"
            raise PreparationMismatchError(msg)

    def _compiled_for(self, parts: Parts) -> Compiled:
        key = tuple([(part, part.orders) for part in parts])
        compiled = self._compiled.get(key)
        if journal.is_listening():
            journal.tell("code", "runs compiled code" if compiled else "compiled for this kind of call")
        return self._compiled.keep(key, self._compile(parts)) if compiled is None else compiled

    def _compile(self, parts: Parts) -> Compiled:
        count = len(self._names)

        def evaluate(*arrays: Any, **replaced: Any) -> Any:
            arguments = call.join(parts, arrays)
            return self._evaluate(arguments[:count], arguments[count:], **replaced)

        alternatives = self._declared.alternatives
        if alternatives is None and not self._declared.is_checked:
            return self.backend.compile(evaluate)

        def noted() -> AbstractContextManager[None]:
            del self._explanation.calls[1:-MOST_REMEMBERED]
            name = f"choice of code for {self._declared.name}"
            return journal.call_of(name, self.f, self.backend.name, self._explanation)

        return Trials(self.backend, evaluate, self._all_options, alternatives, noted, has_aux=self._has_aux)

    def __repr__(self) -> str:
        name = getattr(self.f, "__qualname__", None) or repr(self.f)
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        strict = ", strict" if self.strict else ""
        operation = getattr(self.operation, "__name__", self._declared.name)
        return f"<prepared {operation} of {name} by {self.backend!r}{options}{strict}>"

    def __reduce__(self) -> Any:
        msg = (
            f"{self!r} holds compiled code, which cannot be copied or pickled; use it where it is, or pickle the "
            "function, and prepare it again there"
        )
        raise ArgumentTypeError(msg)


def rehearse(prepared: Prepared, arguments: tuple[Any, ...]) -> None:
    """Make the example call of `prepare`, with which the report begins."""
    with journal.call_of(prepared._declared.name, prepared.f, prepared.backend.name, prepared._explanation):
        if not prepared.backend.compiles:
            journal.tell("code", f"{prepared.backend.name} compiles nothing: each call is the operation itself")
        prepared._call(*arguments)
