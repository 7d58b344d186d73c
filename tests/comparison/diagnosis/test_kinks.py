"""Points without a derivative: found at the entries that they concern, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import KINK, ports, quickly, relu, result, statuses, stopped

from adhelpers import array_namespace
from adhelpers.batch.layout import BatchLayout
from adhelpers.comparison.diagnosis.kinks import Kinks, Place
from adhelpers.comparison.participants import Outcome, read


def test_error_beside_a_kink_is_no_kink() -> None:
    def wrong(x: Any) -> Any:
        return relu(x) + 0.1 * np.eye(2, 3, 1) * (x - stopped(x))

    report = quickly(ports(wrong, relu), KINK)
    assert result(report, "value", "autograd").status == "agrees"
    assert statuses(report, "autograd")["jvp"] == "differs"


@pytest.mark.parametrize("operation", ["vjp", "jacobian"])
def test_many_kinks_excuse_no_error_beside_them(operation: str) -> None:
    def wrong(x: Any) -> Any:
        return relu(x) + 0.1 * (x > 0.0) * (x - stopped(x))

    at_kinks = np.zeros(20)
    x = np.concatenate([at_kinks, [1.0, 2.0, 3.0]])
    report = quickly(ports(wrong, relu), x, np.ones_like(x), operations=[operation])
    assert statuses(report, "autograd")[operation] == "differs"
    assert quickly(relu, at_kinks, np.ones_like(at_kinks), operations=[operation]).agree


def test_smooth_functions_have_no_kink() -> None:
    for f in (lambda x: x**2, lambda x: x**4, lambda x: array_namespace(x).sin(1e2 * x)):
        report = quickly(ports(lambda x, f=f: f(stopped(x)) + 0.0 * x, f), KINK)
        assert not any("kink" in words for finding in report.findings for words in finding.words)


def kinks(f: Callable[[Any], Any], x: Any, axis: Any = -1) -> Kinks:
    def value(x: Any) -> Outcome:
        return read(f(x), "f(x)")

    tangent = {name: np.ones_like(leaf) for name, leaf in x.items()} if isinstance(x, dict) else np.ones_like(x)
    return Kinks(value, x, tangent, None, BatchLayout(axis))


def bent(x: Any) -> Any:
    """Each element has a slope at zero, and no second derivative there."""
    return x * abs(x)


POINT = np.array([0.0, 1.5, 0.0])
"""The first and the last element lie at the kink."""

FOUND: dict[str, tuple[str, Callable[[Any], Any], list[Place], list[Place]]] = {
    "gradient": ("gradient", lambda x: np.sum(abs(x)), [("x", (0,)), ("x", (2,))], [("x", (1,))]),
    "gradient of what has one": ("gradient", lambda x: np.sum(bent(x)), [], [("x", (0,)), ("x", (1,))]),
    "jacobian": ("jacobian", abs, [("J", (0, 0)), ("J", (2, 2))], [("J", (0, 1)), ("J", (0, 2)), ("J", (1, 1))]),
    "product": ("hessian_vector_product", lambda x: np.sum(bent(x)), [("x", (0,))], [("x", (1,))]),
    "hessian": ("hessian", lambda x: np.sum(bent(x)), [("H", (0, 0)), ("H", (2, 1))], [("H", (1, 1))]),
    "mixed hessian": ("hessian", lambda x: x[1] * abs(x[0]), [("H", (0, 1)), ("H", (1, 0))], [("H", (1, 1))]),
    "laplacian": ("laplacian", lambda x: np.sum(bent(x)), [("f(x)", ())], []),
    "smooth laplacian": ("laplacian", lambda x: np.sum(x**3), [], [("f(x)", ())]),
}


@pytest.mark.parametrize(("operation", "f", "there", "elsewhere"), FOUND.values(), ids=FOUND)
def test_kinks_are_found_at_the_entries_that_they_concern(
    operation: str, f: Callable[[Any], Any], there: list[Place], elsewhere: list[Place]
) -> None:
    assert kinks(f, POINT).at(operation, [*elsewhere, *there]) == there


def test_kinks_are_found_in_structures() -> None:
    x = {"a": np.array([0.0, 1.0]), "b": np.array(2.0)}
    there: Place = ("J['y']['a']", (1, 0, 0))
    places = [
        there,
        ("J['y']['a']", (0, 0, 0)),
        ("J['y']['a']", (1, 0, 1)),
        ("J['y']['b']", (1, 0)),
        ("J['z']['a']", (0,)),
    ]
    f = kinks(lambda x: {"y": np.stack([x["a"] ** 2, x["b"] * abs(x["a"][::1])])[:, :1], "z": x["b"] ** 2}, x)
    assert f.at("jacobian", places) == [there]


NESTED: dict[str, tuple[str, Callable[[Any], Any], Any, Place, Place]] = {
    "jacobian of nested lists": (
        "jacobian",
        lambda x: [x[0] ** 2, abs(x[1][0])],
        [np.array([1.0, 2.0]), [np.array([0.0])]],
        ("J[1][1][0]", (0, 0)),
        ("J[0][1][0]", (1, 0)),
    ),
    "hessian of nested dicts": (
        "hessian",
        lambda x: x["a"] ** 2 + bent(x["b"]["a"]),
        {"a": np.array(1.0), "b": {"a": np.array(0.0)}},
        ("H['b']['a']['b']['a']", ()),
        ("H['a']['a']", ()),
    ),
}


@pytest.mark.parametrize(("operation", "f", "x", "there", "elsewhere"), NESTED.values(), ids=NESTED)
def test_kinks_are_found_where_one_path_ends_like_another(
    operation: str, f: Callable[[Any], Any], x: Any, there: Place, elsewhere: Place
) -> None:
    found = Kinks(lambda x: read(f(x), "f(x)"), x, x, None, BatchLayout(-1))
    assert found.at(operation, [elsewhere, there]) == [there]


BATCH = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]])


@pytest.mark.parametrize("axis", [-1, 0])
def test_kinks_are_found_in_batches(axis: Any) -> None:
    """Of two numbers in each of three elements, whether the batch is last or first."""

    def placed(*place: int) -> tuple[int, ...]:
        return place if axis == -1 else (place[-1], *place[:-1])

    x = BATCH if axis == -1 else BATCH.T
    along = 0 if axis == -1 else 1
    jacobian = kinks(abs, x, axis)
    there = [("J", placed(0, 0, 0)), ("J", placed(1, 1, 1))]
    assert jacobian.at("batched_jacobian", [*there, ("J", placed(0, 1, 1)), ("J", placed(0, 0, 1))]) == there
    gradient = kinks(lambda x: np.sum(abs(x), axis=along), x, axis)
    there = [("J", placed(0, 0)), ("J", placed(1, 1))]
    assert gradient.at("batched_gradient", [*there, ("J", placed(0, 1)), ("J", placed(1, 0))]) == there
    hessian = kinks(lambda x: np.sum(bent(x), axis=along), x, axis)
    there = [("H", placed(0, 0, 0)), ("H", placed(1, 1, 1))]
    assert hessian.at("batched_hessian", [*there, ("H", placed(1, 1, 0)), ("H", placed(0, 0, 2))]) == there


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("f", [np.sin, np.exp, lambda x: x**5, lambda x: 1e3 + x**2, lambda x: np.sin(1e2 * x)])
def test_smooth_functions_have_none_of_either_order(f: Callable[[Any], Any], order: int) -> None:
    x = np.linspace(-2.0, 2.0, 41)
    (mask,) = kinks(f, x).along({"x": np.ones_like(x)}, order=order).values()
    assert not mask.any()


def test_orders_are_told_apart() -> None:
    direction = {"x": np.ones(3)}
    assert [kinks(bent, POINT).along(direction, order=order)["f(x)"].tolist() for order in (1, 2)] == [
        [False, False, False],
        [True, False, True],
    ]
    assert kinks(abs, POINT).along(direction, order=1)["f(x)"].tolist() == [True, False, True]


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_conventions_of_second_derivatives_are_nobodys_fault(framework: str) -> None:
    pytest.importorskip(framework)

    def f(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.sum(x * xp.abs(x))

    report = quickly(f, POINT, backends=["autograd", framework], operations=["hessian", "gradient"])
    assert statuses(report, framework)["gradient"] == "agrees"
    assert {statuses(report, backend)["hessian"] for backend in ("autograd", framework)} <= {"agrees", "kink"}
