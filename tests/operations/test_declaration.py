"""What is declared of operations, and which backend a caller means."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import numpy as np
import pytest
from labels import label

import adhelpers
from adhelpers import ArgumentTypeError
from adhelpers.operations.declaration import Operation, declaration_of, declarations, without_value

# -- which backend a caller means ---------------------------------------------------------------------


def test_class_in_place_of_a_backend_says_to_make_an_instance() -> None:
    cls = type(adhelpers.backend("finite-difference"))
    with pytest.raises(TypeError, match=r"the class FiniteDifferenceBackend; .* FiniteDifferenceBackend\(\)"):
        adhelpers.gradient(len, cls, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", [3, ["jax"], object, np], ids=["int", "list", "class", "module"])
def test_wrong_object_in_place_of_a_backend_is_a_type_error(backend: object) -> None:
    with pytest.raises(TypeError, match=r"an ADBackend, its name or None, but an? .* was given; the arguments are"):
        adhelpers.gradient(len, backend, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("f", [None, 3.0, "jax"], ids=label)
def test_function_that_is_not_callable_is_a_type_error(f: object) -> None:
    with pytest.raises(TypeError, match=r"f must be callable as .* given; pass the function itself"):
        adhelpers.jacobian_vector_product(f, "finite-difference", 1.0, 1.0)  # type: ignore[arg-type]


# -- declarations -------------------------------------------------------------------------------------

OPERATIONS = list(declarations())
EVERY = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
NO_OPERATIONS = {
    "linearize",  # which gives no leaves
    "linearize_gradient",
    "array_namespace",
    "backend",
    "backends",
    "clear_caches",
    "compare",
    "custom_rule",
    "explain",
    "fewest_vectors_first",
    "implicit",
    "mark_constants",
    "prepare",
    "special_namespace",
    "tree_leaves",
    "tree_map",
}
"""Public functions that differentiate nothing themselves."""


def test_every_public_function_that_differentiates_is_declared() -> None:
    public = {name for name in adhelpers.__all__ if inspect.isfunction(getattr(adhelpers, name))}
    assert {operation.__name__ for operation in OPERATIONS} == public - NO_OPERATIONS
    assert all(getattr(adhelpers, operation.__name__) is operation for operation in OPERATIONS)


@EVERY
def test_every_operation_has_a_twin(operation: Any) -> None:
    """Of one declaration there are two faces: one returns f(x) too, and says so in its name. `value` is one."""
    declared = declaration_of(operation)
    name = declared.operation.name
    names = {name} if name == "value" else {name, f"value_and_{name}"}
    assert operation.__name__ == (f"value_and_{name}" if declared.with_value else name)
    faces = [other for other in OPERATIONS if declaration_of(other).operation is declared.operation]
    assert {face.__name__ for face in faces} == names


@EVERY
def test_twins_have_the_same_signature(operation: Any) -> None:
    """Names, kinds, defaults and annotations; what they return differs."""
    twin = next(o for o in OPERATIONS if o.__name__ == operation.__name__.removeprefix("value_and_"))
    mine, other = inspect.signature(operation), inspect.signature(twin)
    assert list(mine.parameters.values()) == list(other.parameters.values())


@EVERY
def test_a_call_begins_with_f_backend_and_operands(operation: Any) -> None:
    """All else is by keyword, so that nothing can be given in the wrong place."""
    declared, parameters = declaration_of(operation), inspect.signature(operation).parameters
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["f", "backend", *declared.operation.operands]
    keywords = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert keywords == {"args": (), "has_aux": False, **declared.operation.defaults}
    assert list(declared.operation.defaults) == list(declared.operation.options)


@EVERY
def test_the_types_of_options_name_each_of_them(operation: Any) -> None:
    """What a type checker lets pass by keyword is what there is."""
    overloads = typing.get_overloads(operation)
    assert len(overloads) == (3 if declaration_of(operation).with_value else 2)
    for overload in overloads:
        hints = typing.get_type_hints(overload, include_extras=True)
        (options,) = typing.get_args(hints["options"])
        assert set(typing.get_type_hints(options)) == {"args", *declaration_of(operation).operation.options}


@EVERY
def test_defaults_are_values_that_options_may_have(operation: Any) -> None:
    declared = declaration_of(operation).operation
    declared.check(declared.defaults)


@EVERY
def test_options_reach_an_operation_in_the_order_of_their_defaults(
    operation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which those that were left out are known to need no check."""
    seen = []

    def call(
        self: Operation, f: Any, backend: Any, operands: Any, args: Any, has_aux: bool, options: dict[str, Any]
    ) -> Any:
        seen.append((self, operands, args, has_aux, options))
        return (1, 2)

    monkeypatch.setattr(Operation, "call", call)
    declared = declaration_of(operation).operation
    operands = tuple(object() for _ in declared.operands)
    operation(len, None, *operands)
    changed = {name: object() for name in declared.options}
    operation(len, None, *operands, args=(3,), has_aux=True, **changed)
    assert seen == [
        (declared, operands, (), False, declared.defaults),
        (declared, operands, (3,), True, changed),
    ]
    assert [list(entry[-1]) for entry in seen] == [list(declared.defaults)] * 2


