"""`Operation`: the declaration of an operation, and the one entry to its calls.

Users call an operation by two functions, its faces: one returns ``f(x)`` too, the other does not. `declares` and
`twin_of` tie both to the declaration, and `declaration_of` finds it. `value` has one face, because its result is
``f(x)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from adhelpers.compiled.one_shot import compiled_call
from adhelpers.compiled.trials import Alternatives
from adhelpers.engine import journal
from adhelpers.errors import ArgumentTypeError
from adhelpers.options import Check, flag
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Leaves
from adhelpers.plugins.rule import runs_for
from adhelpers.trees.leafwise import LeafwiseFunction
from adhelpers.trees.tree import Tree

Function = Callable[..., Any]
"""The user's function, called as ``f(x, *args)``."""

Backend = ADBackend | str | None
"""How users give a backend: an object, its name, or None for the backend of the arrays in `x`."""

Pair = tuple[Any, Any]
Triple = tuple[Any, Any, Any]

Compute = Callable[..., tuple[Any, Any, Leaves]]
"""``compute(backend, f, x, **options)``, or ``compute(backend, f, x, u, **options)``: ``(f(x), result, aux)``.

`f` and `x` work on leaves; ``f(x)`` and the result are in the user's structures.
"""

Face = TypeVar("Face", bound=Callable[..., Any])


@dataclass(eq=False, slots=True)
class Operation:
    """The declaration of an operation.

    Parameters
    ----------
    name
        The name of the face without ``f(x)``.
    compute
        The function that computes the result.
    options
        The keywords besides `args` and ``has_aux``, each with a check that refuses bad values.
    along
        What `u` must match, ``"x"`` or ``"f(x)"``; None for an operation without `u`.
    result
        The structure of the result: that of ``"f(x)"`` or ``"x"``, ``"J"`` for that of ``f(x)`` with `x` inside, or
        ``"H"`` for that of `x` with `x` inside.
    order
        The order of the derivative: finite differences lose digits with each order.
    alternatives
        Other formulations, which `prepare` compiles and times too, to keep the fastest.

    Attributes
    ----------
    defaults
        The default of each option, from the signature of its face.
    """

    name: str
    compute: Compute
    options: Mapping[str, Check]
    along: Literal["x", "f(x)"] | None = None
    result: Literal["x", "f(x)", "J", "H"] = "J"
    order: int = 1
    alternatives: Alternatives | None = None
    defaults: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of the arguments besides options."""
        return ("x",) if self.along is None else ("x", "u")

    @property
    def is_batched(self) -> bool:
        """Whether `f` takes a batch, which it must not mix."""
        return "batch_axis" in self.options

    @property
    def is_checked(self) -> bool:
        """Whether the operation has a `check` option."""
        return "check" in self.options

    def call(
        self,
        f: Function,
        backend: Backend,
        operands: tuple[Any, ...],
        args: tuple[Any, ...],
        has_aux: bool,
        options: dict[str, Any],
    ) -> Any:
        """Run a user's call: ``(f(x), result)`` or ``(f(x), result, aux)``."""
        defaults = self.defaults
        for name, value in options.items():
            if value is not defaults[name]:  # by identity: 0 equals False, but is not a bool
                self.options[name](name, value)
        if has_aux is not False:
            flag("has_aux", has_aux)
        given, backend = backend, resolve(f, backend, operands[0])
        if backend.eager() is not backend:
            return compiled_call(self, f, backend, operands, args, has_aux, options)
        if not journal.is_heard():
            return self.evaluate(f, backend, operands, args, has_aux, options)
        with journal.call_of(self.name, f, backend.name):
            if given is None:
                journal.tell("backend", f"{backend.name}, which owns the arrays in x")
            return self.evaluate(f, backend, operands, args, has_aux, options)

    def evaluate(
        self,
        f: Function,
        backend: ADBackend,
        operands: tuple[Any, ...],
        args: tuple[Any, ...],
        has_aux: bool,
        options: Mapping[str, Any],
        *,
        with_value: bool = True,
    ) -> Any:
        """Like `call`, with a known backend and checked options, and with ``f(x)`` only if `with_value`."""
        with backend.scope():
            x = Tree.read_point(backend, operands[0])
            flat = LeafwiseFunction(f, x, args, has_aux=has_aux)
            if self.along is None:
                y, result, aux = self.compute(backend, flat, x, **options)
            else:
                y, result, aux = self.compute(backend, flat, x, operands[1], **options)
            if has_aux:
                return (y, result, flat.aux(aux)) if with_value else (result, flat.aux(aux))
            return (y, result) if with_value else result

    def check(self, options: Mapping[str, Any]) -> None:
        """Refuse bad values of options."""
        for name, check in self.options.items():
            check(name, options[name])


