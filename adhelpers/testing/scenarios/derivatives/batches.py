"""The batched Jacobian: values, layout, modes and chunks (R18)."""

from __future__ import annotations

from functools import partial
from typing import Any

import array_api_compat.numpy as numpy_namespace
import numpy as np

from adhelpers import Capability, batched_jacobian
from adhelpers.testing import references
from adhelpers.testing.models import complex_numbers, dense, gelu, image_network, like, numbers, perceptron
from adhelpers.testing.scenario import Catalogue
from adhelpers.testing.subject import Function, Subject

SCENARIOS = Catalogue()
MODES = ("auto", "forward", "reverse")


def square(xp: Any, x: Any) -> Any:
    return x**2


def ordered(xp: Any, x: Any) -> Any:
    """Two axes to two others; each output depends on x in a different manner."""
    flat = xp.reshape(x, (6, x.shape[-1]))
    return xp.reshape(like(xp, numbers(8, 6), x) @ xp.sin(flat), (4, 2, x.shape[-1]))


def widening(xp: Any, x: Any) -> Any:
    return like(xp, numbers(7, 2), x) @ xp.sin(x)


def narrowing(xp: Any, x: Any) -> Any:
    return like(xp, numbers(2, 7), x) @ xp.sin(x)


def layer(xp: Any, x: Any) -> Any:
    return gelu(xp, dense(xp, x, x.shape[0]))


def branching(xp: Any, x: Any) -> Any:
    """Control flow on the values of the whole batch."""
    return xp.sin(x) if bool(xp.sum(x) > -100.0) else x


def singular(xp: Any, x: Any) -> Any:
    """An infinite slope at zero, which does not mean that f mixes the batch."""
    return xp.sqrt(x)


def _jacobian(f: Function, x: np.ndarray, mode: str, options: dict[str, Any], subject: Subject) -> None:
    """Without the batch check by default: after a wrong sweep it would say that f mixes the batch."""
    expected = references.batched_jacobian(partial(f, numpy_namespace), x)
    value, received = subject.value_and_batched(f, subject.arrays(x), mode=mode, **{"check_batch": False, **options})
    subject.expect_close(value, f(numpy_namespace, x), what="the value")
    subject.expect_close(received, expected)


def _integers(mode: str, subject: Subject) -> None:
    x = np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    expected = np.zeros((2, 2, 3))
    expected[0, 0], expected[1, 1] = [2, 6, 10], [4, 8, 12]
    subject.expect_close(subject.batched(square, subject.arrays(x), mode=mode), expected)


def _batch_first(mode: str, subject: Subject) -> None:
    """The same Jacobians, each (M, N), with the batch in front of them."""
    x = numbers(3, 2, 4)

    def f(xp: Any, x: Any) -> Any:
        return xp.permute_dims(ordered(xp, xp.permute_dims(x, (1, 2, 0))), (2, 0, 1))

    last = np.moveaxis(np.concatenate([x, x], axis=1)[:, :3, :2], 0, -1)
    point = np.ascontiguousarray(np.moveaxis(last, -1, 0))
    expected = references.batched_jacobian(partial(ordered, numpy_namespace), last)
    received = subject.batched(f, subject.arrays(point), mode=mode, batch_axis=0)
    subject.expect_close(received, np.moveaxis(expected, -1, 0))


def _sizes(mode: str, batch: int, subject: Subject) -> None:
    x = numbers(2, batch)
    expected = np.cos(x) * np.eye(2)[:, :, None]
    value, received = subject.value_and_batched(lambda xp, x: xp.sin(x), subject.arrays(x), mode=mode)
    subject.expect_close(value, np.sin(x), what="the value")
    subject.expect_close(received, expected)


def _no_rows_or_columns(mode: str, subject: Subject) -> None:
    x = subject.arrays(numbers(2, 3))
    subject.expect_close(subject.batched(lambda xp, x: x[:0] * 2.0, x, mode=mode), np.zeros((0, 2, 3)))
    empty = subject.arrays(np.zeros((0, 3)))
    received = subject.batched(lambda xp, x: xp.zeros((2, 3), dtype=x.dtype), empty, mode=mode)
    subject.expect_close(received, np.zeros((2, 0, 3)))


def _independent(mode: str, subject: Subject) -> None:
    constant = numbers(3, 4)
    received = subject.batched(lambda xp, x: like(xp, constant, x), subject.arrays(numbers(2, 4)), mode=mode)
    subject.expect_equal(received, np.zeros((3, 2, 4)))


def _infinite(mode: str, subject: Subject) -> None:
    x = np.array([[0.0, 1.0, 4.0]])
    received = subject.numpy(subject.batched(singular, subject.arrays(x), mode=mode))
    subject.expect(np.allclose(received[0, 0, 1:], [0.5, 0.25], rtol=1e-4), repr(received), "[..., 0.5, 0.25]")


def _holomorphic(mode: str, subject: Subject) -> None:
    z = complex_numbers(2, 3)
    received = subject.batched(lambda xp, z: xp.exp(z) * z, subject.arrays(z), mode=mode, holomorphic=True)
    subject.expect_close(received, np.exp(z) * (1.0 + z) * np.eye(2)[:, :, None])