@EVERY
def test_what_is_declared_of_results_is_so(operation: Any) -> None:
    """Whose structure they have: x is a dict here, and f(x) a list where it may be."""
    declared = declaration_of(operation)
    name = declared.operation.name
    if name.startswith("batched"):
        assert declared.operation.result == ("H" if "hessian" in name else "J")
        return
    of_one = name in ("derivative", "second_derivative")
    gives_one = name in ("gradient", "hessian", "laplacian", "hessian_vector_product")
    x = 2.0 if of_one else {"a": np.asarray([1.0, 2.0])}

    def f(x: Any) -> Any:
        squares = x * x if of_one else x["a"] ** 2
        return squares.sum() if gives_one else [squares]

    u = {"x": (x,), "f(x)": ([np.ones(2)],), None: ()}[declared.operation.along]
    result = operation(f, "finite-difference", x, *u)
    result = result[1] if declared.with_value else result
    outer = {"f(x)": np.ndarray if gives_one else list, "x": dict, "J": list, "H": dict}[declared.operation.result]
    assert isinstance(result, outer) or (gives_one and isinstance(result, np.generic))
    if declared.operation.result in ("J", "H"):
        inner = result["a"] if outer is dict else result[0]
        assert list(inner) == ["a"]


@pytest.mark.parametrize(
    ("given", "words"),
    [(len, "len"), (adhelpers.prepare, "prepare"), ("gradient", "a str"), (None, "None"), ([], "a list of length 0")],
    ids=label,
)
def test_what_is_no_operation_is_refused(given: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        declaration_of(given)
    assert f"operation must be a function such as adhelpers.gradient, but {words} was given" in str(raised.value)
    assert "value_and_batched_hessian" in str(raised.value)


@pytest.mark.parametrize(("results", "expected"), [((1, 2), 2), ((1, 2, 3), (2, 3))])
def test_without_value(results: Any, expected: Any) -> None:
    assert without_value(results) == expected


@pytest.mark.parametrize("value", [0, 1, 0.0, "no", None], ids=repr)
def test_what_equals_a_flag_is_none(value: Any) -> None:
    x = np.ones(2)
    with pytest.raises(adhelpers.ArgumentTypeError, match="differentiate_u is .*; write True or False"):
        adhelpers.jacobian_vector_product(lambda x: x, "finite-difference", x, x, differentiate_u=value)
    with pytest.raises(adhelpers.ArgumentTypeError, match="has_aux is .*; write True or False"):
        adhelpers.gradient(lambda x: x, "finite-difference", x, has_aux=value)
