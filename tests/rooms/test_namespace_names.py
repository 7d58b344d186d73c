"""The namespaces of PyTorch and JAX have every name of the framework's own."""

from __future__ import annotations

import pytest

import adhelpers


@pytest.mark.parametrize(("framework", "underlying"), [("jax", "jax.numpy"), ("torch", "array_api_compat.torch")])
@pytest.mark.parametrize("part", ["", ".linalg", ".fft"])
def test_every_name_of_the_framework_is_there(framework: str, underlying: str, part: str) -> None:
    pytest.importorskip(framework)
    original = pytest.importorskip(underlying + part)
    original_info = pytest.importorskip(underlying).__array_namespace_info__
    backend = adhelpers.backend(framework)
    xp = backend.array_namespace()
    facade = getattr(xp, part[1:]) if part else xp
    public = {name for name in dir(original) if not name.startswith("_")}
    assert public - vars(facade).keys() <= {"classes"}  # at hand, and not looked up
    assert all(hasattr(facade, name) for name in public)
    assert xp.__array_namespace_info__().capabilities() == original_info().capabilities()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = facade.nothing
