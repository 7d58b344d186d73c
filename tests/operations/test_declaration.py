"""What is declared of operations, and which backend a caller means."""

from __future__ import annotations

import numpy as np
import pytest

import adhelpers


def test_class_in_place_of_a_backend_says_to_make_an_instance() -> None:
    cls = type(adhelpers.backend("finite-difference"))
    with pytest.raises(TypeError, match=r"the class FiniteDifferenceBackend; .* FiniteDifferenceBackend\(\)"):
        adhelpers.gradient(len, cls, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", [3, ["jax"], object, np], ids=["int", "list", "class", "module"])
def test_wrong_object_in_place_of_a_backend_is_a_type_error(backend: object) -> None:
    with pytest.raises(TypeError, match=r"an ADBackend, its name or None, but an? .* was given; arguments come"):
        adhelpers.gradient(len, backend, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("f", [None, 3.0, "jax"], ids=repr)
def test_function_that_is_not_callable_is_a_type_error(f: object) -> None:
    with pytest.raises(TypeError, match=r"f must be callable as .* given; pass the function itself"):
        adhelpers.jacobian_vector_product(f, "finite-difference", 1.0, 1.0)  # type: ignore[arg-type]
