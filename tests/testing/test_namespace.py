"""The scenario about the namespace says in words what is missing, and what for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import array_api_compat.numpy as xp
import pytest

from adhelpers.testing import Failure, scenarios
from adhelpers_plugins.finite_difference import FiniteDifferenceBackend

(SCENARIO,) = [scenario for scenario in scenarios() if scenario.name == "contract/namespace"]


def finding(**changes: Any) -> str:
    """What is said of NumPy's namespace with other functions in it; None takes one out."""
    functions = {name: getattr(xp, name) for name in dir(xp)} | changes
    namespace = SimpleNamespace(**{name: value for name, value in functions.items() if value is not None})

    class Other(FiniteDifferenceBackend):
        def array_namespace(self, *arrays: Any) -> Any:
            return namespace

    with pytest.raises(Failure) as raised:
        SCENARIO.run(Other())
    return str(raised.value)


def test_each_missing_function_is_named_with_its_parameters_and_what_core_does_with_it() -> None:
    said = finding(where=None, eye=None)
    assert "the namespace has no `where(condition, x, y)`: core needs it for removing entries" in said
    assert "the namespace has no `eye(n_rows, n_cols, *, k, dtype, device)`: core needs it for the basis" in said
    assert "`stack" not in said


def test_another_signature_is_an_error_that_is_quoted() -> None:
    said = finding(ones=lambda shape, dtype: xp.ones(shape, dtype=dtype))
    assert "`ones(shape, *, dtype, device)` raises TypeError: " in said
    assert "unexpected keyword argument 'device'; core needs it for the basis vectors of a batched Jacobian" in said


def test_another_result_is_shown_beside_numpys() -> None:
    said = finding(isdtype=lambda dtype, kind: True)
    assert "`isdtype(dtype, kind)` gives [True, True, True] where NumPy gives [True, False, False]; core" in said
    assert "`stack(arrays)` gives array(" in finding(stack=lambda arrays: xp.stack(arrays, axis=-1))


def test_what_functions_of_the_suite_call_is_said_at_once() -> None:
    said = finding(sin=None, tanh=None)
    assert "the namespace has no sin, tanh: functions of the suite call them" in said
