"""Tensors that are made of tensors."""

from __future__ import annotations

import numpy as np
import pytest
from namespace_closed_forms import MASK


def test_lists_and_constants_take_the_dtype_and_device_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    from adhelpers_plugins.torch import namespace as xp

    x = torch.ones(3, dtype=torch.float32, device="meta")
    for y in (
        xp.asarray([x[0], 2.0, 1]),
        xp.linspace(x[0], 2.0, 4),
        xp.full(2, x[0]),
        xp.where(MASK, x, 0.5),
        xp.take(x, np.array([2, 0])[::-1]),
        xp.fft.fftfreq(4, d=x[0]),
    ):
        assert (y.dtype, y.device) == (x.dtype, x.device)
    assert xp.asarray([torch.tensor(1), 2.0]).dtype == torch.get_default_dtype()
    assert xp.asarray([torch.tensor(1), 1j]).dtype == torch.complex64


def test_asarray_of_a_tensor_is_the_tensor() -> None:
    torch = pytest.importorskip("torch")
    from adhelpers_plugins.torch import namespace as xp

    x = torch.ones(3, requires_grad=True)
    assert xp.asarray(x) is xp.asarray(x, copy=False) is xp.from_dlpack(x) is x
    assert xp.asarray(x, copy=True).data_ptr() != x.data_ptr()
    for bad in ({"dtype": torch.float64}, {"device": "meta"}):
        with pytest.raises((ValueError, RuntimeError)):
            xp.asarray(x, copy=False, **bad)
    with pytest.raises(ValueError, match="alias"):
        xp.asarray([x[0]], copy=False)


@pytest.mark.parametrize("layout", ["another byte order", "negative strides", "both"])
def test_asarray_takes_every_layout_of_numpys(layout: str) -> None:
    torch = pytest.importorskip("torch")
    from adhelpers_plugins.torch import namespace as xp

    data = np.arange(6.0).reshape(2, 3)
    given = data.astype(">f8") if layout != "negative strides" else data
    given = given[::-1, ::-1] if layout != "another byte order" else given
    expected = data[::-1, ::-1] if layout != "another byte order" else data
    for received in (xp.asarray(given), xp.asarray(given, copy=True), xp.asarray(given, dtype=torch.float64)):
        assert received.dtype == torch.float64
        np.testing.assert_array_equal(received.numpy(), expected)
