"""What a backend must define, and what core asks of its namespace."""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest
from toys import ForwardToy, ReverseToy

import adhelpers
from adhelpers import (
    ADBackend,
    BatchMixingError,
    batched_jacobian,
    jacobian_vector_product,
    vector_jacobian_product,
)


def test_a_backend_needs_a_derivative() -> None:
    with pytest.raises(TypeError, match="implements neither jvp nor vjp"):

        class Nothing(adhelpers.ADBackend):
            name = "nothing"


def test_backend_without_any_product_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="Hopeless implements neither jvp nor vjp; a backend needs at least one"):

        class Hopeless(adhelpers.ADBackend):
            pass


# -- what core asks of a namespace ------------------------------------------------------------------------


def documented_names() -> list[str]:
    """The names that `ADBackend.array_namespace` says core needs."""
    (sentence,) = re.findall(r"Core itself needs of a namespace: ([^.]*)\.", str(ADBackend.array_namespace.__doc__))
    return re.split(r",\s+", sentence)


class FrugalForward(ForwardToy):
    """A framework whose namespace has what core says that it needs, and nothing else."""

    def array_namespace(self, *arrays: Any) -> Any:
        return types.SimpleNamespace(**{name: getattr(array_api_compat.numpy, name) for name in documented_names()})


class FrugalReverse(ReverseToy):
    """The same with a reverse mode."""

    def array_namespace(self, *arrays: Any) -> Any:
        return FrugalForward().array_namespace(*arrays)


@pytest.mark.parametrize("backend", [FrugalForward(), FrugalReverse()])
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_core_needs_no_more_of_a_namespace_than_is_documented(backend: ADBackend, mode: Any) -> None:
    z, x = np.array([1 + 2j, -0.5 + 1j]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_allclose(jacobian_vector_product(lambda x: x**2, backend, x, x), 2 * x**2)
    np.testing.assert_allclose(vector_jacobian_product(lambda x: x**2, backend, x, x), 2 * x**2)
    if isinstance(backend, FrugalForward):
        np.testing.assert_allclose(vector_jacobian_product(lambda z: z**2, backend, z, z), 2 * z**2)
        jacobian = batched_jacobian(lambda z: z**2, backend, z[None], mode=mode, holomorphic=True)
        np.testing.assert_allclose(jacobian, 2 * z[None, None])
    for axis in (-1, 0):
        jacobian = batched_jacobian(lambda x: x**2, backend, x, mode=mode, batch_axis=axis, chunk_size=1)
        assert np.count_nonzero(jacobian) == x.size
    empty = np.zeros((0, 3))
    assert batched_jacobian(lambda x: np.ones((2, 3)), backend, empty, mode=mode).shape == (2, 0, 3)
    with pytest.raises(BatchMixingError):
        batched_jacobian(lambda x: x * x[:, ::-1], backend, x, mode=mode)


def test_the_guide_lists_the_same_names() -> None:
    guide = Path(__file__).parents[2] / "docs" / "plugins.md"
    if not guide.exists():
        pytest.skip("not in a checkout")
    sentence = re.findall(r"Of your namespace the core itself uses (.*?);", guide.read_text(), re.DOTALL)[0]
    assert re.findall(r"`(\w+)`", sentence) == documented_names()
