"""Arrays that are made like traced ones, and of objects."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers

pytest.importorskip("autograd")
from autograd.tracer import isbox

from adhelpers_plugins.autograd import namespace


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like"])
def test_like_a_traced_array(name):
    def f(x):
        fill = (x[0],) if name == "full_like" else ()
        like = getattr(namespace, name)
        for options, dtype in (({}, np.float64), ({"dtype": namespace.int32, "device": "cpu"}, np.int32)):
            made = like(x, *fill, **options)
            assert (made.shape, made.dtype) == (x.shape, dtype)
        assert isbox(like(x, *fill)) == (name == "full_like")
        with pytest.raises(ValueError, match="device|Device"):
            like(x, *fill, device="gpu")
        return x

    adhelpers.jacobian_vector_product(f, "autograd", np.ones(3), np.ones(3))


def test_no_arrays_of_objects():
    def f(x):
        return namespace.asarray(np.array([x[0], x[1]], dtype=object))

    with pytest.raises(adhelpers.ArgumentTypeError, match="objects"):
        adhelpers.jacobian_vector_product(f, "autograd", np.ones(2), np.ones(2))
