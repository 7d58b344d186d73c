"""Which leaves `mark_constants` takes for constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentTypeError, Constant, mark_constants
from conftest import lifted

WORD, MARKED = object(), Constant(1.0)

VARYING = [1.0, 1j, np.ones(2), np.float32(1.0), np.ones(2, np.complex64), np.ones(2, ">f8"), np.ones((0,)), MARKED]
CONSTANT = [1, True, "word", b"word", len, WORD, np.ones(2, int), np.int64(1), np.ones(2, bool), np.array(["a"]),
            np.array([object()]), np.zeros(2, [("a", float)]), np.datetime64("2026-01-01")]  # fmt: skip


@pytest.mark.parametrize("leaf", VARYING, ids=lambda leaf: f"{type(leaf).__name__}-{getattr(leaf, 'dtype', '')}")
def test_what_has_a_derivative_stays(leaf: Any) -> None:
    assert mark_constants(leaf) is leaf
    assert mark_constants([(leaf,)])[0][0] is leaf


@pytest.mark.parametrize("leaf", CONSTANT, ids=lambda leaf: f"{type(leaf).__name__}-{getattr(leaf, 'dtype', '')}")
def test_all_else_is_marked(leaf: Any) -> None:
    marked = mark_constants({"a": leaf, "b": None, "c": ()})
    assert type(marked["a"]) is Constant
    assert marked["a"].value is leaf
    assert marked["b"] is None
    assert marked["c"] == ()


def test_bfloat16_of_numpy_stays() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.ones(2, ml_dtypes.bfloat16)
    assert mark_constants(array) is array


def test_arrays_of_frameworks(backend: adhelpers.ADBackend) -> None:
    varying = lifted(backend, np.ones(2))
    xp = backend.array_namespace(varying)
    with backend.scope():
        whole, flags = xp.astype(varying, xp.int32), varying > 0
    marked = mark_constants([varying, whole, flags])
    assert marked[0] is varying
    assert marked[1].value is whole
    assert marked[2].value is flags
    gradient = adhelpers.gradient(lambda x: (x[0] ** 2 * x[1]).sum(), backend, marked)
    np.testing.assert_allclose(backend.to_numpy(gradient[0]), 2.0, rtol=1e-6)
    assert gradient[1:] == [None, None]


def test_keys_and_short_floats_of_jax() -> None:
    jax = pytest.importorskip("jax")
    short = jax.numpy.ones(2, "bfloat16")
    marked = mark_constants((short, jax.random.key(0), jax.random.PRNGKey(0)))
    assert marked[0] is short
    assert [type(leaf) for leaf in marked[1:]] == [Constant, Constant]


def test_a_module_of_torch_is_refused_unless_it_is_marked() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 1)
    with pytest.raises(ArgumentTypeError, match=r"x\['net'\] would be constant; .*functional_call.*adhelpers.Constant"):
        mark_constants({"net": net, "w": torch.ones(2)})
    x = mark_constants({"net": Constant(net), "w": torch.ones(2)})
    gradient = adhelpers.gradient(lambda x: x["net"](x["w"]).sum(), None, x)
    np.testing.assert_allclose(gradient["w"].detach(), net.weight.detach()[0])
