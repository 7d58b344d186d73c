"""Each problem by both products, in both precisions, and the products against each other."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import optree

from adhelpers import Capability
from adhelpers.extend import NAMESPACE
from adhelpers.testing.functions import reused
from adhelpers.testing.models import image_network, numbers
from adhelpers.testing.operations import MODES
from adhelpers.testing.precision import in_single
from adhelpers.testing.problems import PROBLEMS, Problem, as_arrays
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import WRONG_VALUE, Failure, Subject, section

SCENARIOS = Catalogue()


def _product(name: str, problem: Problem, subject: Subject) -> None:
    """The product alone, and the product with the value."""
    subject.require_reach(problem.reach)
    x, u, expected = _operands(name, problem)
    x, u = subject.arrays(x), subject.arrays(u)
    subject.expect_close(subject.product(name, problem.f, x, u), expected, scale=problem.scale)
    value, product = subject.value_and_product(name, problem.f, x, u)
    subject.expect_close(value, problem.value(), what="the value", scale=problem.scale)
    subject.expect_close(product, expected, scale=problem.scale)


def _in_half_the_digits(name: str, problem: Problem, subject: Subject) -> None:
    subject.require_reach(problem.reach, np.float32)
    x, u, expected = (in_single(as_arrays(tree)) for tree in _operands(name, problem))
    value, product = subject.value_and_product(name, problem.f, subject.arrays(x), subject.arrays(u))
    subject.expect_close(value, in_single(problem.value()), what="the value", scale=problem.scale)
    subject.expect_close(product, expected, scale=problem.scale)


def _operands(name: str, problem: Problem) -> tuple[Any, Any, Any]:
    if name == "jvp":
        return problem.x, problem.tangent, problem.pushed()
    return problem.x, problem.cotangent, problem.pulled()


def _transpose(problem: Problem, subject: Subject) -> None:
    """Re(sum(u * jvp(t))) equals Re(sum(vjp(u) * t))."""
    subject.require_reach(problem.reach)
    x, t, u = (subject.arrays(tree) for tree in (problem.x, problem.tangent, problem.cotangent))
    pushed = subject.numpy(subject.jvp(problem.f, x, t))
    pulled = subject.numpy(subject.vjp(problem.f, x, u))
    forward, reverse = _pairing(problem.cotangent, pushed), _pairing(pulled, problem.tangent)
    sizes = _pairing(_moduli(problem.cotangent), _moduli(pushed)), _pairing(_moduli(pulled), _moduli(problem.tangent))
    allowed = subject.tolerance(np.ones(())) * max(sizes)
    if not abs(forward - reverse) <= allowed:
        words = f"Re(sum(u * jvp(t))) = {forward!r} and Re(sum(vjp(u) * t)) = {reverse!r}"
        message = section("received", words) + section("expected", f"two equal numbers, within {allowed:.2g}")
        raise Failure(message, WRONG_VALUE, (np.asarray(forward), np.asarray(reverse)))


def _pairing(a: Any, b: Any) -> float:
    """Re(sum(a * b)) over all leaves."""
    leaves = zip(optree.tree_leaves(a, namespace=NAMESPACE), optree.tree_leaves(b, namespace=NAMESPACE), strict=True)
    return float(sum(np.real(np.sum(one * other)) for one, other in leaves))


def _moduli(tree: Any) -> Any:
    return optree.tree_map(np.abs, tree, namespace=NAMESPACE)


def _scaled(name: str, factor: float, subject: Subject) -> None:
    """A product is linear in u of any size, and zero for zero."""
    x, u, expected = _operands(name, next(problem for problem in PROBLEMS if problem.name == "reused"))
    received = subject.product(name, reused, subject.arrays(x), subject.arrays(factor * u))
    subject.expect_close(received, factor * expected, scale=factor or 1.0)


def _one_array_twice(name: str, subject: Subject) -> None:
    """One array may be two leaves of x, and two leaves of f(x): each leaf has its own derivative."""
    a, u, v, w = numbers(4, 3)
    leaf = subject.arrays(a)

    def f(xp: Any, x: Any) -> Any:
        y = x[0] ** 2 * x[1]
        return [y, y, x[0], x[0]]

    if name == "jvp":
        pushed = 2 * a * a * u + a * a * v
        received = subject.jvp(f, (leaf, leaf), subject.arrays((u, v)))
        subject.expect_close(received, [pushed, pushed, u, u])
    else:
        received = subject.vjp(f, (leaf, leaf), subject.arrays([u, v, w, a]))
        subject.expect_close(received, (2 * a * a * (u + v) + w + a, a * a * (u + v)))


for _name, _mode in MODES.items():
    SCENARIOS.add(f"one-array-twice/{_name}", "R7", [_mode])(partial(_one_array_twice, _name))
    for _label, _factor in (("zero", 0.0), ("small", 1e-30), ("large", 1e30)):
        SCENARIOS.add(f"a-{_label}-u/{_name}", "R7", [_mode])(partial(_scaled, _name, _factor))
for _problem in PROBLEMS:
    _needed = [Capability.COMPLEX] if _problem.is_complex else []
    for _name, _mode in MODES.items():
        SCENARIOS.add(f"{_problem.name}/{_name}", _problem.rule, [_mode, *_needed])(partial(_product, _name, _problem))
        if _problem.f is not image_network:  # it takes long, and tests nothing new
            SCENARIOS.add(f"{_problem.name}/float32-{_name}", "R4", [_mode, Capability.FLOAT32, *_needed])(
                partial(_in_half_the_digits, _name, _problem)
            )
    SCENARIOS.add(f"{_problem.name}/transpose", "R7", [*MODES.values(), *_needed])(partial(_transpose, _problem))
