"""`prepare`, and backends that compile: the results are those of the operations, whatever was prepared before."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ADBackend, PreparationMismatchError, batched_jacobian, prepare
from adhelpers import jacobian_vector_product as jvp
from adhelpers import value_and_batched_jacobian as value_and_batched
from adhelpers import value_and_jacobian_vector_product as value_and_jvp
from adhelpers import value_and_vector_jacobian_product as value_and_vjp
from adhelpers import vector_jacobian_product as vjp
from adhelpers.compiled import prepared, trials
from adhelpers.errors import (
    BatchMixingError,
    DTypeError,
    ShapeMismatchError,
    StructureMismatchError,
    UnsupportedOperationError,
)
from conftest import assert_close, make

PRODUCTS = pytest.mark.parametrize("product", [jvp, vjp], ids=["jvp", "vjp"])
Pair = namedtuple("Pair", ["one", "other"])  # noqa: PYI024  # what users have
X, U = np.array([0.5, 1.5, -2.0]), np.array([1.0, -0.5, 2.0])
BATCH = np.arange(1.0, 7.0).reshape(2, 3)


@pytest.fixture
def jax() -> ModuleType:
    make("jax")
    import jax

    return jax


def cube(x: Any) -> Any:
    return x**3


def lifted(backend: ADBackend, *arrays: np.ndarray) -> list[Any]:
    with backend.scope():
        return [backend.asarray(array) for array in arrays]


def same(backend: ADBackend, received: Any, expected: Any) -> None:
    """The same structure, in the same order of keys, with the same values and, but for arrays, types."""
    assert repr(to_numpy_or_as_is(backend, received)) == repr(to_numpy_or_as_is(backend, expected))


def to_numpy_or_as_is(backend: ADBackend, tree: Any) -> Any:
    leaves, treedef = backend.flatten(tree)
    is_array = backend.is_array
    return treedef.unflatten([np.round(backend.to_numpy(leaf), 5) if is_array(leaf) else leaf for leaf in leaves])


# -- every backend ------------------------------------------------------------------------------------------------


@PRODUCTS
def test_products_are_those_of_the_operations(backend: ADBackend, product: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(product, cube, backend, x, u)
    for a, b in ((X, U), (U, X), (2 * X, U), (np.ones(2), np.ones(2)), (np.zeros(0), np.zeros(0)), (X, U)):
        assert_close(backend, call(*lifted(backend, a, b)), 3 * a**2 * b)
    assert_close(backend, call(X, U), 3 * X**2 * U)  # NumPy's arrays are converted, as ever


@pytest.mark.parametrize("operation", [value_and_jvp, value_and_vjp])
def test_values_come_with_products(backend: ADBackend, operation: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(operation, cube, backend, x, u)
    for _ in range(2):
        assert_close(backend, call(x, u), (X**3, 3 * X**2 * U))


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_batched_jacobians(backend: ADBackend, mode: Any) -> None:
    (x,) = lifted(backend, BATCH)
    call = prepare(batched_jacobian, cube, backend, x, mode=mode)
    for a in (BATCH, 2 * BATCH, BATCH[:, :1], BATCH[:, :0], BATCH[:0]):
        expected = 3 * a**2 * np.eye(len(a))[:, :, None]
        assert_close(backend, call(*lifted(backend, a)), expected)
    y, jacobian = prepare(value_and_batched, cube, backend, x, batch_axis=0)(x)
    assert_close(backend, y, BATCH**3)
    assert_close(backend, jacobian, 3 * (BATCH**2)[:, :, None] * np.eye(3))


CONTAINERS: dict[str, Any] = {
    "dict": {"b": X, "a": (U, None, [X])},
    "ordered": OrderedDict(z=X, a=U),
    "named": Pair(X, {}),
    "list": [X, 2.0],
    "empty": (),
    "none": None,
    "nothing but containers": [(), {}],
}


@PRODUCTS
@pytest.mark.parametrize("tree", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_and_aux(backend: ADBackend, product: Any, tree: Any) -> None:
    def f(x: Any) -> Any:
        return {"y": x, "n": None}, {"x": x, "a": ("text", 3, None, {})}

    u = tree if product is jvp else {"y": tree, "n": None}
    call = prepare(product, f, backend, tree, u, has_aux=True)
    for _ in range(3):  # a compiler's own fast way comes with the second
        same(backend, call(tree, u), product(f, backend, tree, u, has_aux=True))


def test_the_order_of_keys_is_that_of_each_call(backend: ADBackend) -> None:
    def f(x: Any, weights: Any) -> Any:
        return {key: value * next(iter(weights.values())) for key, value in x.items()}

    one, other = {"b": X, "a": U}, {"a": U, "b": X}
    v, w = lifted(backend, X, U)
    weights, turned = {"v": v, "w": w}, {"w": w, "v": v}
    call = prepare(jvp, f, backend, one, one, args=(weights,))
    for _ in range(2):
        for x, w in ((one, weights), (other, weights), (one, turned), (other, turned)):
            received = call(x, one, w)
            assert list(received) == list(x)
            assert_close(backend, received["b"], X * (X if w is weights else U))


def test_arguments_may_change(backend: ADBackend) -> None:
    class Box:
        value = 1.0

    def f(x: Any, array: Any, number: Any, word: str, box: Any, numbers: Any) -> Any:
        return x * array * number * len(word) * box.value * sum(numbers)

    x, u = lifted(backend, X, U)
    box, numbers, array = Box(), {1.0}, lifted(backend, X)[0]
    call = prepare(jvp, f, backend, x, u, args=(array, 2.0, "a", box, numbers))

    def check(array: np.ndarray, number: Any, word: str) -> None:
        received = call(x, u, *lifted(backend, array), number, word, box, numbers)
        assert_close(backend, received, U * array * float(number) * len(word) * box.value * sum(numbers))

    check(U, 2.0, "a")
    check(U, 3, "abc")
    check(X, np.float64(0.5), "abc")
    box.value = 7.0  # the same object, and not what it was
    numbers.add(2.0)
    check(X, 2.0, "a")


def test_numbers_that_compare_equal_are_not_the_same(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(
        jvp, lambda x, n: x * np.copysign(1.0, n) * (1.0 if type(n) is float else 2.0), backend, x, u, args=(0.0,)
    )
    for number, factor in ((-0.0, -1.0), (0.0, 1.0), (0, 2.0), (False, 2.0), (np.float64(-0.0), -2.0)):
        assert_close(backend, call(x, u, number), factor * U)


def test_numpy_arguments_are_data(backend: ADBackend) -> None:
    x, u = lifted(backend, X, U)
    xp = backend.array_namespace(x)

    def f(x: Any, weights: Any, zero_d: Any, masked: Any) -> Any:
        return x * xp.asarray(weights) * xp.asarray(zero_d) * float(masked.sum())

    weights, zero_d, masked = X.copy(), np.array(2.0), np.ma.masked_array([1.0, 5.0], [0, 1])
    call = prepare(jvp, f, backend, x, u, args=(weights, zero_d, masked))
    weights += 1.0
    zero_d[...] = 3.0
    masked.mask = [0, 0]
    assert_close(backend, call(x, u, weights, zero_d, masked), U * (X + 1.0) * 3.0 * 6.0)


def test_numbers_for_x_and_u(backend: ADBackend) -> None:
    (x,) = lifted(backend, X)
    call = prepare(vjp, lambda x: (x**2).sum(), backend, x, 1.0)
    for u in (1.0, 2.0, np.float64(3.0), np.asarray(4.0)):
        assert_close(backend, call(x, u), 2 * X * float(u))
    call = prepare(jvp, lambda x: x["a"] ** 2, backend, {"a": x}, {"a": x})
    assert_close(backend, call({"a": x}, {"a": x}), 2 * X * X)


@PRODUCTS
def test_later_calls_are_checked_too(backend: ADBackend, product: Any) -> None:
    x, u = lifted(backend, X, U)
    call = prepare(product, cube, backend, x, u)
    for _ in range(2):
        call(x, u)
        with pytest.raises(ShapeMismatchError, match=r"u has shape \(2,\)"):
            call(x, *lifted(backend, U[:2]))
        with pytest.raises(DTypeError, match="u has dtype"):
            call(x, *lifted(backend, U.astype(np.float32)))
        with pytest.raises(StructureMismatchError):
            call(x, [u])
        with pytest.raises(DTypeError, match="only floating and complex"):
            call(np.arange(3), u)
    assert_close(backend, call(x, u), 3 * X**2 * U)


def test_complex_points(framework: ADBackend) -> None:
    z, w = lifted(framework, X + 1j * U, U - 2j * X)
    for product, expected in ((jvp, 2 * (X + 1j * U) * (U - 2j * X)), (vjp, 2 * (X + 1j * U) * (U - 2j * X))):
        call = prepare(product, lambda z: z**2, framework, z, w)
        for _ in range(2):
            assert_close(framework, call(z, w), expected)
    (batch,) = lifted(framework, BATCH * 1j)
    call = prepare(batched_jacobian, lambda z: z**2, framework, batch, holomorphic=True)
    assert_close(framework, call(batch), 2 * BATCH * 1j * np.eye(2)[:, :, None])


@pytest.mark.parametrize("check_batch", [True, "always"])
def test_mixing_is_found_at_preparation_and_with_a_new_shape(backend: ADBackend, check_batch: Any) -> None:
    def f(x: Any) -> Any:
        return x * x.sum() if x.shape[1] == 3 else x

    good, bad = lifted(backend, BATCH[:, :2], BATCH)
    with pytest.raises(BatchMixingError):
        prepare(batched_jacobian, f, backend, bad, check_batch=check_batch)
    call = prepare(batched_jacobian, f, backend, good, check_batch=check_batch)
    for _ in range(2):
        with pytest.raises(BatchMixingError):
            call(bad)
        assert call(good).shape == (2, 2, 2)
    assert prepare(batched_jacobian, f, backend, bad, check_batch=False)(bad).shape == (2, 2, 3)


def test_errors_of_f_pass_through(backend: ADBackend) -> None:
    error = RuntimeError("mine")

    def f(x: Any) -> Any:
        if x.shape == (2,):
            raise error
        return x**3

    x, u, short = lifted(backend, X, U, X[:2])
    call = prepare(jvp, f, backend, x, u)
    for _ in range(2):
        with pytest.raises(RuntimeError) as raised:
            call(short, short)
        assert raised.value is error
        assert_close(backend, call(x, u), 3 * X**2 * U)
    with pytest.raises(RuntimeError):
        prepare(jvp, f, backend, short, short)


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


def test_operations_nest(framework: ADBackend) -> None:
    x, u = lifted(framework, X, U)
    call = prepare(jvp, cube, framework, x, u)
    for outer in (jvp, vjp):
        assert_close(framework, outer(lambda x: call(x, u), framework, x, u), 6 * X * U * U)
        assert_close(framework, outer(call, framework, x, u, args=(u,)), 6 * X * U * U)
        twice = prepare(outer, call, framework, x, u, args=(u,))
        assert_close(framework, twice(x, u, u), 6 * X * U * U)
        # u is constant to an outer derivative, but for those who want it otherwise
        assert_close(framework, outer(lambda x: call(x, x), framework, x, u), 6 * X * X * U)
    moving = prepare(jvp, cube, framework, x, u, differentiate_u=True)
    assert_close(framework, vjp(lambda x: moving(x, x), framework, x, u), 9 * X * X * U)


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
        assert str(raised.value).endswith("prepare anew")
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
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="pickle the function, and prepare it anew"):
            copied(call)
    with pytest.raises(TypeError, match=r"takes \(x, u, \*args\), but the arguments given were 1"):
        call(x)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("jvp", cube, "finite-difference", X, U), {}, "such as adhelpers.gradient, but a str was"),
        ((cube, cube, "finite-difference", X, U), {}, "but cube was given"),
        ((batched_jacobian, cube, "finite-difference", BATCH, U), {}, "batched_jacobian takes no u"),
        ((jvp, 3, "finite-difference", X, U), {}, "f must be callable"),
        ((jvp, cube, "finite-difference", X, U), {"args": X}, r"args=\(argument,\)"),
        ((jvp, cube, "finite-difference", X, U), {"has_ux": True}, "has_ux"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        prepare(*arguments, **options)


# -- JAX: compiled, by prepare or by jit=True -----------------------------------------------------------------------


@pytest.fixture(params=["prepare", "jit"])
def compiling(request: pytest.FixtureRequest, jax: ModuleType) -> Callable[..., Any]:
    """An operation on a function, compiled in either way, as a function of ``(x, u, *args)``."""

    def of(
        operation: Any, f: Any, x: Any, u: Any, *args: Any, fallback: bool = True, x64: bool = False, **o: Any
    ) -> Any:
        if request.param == "prepare":
            return prepare(operation, f, adhelpers.backend("jax", fallback=fallback, x64=x64), x, u, args=args, **o)
        backend = adhelpers.backend("jax", jit=True, fallback=fallback, x64=x64)
        operation(f, backend, x, u, args=args, **o)
        return lambda x, u, *args: operation(f, backend, x, u, args=args, **o)

    return of


def test_f_is_traced_once_for_each_kind_of_call(jax: ModuleType, compiling: Any) -> None:
    calls = []

    def f(x: Any, n: int) -> Any:
        calls.append(n)
        return x**n

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = compiling(jvp, f, x, u, 3)
    for arguments in ((x, u, 3), (u, x, 3), (u, x, 2), (x, u, 3), (x[:2], u[:2], 3), (x, x, 2), (x[:2], u[:2], 3)):
        call(*arguments)
    assert calls == [3, 2, 3]


def test_64_bits_are_never_narrowed(jax: ModuleType, compiling: Any) -> None:
    x = jax.numpy.asarray(X)
    call = compiling(jvp, lambda x, a: x * a, x, x, x)
    for _ in range(2):
        call(x, x, x)
        for x_or_u in ((X, x), (x, X), (X, X)):
            with pytest.raises(DTypeError, match="float64 was given, which JAX would narrow"):
                call(*x_or_u, x)
    with pytest.raises(DTypeError, match=r"args\[0\] cannot be taken as it is: .* int64"):
        call(x, x, np.array([2**40]))
    assert call(x, x, np.array([2, 3, 4])).dtype == np.float32
    call = compiling(jvp, lambda x, a: x * a, X, U, X, x64=True)
    for x, u in ((X, U), (U, X), lifted(make("jax"), X, U), lifted(make("jax"), X, U)):
        received = call(x, u, X)
        assert received.dtype == np.float64
        np.testing.assert_allclose(received, np.asarray(u) * X)
    assert not jax.config.jax_enable_x64


def test_inside_transformations(jax: ModuleType, compiling: Any) -> None:
    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = compiling(jvp, cube, x, u)
    expected = 3 * X**2 * U
    np.testing.assert_allclose(jax.jit(call)(x, u), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(call)(x[None], u[None])[0], expected, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda x: call(x, u).sum())(x), 6 * X * U, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda x: call(x, x).sum())(x), 6 * X * X, rtol=1e-5)
    np.testing.assert_allclose(call(x, u), expected, rtol=1e-5)


def test_a_strict_call_may_be_traced(jax: ModuleType) -> None:
    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    call = prepare(jvp, cube, "jax", x, u, strict=True)
    np.testing.assert_allclose(jax.jit(call)(x, u), 3 * X**2 * U, rtol=1e-5)
    with pytest.raises(PreparationMismatchError):
        jax.jit(call)(x[:2], u[:2])


def test_missing_rules_fall_back(jax: ModuleType, compiling: Any) -> None:
    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, g: (g * jax.numpy.cos(x),))

    def doubled(x: Any) -> Any:  # a loop of unknown length has no reverse rule
        return jax.lax.while_loop(lambda state: state[1] < 3, lambda state: (2 * state[0], state[1] + 1), (x, 0))[0]

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    np.testing.assert_allclose(compiling(jvp, sine, x, u)(x, u), np.cos(X) * U, rtol=1e-5)
    np.testing.assert_allclose(compiling(vjp, doubled, x, u)(x, u), 8 * U, rtol=1e-5)
    for product, f in ((jvp, sine), (vjp, doubled)):
        with pytest.raises(UnsupportedOperationError, match="fallback=True"):
            compiling(product, f, x, u, fallback=False)


def test_aux_belongs_to_the_caller(jax: ModuleType, compiling: Any) -> None:
    def f(x: Any) -> Any:
        return x, {"array": np.zeros(2), "set": {1}, "list": [1], "number": 3}

    x = jax.numpy.asarray(X)
    call = compiling(jvp, f, x, x, has_aux=True)
    for _ in range(3):
        _, aux = call(x, x)
        assert repr(aux) == "{'array': array([0., 0.]), 'set': {1}, 'list': [1], 'number': 3}"
        aux["array"] += 1.0
        aux["set"].add(2)
        aux["list"].append(2)


def test_equinox_modules(jax: ModuleType, compiling: Any) -> None:
    equinox = pytest.importorskip("equinox")
    x, u = jax.numpy.ones(2), jax.numpy.ones(3)
    layer = equinox.nn.Linear(2, 3, key=jax.random.key(0))
    other = jax.tree.map(lambda leaf: 2.0 * leaf, layer)
    call = compiling(vjp, lambda layer: layer(x) ** 2, layer, u)
    for module in (layer, other):
        received = call(module, u)
        assert type(received) is type(layer)
        np.testing.assert_allclose(received.bias, 2 * module(x), rtol=1e-5)
    call = compiling(jvp, lambda x, layer: layer(x) ** 2, x, x, layer)
    for module in (layer, other):
        np.testing.assert_allclose(call(x, x, module), 2 * module(x) * (module.weight @ x), rtol=1e-5)


def test_jit_of_what_cannot_be_remembered(jax: ModuleType) -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, x: Any) -> Any:
            return x**3

    x, u = jax.numpy.asarray(X), jax.numpy.asarray(U)
    np.testing.assert_allclose(jvp(Slotted(), adhelpers.backend("jax", jit=True), x, u), 3 * X**2 * U, rtol=1e-5)


def test_jit_keeps_nothing_alive(jax: ModuleType) -> None:
    class Model:
        def method(self, x: Any, other: Any = None) -> Any:
            return x**3

    x, backend = jax.numpy.asarray(BATCH), adhelpers.backend("jax", jit=True)
    for call in (
        lambda model: jvp(model.method, backend, x, x),
        lambda model: vjp(lambda x: model.method(x), backend, x, x),
        lambda model: jvp(model.method, backend, x, x, args=(model,)),
        lambda model: batched_jacobian(model.method, backend, x),
    ):
        model = Model()
        alive = weakref.ref(model)
        call(model)
        del model
        gc.collect()
        assert alive() is None


def test_jit_checks_the_batch(jax: ModuleType) -> None:
    backend, x = adhelpers.backend("jax", jit=True), jax.numpy.asarray(BATCH)
    mixing = lambda x: x * x.sum()  # noqa: E731
    for _ in range(2):
        with pytest.raises(BatchMixingError):
            batched_jacobian(mixing, backend, x)
    assert batched_jacobian(mixing, backend, x, check_batch=False).shape == (2, 2, 3)


# -- PyTorch: compiled on request ------------------------------------------------------------------------------------


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The graphs that PyTorch compiles, by a back end that needs no C++ compiler."""
    make("torch")
    import torch

    compile, found = torch.compile, []  # noqa: A001

    def back_end(graph: Any, example: Any) -> Any:
        found.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda f, **options: compile(f, backend=back_end, **options))
    yield found
    torch._dynamo.reset()


