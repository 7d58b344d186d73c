"""`custom_rule` on every backend: what it makes of a function, when a rule is used, and what is refused."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from toys import ForwardToy

import adhelpers
from adhelpers import (
    ADBackend,
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    UnsupportedOperationError,
    array_namespace,
    gradient,
    hessian,
    jacobian_vector_product,
    vector_jacobian_product,
)
from conftest import MODES, assert_close, lifted

X = np.array([0.4, -1.1])
WORDS = ["".join(word) for n in (1, 2, 3) for word in itertools.product("FR", repeat=n)]


def scaled_tanh(jvp: float | None, vjp: float | None) -> Any:
    """A rule for tanh that knows `x` by `y` alone, and gives so many times the right derivative."""

    @adhelpers.custom_rule
    def tanh(x: Any) -> Any:
        """The hyperbolic tangent."""
        return array_namespace(x).tanh(x)

    if jvp is not None:
        tanh.defjvp(lambda x, y, u: jvp * (1.0 - y**2) * u)
    if vjp is not None:
        tanh.defvjp(lambda x, y, v: vjp * (1.0 - y**2) * v)
    return tanh


# -- which rule is used -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scales", [(2.0, 3.0), (2.0, None), (None, 3.0)])
@pytest.mark.parametrize("word", WORDS)
def test_each_product_is_used_for_what_it_is_to_any_order(
    framework: ADBackend, word: str, scales: tuple[float | None, float | None]
) -> None:
    jvp, vjp = scales
    factors = {"F": jvp or vjp, "R": vjp or jvp}
    x, one = lifted(framework, (np.asarray(0.4), np.asarray(1.0)))
    steps = {
        "F": lambda f: lambda x: jacobian_vector_product(f, framework, x, one),
        "R": lambda f: lambda x: vector_jacobian_product(f, framework, x, one),
    }
    f: Callable[[Any], Any] = scaled_tanh(jvp, vjp)
    for letter in word:
        f = steps[letter](f)
    y = np.tanh(0.4)
    derivative = [1.0 - y**2, -2.0 * y * (1.0 - y**2), (6.0 * y**2 - 2.0) * (1.0 - y**2)][len(word) - 1]
    expected = np.asarray(derivative * np.prod([factors[letter] for letter in word]))
    assert_close(framework, f(x), expected, depth=len(word))


@pytest.mark.parametrize("scales", [(1.0, 1.0), (1.0, None), (None, 1.0)])
@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives_see_y_depend_on_x(
    backend: ADBackend, mode: Any, scales: tuple[float | None, float | None]
) -> None:
    tanh = scaled_tanh(*scales)
    received = hessian(lambda x: tanh(x).sum(), backend, lifted(backend, X), mode=mode)
    assert_close(backend, received, np.diag(-2.0 * np.tanh(X) * (1.0 - np.tanh(X) ** 2)), depth=2)


@pytest.mark.parametrize("which", ["jvp", "vjp"])
def test_operations_inside_a_rule_see_their_vectors_vary(framework: ADBackend, which: str) -> None:
    """Of the other product, which is the derivative by the vector, nothing would be left."""
    sin = adhelpers.custom_rule(lambda x: array_namespace(x).sin(x))
    inner = lambda x: array_namespace(x).sin(x)  # noqa: E731
    if which == "jvp":
        sin.defjvp(lambda x, y, u: jacobian_vector_product(inner, None, x, u))
    else:
        sin.defvjp(lambda x, y, v: vector_jacobian_product(inner, None, x, v))
    x = lifted(framework, X)
    assert_close(framework, vector_jacobian_product(sin, framework, x, X), np.cos(X) * X)
    assert_close(framework, jacobian_vector_product(sin, framework, x, X), np.cos(X) * X)
    for mode in MODES:
        received = hessian(lambda x: sin(x).sum(), framework, x, mode=mode)
        assert_close(framework, received, np.diag(-np.sin(X)), depth=2)


def test_outside_of_a_rule_vectors_are_constant_again(framework: ADBackend) -> None:
    tanh = scaled_tanh(1.0, None)
    x = lifted(framework, X)
    gradient(lambda x: tanh(x).sum(), framework, x)
    received = gradient(lambda x: jacobian_vector_product(lambda z: z * 2.0, framework, x, x).sum(), framework, x)
    assert_close(framework, received, np.zeros(2))


# -- what it is to its user -------------------------------------------------------------------------------


def test_it_is_the_function_on_arrays_that_nobody_differentiates(backend: ADBackend) -> None:
    tanh = scaled_tanh(1.0, None)
    with backend.scope():
        assert_close(backend, tanh(lifted(backend, X)), np.tanh(X))
    assert tanh.__name__ == "tanh"
    assert tanh.__doc__ == "The hyperbolic tangent."


@pytest.mark.parametrize(
    ("scales", "words"),
    [((1.0, 1.0), "jvp and vjp"), ((None, 1.0), "vjp"), ((1.0, None), "jvp"), ((None, None), "none yet")],
)
def test_it_shows_which_rules_it_has(scales: Any, words: str) -> None:
    assert repr(scaled_tanh(*scales)) == f"<tanh with a rule: {words}>"


def test_definitions_return_what_they_are_given() -> None:
    tanh, jvp = scaled_tanh(None, None), lambda x, y, u: u
    assert tanh.defjvp(jvp) is jvp
    assert tanh.defvjp(jvp) is jvp


def test_keywords_are_refused() -> None:
    tanh = scaled_tanh(1.0, None)
    for call in (lambda: tanh(x=X), lambda: tanh(X, scale=2.0), tanh):
        with pytest.raises(ArgumentTypeError, match=r"takes positional arguments only; call it as tanh\(x, \*args\)"):
            call()


def test_methods_are_refused() -> None:
    class Model:
        @adhelpers.custom_rule
        def apply(self, x: Any) -> Any:
            return x

    assert repr(Model.apply) == "<apply with a rule: none yet>"
    with pytest.raises(ArgumentTypeError, match="apply is a method, but a rule does not get its object; decorate a"):
        Model().apply(X)


@pytest.mark.parametrize("name", ["f", "jvp", "vjp", "shapes"])
def test_what_is_no_function_is_refused(name: str) -> None:
    give: dict[str, Callable[[Any], Any]] = {
        "f": adhelpers.custom_rule,
        "jvp": scaled_tanh(None, None).defjvp,
        "vjp": scaled_tanh(None, None).defvjp,
        "shapes": lambda shapes: adhelpers.custom_rule(shapes=shapes),
    }
    with pytest.raises(ArgumentTypeError, match=f"{name} must be a function, but .* was given"):
        give[name]("a word")


@pytest.mark.parametrize(
    ("rule", "given"), [(lambda x, u: u, r"<lambda>\(x, u\)"), (lambda u, *, y: u, r"<lambda>\(u, \*, y\)")]
)
def test_a_rule_of_too_few_arguments_is_refused_where_it_is_written(rule: Any, given: str) -> None:
    tanh = scaled_tanh(None, None)
    with pytest.raises(ArgumentTypeError, match=rf"jvp is called as jvp\(x, y, u, \*args\), but {given} was given"):
        tanh.defjvp(rule)
    with pytest.raises(ArgumentTypeError, match=rf"vjp is called as vjp\(x, y, v, \*args\), but {given} was given"):
        tanh.defvjp(rule)


@pytest.mark.parametrize("rule", [lambda *anything: anything[2], np.multiply, print, lambda x, y, u, w, s=1.0: u])
def test_rules_may_take_more_arguments_or_not_say(rule: Any) -> None:
    assert scaled_tanh(None, None).defjvp(rule) is rule


def test_a_function_without_a_rule(framework: ADBackend) -> None:
    tanh = scaled_tanh(None, None)
    np.testing.assert_array_equal(tanh(X), np.tanh(X))
    with pytest.raises(ArgumentError, match=r"tanh has no rule yet; define one with @tanh.defjvp or .defvjp"):
        gradient(lambda x: tanh(x).sum(), framework, lifted(framework, X))


# -- derivatives that would be lost -----------------------------------------------------------------------


@pytest.mark.parametrize("which", ["f", "f-alone", "jvp", "vjp"])
def test_a_closure_over_what_is_differentiated_is_refused(framework: ADBackend, which: str) -> None:
    if which == "f-alone" and framework.name == "torch":
        pytest.skip("PyTorch multiplies no array of NumPy's by a tensor")
    product = vector_jacobian_product if which == "vjp" else jacobian_vector_product
    ones = np.ones(2) if which == "f-alone" else lifted(framework, np.ones(2))

    def f(w: Any) -> Any:
        @adhelpers.custom_rule
        def times(x: Any) -> Any:
            return x * w if which.startswith("f") else x * 1.0

        times.defjvp(lambda x, y, u: w * u if which == "jvp" else u)
        times.defvjp(lambda x, y, v: w * v if which == "vjp" else v)
        return times(ones) if which.startswith("f") else times(w)

    with pytest.raises(ArgumentError, match="times has a derivative rule, but one of its functions closes over an"):
        product(f, framework, lifted(framework, X), X)


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_a_further_argument_that_is_differentiated_is_refused(framework: ADBackend, product: Any) -> None:
    @adhelpers.custom_rule
    def times(x: Any, w: Any) -> Any:
        return x * w["w"]

    times.defjvp(lambda x, y, u, w: w["w"] * u)
    for of in (lambda w: times(w, {"w": w}), lambda w: times(lifted(framework, X), {"w": w})):
        with pytest.raises(ArgumentError, match="times has a derivative rule for x alone, but an array among its furt"):
            product(of, framework, lifted(framework, X), X)


# -- backends that know no rules --------------------------------------------------------------------------


@pytest.mark.parametrize("shapes", [lambda x: x.shape, lambda x: [3, 4], lambda x: {"a": x, "b": 3}])
def test_shapes_that_are_no_arrays(framework: ADBackend, shapes: Any) -> None:
    f = adhelpers.custom_rule(lambda x: x, shapes=shapes)
    f.defjvp(lambda x, y, u: u)
    with pytest.raises(ArgumentError, match="; return arrays of the structure, shapes and dtypes"):
        f.on(framework, lifted(framework, np.ones(3)))
    with pytest.raises(ArgumentError, match="; return arrays of the structure, shapes and dtypes"):
        gradient(lambda x: f(x).sum(), framework, lifted(framework, np.ones(3)))


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (lambda x: np.exp(x)[:2], ShapeMismatchError),
        (lambda x: np.exp(x)[None], ShapeMismatchError),
        (lambda x: np.exp(x).astype(np.float32), DTypeError),
        (lambda x: {"y": np.exp(x)}, StructureMismatchError),
    ],
)
def test_results_are_held_to_their_shapes_wherever_they_are_computed(
    backend: ADBackend, result: Any, error: type[Exception]
) -> None:
    f = adhelpers.custom_rule(result, shapes=lambda x: x)
    f.defjvp(lambda x, y, u: array_namespace(x).exp(x) * u)
    x = lifted(backend, np.ones(3))
    with pytest.raises(error, match="the result of <lambda>"):
        f.on(backend, x)
    with pytest.raises(error, match="the result of <lambda>"):
        gradient(lambda x: f.on(backend, x).sum(), backend, x)


def test_a_backend_that_knows_no_rules_tells_once(caplog: pytest.LogCaptureFixture) -> None:
    tanh, cosh = scaled_tanh(1.0, None), scaled_tanh(None, 1.0)
    with caplog.at_level(logging.INFO, "adhelpers"):
        for _ in range(2):
            np.testing.assert_array_equal(tanh.on(ForwardToy(), X), np.tanh(X))
    words = f"backend {ForwardToy.name!r} knows no rules: it differentiates the code of tanh"
    assert caplog.messages == [words]
    with caplog.at_level(logging.INFO, "adhelpers"):
        cosh.on(ForwardToy(), X)
    assert caplog.messages == [words, words]  # another function of that name


def test_a_backend_that_knows_no_rules_refuses_what_it_cannot_trace() -> None:
    class Tracing(ForwardToy):
        def keeps(self, leaf: Any) -> bool:
            return False

    sin = adhelpers.custom_rule(np.sin, shapes=lambda x: x)
    sin.defjvp(lambda x, y, u: np.cos(x) * u)
    with pytest.raises(UnsupportedOperationError, match="knows no rules, and cannot differentiate sin, which computes"):
        sin.on(Tracing(), X)


def test_operations_in_one_another_inside_a_rule_vary_with_its_vector(framework: ADBackend) -> None:
    """What a rule computes is differentiated by its vector where the function that it belongs to is long done."""

    @adhelpers.custom_rule
    def slope(x: Any) -> Any:
        return 3.0 * x**2 + 1.0

    def cubic(x: Any) -> Any:
        return x**3 + x

    @slope.defvjp
    def _(x: Any, y: Any, v: Any) -> Any:
        one = adhelpers.array_namespace(x).ones_like(x)
        return vector_jacobian_product(lambda p: vector_jacobian_product(cubic, None, p, one), None, x, v)

    point, one = lifted(framework, X), lifted(framework, np.ones_like(X))

    def pulled(v: Any) -> Any:
        return vector_jacobian_product(slope, framework, point, v, differentiate_u=True)

    assert_close(framework, vector_jacobian_product(pulled, framework, one, one), 6.0 * X, depth=3)
    assert_close(framework, jacobian_vector_product(pulled, framework, one, one), 6.0 * X, depth=3)
