"""What the suite cannot know: MLX's own transformations, its laziness, and its gaps."""

import threading

import adhelpers
import mlx.core as mx
import numpy as np
import pytest

from adhelpers_mlx.tracing import is_transforming

X = mx.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
NUMBERS = np.array(X).astype(float)


def close(received, expected, rtol=1e-5):
    np.testing.assert_allclose(np.array(received), expected, rtol=rtol, atol=1e-6)


def cubed(x):
    return adhelpers.array_namespace(x).sum(x**3)


# -- transformations ---------------------------------------------------------------------------------------


def test_a_transformation_is_noticed_from_within():
    seen = []

    def f(x):
        seen.append(is_transforming())
        return x * x

    one = mx.array(1.0)
    assert not is_transforming()
    mx.grad(f)(one)
    mx.jvp(lambda x: [f(x)], [one], [one])
    mx.vmap(f)(mx.ones(2))
    mx.compile(f)(one)
    adhelpers.gradient(f, "mlx", one)
    assert seen[:4] == [True] * 4
    assert seen[-1]
    assert not is_transforming()


def test_a_transformation_of_another_thread_is_none_of_ours():
    seen = []

    def f(x):
        thread = threading.Thread(target=lambda: seen.append(is_transforming()))
        thread.start()
        thread.join()
        return x * x

    mx.grad(f)(mx.array(1.0))
    assert seen == [False]


def test_a_transformation_that_fails_is_over():
    with pytest.raises(ZeroDivisionError):
        adhelpers.gradient(lambda x: 1 / 0, "mlx", X)
    assert not is_transforming()


def of_a_batched_jacobian(w):
    """The sum of the squares of the derivative of sin(w x), by a sweep, which core checks where it may."""
    return mx.sum(adhelpers.batched_jacobian(lambda x: mx.sin(w * x), "mlx", X) ** 2)


def test_operations_work_inside_of_mlxs_own_transformations():
    w, x = 0.7, NUMBERS
    expected = np.sum(2 * w * np.cos(w * x) * (np.cos(w * x) - w * x * np.sin(w * x)))
    value = np.sum((w * np.cos(w * x)) ** 2)
    w = mx.array(w)
    close(mx.grad(of_a_batched_jacobian)(w), expected)
    close(adhelpers.gradient(of_a_batched_jacobian, "mlx", w), expected)
    close(mx.compile(of_a_batched_jacobian)(w), value)
    close(mx.vmap(of_a_batched_jacobian)(mx.stack([w, w])), [value, value])


def test_mlxs_own_transformations_work_inside_of_operations():
    close(adhelpers.gradient(lambda w: mx.sum(mx.grad(cubed)(w)), None, X), 6 * NUMBERS)


def test_functions_may_branch_on_values():
    def f(x):
        return mx.sin(x) if bool(mx.sum(x) > 0.0) else mx.cos(x)

    expected = np.cos(NUMBERS)
    for mode in ("forward", "reverse"):
        jacobian = adhelpers.batched_jacobian(f, "mlx", X, mode=mode)
        close(mx.sum(jacobian, axis=1), expected)


# -- gaps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: (x, x), np.full((2, 3), 5.0)),
        (lambda x: (x, 2 * x), np.full((2, 3), 8.0)),
        (lambda x: (x[0], x[0]), [[5.0] * 3, [0.0] * 3]),
        (lambda x: (mx.ones(3), x), np.full((2, 3), 3.0)),
    ],
)
def test_an_output_may_be_another_or_the_input_or_a_constant(f, expected):
    u = [(k + 2.0) * mx.ones_like(y) for k, y in enumerate(f(X))]
    close(adhelpers.vector_jacobian_product(f, "mlx", X, tuple(u)), expected)


def test_what_mlx_cannot_push_is_pulled_twice():
    def slope(x):
        return adhelpers.gradient(lambda x: mx.sum(x[0] ** 3), "mlx", x)

    close(adhelpers.jacobian_vector_product(slope, "mlx", X, X), [6 * NUMBERS[0] ** 2, [0, 0, 0]])
    strict = adhelpers.backend("mlx", fallback=False)
    with pytest.raises(adhelpers.UnsupportedOperationError, match="not yet implemented"):
        adhelpers.jacobian_vector_product(slope, strict, X, X)


def test_functions_that_mlx_lacks_are_missing_rules():
    with pytest.raises(adhelpers.UnsupportedOperationError):
        adhelpers.gradient(lambda x: mx.sum(mx.linalg.svd(x, stream=mx.cpu)[1]), "mlx", X)


def test_special_functions_are_mlxs_own():
    """Those of SciPy would take the numbers of a tracer."""
    with pytest.raises(adhelpers.UnsupportedOperationError, match="call the framework's own functions"):
        adhelpers.gradient(lambda x: mx.sum(adhelpers.special_namespace(x).erf(x)), "mlx", X)
    slope = 2 / np.sqrt(np.pi) * np.exp(-(NUMBERS**2))
    close(adhelpers.gradient(lambda x: mx.sum(mx.erf(x)), "mlx", X), slope)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128", ">f8", "longdouble"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(adhelpers.DTypeError, match=r"x.astype\('float32'\)"):
        adhelpers.gradient(cubed, "mlx", np.ones(2, dtype))
    with pytest.raises(adhelpers.DTypeError, match="float32"):
        adhelpers.value(cubed, "mlx", np.ones((), dtype)[()])


def test_arrays_of_mlxs_own_in_double_precision_are_refused():
    x = mx.array([1.0, 2.0], dtype=mx.float64)
    for operation in (adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product):
        with pytest.raises(adhelpers.DTypeError, match="float64"):
            operation(lambda x: x * x, "mlx", x, x)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.float32])
def test_other_dtypes_are_kept(dtype):
    x = X.astype(dtype)
    found = adhelpers.gradient(cubed, "mlx", x)
    assert found.dtype == dtype
    close(found.astype(mx.float32), 3 * NUMBERS**2, rtol=1e-2)


def test_numpys_arrays_may_have_any_strides_and_order_of_bytes():
    x = np.arange(12.0, dtype=">f4").reshape(3, 4)[::-1, ::2]
    close(adhelpers.gradient(cubed, "mlx", x), 3 * x.astype(float) ** 2)


# -- memory ------------------------------------------------------------------------------------------------


def test_arrays_changed_in_place_move_nothing():
    x = mx.array([1.0, 2.0])
    linear = adhelpers.linearize(lambda x: x * x, "mlx", x)

    def f(x):
        x += 1.0
        x[0] = 7.0
        return x * x

    close(adhelpers.jacobian_vector_product(f, "mlx", x, mx.ones(2)), [0.0, 6.0])
    x += 10.0
    close(linear.pull(mx.ones(2)), [2.0, 4.0])


def test_numpy_gets_copies():
    backend = adhelpers.backend("mlx")
    x = mx.array([1.0, 2.0])
    backend.to_numpy(x)[:] = 7.0
    close(x, [1.0, 2.0])


def test_the_sum_of_no_elements_is_zero():
    """MLX's is whatever was in memory."""
    xp, nothing = adhelpers.array_namespace(mx.array(1.0)), np.zeros((0, 2), np.float32)
    for _ in range(50):
        mx.eval([mx.random.normal((size,)) for size in (1, 2, 4, 8, 16, 64, 1024)])  # so that it is no zero by chance
        assert xp.sum(mx.array(nothing)).item() == 0.0
    assert xp.sum(mx.array(nothing), axis=0, keepdims=True).shape == (1, 2)