@pytest.fixture
def torch_compiled(graphs: list[Any]) -> ADBackend:
    return adhelpers.backend("torch", compiled=True)


@pytest.mark.parametrize("operation", [jvp, vjp, "forward", "reverse"])
def test_torch_compiles_whole_graphs_for_each_shape(
    graphs: list[Any], torch_compiled: ADBackend, operation: Any
) -> None:
    x, u, short = lifted(torch_compiled, BATCH, BATCH / 7, BATCH[:, :2])

    def expected(x: Any, u: Any) -> Any:
        return 3 * x**2 * u if callable(operation) else 3 * x**2 * np.eye(2)[:, :, None]

    if callable(operation):
        call = prepare(operation, cube, torch_compiled, x, u)
    else:
        of_x = prepare(batched_jacobian, cube, torch_compiled, x, mode=operation)
        call = lambda x, u: of_x(x)  # noqa: E731
    for a, b in ((x, u), (u, x), (short, short), (x, u)):
        assert_close(torch_compiled, call(a, b), expected(a.numpy(), b.numpy()))
    found = len(graphs)  # one for each shape and way to compute it
    assert found == 2 or not callable(operation)
    call(u, x)
    assert len(graphs) == found


def test_torch_compiles_more_functions_than_it_would_count(graphs: list[Any], torch_compiled: ADBackend) -> None:
    x, u = lifted(torch_compiled, X, U)
    calls = [prepare(jvp, lambda x, n=n: x * n, torch_compiled, x, u) for n in range(10)]
    for n, call in enumerate(calls):
        assert_close(torch_compiled, call(x, u), n * U)
    assert len(graphs) == 10


