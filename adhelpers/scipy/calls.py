"""`HostFunction`: operations on a user's function, called with NumPy vectors, and prepared at their first call."""

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
    """The arguments of a call of a view's method."""

    vectors: tuple[Any, ...]
    """x, and a second vector if there is one."""
    args: tuple[Any, ...]
    """Further arguments of `f`."""
    key: Hashable
    """A key that is equal for the same x and `args`, bit by bit; None if they cannot be compared."""


class HostFunction:
    """A user's function of NumPy vectors, and the operations on it.

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

    @property
    def compiles(self) -> bool:
        """Whether operations run compiled code."""
        return self._backend.compiles

    @property
    def given(self) -> tuple[tuple[Any, ...], int]:
        """The further arguments of `f`, and the position of x among all."""
        return self._args, self._argnum

    def read(self, arguments: tuple[Any, ...], *names: str) -> Arguments:
        """Read the arguments from a user or SciPy: the named vectors alone, or with all further arguments of `f`."""
        count, first = len(names), self._argnum
        if len(arguments) == count and first <= len(self._args):
            given, args = arguments, self._args
        elif len(arguments) >= first + count:
            given = arguments[first : first + count]
            args = (*arguments[:first], *arguments[first + count :])
        else:
            before = [f"args[{i}]" for i in range(first)]
            counted = "1 argument was" if len(arguments) == 1 else f"{len(arguments)} arguments were"
            msg = f"this takes ({', '.join([*before, *names, '*args'])}), but {counted} given"
            raise ArgumentTypeError(msg)
        x, *others = map(self.raveled.point_vector, given, names)
        numbers = x.tobytes()
        key: Hashable = numbers
        if args is not self._args:  # by repr, because 0.0 equals -0.0
            key = (numbers, *map(repr, args)) if all(type(arg) in _FIXED for arg in args) else None
        # Not x itself, because SciPy may write the next point into it.
        return Arguments((np.frombuffer(numbers), *others), args, key)

    def run(self, operation: Any, vectors: tuple[Any, ...], args: tuple[Any, ...]) -> Any:
        """The result of an operation, as the framework's array."""
        if args is self._args:
            call = self._calls.get(operation)
            if call is None:
                call = self._calls[operation] = HostCall(operation, self.raveled, self._function, vectors, args)
            return call(vectors, args, call.arrays)
        # Compiled code would treat a number as a constant, and recompile for another number.
        is_data = self._backend.compiles
        numbers = tuple(map(np.float64, args)) if is_data and all(isinstance(arg, float) for arg in args) else None
        kind = (operation, *[float if isinstance(arg, float) else type(arg) for arg in args])
        call = self._calls.get(kind)
        if call is None:
            call = HostCall(operation, self.raveled, self._function, vectors, args, numbers_are_data=is_data)
            self._calls[kind] = call
        return call(vectors, args, numbers)

    def at_once(self, operation: Any, arguments: tuple[Any, ...]) -> Any:
        """The same as a NumPy array, from vectors that compiled code accepts directly; None if it does not.

        For small functions, checking the arguments takes most of the time of a call.
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
        """A linear map at a point: `linearize` or `linearize_gradient`."""
        return operation(self._function, self._backend, self.raveled.lift(x), args=args)

    def to_host(self, array: Any) -> Any:
        """A result as a NumPy array, which may be read-only."""
        numbers = array if type(array) is np.ndarray else self._backend.to_numpy(array)
        if numbers.dtype != FLOAT64:
            msg = f"{self._backend!r} returned dtype {numbers.dtype} for a point of float64; make a new view"
            raise DTypeError(msg)
        return numbers

    def owned(self, array: Any) -> Any:
        """`to_host` in memory that the caller may write to; a copy if needed."""
        numbers = self.to_host(array)
        if numbers.flags.writeable and numbers.flags.c_contiguous:
            return numbers
        return np.array(numbers, order="C")


class HostCall:
    """An operation on a function of one vector, prepared.

    Compiled code gets NumPy arrays if it accepts them, because converting them can take longer than the function.

    Parameters
    ----------
    operation
        An operation of `adhelpers`.
    function
        The function from `Raveled.on_vectors`.
    vectors, args
        An example of a call.
    numbers_are_data
        Whether floats among `args` become arrays instead of constants.

    Attributes
    ----------
    arrays
        The arrays among `args`.
    code
        The compiled code after the first call, which may choose it by trials with the framework's arrays. None if the
        code does not accept NumPy arrays.
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
        # Like `prepare`, but without the example call, because the first call follows.
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
        # NumPy arrays would go to the framework's default device.
        at_home = backend.device(backend.asarray(vectors[0])) == backend.device(raveled.point.leaves[0])
        self._chosen = code if backend.compiled_takes_numpy and at_home else None
        if self._chosen is not None:  # transfer data once
            self.arrays = tuple([backend.asarray(a) if is_numpy(a) else a for a in self.arrays])

    def __call__(self, vectors: tuple[Any, ...], args: tuple[Any, ...], arrays: tuple[Any, ...] | None) -> Any:
        """The result as the framework's array, which may share memory with the vectors.

        `arrays` are the arrays among `args`, of the framework or NumPy. None means that the other arguments differ from
        the example call.
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
"""Immutable types of arguments whose repr tells whether two are the same."""
