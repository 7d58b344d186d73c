"""Options of operations: what each may be, and what is said of any other value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labels import label

import adhelpers
from adhelpers import ArgumentError, ArgumentTypeError, BatchAxisError, Formulation, options
from adhelpers.operations.declaration import declarations

FLAGS = ("has_aux", "holomorphic", "differentiate_u")


class Index:
    """An integer that is no int, as other libraries have."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


# -- each check ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False])
def test_flags(value: bool) -> None:
    options.flag("has_aux", value)


@pytest.mark.parametrize("value", [0, 1, "no", "True", None, np.True_, [True]], ids=label)
def test_what_is_no_flag(value: Any) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        options.flag("has_aux", value)
    assert str(raised.value) == f"has_aux is {value!r}; write True or False"


@pytest.mark.parametrize("value", ["one", "two", "three"])
def test_words(value: str) -> None:
    options.word(("one", "two", "three"))("mode", value)


@pytest.mark.parametrize("value", ["four", "One", "", 1, None, ("one", "two"), ["one"]], ids=label)
def test_what_is_none_of_the_words(value: Any) -> None:
    with pytest.raises(ArgumentError) as raised:
        options.word(("one", "two", "three"))("mode", value)
    assert str(raised.value) == f"mode is {value!r}; write 'one', 'two' or 'three'"


@pytest.mark.parametrize("value", [None, 1, 100, np.int64(3), Index(2)], ids=label)
def test_chunk_sizes(value: Any) -> None:
    options.chunk_size("chunk_size", value)


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.0, "1", [1], Index(0), np.asarray([2, 3]), np.asarray(2.0)], ids=label
)
def test_what_is_no_chunk_size(value: Any) -> None:
    with pytest.raises(ArgumentError, match="chunk_size is .*; write a positive int"):
        options.chunk_size("chunk_size", value)


@pytest.mark.parametrize("value", [-1, 0])
def test_batch_axes(value: int) -> None:
    options.batch_axis("batch_axis", value)


@pytest.mark.parametrize("value", [1, -2, True, False, 0.0, "0", None, [0]], ids=label)
def test_what_is_no_batch_axis(value: Any) -> None:
    """False would count as 0."""
    with pytest.raises(BatchAxisError, match=r"write -1 for the batch last, or 0 for the batch first"):
        options.batch_axis("batch_axis", value)


@pytest.mark.parametrize("value", [True, False, "always"])
def test_checks_of_the_batch(value: Any) -> None:
    options.check("check", value)


@pytest.mark.parametrize("value", ["never", "", 0, 1, None, np.True_, ["always"]], ids=label)
def test_what_is_no_check_of_the_batch(value: Any) -> None:
    with pytest.raises(ArgumentError) as raised:
        options.check("check", value)
    assert str(raised.value) == f"check is {value!r}; write True, False or 'always'"


@pytest.mark.parametrize("value", [None, abs, lambda y: y, Index], ids=label)
def test_losses(value: Any) -> None:
    options.function_or_none("loss", value)


@pytest.mark.parametrize("value", [3, "mse", ()], ids=label)
def test_what_is_no_loss(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="loss is .*; give a function of"):
        options.function_or_none("loss", value)


# -- on every operation -------------------------------------------------------------------------------

WITH_MODE = [operation for operation, declared in declarations().items() if "mode" in declared.operation.options]
BAD_MODES = [Formulation("forward", "sweep"), ("forward", "sweep"), 1, None, True, "backward", "Forward", b"forward"]


def operands(operation: Any) -> tuple[Any, ...]:
    x = np.asarray([[1.0, 2.0]]) if "batched" in operation.__name__ else np.asarray([1.0, 2.0])
    return (x,) if declarations()[operation].operation.along is None else (x, x)


def never(*_: Any) -> Any:
    raise AssertionError("a bad option is refused before f is called")


def test_some_operations_have_modes() -> None:
    assert len(WITH_MODE) >= 10


@pytest.mark.parametrize("mode", BAD_MODES, ids=label)
@pytest.mark.parametrize("operation", WITH_MODE, ids=lambda operation: operation.__name__)
def test_a_mode_is_one_of_the_words(operation: Any, mode: Any) -> None:
    """A `Formulation` too is refused: it is a backend's answer, and no option."""
    with pytest.raises(ArgumentError, match=r"mode is .*; write 'auto', "):
        operation(never, "finite-difference", *operands(operation), mode=mode)
    with pytest.raises(ArgumentError, match=r"mode is .*; write 'auto', "):
        adhelpers.prepare(operation, never, "finite-difference", *operands(operation), mode=mode)


@pytest.mark.parametrize("operation", list(declarations()), ids=lambda operation: operation.__name__)
def test_every_option_of_every_operation_is_checked(operation: Any) -> None:
    for name in ("has_aux", *declarations()[operation].operation.options):
        for call in (operation, lambda *given, **more: adhelpers.prepare(operation, *given, **more)):
            with pytest.raises((ArgumentError, ArgumentTypeError, BatchAxisError), match=f"^{name} is "):
                call(never, "finite-difference", *operands(operation), **{name: 3.5})


@pytest.mark.parametrize("operation", list(declarations()), ids=lambda operation: operation.__name__)
def test_an_option_that_does_not_exist_is_refused(operation: Any) -> None:
    with pytest.raises(TypeError, match="chunksize"):
        operation(never, "finite-difference", *operands(operation), chunksize=3)
    with pytest.raises(ArgumentTypeError, match=r"has no option 'chunksize', 'axis'; its options are has_aux"):
        adhelpers.prepare(operation, never, "finite-difference", *operands(operation), chunksize=3, axis=0)
