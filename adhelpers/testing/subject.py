"""The backend under test: operations on it, and the messages about wrong results."""

from __future__ import annotations

import contextlib
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from adhelpers import (
    ADBackend,
    Capability,
    batched_jacobian,
    jacobian_vector_product,
    value_and_batched_jacobian,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)
from adhelpers.extend import NAMESPACE
from adhelpers.testing.precision import in_single
from adhelpers.trees.matching import leaf_paths

Function = Callable[..., Any]
"""``f(xp, x, *args)``, written over an array namespace."""

SLACK = 100
"""How many times its `relative_error` a result may be off, relative to the largest entry."""


WRONG_VALUE, WRONG_BEHAVIOUR, HANGS = "wrong value", "wrong behaviour", "hangs"


class Failure(AssertionError):  # noqa: N818  # it is not an error but a finding
    """A backend breaks a rule; the message is a full report for its author.

    `kind` is the kind of failure, unless an error is the cause; `values` are the wrong array and the right one.
    """

    def __init__(
        self, message: str, kind: str = WRONG_BEHAVIOUR, values: tuple[np.ndarray, np.ndarray] | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.values = kind, values

    def after(self, words: str) -> Failure:
        """The same failure, with `words` before its message."""
        failure = Failure(words + str(self), self.kind, self.values)
        failure.__cause__ = self.__cause__
        return failure


class OutOfReach(Exception):  # noqa: N818  # nor is this
    """A result cannot be judged, because the backend promises too few digits of it."""


class NotConcerned(Exception):  # noqa: N818  # nor is this
    """The scenario does not apply to the backend, for example because the core does the work."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation, as messages show it; most calls are never shown, and text takes longer than they do."""

    signature: str
    f: Function | None
    operands: dict[str, Any]
    """Copies in NumPy's arrays, because a wrong backend may change what it was given."""

    def __str__(self) -> str:
        lines = [section("called", self.signature)]
        if self.f is not None:
            lines += [section("where f is", _source(self.f)), *_closure(self.f)]
        lines += [section(name, _text(operand)) for name, operand in self.operands.items()]
        return "".join(lines)


class Subject:
    """A backend with the three operations on functions ``f(xp, x)``; it remembers the latest call for messages.

    Operands are the backend's arrays, or NumPy's, which the operations lift. Scenarios are written in double precision.
    For a backend without it, everything that they pass and expect is in single precision.
    """

    def __init__(self, backend: ADBackend) -> None:
        self.backend = backend
        self.last_call: Call | str = ""
        self.precision: Any = np.float32 if _has_single_precision_alone(backend) else np.float64
        self._inside = False

    # -- the operations ------------------------------------------------------------------------------

    def jvp(self, f: Function, x: Any, u: Any, **options: Any) -> Any:
        """`jacobian_vector_product`."""
        return self._call(jacobian_vector_product, f, {"x": x, "u": u}, options)

    def vjp(self, f: Function, x: Any, u: Any, **options: Any) -> Any:
        """`vector_jacobian_product`."""
        return self._call(vector_jacobian_product, f, {"x": x, "u": u}, options)

    def product(self, name: str, f: Function, x: Any, u: Any, **options: Any) -> Any:
        """The product called ``"jvp"`` or ``"vjp"``."""
        return {"jvp": self.jvp, "vjp": self.vjp}[name](f, x, u, **options)

    def value_and_product(self, name: str, f: Function, x: Any, u: Any, **options: Any) -> Any:
        """The same with ``f(x)``."""
        operations = {"jvp": value_and_jacobian_vector_product, "vjp": value_and_vector_jacobian_product}
        return self._call(operations[name], f, {"x": x, "u": u}, options)

    def batched(self, f: Function, x: Any, **options: Any) -> Any:
        """`batched_jacobian`."""
        return self._call(batched_jacobian, f, {"x": x}, options)

    def value_and_batched(self, f: Function, x: Any, **options: Any) -> Any:
        """`value_and_batched_jacobian`."""
        return self._call(value_and_batched_jacobian, f, {"x": x}, options)

    def _call(self, operation: Any, f: Function, operands: dict[str, Any], options: dict[str, Any]) -> Any:
        def bound(x: Any, *args: Any) -> Any:
            return f(self.namespace(x), x, *args)

        operands, options = self.in_precision(operands), self.in_precision(options)
        if self._inside:
            return operation(bound, self.backend, *operands.values(), **options)
        self._inside = True
        words = "".join(f", {name}={value!r}" for name, value in options.items())
        self.record(f"{operation.__name__}(f, {self._name()}, {', '.join(operands)}{words})", f, **operands)
        try:
            return operation(bound, self.backend, *operands.values(), **options)
        finally:
            self._inside = False

    def record(self, signature: str, f: Function | None = None, **operands: Any) -> None:
        """Remember a call for messages."""
        self.last_call = Call(signature, f, {name: self._copied(operand) for name, operand in operands.items()})

    @contextlib.contextmanager
    def after(self, history: str) -> Iterator[None]:
        """Add to a failure what happened before."""
        try:
            yield
        except Failure as failure:
            raise failure.after(section("after", history)) from failure.__cause__

    def _name(self) -> str:
        try:
            return repr(self.backend)
        except Exception:  # noqa: BLE001  # the call is worth more than the name
            return f"{type(self.backend).__name__}(...)"

    # -- arrays ----------------------------------------------------------------------------------------

    def in_precision(self, tree: Any) -> Any:
        """`tree` with NumPy's arrays in the backend's precision."""
        return in_single(tree) if self.precision is np.float32 else tree

    def dtype_word(self, word: str) -> str:
        """The name of a double-precision dtype in the backend's precision; any other word unchanged."""
        names = {"float64": "float32", "complex128": "complex64"}
        return names.get(word, word) if self.precision is np.float32 else word

    def arrays(self, tree: Any) -> Any:
        """`tree` with NumPy's floating and complex arrays replaced by the backend's, in its precision."""

        def lifted(leaf: Any) -> Any:
            plain = type(leaf) is np.ndarray or isinstance(leaf, np.generic)
            return self.backend.asarray(leaf) if plain and np.issubdtype(leaf.dtype, np.inexact) else leaf

        return optree.tree_map(lifted, self.in_precision(tree), namespace=NAMESPACE)

    def numpy(self, tree: Any) -> Any:
        """`tree` with the backend's arrays replaced by NumPy arrays."""
        leaves, treedef = self.backend.flatten(tree)
        is_array = self.backend.is_array
        return treedef.unflatten([self.backend.to_numpy(leaf) if is_array(leaf) else leaf for leaf in leaves])

    def namespace(self, tree: Any) -> Any:
        """The array namespace of the arrays in `tree`, NumPy's if there are none."""
        leaves, _ = self.backend.flatten(tree)
        arrays = [leaf for leaf in leaves if self.backend.is_array(leaf)]
        return self.backend.array_namespace(*arrays) if arrays else self.backend.array_namespace(self.one())

    def one(self) -> Any:
        """The number 1 as an array of the backend."""
        return self.arrays(np.asarray(1.0))

    def _copied(self, tree: Any) -> Any:
        try:
            return optree.tree_map(_copy, self.numpy(tree), namespace=NAMESPACE)
        except Exception:  # noqa: BLE001  # a message should show it all the same
            return tree

    # -- what is expected --------------------------------------------------------------------------------

    def expect(self, condition: bool, received: str, expected: str, kind: str = WRONG_BEHAVIOUR) -> None:
        """Fail with those words unless the condition holds."""
        if not condition:
            raise Failure(section("received", received) + section("expected", expected), kind)

    def expect_close(
        self,
        received: Any,
        expected: Any,
        *,
        what: str = "the result",
        depth: int = 1,
        precision: Any = None,
        scale: float = 1e-3,
    ) -> None:
        """Each leaf is an array of the backend, of the shape and dtype of its NumPy reference, and close to it.

        `depth` counts nested derivatives: each multiplies the error of a backend that takes differences. `precision` is
        that of the least precise array behind the result, if it is not the subject's. `scale` is the size of the
        function, whose rounding shows in a derivative of any size.
        """
        for leaf, reference, path in self._partners(received, expected, what):
            allowed = self.tolerance(reference, depth, precision) * max(scale, _largest(reference))
            self._expect_values(leaf, reference, path, allowed)

    def expect_equal(self, received: Any, expected: Any, *, what: str = "the result") -> None:
        """The same, with exact entries."""
        for leaf, reference, path in self._partners(received, expected, what):
            array = self.backend.to_numpy(leaf)
            if not np.array_equal(array, reference):
                self.expect(False, f"{path} = {_text(array)}", f"exactly {_text(reference)}", WRONG_VALUE)

    def expect_infinite(
        self, received: Any, expected: Any, slope: Callable[[float], Any], *, what: str = "the result"
    ) -> None:
        """As `expect_close`, for a single reference with some infinite entries.

        A rule gives an infinite slope. Differences give NaN if they leave the domain of the function, or else the slope
        over their step, and more cannot be expected of them. `slope` gives that slope for a step, in the shape of the
        result; it is called with `SLACK` times the backend's step.
        """
        ((leaf, reference, path),) = self._partners(received, expected, what)
        array, step = self.backend.to_numpy(leaf), self.step()
        infinite = np.isinf(reference)
        kept = self.arrays(np.where(infinite, 0.0, array))
        self.expect_close(kept, np.where(infinite, 0.0, reference), what=f"{path}, without the infinite entries,")
        found, wanted = array[infinite], reference[infinite]
        if step == 0.0:
            words = f"{path} = {_text(array)}", f"exactly {_text(reference)}"
            self.expect(np.array_equal(found, wanted), *words, WRONG_VALUE)
            return
        least = np.abs(np.broadcast_to(slope(SLACK * step), reference.shape)[infinite])
        self.expect(
            bool(np.all(np.isnan(found) | (np.sign(wanted) * found >= least))),
            f"{path} = {_text(array)}",
            f"{_text(reference)}; by differences over about {step:.2g}, NaN or at least {_text(least)} in size",
            WRONG_VALUE,
        )

    def expect_error(
        self, error_type: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], Any]
    ) -> BaseException:
        """The error that `call` raises, which must be of that type."""
        types = error_type if isinstance(error_type, tuple) else (error_type,)
        expected = " or ".join(cls.__name__ for cls in types)
        try:
            result = call()
        except types as error:
            return error
        except Exception as error:
            message = f"{type(error).__module__}.{type(error).__name__}: {error}"
            raise Failure(section("raised", message) + section("expected", expected)) from error
        raise Failure(section("received", _text(self._copied(result))) + section("expected", expected))

    def tolerance(self, reference: np.ndarray, depth: int = 1, precision: Any = None) -> float:
        """The largest relative difference from `reference` that the backend's own `relative_error` allows."""
        epsilon = max(float(np.finfo(dtype).eps) for dtype in (reference.dtype, precision or self.precision))
        owed, step = self.backend.relative_error(epsilon), self.backend.relative_step(epsilon)
        # Differences divide the error of the inner derivative by their step; rules do not.
        allowed = SLACK * owed * (step or 1.0) ** (1 - depth)
        if allowed > 0.1 and depth > 2:
            msg = f"the backend promises no digit of {depth} nested derivatives in {reference.dtype}"
            raise OutOfReach(msg)
        if allowed > 0.1:
            received = f"relative_error({epsilon:.2g}) = {owed:.2g}"
            received += f" and relative_step = {step:.2g}, which promises no digit of {depth} nested derivatives"
            expected = "some digits: declare no larger error than the true one, or leave out NESTING"
            raise Failure(section("received", received) + section("expected", expected))
        return allowed

    def step(self, precision: Any = None) -> float:
        """About how far from x the backend evaluates f; 0 for derivative rules."""
        return self.backend.relative_step(float(np.finfo(precision or self.precision).eps))

    def require_reach(self, reach: float, precision: Any = None) -> None:
        """Skip a scenario about a function that is smooth only within `reach` of x, if the backend steps further."""
        step = self.step(precision)
        if SLACK * step > reach:
            msg = f"the backend takes steps of about {step:.2g}, too long to see what f does within {reach:.2g}"
            raise OutOfReach(msg)

    def _partners(self, received: Any, expected: Any, what: str) -> list[tuple[Any, np.ndarray, str]]:
        leaves, treedef = self.backend.flatten(received)
        self._expect_structure(treedef.unflatten([np.zeros(()) for _ in leaves]), expected, what)
        references = optree.tree_leaves(self.in_precision(expected), namespace=NAMESPACE)
        paths = leaf_paths(optree.tree_structure(expected, namespace=NAMESPACE), what)
        partners = []
        for leaf, reference, path in zip(leaves, map(np.asarray, references), paths, strict=True):
            self._expect_like(leaf, reference, path)
            partners.append((leaf, reference, path))
        return partners

    def _expect_structure(self, received: Any, expected: Any, what: str) -> None:
        got, wanted = (optree.tree_structure(tree, namespace=NAMESPACE) for tree in (received, expected))
        self.expect(got == wanted, f"{what} of structure {got}", f"{wanted} (promise R1)")

    def _expect_like(self, leaf: Any, reference: np.ndarray, path: str) -> None:
        kind = f"{type(leaf).__module__}.{type(leaf).__qualname__}"
        self.expect(self.backend.is_array(leaf), f"{path} is a {kind}", "an array of the backend (promise R2)")
        if self.backend.is_traced(leaf):
            self.expect(False, f"{path} is a tracer, {leaf!r}", "an array with values (promise R10)")
        shape, dtype = tuple(leaf.shape), self.backend.asarray(reference).dtype
        self.expect(shape == reference.shape, f"{path} of shape {shape}", f"shape {reference.shape} (promise R4)")
        self.expect(leaf.dtype == dtype, f"{path} of dtype {leaf.dtype}", f"dtype {dtype} (promise R4)")

    def _expect_values(self, leaf: Any, reference: np.ndarray, path: str, allowed: float) -> None:
        array = self.backend.to_numpy(leaf)
        if not isinstance(array, (np.ndarray, np.generic)) or array.shape != reference.shape:
            self.expect(False, f"{path} by to_numpy: {_text(array)}", f"a NumPy array of shape {reference.shape}")
        dtypes = f"{path} by to_numpy of dtype {array.dtype}", f"dtype {reference.dtype} (promise R4)"
        self.expect(array.dtype == reference.dtype, *dtypes)
        deviation = np.abs(array - reference)
        if reference.size == 0 or np.all(deviation <= allowed):
            return
        place = np.unravel_index(int(np.argmax(np.nan_to_num(deviation, nan=np.inf))), reference.shape)
        where = f"{path}{list(map(int, place))}" if place else path
        difference = f"{where} is off by {deviation[place]:.2g}; {allowed:.2g} is allowed"
        raise Failure(
            section("received", f"{path} = {_text(array)}")
            + section("expected", _text(reference))
            + section("difference", difference),
            WRONG_VALUE,
            (array, reference),
        )


