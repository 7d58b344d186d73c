"""`HostFunction`: operations on a user's function, called with vectors of NumPy's and prepared when they first are."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from adhelpers.compiled.prepared import Prepared
from adhelpers.engine import journal
from adhelpers.errors import ArgumentTypeError, DTypeError
from adhelpers.operations.declaration import Function, declaration_of
from adhelpers.plugins.objects import is_numpy
from adhelpers.scipy.raveled import FLOAT64, Raveled

Map = TypeVar("Map")


class Arguments(NamedTuple):
    """What a method of a view was called with."""

    vectors: tuple[Any, ...]
    """x, and a vector beside it if there is one."""
    args: tuple[Any, ...]
    """Further arguments of `f`."""
    key: Hashable
    """Equal for the same x and `args`, bit by bit; None where that cannot be said."""


class HostFunction:
    """A user's function of NumPy vectors, and operations on it.

    Parameters
    ----------
    f, args, argnum
        As `view` takes them.
    raveled
        The structure of `x`.
    """

    def __init__(self, f: Function, raveled: Raveled, args: tuple[Any, ...], argnum: int) -> None:
        self.raveled = raveled
        self._shape = (raveled.size,)
        self._backend = raveled.backend
        self._function = raveled.on_vectors(f, argnum)
        self._args = args
        self._argnum = argnum
        self._calls: dict[Hashable, HostCall] = {}

    def read(self, arguments: tuple[Any, ...], *names: str) -> Arguments:
        """What a user, or SciPy, gives: vectors of these names alone, or with all further arguments of `f`."""
        count, first = len(names), self._argnum
        if len(arguments) == count and first <= len(self._args):
            given, args = arguments, self._args
        elif len(arguments) >= first + count:
            given = arguments[first : first + count]
            args = (*arguments[:first], *arguments[first + count :])
        else:
            before = [f"args[{i}]" for i in range(first)]
            msg = f"this takes ({', '.join([*before, *names, '*args'])}), but the arguments were {len(arguments)}"
            raise ArgumentTypeError(msg)
        x, *others = map(self.raveled.point_vector, given, names)
        numbers = x.tobytes()
        key: Hashable = numbers
        if args is not self._args:  # by what they look like, for 0.0 equals -0.0
            key = (numbers, *map(repr, args)) if all(type(arg) in _FIXED for arg in args) else None
        # Not x itself: SciPy may write the next point into it.
        return Arguments((np.frombuffer(numbers), *others), args, key)

    def run(self, operation: Any, vectors: tuple[Any, ...], args: tuple[Any, ...]) -> Any:
        """What an operation gives, as the framework has it."""
        if args is self._args:
            call = self._calls.get(operation)
            if call is None:
                call = self._calls[operation] = HostCall(operation, self.raveled, self._function, vectors, args)
            return call(vectors, args, call.arrays)
        # Compiled code would have a number for a constant, and be made anew for another one.
        is_data = self._backend.compiles
        numbers = tuple(map(np.float64, args)) if is_data and all(isinstance(arg, float) for arg in args) else None
        kind = (operation, *[float if isinstance(arg, float) else type(arg) for arg in args])
        call = self._calls.get(kind)
        if call is None:
            call = HostCall(operation, self.raveled, self._function, vectors, args, numbers_are_data=is_data)
            self._calls[kind] = call
        return call(vectors, args, numbers)

    def at_once(self, operation: Any, arguments: tuple[Any, ...]) -> Any:
        """The same in an array of NumPy's, from vectors that compiled code takes as they are; None where there is none.

        With small functions it is most of the time that a call takes what is looked at before.
        """
        call = self._calls.get(operation)
        if call is None or call.code is None or len(arguments) != call.count:
            return None
        for vector in arguments:
            if type(vector) is not np.ndarray or vector.dtype is not FLOAT64 or vector.shape != self._shape:
                return None
            if not vector.flags.c_contiguous:
                return None
        if journal.is_explained():
            return None
        numbers = np.array(call.code(*arguments, *call.arrays))
        return numbers if numbers.dtype is FLOAT64 else None

    def linearized(self, operation: Callable[..., Map], x: Any, args: tuple[Any, ...]) -> Map:
        """A linear map at a point: `linearize`, or that of the gradient."""
        return operation(self._function, self._backend, self.raveled.lift(x), args=args)

    def to_host(self, array: Any) -> Any:
        """Such a result as NumPy has it; it may be read-only."""
        numbers = array if type(array) is np.ndarray else self._backend.to_numpy(array)
        if numbers.dtype != FLOAT64:
            msg = f"{self._backend!r} gave numbers of dtype {numbers.dtype} for a point of float64; make the view anew"
            raise DTypeError(msg)
        return numbers


class HostCall:
    """An operation on a function of one vector, prepared.

    Compiled code is called with NumPy's arrays where it takes them: to make the framework's of them takes longer than
    many a function.

    Parameters
    ----------
    operation
        One of `adhelpers`.
    function
        As `Raveled.on_vectors` makes it.
    vectors, args
        An example of a call.
    numbers_are_data
        Whether floats among `args` are arrays to the function, and no constants.

    Attributes
    ----------
    arrays
        Those among `args`.
    code
        What was compiled, once it was called: at the first call trials may choose it, for which they need the
        framework's arrays. None where NumPy's are not taken.
    count
        How many vectors there are.
    """

    __slots__ = ("_chosen", "_lift", "_numbers_are_data", "_prepared", "arrays", "code", "count")

    def __init__(
        self,
        operation: Callable[..., Any],
        raveled: Raveled,
        function: Callable[..., Any],
        vectors: tuple[Any, ...],
        args: tuple[Any, ...],
        *,
        numbers_are_data: bool = False,
    ) -> None:
        backend = raveled.backend
        self._lift = raveled.lift
        self._numbers_are_data = numbers_are_data
        declared = declaration_of(operation)
        # As `prepare` does it, but without a call to begin with: the first one follows.
        self._prepared = Prepared(
            operation,
            declared.operation,
            function,
            backend,
            with_value=declared.with_value,
            strict=False,
            options={},
        )
        lifted = tuple(map(raveled.lift, vectors))
        code, arrays = self._prepared.code_for(*lifted, *self._lifted(args))
        self.code: Callable[..., Any] | None = None
        self.count = len(vectors)
        self.arrays = arrays[self.count :]
        # NumPy's arrays would go to the framework's usual device.
        at_home = backend.device(backend.asarray(vectors[0])) == backend.device(raveled.point.leaves[0])
        self._chosen = code if backend.compiled_takes_numpy and at_home else None
        if self._chosen is not None:  # data is brought there once
            self.arrays = tuple([backend.asarray(a) if is_numpy(a) else a for a in self.arrays])

    def __call__(self, vectors: tuple[Any, ...], args: tuple[Any, ...], arrays: tuple[Any, ...] | None) -> Any:
        """The result as the framework has it; it may lie in the memory of the vectors.

        `arrays` are those among `args`, the framework's or NumPy's, or None if the rest is not as in the example.
        """
        if self.code is not None and arrays is not None and not journal.is_explained():
            return self.code(*vectors, *arrays)
        result = self._prepared(*map(self._lift, vectors), *self._lifted(args))
        self.code = self._chosen
        return result

    def _lifted(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._numbers_are_data:
            return args
        return tuple([self._lift(np.asarray(arg)) if isinstance(arg, float) else arg for arg in args])


_FIXED = {bool, int, float, str, np.float64}
"""Types of arguments that cannot change, and that look the same only if they are."""
