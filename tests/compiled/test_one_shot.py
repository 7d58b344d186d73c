"""Operations of a backend that compiles every single call."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from prepared_calls import BATCH, U, X

import adhelpers
from adhelpers import batched_jacobian
from adhelpers import jacobian_vector_product as jvp
from adhelpers import vector_jacobian_product as vjp
from adhelpers.errors import (
    BatchMixingError,
)


def test_jit_of_what_cannot_be_remembered(jax: ModuleType) -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, x: Any) -> Any:
            return x**3

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    np.testing.assert_allclose(jvp(Slotted(), adhelpers.backend("jax", jit=True), x, u), 3 * X**2 * U, rtol=1e-5)


def test_jit_keeps_nothing_alive(jax: ModuleType) -> None:
    class Model:
        def method(self, x: Any, other: Any = None) -> Any:
            return x**3

    x, backend = jax.numpy.asarray(BATCH), adhelpers.backend("jax", jit=True)
    for call in (
        lambda model: jvp(model.method, backend, x, x),
        lambda model: vjp(lambda x: model.method(x), backend, x, x),
        lambda model: jvp(model.method, backend, x, x, args=(model,)),
        lambda model: batched_jacobian(model.method, backend, x),
    ):
        model = Model()
        alive = weakref.ref(model)
        call(model)
        del model
        gc.collect()
        assert alive() is None


def test_jit_checks_the_batch(jax: ModuleType) -> None:
    backend, x = adhelpers.backend("jax", jit=True), jax.numpy.asarray(BATCH)
    mixing = lambda x: x * x.sum()  # noqa: E731
    for _ in range(2):
        with pytest.raises(BatchMixingError):
            batched_jacobian(mixing, backend, x)
    assert batched_jacobian(mixing, backend, x, check_batch=False).shape == (2, 2, 3)
