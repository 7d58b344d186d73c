"""A backend by its name, or by whose arrays there are."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strangers import SHIPPED, Install, plugin, python

import adhelpers
from adhelpers.errors import AmbiguousBackendError, BackendNotFoundError
from adhelpers.plugins import lookup

# -- inference ----------------------------------------------------------------------------------------


def inferred(x: object) -> str:
    return lookup.infer(x).name


def recorder() -> tuple[list[str], Callable[[Any], Any]]:
    """A function that notes which backend is inferred inside of it."""
    seen: list[str] = []

    def f(x: Any) -> Any:
        seen.append(inferred(x))
        return x * x

    return seen, f


def test_each_frameworks_arrays_identify_it() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    assert inferred(torch.ones(2)) == "torch"
    assert inferred(torch.nn.Parameter(torch.ones(2))) == "torch"
    assert inferred(jnp.ones(2)) == "jax"
    assert inferred({"data": np.ones(2), "w": [jnp.ones(2), 3.0]}) == "jax"


def test_an_owner_is_found_in_any_container() -> None:
    torch, autograd = pytest.importorskip("torch"), pytest.importorskip("autograd")
    data = np.ones(2)
    assert lookup.owner_within((data, "word", 3, object(), None)) is None
    owner = lookup.owner_within((data, {"w": [torch.ones(2)]}, object()))
    assert owner is not None
    assert owner.name == "torch"
    seen = []
    autograd.grad(lambda boxed: seen.append(lookup.owner_within((data, [boxed]))) or boxed["w"])({"w": 1.0})
    assert [owner.name for owner in seen] == ["autograd"]  # the container itself is a box
    with pytest.raises(AmbiguousBackendError):
        lookup.owner_within((torch.ones(2), pytest.importorskip("jax.numpy").ones(2)))


def test_jax_tracers_identify_jax() -> None:
    jax = pytest.importorskip("jax")
    seen, f = recorder()
    jax.jit(f)(1.0)
    jax.grad(f)(1.0)
    jax.jvp(f, (1.0,), (1.0,))
    jax.vmap(jax.jit(jax.grad(f)))(jax.numpy.ones(2))
    assert seen == ["jax"] * 4


def test_wrapped_tensors_identify_torch() -> None:
    torch = pytest.importorskip("torch")
    seen, f = recorder()
    torch.func.grad(f)(torch.tensor(1.0))
    torch.func.jvp(f, (torch.tensor(1.0),), (torch.tensor(1.0),))
    torch.func.vmap(torch.func.grad(f))(torch.ones(2))
    assert seen == ["torch"] * 3


def test_boxes_identify_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    seen, f = recorder()
    autograd.grad(autograd.grad(f))(1.0)
    autograd.make_jvp(f)(1.0)(1.0)
    assert seen == ["autograd"] * 2


@pytest.mark.parametrize("x", [np.ones(2), [1.0, np.float32(2)], 1.0, {}, None], ids=repr)
def test_what_identifies_no_backend_is_ambiguous_and_the_candidates_are_listed(x: object) -> None:
    with pytest.raises(AmbiguousBackendError) as raised:
        lookup.infer(x)
    assert isinstance(raised.value, ValueError)
    assert all(repr(name) in str(raised.value) for name in SHIPPED)


def test_arrays_of_two_frameworks_are_ambiguous() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with pytest.raises(AmbiguousBackendError, match=r"torch.Tensor.*several backends \(jax, torch\)"):
        inferred([jnp.ones(2), torch.ones(2)])
    with pytest.raises(AmbiguousBackendError, match=r"several backends \(jax, torch\)"):
        adhelpers.array_namespace(jnp.ones(2), torch.ones(2))


def test_second_backend_for_a_framework_makes_only_inference_ambiguous(install: Install, fresh: None) -> None:
    torch = pytest.importorskip("torch")
    install("aaa", "rival", rival_plugin=plugin("rival", array_types=("torch:Tensor",)))
    x = torch.ones(2)
    assert adhelpers.array_namespace(x) is type(adhelpers.backend("torch"))().array_namespace(x)
    for backend in ("torch", "finite-difference"):
        adhelpers.jacobian_vector_product(lambda x: adhelpers.array_namespace(x).sin(x), backend, x, x)
    with pytest.raises(AmbiguousBackendError, match=r"several backends \(rival, torch\); .* name the backend"):
        inferred(x)


def test_inference_imports_no_framework(tmp_path: Path) -> None:
    script = (
        "import sys, numpy, adhelpers\n"
        "try: adhelpers.jacobian_vector_product(numpy.sin, None, numpy.ones(2), numpy.ones(2))\n"
        "except adhelpers.AmbiguousBackendError: pass\n"
        "else: raise AssertionError\n"
        "assert adhelpers.array_namespace(numpy.ones(2)).__name__ == 'array_api_compat.numpy'\n"
        "assert not {'jax', 'torch', 'autograd'} & set(sys.modules)\n"
    )
    assert python(tmp_path, "-c", script).stderr == ""


@pytest.mark.parametrize("x", ["a string", object()], ids=["string", "object"])
def test_namespace_of_what_is_no_array_is_a_type_error(x: object) -> None:
    with pytest.raises(TypeError):
        adhelpers.array_namespace(x)


# -- what a caller may pass as a backend ---------------------------------------------------------------


def test_backend_by_name_is_made_once() -> None:
    assert adhelpers.backend("finite-difference") is adhelpers.backend("finite-difference")


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BackendNotFoundError, match="no backend is named 'jaks'") as raised:
        adhelpers.backend("jaks")
    assert isinstance(raised.value, LookupError)
    assert all(repr(name) in str(raised.value) for name in SHIPPED)


def test_the_name_of_a_framework_is_answered_with_that_of_its_backend() -> None:
    with pytest.raises(BackendNotFoundError, match=r"named 'numpy' \(the backend for numpy is 'finite-difference'\)"):
        lookup.backend("numpy")
    with pytest.raises(BackendNotFoundError, match=r"named 'pytorch' \(did you mean 'torch'\?\)"):
        lookup.backend("pytorch")


def test_unknown_name_shows_how_to_install_what_is_missing(install: Install, fresh: None) -> None:
    install("toy", toy_plugin=plugin(framework="toyframework", install="pip install toyframework"))
    with pytest.raises(BackendNotFoundError, match=r"'toy' \(not installed: pip install toyframework\)"):
        adhelpers.backend("jaks")


def test_unknown_name_points_at_the_plugins_that_failed(install: Install, fresh: None) -> None:
    install("broken", "broken", broken_module="1 / 0")
    with pytest.raises(BackendNotFoundError, match="`adhelpers backends` says why 'broken' failed"):
        adhelpers.backend("jaks")


@pytest.mark.parametrize("name", [None, 3, ["jax"]], ids=repr)
def test_name_that_is_no_string_is_a_type_error(name: object) -> None:
    with pytest.raises(TypeError, match="a backend's name is a string"):
        adhelpers.backend(name)  # type: ignore[arg-type]


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"no option 'ordr'.*its options are fallback, order"):
        adhelpers.backend("finite-difference", ordr=4)


class Unregistered:
    def __init__(self, *arrays: Any) -> None:
        self.arrays = list(arrays)


def test_an_object_that_holds_arrays_is_told_what_to_do() -> None:
    with pytest.raises(
        AmbiguousBackendError, match=r"no backend owns .*Unregistered; it holds arrays, but is not a cont"
    ):
        lookup.infer(Unregistered(np.ones(2)))
    for backend in ("finite-difference", None):
        with pytest.raises(adhelpers.AdhelpersError, match=r"give them in a dict, or register its type with optree"):
            adhelpers.gradient(lambda x: x, backend, [Unregistered(np.ones(2))])
    with pytest.raises(AmbiguousBackendError, match=r"no backend owns .*Unregistered; name one of"):
        lookup.infer(Unregistered("word"))


def test_a_module_is_told_of_its_parameters() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(2, 1)
    for backend in (None, "torch", "finite-difference"):
        for x in (net, {"net": net}):
            with pytest.raises(adhelpers.AdhelpersError) as caught:
                adhelpers.gradient(lambda net: net, backend, x)
            assert "torch.func.functional_call(net, x, inputs)" in str(caught.value)
            assert "dict(net.named_parameters())" in str(caught.value)


def test_a_plugin_says_what_to_write_for_its_holders(install: Install, fresh: None) -> None:
    install("aaa", "toy", toy_plugin=plugin(holders=(("types:SimpleNamespace", "write toys"),)))
    with pytest.raises(AmbiguousBackendError, match="SimpleNamespace; write toys"):
        lookup.infer(types.SimpleNamespace())
