"""Normalisations in half precision, while training, and of weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch_functions import BATCH

import adhelpers

torch = pytest.importorskip("torch")
table = pytest.importorskip("adhelpers_plugins.torch.compositions.table")
normalisations = pytest.importorskip("adhelpers_plugins.torch.compositions.normalisations")

functional = torch.nn.functional


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single_precision(dtype: Any) -> None:
    x = BATCH.to(dtype) * 100
    for name, shape in (("layer_norm", [(4, 2)]), ("instance_norm", [])):
        own, composed = getattr(functional, name), getattr(normalisations, name)
        torch.testing.assert_close(composed(x, *shape), own(x, *shape), rtol=4 * torch.finfo(dtype).eps, atol=0.0)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_are_updated_as_by_pytorch(name: str) -> None:
    statistics = [(torch.zeros(4).double(), torch.ones(4).double()) for _ in range(2)]
    own = getattr(functional, name)
    composed = table.COMPOSITIONS[own]
    for f, (mean, var) in zip((own, composed), statistics, strict=True):
        f(BATCH, mean, var, None, None, True, 0.3)
    for a, b in zip(*statistics, strict=True):
        torch.testing.assert_close(a, b)
        assert bool((a != 0).all())


@pytest.mark.parametrize("dim", [-3, -2, -1, 0, 1, 2])
def test_a_weight_norm_along_each_axis(dim: int) -> None:
    """The derivative by the size is the direction."""
    along = None if dim == -1 else dim % 3
    axes = tuple(axis for axis in range(3) if axis != along)
    direction = BATCH.numpy() / np.sqrt((BATCH.numpy() ** 2).sum(axes, keepdims=True))
    g = torch.ones([BATCH.shape[axis] if axis == along else 1 for axis in range(3)], dtype=BATCH.dtype)
    g = g.reshape(()) if along is None else g
    y, v = adhelpers.value_and_jacobian_vector_product(lambda g: torch._weight_norm(BATCH, g, dim), "torch", g, g)
    np.testing.assert_allclose(y, direction, rtol=1e-12)
    np.testing.assert_allclose(v, direction, rtol=1e-12)
