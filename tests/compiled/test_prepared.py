"""A prepared operation: threads, memory, strict calls, what it says of itself."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from prepared_calls import PRODUCTS, U, X, cube, lifted

from adhelpers import ADBackend, PreparationMismatchError, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers import vector_jacobian_product as vjp
from adhelpers.compiled import prepared
from conftest import assert_close

# -- every backend ------------------------------------------------------------------------------------------------


def test_threads_share_a_prepared_operation(backend: ADBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST_REMEMBERED", 2)
    x, u = lifted(backend, X, U)
    call = prepare(jvp, lambda x, n: x**3 * n, backend, x, u, args=(1,))
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for turn in range(8):
                size, n = 1 + (seed + turn) % 3, turn % 4
                a, b = X[:size] * (1 + seed), U[:size]
                assert_close(backend, call(*lifted(backend, a, b), n), 3 * a**2 * b * n)
        except BaseException as error:  # noqa: BLE001  # handed on
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
    assert len(call._compiled) <= 2


def test_nothing_is_kept_alive(backend: ADBackend) -> None:
    class Model:
        factor = 2.0

        def method(self, x: Any) -> Any:
            return self.factor * x

    x, u = lifted(backend, X, U)
    model = Model()
    alive = weakref.ref(model)
    call = prepare(jvp, model.method, backend, x, u, args=())
    call(x, u)
    watched = weakref.ref(call)
    del model, call
    gc.collect()
    assert alive() is None
    assert watched() is None


# -- strict -------------------------------------------------------------------------------------------------------


@PRODUCTS
def test_strict_calls_are_like_the_first(backend: ADBackend, product: Any) -> None:
    x, u, longer = lifted(backend, X, U, np.ones(4))
    (single,) = lifted(backend, X.astype(np.float32))
    call = prepare(product, lambda x, n, w: x**n, backend, x, u, args=(3, X), strict=True)
    for arguments, words in (
        ((longer, longer, 3, X), r"x: prepared with \S*float64\[3\].*, but \S*float64\[4\].* was given\n  u: prep"),
        ((single, single, 3, X), r"x: prepared with \S*float64\[3\].*, but \S*float32\[3\]"),
        ((x, u, 2, X), r"args\[0\]: prepared with 3, but 2 was given"),
        ((x, u, 3.0, X), r"args\[0\]: prepared with 3, but 3.0 was given"),
        ((x, u, 3, X[:2]), r"args\[1\]: prepared with float64\[3\], but float64\[2\]"),
        ((x, u, 3), r"args\[1\]: prepared with float64\[3\], but nothing was given"),
        ((x, u, 3, X, 1), r"args\[2\]: prepared with nothing, but 1 was given"),
        ((x, u, 3, X, ()), "prepared with 4 arguments, but 5 were given"),
        (([x], [u], 3, X), r"x\[0\]: prepared with nothing, but"),
        ((x, u, [3], X), r"args\[0\]\[0\]: prepared with nothing, but 3 was given"),
    ):
        with pytest.raises(PreparationMismatchError, match=words) as raised:
            call(*arguments)
        assert str(raised.value).endswith("prepare it again")
    assert_close(backend, call(u, x, 3, U), 3 * U**2 * X)


def test_strict_heeds_what_matters_alone(backend: ADBackend) -> None:
    one, other = {"a": X, "b": U}, {"b": U, "a": X}
    call = prepare(vjp, lambda x, s: (x["a"] * x["b"]).sum(), backend, one, np.float64(1.0), args=({1},), strict=True)
    assert_close(backend, call(other, np.asarray(2.0), {3}), {"b": 2 * X, "a": 2 * U})
    call = prepare(jvp, lambda x: x, backend, {"a": X, "b": ()}, {"a": X, "b": ()}, strict=True)
    with pytest.raises(PreparationMismatchError, match="x: prepared with the containers"):
        call({"a": X, "b": []}, {"a": X, "b": []})


# -- what it says -------------------------------------------------------------------------------------------------


def test_what_a_prepared_operation_says_of_itself(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(vjp, cube, backend, x, u, strict=True, has_aux=False)
    assert repr(call) == f"<prepared vector_jacobian_product of cube by {backend!r}, has_aux=False, strict>"
    assert (call.operation, call.f, call.backend, call.strict) == (vjp, cube, backend, True)
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="copied or pickled; .* pickle the function, and prepare it again"):
            copied(call)
    with pytest.raises(TypeError, match=r"takes \(x, u, \*args\), but 1 argument was given"):
        call(x)