def _has_single_precision_alone(backend: ADBackend) -> bool:
    return Capability.FLOAT32 in backend.capabilities and Capability.FLOAT64 not in backend.capabilities


def section(title: str, text: str) -> str:
    """A part of a message: a title, and the text below it."""
    return f"{title}\n{textwrap.indent(text, '    ')}\n"


def share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether writing to one of them can change the other; read-only arrays may share memory."""
    return bool(np.shares_memory(a, b)) and (a.flags.writeable or b.flags.writeable)


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), initial=0.0))


def _source(f: Any) -> str:
    f = f.func if isinstance(f, functools.partial) else f
    try:
        return textwrap.dedent(inspect.getsource(f)).strip()
    except (OSError, TypeError):
        return repr(f)


def _closure(f: Any) -> list[str]:
    """The values that f closes over: numbers, texts and arrays."""
    try:
        around = inspect.getclosurevars(f).nonlocals
    except (TypeError, ValueError):
        return []
    shown = (str, int, float, complex, np.ndarray)
    lines = [f"{name} = {_text(value)}" for name, value in around.items() if isinstance(value, shown)]
    return [section("with", "\n".join(lines))] if lines else []


def _copy(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def _text(tree: Any) -> str:
    with np.printoptions(threshold=60, edgeitems=3, precision=17):
        return repr(tree)
