"""A plugin that works, and what must work beside any other."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from strangers import plugin

import adhelpers
from adhelpers.plugins.registry import Registry

SHIPPED = {"autograd", "finite-difference", "jax", "torch"}
INSTALLED = [n for n in sorted(SHIPPED) if importlib.util.find_spec(n.replace("finite-difference", "numpy"))]
TOY_PLUGIN = plugin(implementation="toy_backend:ToyBackend", array_types=("toyframework:Array",))


def assert_shipped_backends_work(found: Registry) -> None:
    assert set(found.descriptions) >= SHIPPED
    for name in INSTALLED:
        backend = found.implementation(name)().double_precision()
        v = adhelpers.jacobian_vector_product(lambda x: x * x, backend, np.asarray(3.0), np.asarray(1.0))
        assert float(v) == pytest.approx(6.0)
