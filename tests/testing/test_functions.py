"""The functions of the problems: what they use of a namespace, and that they look at what they are given."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np
import pytest

from adhelpers.testing import functions
from adhelpers.testing.functions import Pair, containers
from adhelpers.testing.problems import PROBLEMS, Problem

NAMES = {
    *("sin", "cos", "exp", "log", "sqrt", "tanh", "abs", "real", "imag", "conj", "where", "max", "sum", "mean"),
    *("reshape", "permute_dims", "concat", "stack", "broadcast_to", "asarray", "zeros"),
}


class SmallNamespace:
    """A framework that has those names alone."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            msg = f"a small framework has no {name}"
            raise AttributeError(msg)
        self.used.add(name)
        return getattr(numpy_namespace, name)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_small_framework_can_run_them(problem: Problem) -> None:
    problem.f(SmallNamespace(), problem.x)


def test_the_documentation_lists_the_names_that_are_used() -> None:
    namespace = SmallNamespace()
    for problem in PROBLEMS:
        problem.f(namespace, problem.x)
    assert namespace.used == NAMES
    listed = functions.__doc__.partition("run\nthem: ")[2].rstrip(".\n")
    assert {name.strip() for name in listed.split(",")} == NAMES


def test_a_container_of_another_type_is_noticed() -> None:
    a = np.ones(3)
    x = {"pair": Pair(a, a), "list": [a], "nothing": None, "ordered": OrderedDict(w=a, v=a), "empty": ()}
    containers(numpy_namespace, x)
    for key, other in (("pair", (a, a)), ("list", (a,)), ("ordered", {"w": a, "v": a}), ("empty", []), ("nothing", a)):
        with pytest.raises(TypeError, match="f was given"):
            containers(numpy_namespace, {**x, key: other})
