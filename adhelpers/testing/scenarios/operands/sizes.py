"""Arrays without elements, and empty containers (R17)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from adhelpers.testing.models import numbers
from adhelpers.testing.operations import MODES
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


def _no_elements(name: str, shape: tuple[int, ...], subject: Subject) -> None:
    x = subject.arrays(np.zeros(shape))
    value, received = subject.value_and_product(name, lambda xp, x: xp.sin(x), x, x)
    subject.expect_close(value, np.zeros(shape), what="the value")
    subject.expect_close(received, np.zeros(shape))


def _sum_of_nothing(name: str, subject: Subject) -> None:
    x, one = subject.arrays(np.zeros((0, 2))), subject.one()
    received = subject.product(name, lambda xp, x: xp.sum(x), x, x if name == "jvp" else one)
    subject.expect_close(received, np.zeros(()) if name == "jvp" else np.zeros((0, 2)))


def _beside_nothing(name: str, subject: Subject) -> None:
    x = {"none": np.zeros((0,)), "some": numbers(3)}

    def f(xp: Any, x: Any) -> Any:
        return {"some": x["some"] ** 2, "none": x["none"] * 2.0}

    received = subject.product(name, f, subject.arrays(x), subject.arrays(x))
    subject.expect_close(received, {"some": 2 * x["some"] ** 2, "none": np.zeros(0)})


def _empty_point(name: str, container: Any, subject: Subject) -> None:
    """There is nothing to differentiate by; f(x) is what it is."""
    u = container if name == "jvp" else subject.arrays(np.ones(2))
    constant = subject.in_precision(np.array([1.0, 2.0]))
    value, received = subject.value_and_product(name, lambda xp, x: xp.asarray(constant), container, u)
    subject.expect_close(value, constant, what="the value")
    subject.expect_equal(received, np.zeros(2) if name == "jvp" else container)


def _empty_output(name: str, subject: Subject) -> None:
    """There is nothing to differentiate."""
    x = subject.arrays(numbers(3))
    received = subject.product(
        name, lambda xp, x: {"y": [], "none": None}, x, x if name == "jvp" else {"y": [], "none": None}
    )
    subject.expect_equal(received, {"y": [], "none": None} if name == "jvp" else np.zeros(3))


for _name, _mode in MODES.items():
    for _shape in ((0,), (3, 0), (0, 2, 1)):
        SCENARIOS.add(f"no-elements-{'x'.join(map(str, _shape))}/{_name}", "R17", [_mode])(
            partial(_no_elements, _name, _shape)
        )
    SCENARIOS.add(f"sum-of-nothing/{_name}", "R17", [_mode])(partial(_sum_of_nothing, _name))
    SCENARIOS.add(f"elements-beside-none/{_name}", "R17", [_mode])(partial(_beside_nothing, _name))
    for _label, _container in (("dict", {}), ("tuple", ()), ("none", None), ("nested", {"a": [(), None]})):
        SCENARIOS.add(f"empty-point-{_label}/{_name}", "R17", [_mode])(partial(_empty_point, _name, _container))
    SCENARIOS.add(f"empty-output/{_name}", "R17", [_mode])(partial(_empty_output, _name))
