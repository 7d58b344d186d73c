"""What a backend is told of a rule, and what core knows while one runs."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from adhelpers import ADBackend, AmbiguousBackendError, ArgumentError, UnsupportedOperationError
from adhelpers.plugins import lookup
from adhelpers.plugins.rule import Rule, run_for, runs_for

X = np.array([1.0, 2.0])


def fail(*_: Any) -> Any:
    raise AssertionError


def test_errors_name_the_rule() -> None:
    rule = Rule("cube", fail, fail, fail)
    assert type(rule.closes_over()) is type(rule.constant_varies()) is ArgumentError
    assert str(rule.closes_over()).startswith("cube has a derivative rule, but one of its functions closes over an")
    assert str(rule.constant_varies()).startswith("cube has a derivative rule for x alone")
    for error in (rule.closes_over(), rule.constant_varies()):
        assert str(error).endswith("pass the array in x")


def test_rules_are_told_apart_by_themselves() -> None:
    """A framework may keep one among its static arguments."""
    one, other = (Rule("cube", fail, fail, fail) for _ in range(2))
    assert one != other
    assert len({one, other, one}) == 2


# -- backends that know no rules ----------------------------------------------------------------------------


def test_by_default_a_backend_differentiates_the_function(backend: ADBackend) -> None:
    x = object()
    assert ADBackend.apply_rule(backend, Rule("pair", lambda *x: x, fail, fail), (x, 1)) == (x, 1)


def test_by_default_a_backend_refuses_what_it_cannot_trace(backend: ADBackend) -> None:
    rule = Rule("sine", fail, fail, fail, host=fail, shapes=fail)
    message = f"backend {backend.name!r} knows no rules, and cannot differentiate sine, which computes by NumPy"
    with pytest.raises(UnsupportedOperationError, match=message):
        ADBackend.apply_rule(backend, rule, (X,))


# -- while a rule runs --------------------------------------------------------------------------------------


def test_it_is_known_for_which_backend_a_rule_runs() -> None:
    assert runs_for() is None
    assert run_for("outer", lambda a, b: (a, b, runs_for()), 1, 2) == (1, 2, "outer")
    inner = run_for("outer", lambda: (run_for("inner", runs_for), runs_for()))
    assert inner == ("inner", "outer")
    assert runs_for() is None


def test_it_is_forgotten_after_an_error() -> None:
    with pytest.raises(AssertionError):
        run_for("backend", fail)
    assert runs_for() is None


def test_it_is_known_in_its_thread_alone() -> None:
    found = []

    def look() -> None:
        thread = threading.Thread(target=lambda: found.append(runs_for()))
        thread.start()
        thread.join()

    run_for("backend", look)
    assert found == [None]


def test_numpys_arrays_are_those_of_a_running_backend_that_has_them(backend: ADBackend) -> None:
    if backend.is_array(X):
        assert run_for(backend, lookup.infer, X) is backend
    else:  # a solver of NumPy's is called back, perhaps where its framework must not run
        with pytest.raises(AmbiguousBackendError):
            run_for(backend, lookup.infer, X)
    with pytest.raises(AmbiguousBackendError):
        lookup.infer(X)
