"""What `compare` is given: data, functions and backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ArgumentError, ArgumentTypeError, BackendDescription, Capability, DTypeError
from adhelpers.comparison import given
from adhelpers.comparison.participants import Participant
from adhelpers.plugins import lookup
from adhelpers.plugins.registry import Registry, Source
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend


def test_numbers_and_structures_are_taken() -> None:
    pytest.importorskip("autograd")
    from comparing import X, quickly, tree_model

    assert quickly(tree_model, {"w": X.astype(">f8")[::-1], "b": 2.0}).agree
    assert quickly(lambda x: x[0] * x[1], (1.5, 2.0)).agree


def test_numbers_become_arrays_where_they_stand() -> None:
    read = given.numpy_data({"a": 1.5, "b": [2.0j, np.float32(1.0)]}, "x")
    assert [type(leaf) for leaf in (read["a"], *read["b"])] == [np.ndarray] * 3
    assert [leaf.dtype for leaf in (read["a"], *read["b"])] == ["float64", "complex128", "float32"]


@pytest.mark.parametrize(
    ("tree", "error", "words"),
    [
        ({"a": [1.0, 2]}, DTypeError, "x['a'][1] is an int, but x must be NumPy data"),
        (
            {"n": adhelpers.Constant(3)},
            ArgumentTypeError,
            "; leave it out, and close over it in f, for example lambda x: f({**x, 'n': 3})",
        ),
        (np.ma.masked_array([1.0], [True]), ArgumentTypeError, "pass NumPy arrays"),
        (np.zeros(2, [("a", float)]), DTypeError, "x has dtype [('a', '<f8')], but only floating and complex data"),
        (np.ones(2, bool), DTypeError, "convert it with astype(float), or close over it in f"),
        ({}, ArgumentError, "x has no leaves to differentiate"),
    ],
)
def test_other_data_are_refused(tree: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        given.numpy_data(tree, "x")
    assert words in str(raised.value)


def test_backends_of_one_name_are_told_apart() -> None:
    plain, finer = (adhelpers.backend("finite-difference", order=order) for order in (2, 4))
    usable, notes = given.usable_backends([plain, finer, plain])
    assert list(usable) == ["finite-difference", repr(finer)]
    assert notes == []


def test_a_reference_with_the_name_of_another_backend_is_told_apart() -> None:
    plain, finer = (adhelpers.backend("finite-difference", order=order) for order in (2, 4))
    participants = [Participant("finite-difference", finer, np.sin)]
    assert given.reference_of(finer, participants, wide=True) is participants[0]
    reference = given.reference_of(plain, participants, wide=True)
    assert reference is not None
    assert (reference.label, reference.backend) == (repr(plain), plain)


def test_what_is_no_sequence_of_backends_is_refused() -> None:
    with pytest.raises(
        ArgumentTypeError, match="backends must be names or backends, but an int was given; write backends="
    ):
        given.usable_backends(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (None, "f must be a function, or a dict from backend names to functions, but None was given"),
        (adhelpers.backend("finite-difference"), "f must be a function"),
        ({"jax": 3}, "f must map backend names to functions, but these do not: 'jax'"),
        ({3: np.sin}, "f must map backend names to functions, but these do not: 3"),
        ({}, "f must map backend names to functions, but it is empty"),
    ],
)
def test_what_is_no_function_is_refused(f: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError) as raised:
        given.ports_of(f)
    assert words in str(raised.value)


def test_every_backend_needs_a_port() -> None:
    usable, _ = given.usable_backends("finite-difference")
    with pytest.raises(ArgumentError, match="f has functions for jax, but none for finite-difference; give it one, or"):
        given.functions_for(usable, None, {"jax": np.sin})


def test_reference_is_the_participant_that_it_is() -> None:
    usable, _ = given.usable_backends("finite-difference")
    (mine,) = (given.Participant(label, backend, np.cos) for label, backend in usable.items())
    assert given.reference_of("finite-difference", [mine], wide=True) is mine
    finer = adhelpers.backend("finite-difference", order=4)
    other = given.reference_of(finer, [mine], wide=True)
    assert other is not None
    assert (other.backend, other.f) == (finer.double_precision(), np.cos)
    assert given.reference_of(None, [mine], wide=True) is None


def test_names_and_data_in_words() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return x

    def model(x: Any) -> Any:
        return x

    assert given.name_of({"a": model, "b": Model(), "c": model}) == "model/Model"
    assert given.in_words(np.ones((2, 3), np.float32)) == "shape (2, 3), float32"
    assert given.in_words({"a": np.ones(2), "b": np.ones(2, complex)}) == "2 leaves, float64 and complex128"
    assert given.is_wide({"a": np.ones(2, np.float32), "b": np.ones(2)})
    assert not given.is_wide({"a": np.ones(2, np.float32)})


def test_a_framework_that_is_not_installed_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    toys = [BackendDescription(name, (), "nowhere:Toy", framework="nowhere-at-all") for name in ("toy", "tin")]
    broken = BackendDescription("broken", (), "nowhere:Toy", framework="numpy")
    mine = lookup.current().descriptions["finite-difference"]
    described = {d.name: d for d in (*toys, broken, mine)}
    monkeypatch.setattr(lookup, "_scanned", Registry(described, {name: Source(name, "a") for name in described}))
    usable, notes = given.usable_backends(None)
    assert list(usable) == ["finite-difference"]
    first, second = notes
    assert first.startswith("broken was left out: ")
    assert second == "not installed, so not compared: tin, toy; `adhelpers backends` tells what to type"


def test_who_has_no_double_precision_is_left_out_of_comparisons_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is named: then its error is what is shown."""
    single = FiniteDifferenceBackend.capabilities - {Capability.FLOAT64}
    monkeypatch.setattr(FiniteDifferenceBackend, "capabilities", single)
    usable, notes = given.usable_backends(["finite-difference"], wide=True)
    assert (list(usable), notes) == (["finite-difference"], [])
    monkeypatch.setattr(given.lookup.current(), "descriptions", {"finite-difference": None})
    assert list(given.usable_backends(None, wide=False)[0]) == ["finite-difference"]
    with pytest.raises(ArgumentError, match="there is no backend to compare"):
        given.usable_backends(None, wide=True)