@dataclass(frozen=True, slots=True)
class Declaration:
    """The operation behind a public function, and whether that function returns ``f(x)`` too."""

    operation: Operation
    with_value: bool


_DECLARATIONS: dict[Callable[..., Any], Declaration] = {}


def declares(operation: Operation, *, with_value: bool = True) -> Callable[[Face], Face]:
    """Tie an operation to its face with ``f(x)``, or to its only face."""

    def decorate(face: Face) -> Face:
        keywords = face.__kwdefaults__ or {}
        operation.defaults = {name: keywords[name] for name in operation.options}
        _DECLARATIONS[face] = Declaration(operation, with_value)
        return face

    return decorate


def twin_of(value_and: Callable[..., Any]) -> Callable[[Face], Face]:
    """Tie an operation to its face without ``f(x)``, which takes the same arguments."""

    def decorate(face: Face) -> Face:
        _DECLARATIONS[face] = Declaration(_DECLARATIONS[value_and].operation, False)
        face.__wrapped__ = value_and  # type: ignore[attr-defined]  # so that help() shows the full signature
        return face

    return decorate


def without_value(results: tuple[Any, ...]) -> Any:
    """``v`` from ``(y, v)``, or ``(v, aux)`` from ``(y, v, aux)``."""
    return results[1] if len(results) == 2 else results[1:]


def declaration_of(function: object) -> Declaration:
    """The declaration behind a public function."""
    found = next((declared for face, declared in _DECLARATIONS.items() if face is function), None)
    if found is None:
        given = getattr(function, "__name__", describe(function))
        known = ", ".join(known.__name__ for known in _DECLARATIONS)
        msg = f"operation must be a function such as adhelpers.gradient, but {given} was given; give one of {known}"
        raise ArgumentTypeError(msg)
    return found


def declarations() -> Mapping[Callable[..., Any], Declaration]:
    """Every public operation, with its declaration."""
    return _DECLARATIONS


def public_operations() -> tuple[Callable[..., Any], ...]:
    """Every public operation, such as `adhelpers.gradient`."""
    return tuple(_DECLARATIONS)


def resolve(f: Function, backend: Backend, x: Any) -> ADBackend:
    """The backend for a call; an error if `f` is not callable."""
    if not callable(f):
        msg = f"f must be callable as f(x, *args), but {describe(f)} was given; pass the function itself"
        raise ArgumentTypeError(msg)
    if isinstance(backend, str):
        return lookup.backend(backend)
    if backend is None:
        running: ADBackend | None = runs_for()  # inside a rule, whose arrays may be plain NumPy arrays
        return lookup.infer(x) if running is None else running
    # Look at the bases first: isinstance with an abstract class takes microseconds.
    if ADBackend in type(backend).__mro__ or isinstance(backend, ADBackend):
        return backend
    if isinstance(backend, type) and issubclass(backend, ADBackend):
        msg = f"backend is the class {backend.__name__}; make an instance of it: {backend.__name__}()"
    else:
        msg = (
            f"backend must be an ADBackend, its name or None, but {describe(backend)} was given; "
            'the arguments are f, backend, x in this order, with a backend such as "finite-difference"'
        )
    raise ArgumentTypeError(msg)