def test_torch_modules_stay_attached(torch_compiled: ADBackend) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2))
    x, u = torch.ones(3), torch.ones(2)
    gradients = []
    for backend in (adhelpers.backend("torch"), torch_compiled):
        call = prepare(vjp, lambda x: model(x), backend, x, u)
        model.zero_grad()
        call(x, u).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters() if parameter.grad is not None])
    torch.testing.assert_close(gradients[0], gradients[1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2.0
    torch.testing.assert_close(call(x, u), vjp(lambda x: model(x), "torch", x, u))


def test_torch_containers_numpy_and_aux(torch_compiled: ADBackend) -> None:
    import torch

    def f(x: Any, weights: Any) -> Any:
        return {"y": x["b"] * torch.as_tensor(weights["w"]), "n": None}, {"a": x["a"], "words": ("some", 3)}

    for array in (X, *lifted(torch_compiled, X)):
        x, weights = {"b": lifted(torch_compiled, X)[0], "a": lifted(torch_compiled, U)[0]}, {"w": array}
        call = prepare(jvp, f, torch_compiled, x, x, args=(weights,), has_aux=True)
        for _ in range(2):
            same(torch_compiled, call(x, x, weights), jvp(f, "torch", x, x, args=(weights,), has_aux=True))


def test_torch_transformations_and_errors_leave_nothing_behind(torch_compiled: ADBackend) -> None:
    import torch

    x, u = lifted(torch_compiled, X, U)
    error = ArithmeticError("mine")

    def f(x: Any) -> Any:
        if x.shape == (2,):
            raise error
        return x**3

    call = prepare(jvp, f, torch_compiled, x, u)

    def check() -> None:
        assert_close(torch_compiled, call(x, u), 3 * X**2 * U)

    with pytest.raises(ArithmeticError) as raised:
        call(x[:2], u[:2])
    assert raised.value is error
    check()
    assert_close(torch_compiled, torch.func.vmap(call)(x[None], u[None]), (3 * X**2 * U)[None])
    assert_close(torch_compiled, torch.func.grad(lambda x: call(x, u).sum())(x), 6 * X * U)
    assert_close(torch_compiled, torch.func.jvp(lambda x: call(x, u), (x,), (u,))[1], 6 * X * U * U)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            check()
    leaf = x.clone().requires_grad_()
    call(leaf, leaf).sum().backward()  # u is a constant
    assert_close(torch_compiled, leaf.grad, 6 * X * X)
    check()


def test_torch_compiles_on_request_alone() -> None:
    backend = make("torch")
    assert not backend.compiles
    assert backend.compile(cube) is cube
    assert adhelpers.backend("torch", compiled=True).compiles


def test_a_trial_at_zeros_proves_nothing_of_a_function_that_looks_at_its_batch() -> None:
    """Sample by sample it would be another function, which at zeros has the same derivative."""
    jax = pytest.importorskip("jax")

    def f(x: Any) -> Any:
        return jax.numpy.tanh(jax.numpy.ones((4, 4)) @ jax.numpy.tanh(x) ** 2) / x.shape[-1]

    jacobian = adhelpers.prepare(adhelpers.batched_jacobian, f, "jax", jax.numpy.zeros((4, 50)))
    t = np.tanh(0.3)
    expected = (1 - np.tanh(4 * t**2) ** 2) * 2 * t * (1 - t**2) / 50
    np.testing.assert_allclose(jacobian(jax.numpy.full((4, 50), 0.3)), np.full((4, 4, 50), expected), rtol=1e-5)


def test_an_object_among_the_arguments_may_change() -> None:
    jax = pytest.importorskip("jax")

    class Model:
        k = 1.0

        def __call__(self, x: Any) -> Any:
            return self.k * x

    model, x = Model(), jax.numpy.ones(3)
    push = adhelpers.prepare(adhelpers.jacobian_vector_product, lambda x, m: m(x), "jax", x, x, args=(model,))
    model.k = 5.0
    np.testing.assert_allclose(push(x, x, model), 5.0)


def test_a_hessian_is_tried_in_the_other_order_of_its_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    jax = pytest.importorskip("jax")
    tried, compile_way = [], trials.Trials._compile

    def spy(self: trials.Trials, options: dict[str, Any]) -> Any:
        tried.append(options)
        return compile_way(self, options)

    monkeypatch.setattr(trials.Trials, "_compile", spy)
    x = jax.numpy.asarray([0.5, -1.0])
    for options, expected in (
        ({}, [{"mode": "reverse-over-reverse"}]),
        ({"mode": "forward-over-reverse"}, []),
        ({"has_aux": True}, []),
    ):
        tried.clear()
        f = (lambda x: (x.prod() ** 3, 3)) if "has_aux" in options else lambda x: x.prod() ** 3
        hessian = adhelpers.prepare(adhelpers.value_and_hessian, f, "jax", x, **options)
        assert tried == expected
        y, H, *_ = hessian(2 * x)
        np.testing.assert_allclose(y, -8.0, rtol=1e-6)
        # (ab)^3 has the second derivatives 6ab^3, 9a^2b^2 and 6a^3b
        np.testing.assert_allclose(H, [[-48.0, 36.0], [36.0, -12.0]], rtol=1e-5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What trials take for the time; whoever takes time adds to it."""
    now = [0.0]
    monkeypatch.setattr(trials, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_the_fastest_way_that_gives_the_same_is_taken(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 2e-5, "slow": 3e-5, "fast": 1e-5}.get(way, 0.0)
        if way == "raises":
            raise RuntimeError(way)
        return x**2 + x**3 if way == "the same at zeros alone" else x**2

    seen: list[tuple[int, ...]] = []

    def alternatives(backend: Any, options: Any, x: Any, shape: tuple[int, ...]) -> list[dict[str, Any]]:
        seen.append(shape)
        return [{"way": way} for way in ("raises", "the same at zeros alone", "slow", "fast")]

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, alternatives)
    run(np.zeros((2, 3)))
    calls.clear()
    np.testing.assert_array_equal(run(np.full((2, 3), 3.0)), np.full((2, 3), 9.0))
    assert calls == ["fast"]
    run(np.zeros(3))
    assert seen == [(2, 3), (3,)]


def test_one_short_run_by_chance_decides_nothing(clock: list[float]) -> None:
    runs = {"usual": 0, "slow": 0}

    def evaluate(x: Any, way: str = "usual") -> Any:
        runs[way] += 1
        clock[0] += 1e-6 if way == "slow" and runs[way] == 40 else {"usual": 2e-4, "slow": 3e-4}[way]
        return x

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: [{"way": "slow"}])
    run(np.zeros(3))
    assert runs["slow"] >= 40
    before = runs["slow"]
    run(np.zeros(3))
    assert runs["slow"] == before


def test_no_way_is_timed_for_long(clock: list[float]) -> None:
    calls: list[str] = []

    def evaluate(x: Any, way: str = "usual") -> Any:
        calls.append(way)
        clock[0] += {"usual": 2.0, "other": 1.0, "hopeless": 10.0}[way]
        return x

    others = [{"way": "other"}, {"way": "hopeless"}]
    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: others)
    run(np.zeros(3))
    assert calls.count("hopeless") == 3, "compared, and timed twice"
    assert calls[:-1].count("other") == 4, "and in one round more"
    assert calls[-1] == "other"


def test_a_function_that_is_not_defined_beside_the_point_is_not_tried() -> None:
    def evaluate(x: Any, way: str = "usual") -> Any:
        if (x != 0.0).any():
            raise ValueError(way)
        return x

    run = trials.Trials(make("finite-difference"), evaluate, {"has_aux": False}, lambda *_: [{"way": "other"}])
    np.testing.assert_array_equal(run(np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize("x", [{}, {"a": {}}], ids=repr)
def test_a_hessian_without_leaves(jax: ModuleType, x: Any) -> None:
    two = jax.numpy.asarray(2.0)
    assert adhelpers.prepare(adhelpers.hessian, lambda x: two, "jax", x)(x) == adhelpers.hessian(
        lambda x: two, "jax", x
    )
    y, H = adhelpers.prepare(adhelpers.value_and_hessian, lambda x, a: a, "jax", x, args=(two,))(x, two)
    assert (float(y), H) == (2.0, adhelpers.hessian(lambda x: two, "jax", x))


def test_prepared_batched_hessians_try_the_other_sweep(jax: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, gives = [], trials.Trials._gives
    monkeypatch.setattr(trials.Trials, "_gives", lambda *given: tried.append(gives(*given)) or tried[-1])
    x = jax.numpy.asarray([[1.0, 2.0], [3.0, 4.0]])
    H = adhelpers.prepare(adhelpers.batched_hessian, lambda x: x[0] ** 2 * x[1], "jax", x)(x)
    np.testing.assert_allclose(H, [[[6.0, 8.0], [2.0, 4.0]], [[2.0, 4.0], [0.0, 0.0]]])
    assert tried == [True], "and none that cannot work"
