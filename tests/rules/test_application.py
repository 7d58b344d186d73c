"""What the functions of a rule are given, and what they may return: structures, dtypes, further arguments."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import (
    ADBackend,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    array_namespace,
    gradient,
    hessian,
    jacobian_vector_product,
    vector_jacobian_product,
)
from conftest import assert_close, lifted

Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # the plain kind, as users write it
A, B, C, D = np.array([[0.5, -1.2, 0.8], [1.1, 0.7, -0.9], [-0.6, 1.4, 1.0], [0.9, -0.8, 1.3]])


# -- structures ---------------------------------------------------------------------------------------------


def structured(which: str) -> Any:
    """Of a and b: a pair of a * b, and of the sum of a alone, in containers of all kinds."""

    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        assert type(x) is dict
        assert type(x["inner"]) is Pair
        a, (b,) = x["inner"]
        return OrderedDict(sum=a.sum(), product=[a * b, None])

    if "F" in which:

        @f.defjvp
        def _(x: Any, y: Any, u: Any) -> Any:
            (a, (b,)), (c, (d,)) = x["inner"], u["inner"]
            assert type(y) is OrderedDict
            assert type(u["inner"]) is Pair
            return {"product": [c * b + a * d, None], "sum": c.sum()}

    if "R" in which:

        @f.defvjp
        def _(x: Any, y: Any, v: Any) -> Any:
            a, (b,) = x["inner"]
            assert type(y) is type(v) is OrderedDict
            return {"inner": Pair(v["product"][0] * b + v["sum"], (v["product"][0] * a,)), "none": None}

    return f


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_structures(backend: ADBackend, which: str, dtype: np.dtype) -> None:
    a, b, c, d = (array.astype(dtype) for array in (A, B, C, D))
    f = structured(which)
    x, u = lifted(backend, ({"inner": Pair(a, (b,)), "none": None}, {"inner": Pair(c, (d,)), "none": None}))
    y, v = adhelpers.value_and_jacobian_vector_product(f, backend, x, u)
    assert_close(backend, y, OrderedDict(sum=a.sum(), product=[a * b, None]))
    assert_close(backend, v, OrderedDict(sum=c.sum(), product=[a * d + b * c, None]))
    cotangent = lifted(backend, OrderedDict(sum=c.sum(), product=[d, None]))
    pulled = vector_jacobian_product(f, backend, x, cotangent)
    assert_close(backend, pulled, {"inner": Pair(d * b + c.sum(), (d * a,)), "none": None})
    if backend.name != "finite-difference":
        H = hessian(lambda x: (f(x)["product"][0] ** 2).sum() / 2.0, backend, x)
        received = lifted(backend, H["inner"].first["inner"].second[0])
        assert_close(backend, received, np.diag(2.0 * a * b), depth=2)


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_what_a_result_does_not_depend_on(backend: ADBackend, which: str) -> None:
    f, x = structured(which), lifted(backend, {"inner": Pair(A, (B,)), "none": None})
    received = gradient(lambda x: f(x)["sum"], backend, x)
    assert_close(backend, received, {"inner": Pair(np.ones(3), (np.zeros(3),)), "none": None})


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
def test_arrays_without_axes_and_numbers_of_pythons(backend: ADBackend, product: Any, dtype: np.dtype) -> None:
    f = adhelpers.custom_rule(lambda x: (x["a"] ** 2, 1.0))
    f.defjvp(lambda x, y, u: (2.0 * x["a"] * u["a"], 0.0))
    x, a = lifted(backend, {"a": np.asarray(1.5, dtype=dtype)}), np.asarray(4.5, dtype=dtype)
    if product is jacobian_vector_product:
        assert_close(backend, product(f, backend, x, x), (a, np.zeros((), dtype=dtype)))
    else:
        assert_close(backend, product(lambda x: f(x)[0], backend, x, x["a"]), {"a": a})


def test_an_x_without_arrays(backend: ADBackend) -> None:
    f = adhelpers.custom_rule(lambda x, w: {"w": w * 2.0})
    f.defjvp(lambda x, y, u, w: {"w": w * 0.0})
    with backend.scope():
        assert_close(backend, f({}, lifted(backend, A)), {"w": 2.0 * A})


# -- what is refused ----------------------------------------------------------------------------------------


def plain(result: Any) -> tuple[Any, Any]:
    """A rule whose products give ``result(x)``, for x and y of the form {"a": ...}."""

    @adhelpers.custom_rule
    def bad(x: Any) -> Any:
        return {"a": x["a"] * 2.0}

    bad.defjvp(lambda x, y, u: result(u["a"]))
    bad.defvjp(lambda x, y, v: result(v["a"]))
    return bad


def _integers(v: Any) -> Any:
    xp = array_namespace(v)
    return {"a": xp.astype(v, xp.int64)}


def _float32(v: Any) -> Any:
    xp = array_namespace(v)
    return {"a": xp.astype(v, xp.float32)}


WRONG: dict[str, tuple[Any, Any, str]] = {
    "structure": (
        lambda v: [v],
        StructureMismatchError,
        r"the result of the {mode} rule of bad is a list of length 1, but {partner} is a dict",
    ),
    "key": (lambda v: {"b": v}, StructureMismatchError, r"the result of the {mode} rule of bad"),
    "nothing": (lambda v: None, StructureMismatchError, r"the result of the {mode} rule of bad is None"),
    "shape": (
        lambda v: {"a": v[:2]},
        ShapeMismatchError,
        r"the result of the {mode} rule of bad\['a'\] has shape \(2,\), but {partner}\['a'\] has \(3,\)",
    ),
    "dtype": (
        _float32,
        DTypeError,
        r"the result of the {mode} rule of bad\['a'\] has dtype .*float32, but {partner}\['a'\] has .*float64",
    ),
    "integers": (_integers, DTypeError, r"the result of the {mode} rule of bad\['a'\]"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("mode", ["JVP", "VJP"])
def test_a_result_of_a_rule_that_does_not_match_is_refused(framework: ADBackend, mode: str, name: str) -> None:
    result, error, message = WRONG[name]
    product = jacobian_vector_product if mode == "JVP" else vector_jacobian_product
    x = lifted(framework, {"a": A})
    with pytest.raises(error, match=message.format(mode=mode, partner=r"f\(x\)" if mode == "JVP" else "x")):
        product(plain(result), framework, x, x)


def test_a_result_of_the_function_without_derivative_is_refused(framework: ADBackend) -> None:
    def count(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.astype(x > 0.0, xp.int64)

    rule = adhelpers.custom_rule(count)
    rule.defjvp(lambda x, y, u: u)
    with pytest.raises(DTypeError, match="the result of count is an array of dtype .*int64, but only floating"):
        jacobian_vector_product(rule, framework, lifted(framework, A), lifted(framework, A))


@pytest.mark.parametrize("product", [jacobian_vector_product, vector_jacobian_product])
@pytest.mark.parametrize("where", ["f", "rule"])
def test_errors_of_the_users_pass_as_they_are(framework: ADBackend, product: Any, where: str) -> None:
    error = LookupError("mine")

    def fail(*_: Any) -> Any:
        raise error

    rule = adhelpers.custom_rule(fail if where == "f" else lambda x: x * 2.0)
    rule.defjvp(fail)
    rule.defvjp(fail)
    x = lifted(framework, A)
    with pytest.raises(LookupError, match="mine") as caught:
        product(rule, framework, x, x)
    assert caught.value is error


# -- further arguments --------------------------------------------------------------------------------------


def scaled_power(which: str) -> Any:
    """``scale["w"] * x**n``, which asks for the kinds of its arguments in each of its functions."""

    def check(n: Any, kind: Any, scale: Any) -> None:
        assert (type(n), kind, scale["none"]) == (int, "a word", None)

    @adhelpers.custom_rule
    def power(x: Any, n: int, kind: str, scale: Any) -> Any:
        check(n, kind, scale)
        return scale["w"] * x**n

    if "F" in which:

        @power.defjvp
        def _(x: Any, y: Any, u: Any, n: int, kind: str, scale: Any) -> Any:
            check(n, kind, scale)
            return n * scale["w"] * x ** (n - 1) * u

    if "R" in which:

        @power.defvjp
        def _(x: Any, y: Any, v: Any, n: int, kind: str, scale: Any) -> Any:
            check(n, kind, scale)
            return n * scale["w"] * x ** (n - 1) * v

    return power


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_further_arguments(backend: ADBackend, which: str) -> None:
    power, x = scaled_power(which), lifted(backend, A)
    scale = lifted(backend, {"w": B, "none": None})

    def f(x: Any) -> Any:
        return power(x, 3, "a word", scale).sum()

    assert_close(backend, gradient(f, backend, x), 3.0 * B * A**2)
    assert_close(backend, hessian(f, backend, x), np.diag(6.0 * B * A), depth=2)
    as_args = lambda x, scale: power(x, 3, "a word", scale).sum()  # noqa: E731
    assert_close(backend, gradient(as_args, backend, x, args=(scale,)), 3.0 * B * A**2)


# -- functions of NumPy's -----------------------------------------------------------------------------------


def host_sine() -> Any:
    @adhelpers.custom_rule(shapes=lambda x: {"sin": x["x"]})
    def sine(x: Any) -> Any:
        assert type(x["x"]) is np.ndarray
        return {"sin": np.sin(x["x"])}

    @sine.defjvp
    def _(x: Any, y: Any, u: Any) -> Any:
        return {"sin": array_namespace(x["x"]).cos(x["x"]) * u["x"]}

    return sine


def test_a_function_of_numpys_gets_numpys_arrays_everywhere(backend: ADBackend, dtype: np.dtype) -> None:
    sine, a = host_sine(), A.astype(dtype)
    x = lifted(backend, {"x": a})
    y, v = adhelpers.value_and_jacobian_vector_product(sine, backend, x, x)
    assert_close(backend, y, {"sin": np.sin(a)})
    assert_close(backend, v, {"sin": np.cos(a) * a})
    assert_close(backend, gradient(lambda x: sine(x)["sin"].sum(), backend, x), {"x": np.cos(a)})
    if dtype == np.float64:
        H = hessian(lambda x: sine({"x": x})["sin"].sum(), backend, x["x"])
        assert_close(backend, H, np.diag(-np.sin(a)), depth=2)


# -- prepared operations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["F", "R", "FR"])
def test_rules_within_prepared_operations(backend: ADBackend, which: str) -> None:
    power, scale = scaled_power(which), lifted(backend, {"w": B, "none": None})
    f = lambda x: power(x, 3, "a word", scale)  # noqa: E731
    x = lifted(backend, A)
    products = [
        adhelpers.prepare(product, f, backend, x, x) for product in (jacobian_vector_product, vector_jacobian_product)
    ]
    second = adhelpers.prepare(hessian, lambda x: f(x).sum(), backend, x)
    for a in (A, C, A):
        for product in products:
            assert_close(backend, product(lifted(backend, a), lifted(backend, D)), 3.0 * B * a**2 * D)
        assert_close(backend, second(lifted(backend, a)), np.diag(6.0 * B * a), depth=2)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_rules_within_batched_jacobians_and_linear_maps(backend: ADBackend, mode: Any) -> None:
    tanh = adhelpers.custom_rule(lambda x: array_namespace(x).tanh(x))
    tanh.defvjp(lambda x, y, v: (1.0 - y**2) * v)
    points = np.stack([A, B], axis=1)
    J = adhelpers.batched_jacobian(tanh, backend, lifted(backend, points), mode=mode)
    assert_close(backend, J, (1.0 - np.tanh(points) ** 2)[:, None, :] * np.eye(3)[:, :, None])
    linear = adhelpers.linearize(tanh, backend, lifted(backend, A))
    for v in (linear.push, linear.pull):
        assert_close(backend, v(lifted(backend, C)), (1.0 - np.tanh(A) ** 2) * C)