def _real_to_complex(mode: str, subject: Subject) -> None:
    x = numbers(2, 3)
    received = subject.batched(lambda xp, x: xp.exp((0.5 - 2.0j) * x), subject.arrays(x), mode=mode)
    subject.expect_close(received, (0.5 - 2.0j) * np.exp((0.5 - 2.0j) * x) * np.eye(2)[:, :, None])


def _single_precision(mode: str, subject: Subject) -> None:
    x = numbers(2, 4)
    expected = references.batched_jacobian(partial(perceptron, numpy_namespace), x).astype(np.float32)
    subject.expect_close(subject.batched(perceptron, subject.arrays(x.astype(np.float32)), mode=mode), expected)


def _arguments(mode: str, subject: Subject) -> None:
    x = numbers(2, 3)

    def f(xp: Any, x: Any, power: int, thing: str) -> Any:
        return x**power, thing

    jacobian, aux = subject.batched(f, subject.arrays(x), mode=mode, args=(3, "thing"), has_aux=True)
    subject.expect_close(jacobian, 3.0 * x**2 * np.eye(2)[:, :, None])
    subject.expect(aux == "thing", f"aux = {aux!r}", "'thing'")


def _repeated(mode: str, subject: Subject) -> None:
    """A function that is called again may use another formulation, but not if it looks at its batch size."""
    for share in (False, True):

        def f(x: Any, share: bool = share) -> Any:
            y = ordered(subject.namespace(x), x)
            return y / x.shape[-1] if share else y

        for k in range(4):
            x = numbers(3, 2, 4) + k
            expected = references.batched_jacobian(partial(ordered, numpy_namespace), x) / (4 if share else 1)
            what = f"J of call {k + 1} of one function" + " that looks at the size of its batch" * share
            received = batched_jacobian(f, subject.backend, subject.arrays(x), mode=mode)  # type: ignore[call-overload]
            subject.expect_close(received, expected, what=what)


def _chunks(n: int, mode: str, subject: Subject, chunk_size: int | None = 10) -> None:
    """No column is lost between chunks."""
    x = numbers(n, 3)
    received = subject.batched(layer, subject.arrays(x), mode=mode, chunk_size=chunk_size, check_batch=False)
    subject.expect_close(received, references.batched_jacobian(partial(layer, numpy_namespace), x))


for _mode in MODES:
    SCENARIOS.add(f"batched-squares/{_mode}", "R18")(partial(_integers, _mode))
    for _f, _point in (
        (widening, numbers(2, 4)),
        (narrowing, numbers(7, 4)),
        (branching, numbers(2, 4)),
    ):
        _label = _f.__name__.replace("_", "-")
        SCENARIOS.add(f"batched-{_label}/{_mode}", "R18")(partial(_jacobian, _f, _point, _mode, {}))
    SCENARIOS.add(f"batch-first/{_mode}", "R18")(partial(_batch_first, _mode))
    for _batch in (0, 1):
        SCENARIOS.add(f"batch-of-{_batch}/{_mode}", "R17")(partial(_sizes, _mode, _batch))
    SCENARIOS.add(f"batched-no-rows-or-columns/{_mode}", "R17")(partial(_no_rows_or_columns, _mode))
    SCENARIOS.add(f"batched-independent/{_mode}", "R6")(partial(_independent, _mode))
    SCENARIOS.add(f"batched-infinite-slope/{_mode}", "R18")(partial(_infinite, _mode))
    SCENARIOS.add(f"batched-holomorphic/{_mode}", "R18", [Capability.COMPLEX])(partial(_holomorphic, _mode))
    SCENARIOS.add(f"batched-real-to-complex/{_mode}", "R18", [Capability.COMPLEX])(partial(_real_to_complex, _mode))
    SCENARIOS.add(f"batched-float32/{_mode}", "R4", [Capability.FLOAT32])(partial(_single_precision, _mode))
    SCENARIOS.add(f"batched-arguments/{_mode}", "R18")(partial(_arguments, _mode))
    SCENARIOS.add(f"batched-repeated/{_mode}", "R18")(partial(_repeated, _mode))

for _n in (2, 4, 8):  # a single chunk
    SCENARIOS.add(f"batched-chunks-{_n}/auto", "R18")(partial(_chunks, _n, "auto"))
for _mode, _sizes_of_x in (("forward", (4, 11, 50)), ("reverse", (4, 12, 51))):  # some frameworks compile each size
    for _n in _sizes_of_x:
        SCENARIOS.add(f"batched-chunks-{_n}/{_mode}", "R18")(partial(_chunks, _n, _mode))
    SCENARIOS.add(f"batched-a-chunk-of-77/{_mode}", "R18")(partial(_chunks, 77, _mode, chunk_size=None))
    for _label, _f, _point, _options in (
        ("perceptron", perceptron, numbers(2, 4), {}),
        ("ordered", ordered, numbers(3, 2, 4), {}),
        ("one-at-a-time", ordered, numbers(3, 2, 4), {"chunk_size": 1}),
        ("checked", widening, numbers(2, 4), {"check_batch": "always"}),
        ("checked-by-default", narrowing, numbers(7, 4), {"check_batch": True}),
    ):
        SCENARIOS.add(f"batched-{_label}/{_mode}", "R18")(partial(_jacobian, _f, _point, _mode, _options))
SCENARIOS.add("batched-image-network/auto", "R18")(partial(_jacobian, image_network, numbers(3, 3, 2, 4), "auto", {}))
