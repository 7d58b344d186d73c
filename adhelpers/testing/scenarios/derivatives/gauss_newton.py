"""The Gauss-Newton product (R12)."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

import adhelpers
from adhelpers.testing import references
from adhelpers.testing.models import numbers
from adhelpers.testing.operations import BOTH, call
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Subject

SCENARIOS = Catalogue()


@SCENARIOS.add("gauss-newton-product/half-of-squares", "R12", BOTH)
def _gauss_newton_product(subject: Subject) -> None:
    x, u = numbers(3), numbers(3, seed=1)
    J = references.jacobian(partial(residuals, numpy_namespace), x)
    operands = subject.arrays(x), subject.arrays(u)
    value, received = call(adhelpers.value_and_gauss_newton_product, subject, residuals, *operands)
    subject.expect_close(value, residuals(numpy_namespace, x), what="the value")
    subject.expect_close(received, J.T @ (J @ u), depth=2)


@SCENARIOS.add("gauss-newton-product/loss", "R12", BOTH)
def _gauss_newton_product_of_a_loss(subject: Subject) -> None:
    x, u = numbers(3), numbers(3, seed=1)
    J, y = references.jacobian(partial(residuals, numpy_namespace), x), residuals(numpy_namespace, x)
    H = np.diag(6.0 * y) + np.eye(2)[::-1]

    def loss(y: Any) -> Any:
        xp = subject.namespace(y)
        return xp.sum(y**3) + y[0] * y[1]

    operands = subject.arrays(x), subject.arrays(u)
    received = call(adhelpers.gauss_newton_product, subject, residuals, *operands, loss=loss)
    subject.expect_close(received, J.T @ (H @ (J @ u)), depth=2)


def residuals(xp: Any, x: Any) -> Any:
    return xp.stack([xp.sin(x[0]) * x[1], xp.exp(x[2]) - x[0] ** 2])
