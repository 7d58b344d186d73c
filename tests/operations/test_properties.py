"""Random programs over random structures, held to dual numbers whose rules are written here by hand in NumPy.

A program is a straight line of named operations on numbered arrays. It runs on every framework through the array
API, and once more in NumPy with a tangent beside each array, which no framework's differentiation takes part in.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import array_api_compat.numpy as xnp
import numpy as np
import optree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adhelpers
from adhelpers import (
    array_namespace,
    value_and_batched_jacobian,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
)
from conftest import FRAMEWORKS, lifted, make, to_numpy

Backend = adhelpers.ADBackend
Pair = namedtuple("Pair", ["first", "second"])  # noqa: PYI024  # the plain kind, as users write it
EXACT = [name for name in FRAMEWORKS if name != "finite-difference"]
EXAMPLES = {"jax": 80, "torch": 600, "autograd": 600, "finite-difference": 200}  # JAX compiles for each new shape


# -- operations, and their derivatives by hand --------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """``run(xp, *operands)``, and ``push(*operands, *tangents)`` in NumPy.

    Attributes
    ----------
    fits
        Whether the operands are in its domain, as NumPy arrays.
    operands
        How many it takes.
    batch_from
        From how many dimensions on it treats the last axis as a batch; None if it never does.
    holomorphic
        Whether it maps complex to complex arrays with a complex derivative.
    """

    run: Callable[..., Any]
    push: Callable[..., Any]
    fits: Callable[..., bool] = lambda *operands: True
    operands: int = 1
    batch_from: int | None = 0
    holomorphic: bool = True


def linear(run: Callable[..., Any], **options: Any) -> Operation:
    """An operation that is its own derivative."""
    operands = options.get("operands", 1)
    return Operation(run, lambda *xs: run(xnp, *xs[operands:]), **options)


def is_complex(x: Any) -> bool:
    return bool(array_namespace(x).isdtype(x.dtype, "complex floating"))


def squared_modulus(xp: Any, x: Any) -> Any:
    return xp.real(x) ** 2 + xp.imag(x) ** 2 if is_complex(x) else x * x


def push_squared_modulus(x: Any, dx: Any) -> Any:
    return 2.0 * np.real(np.conj(x) * dx)


def push_tame(x: Any, dx: Any) -> Any:
    size = 1.0 + squared_modulus(np, x)
    return dx / size - x * push_squared_modulus(x, dx) / size**2


def weigh(xp: Any, x: Any) -> Any:
    """Fixed weights for two combinations along the axis before the last, or along the only one."""
    size = x.shape[max(x.ndim - 2, 0)]
    weights = np.cos(1.0 + np.arange(2 * size)).reshape(2, size)
    return xp.matmul(xp.asarray(weights, dtype=x.dtype), x)


def largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def near(x: Any) -> bool:
    """Whether `x` stays away from the poles of tanh, and the exponential of it is moderate."""
    return largest(x) < (1.0 if np.iscomplexobj(x) else 4.0)


def alike(x: Any, y: Any) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype


def broadcastable(x: Any, y: Any) -> bool:
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return len(shape) < 4


OPERATIONS = {
    "conj": linear(lambda xp, x: xp.conj(x), fits=np.iscomplexobj, holomorphic=False),
    "real": linear(lambda xp, x: xp.real(x), fits=np.iscomplexobj, holomorphic=False),
    "imag": linear(lambda xp, x: xp.imag(x), fits=np.iscomplexobj, holomorphic=False),
    "sin": Operation(lambda xp, x: xp.sin(x), lambda x, dx: np.cos(x) * dx, near),
    "cos": Operation(lambda xp, x: xp.cos(x), lambda x, dx: -np.sin(x) * dx, near),
    "tanh": Operation(lambda xp, x: xp.tanh(x), lambda x, dx: (1.0 - np.tanh(x) ** 2) * dx, near),
    "exp": Operation(lambda xp, x: xp.exp(x), lambda x, dx: np.exp(x) * dx, near),
    "cube": Operation(lambda xp, x: x**3, lambda x, dx: 3.0 * x**2 * dx),
    "tame": Operation(lambda xp, x: x / (1.0 + squared_modulus(xp, x)), push_tame, holomorphic=False),
    "squared_modulus": Operation(squared_modulus, push_squared_modulus, holomorphic=False),
    "abs": Operation(
        lambda xp, x: xp.abs(x),
        lambda x, dx: np.real(np.conj(x) * dx) / np.abs(x),
        lambda x: bool(np.min(np.abs(x), initial=1.0) > 0.1),
        holomorphic=False,
    ),
    "times_i": linear(lambda xp, x: x * 1j),
    "ones": Operation(lambda xp, x: xp.ones_like(x), lambda x, dx: np.zeros_like(x)),
    "add": linear(lambda xp, x, y: xp.add(x, y), fits=broadcastable, operands=2),
    "subtract": linear(lambda xp, x, y: xp.subtract(x, y), fits=broadcastable, operands=2),
    "multiply": Operation(
        lambda xp, x, y: xp.multiply(x, y), lambda x, y, dx, dy: x * dy + dx * y, broadcastable, operands=2
    ),
    "matmul": Operation(
        lambda xp, x, y: xp.matmul(x, y),
        lambda x, y, dx, dy: x @ dy + dx @ y,
        lambda x, y: x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0],
        operands=2,
        batch_from=None,
    ),
    "weigh": linear(weigh, fits=lambda x: x.ndim > 0, batch_from=2),
    "sum": linear(lambda xp, x: xp.sum(x), batch_from=None),
    "sum_first": linear(lambda xp, x: xp.sum(x, axis=0, keepdims=True), fits=lambda x: x.ndim > 0, batch_from=2),
    "flip_first": linear(lambda xp, x: xp.flip(x, axis=0), fits=lambda x: x.ndim > 0, batch_from=2),
    "first": linear(lambda xp, x: x[0, ...], fits=lambda x: x.ndim > 0 and len(x) > 0, batch_from=3),
    "row": linear(lambda xp, x: x[None, ...], fits=lambda x: x.ndim < 3),
    "column": linear(lambda xp, x: xp.expand_dims(x, axis=-1), fits=lambda x: x.ndim < 3, batch_from=None),
    "reverse_axes": linear(lambda xp, x: xp.permute_dims(x, tuple(range(x.ndim))[::-1]), batch_from=None),
    "flatten": linear(lambda xp, x: xp.reshape(x, (-1,)), batch_from=None),
    "join_first": linear(
        lambda xp, x: xp.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), fits=lambda x: x.ndim > 1, batch_from=3
    ),
    "stack": linear(lambda xp, x, y: xp.stack([x, y]), fits=lambda x, y: alike(x, y) and x.ndim < 3, operands=2),
    "concat": linear(
        lambda xp, x, y: xp.concat([x, y], axis=0),
        fits=lambda x, y: alike(x, y) and x.ndim > 0,
        operands=2,
        batch_from=2,
    ),
}


# -- programs -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    """Dtype and shape of an array of `x`."""

    dtype: str
    shape: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def numbers(self, seed: int) -> np.ndarray:
        """Numbers of modulus below one."""
        re, im = np.random.default_rng(seed).uniform(-0.7, 0.7, (2, *self.shape))
        return np.asarray(re + 1j * im if "complex" in self.dtype else re, dtype=self.dtype)


@dataclass(frozen=True)
class Register:
    """The number of an array: first the leaves of `x`, then the result of each step."""

    index: int

    def __repr__(self) -> str:
        return f"r{self.index}"


@dataclass(frozen=True)
class Step:
    """One operation on registers."""

    name: str
    operands: tuple[Register, ...]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.operands))})"


@dataclass(frozen=True, repr=False)
class Program:
    """A function of a tree of leaves, whose result is a tree of registers."""

    x: Any
    steps: tuple[Step, ...]
    y: Any

    def __repr__(self) -> str:
        leaves = optree.tree_leaves(self.x)
        registers = [*leaves, *self.steps]
        return "\n".join(
            [f"x = {self.x}", *(f"r{i} = {source}" for i, source in enumerate(registers)), f"y = {self.y}"]
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"\n{self}\n")  # what a failing example shows

    def __call__(self, x: Any) -> Any:
        arrays = optree.tree_leaves(x)
        for step in self.steps:
            operands = [arrays[r.index] for r in step.operands]
            arrays.append(OPERATIONS[step.name].run(array_namespace(*operands), *operands))
        return optree.tree_map(lambda r: arrays[r.index], self.y)

    def point(self, seed: int) -> Any:
        """A tree of numbers like `x`."""
        leaves, treedef = optree.tree_flatten(self.x)
        return treedef.unflatten([leaf.numbers(seed + i) for i, leaf in enumerate(leaves)])

    def push(self, x: Sequence[np.ndarray], dx: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
        """The tangents of the output's leaves, by hand, and the largest tangent on the way."""
        arrays, tangents = list(x), list(dx)
        for step in self.steps:
            operation = OPERATIONS[step.name]
            operands = [arrays[r.index] for r in step.operands]
            tangents.append(operation.push(*operands, *(tangents[r.index] for r in step.operands)))
            arrays.append(operation.run(xnp, *operands))
        return [tangents[r.index] for r in optree.tree_leaves(self.y)], max(map(largest, tangents), default=0.0)

    def pull(self, x: Sequence[np.ndarray], dy: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
        """The transpose of `push` under Re(sum(a * b)), entry by entry, and the largest tangent on the way."""
        pulled, size = [np.zeros_like(leaf) for leaf in x], 0.0
        for i, leaf in enumerate(x):
            for index in np.ndindex(leaf.shape):
                for unit in (1.0, 1j) if np.iscomplexobj(leaf) else (1.0,):
                    basis = [np.zeros_like(other) for other in x]
                    basis[i][index] = unit
                    tangents, on_the_way = self.push(x, basis)
                    pulled[i][index] += pairing(dy, tangents) * np.conj(unit)
                    size = max(size, on_the_way)
        return pulled, size


def batched_columns(program: Program) -> tuple[np.ndarray, float]:
    """J of shape ``(M, N, B)`` by hand, and the largest tangent on the way."""
    (x,) = wide(program.point(0))
    y = program(x)
    batch = x.shape[-1]
    jacobian, size = np.zeros((prod(y.shape[:-1]), prod(x.shape[:-1]), batch), dtype=y.dtype), 0.0
    for n in range(jacobian.shape[1]):
        basis = np.zeros((jacobian.shape[1], batch), dtype=x.dtype)
        basis[n] = 1.0
        (column,), on_the_way = program.push([x], [basis.reshape(x.shape)])
        jacobian[:, n] = column.reshape(jacobian.shape[::2])
        size = max(size, on_the_way)
    return jacobian, size


def pairing(a: Sequence[Any], b: Sequence[Any]) -> float:
    return sum(float(np.real(np.sum(left * right))) for left, right in zip(a, b, strict=True))


def wide(tree: Any) -> list[np.ndarray]:
    """The leaves in double precision, so that the reference does not round as single precision does."""
    return [np.asarray(leaf, dtype=np.result_type(leaf, np.float64)) for leaf in optree.tree_leaves(tree)]


def numbers_like(tree: Any, seed: int) -> Any:
    leaves, treedef = optree.tree_flatten(tree)
    return treedef.unflatten([Leaf(str(leaf.dtype), leaf.shape).numbers(seed + i) for i, leaf in enumerate(leaves)])


CONTAINERS: list[Callable[[list[Any]], Any]] = [
    list,
    tuple,
    lambda nodes: dict(zip("bacd", nodes, strict=False)),
    lambda nodes: OrderedDict(zip("bacd", nodes, strict=False)),
    lambda nodes: Pair(nodes[0], nodes[1:]),
]
EMPTY = st.none() | st.builds(list) | st.builds(tuple) | st.builds(dict) | st.builds(OrderedDict)


@st.composite
def trees(draw: st.DrawFn, leaves: st.SearchStrategy[Any]) -> Any:
    """A few leaves, now and then nothing, in nested containers."""
    nodes = [draw(leaves if draw(st.integers(0, 5)) < 5 else EMPTY) for _ in range(draw(st.integers(1, 4)))]
    while len(nodes) > 1 or draw(st.booleans()):
        together = draw(st.integers(1, len(nodes)))
        container = draw(st.sampled_from(CONTAINERS))
        nodes = [container(nodes[:together]), *nodes[together:]]
    return nodes[0]


DTYPES = st.sampled_from(["float64", "complex128", "float32"])
# Few shapes, so that JAX need not compile everything anew.
LEAVES = st.builds(Leaf, DTYPES, st.sampled_from([(), (2,), (3, 2), (0,), (1, 2), (2, 0), (2, 3, 2)]))
BATCHES = st.builds(Leaf, DTYPES, st.sampled_from([(2, 3), (1, 1), (3, 2, 3), (2, 0), (0, 3), (2, 1)]))


def latest_first(arrays: list[np.ndarray]) -> st.SearchStrategy[Register]:
    return st.integers(1, len(arrays)).map(lambda back: Register(len(arrays) - back))


@st.composite
def steps(draw: st.DrawFn, arrays: list[np.ndarray], usable: Callable[..., bool]) -> tuple[Step, ...]:
    """A few steps, run as they are written: each fits its operands, and no number grows beyond moderation."""
    taken = []
    for _ in range(draw(st.integers(0, 6)) if arrays else 0):
        registers = [draw(latest_first(arrays)) for _ in range(2)]
        fitting = []
        for name, operation in OPERATIONS.items():
            operands = [arrays[r.index] for r in registers[: operation.operands]]
            if usable(operation, *operands) and operation.fits(*operands):
                fitting.append(name)
        step = Step(name := draw(st.sampled_from(fitting)), tuple(registers[: OPERATIONS[name].operands]))
        result = np.asarray(OPERATIONS[name].run(xnp, *(arrays[r.index] for r in step.operands)))
        if largest(result) < 100.0 and result.size <= 24:
            taken.append(step)
            arrays.append(result)
    return tuple(taken)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """From any structure to any structure."""
    x = draw(trees(LEAVES))
    arrays = optree.tree_leaves(Program(x, (), None).point(0))
    taken = draw(steps(arrays, lambda operation, *operands: True))
    return Program(x, taken, draw(trees(latest_first(arrays) if arrays else EMPTY)))


@st.composite
def batch_programs(draw: st.DrawFn) -> Program:
    """From one array to one array, treating the last axis as a batch; holomorphic on complex arrays."""
    x = draw(BATCHES)
    arrays = [x.numbers(0)]

    def usable(operation: Operation, *operands: np.ndarray) -> bool:
        keeps_batch = operation.batch_from is not None and all(a.ndim >= operation.batch_from for a in operands)
        return keeps_batch and (operation.holomorphic or "complex" not in x.dtype)

    taken = draw(steps(arrays, usable))
    return Program(x, taken, Register(len(arrays) - 1))


# -- properties ---------------------------------------------------------------------------------------


def hold(body: Callable[..., None], examples: int, **drawn: st.SearchStrategy[Any]) -> None:
    """Try `body` on random programs, the same ones in each run."""
    settings(max_examples=examples, deadline=None, derandomize=True)(given(**drawn)(body))()


def skeleton(tree: Any) -> Any:
    """Types of containers, keys, dtypes and shapes, in a form that ``==`` compares and pytest prints."""
    if isinstance(tree, OrderedDict):
        return OrderedDict, [(key, skeleton(node)) for key, node in tree.items()]
    if isinstance(tree, dict):
        return dict, {key: skeleton(node) for key, node in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree), [skeleton(node) for node in tree]
    return None if tree is None else Leaf(str(tree.dtype), tuple(tree.shape))


def assert_near(received: Sequence[Any], expected: Sequence[Any], tolerance: float) -> None:
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0.0, atol=tolerance)


def tolerance(backend: Backend, tree: Any, size: float) -> float:
    """What the backend's rounding may amount to in programs on such leaves whose largest tangent is `size`."""
    epsilon = max((float(np.finfo(leaf.dtype).eps) for leaf in optree.tree_leaves(tree)), default=0.0)
    error = backend.relative_error(epsilon)
    # Double precision, exactly differentiated, is held to 2e-12; differences also depend on third derivatives.
    return (1e4 if error == epsilon else 1e3) * error * max(size, 1.0)


def assert_separate(backend: Backend, *trees: Any) -> None:
    """No two arrays share memory; JAX's cannot be written to."""
    arrays = [backend.to_numpy(leaf) for tree in trees for leaf in optree.tree_leaves(tree)]
    if backend.name != "jax":
        for i, a in enumerate(arrays):
            assert not any(np.shares_memory(a, b) for b in arrays[i + 1 :])


def products(backend: Backend, program: Program) -> tuple[Any, Any, Any, Any]:
    """``f(x)``, the two products and the cotangent as NumPy arrays, held to what needs no reference."""
    x, t = program.point(0), program.point(100)
    y = optree.tree_map(np.asarray, program(x))
    c = numbers_like(y, 200)
    given_x = lifted(backend, x)
    result_y, pushed = value_and_jacobian_vector_product(program, backend, given_x, t)
    again_y, pulled = value_and_vector_jacobian_product(program, backend, given_x, c)
    assert_separate(backend, given_x, result_y, pushed)
    assert_separate(backend, given_x, again_y, pulled)
    result_y, again_y, pushed, pulled, given_x = (
        to_numpy(backend, tree) for tree in (result_y, again_y, pushed, pulled, given_x)
    )
    assert skeleton(result_y) == skeleton(again_y) == skeleton(pushed) == skeleton(y)
    assert skeleton(pulled) == skeleton(x)
    for before, after in ((x, given_x), (program.point(100), t), (numbers_like(y, 200), c)):
        assert_near(optree.tree_leaves(after), optree.tree_leaves(before), 0.0)
    for values in (result_y, again_y):
        assert_near(optree.tree_leaves(values), optree.tree_leaves(y), tolerance(backend, (x, y), 100.0))
    return x, pushed, pulled, c


def agrees(backend: Backend, program: Program) -> None:
    """The two products agree with dual numbers, and each with the other."""
    x, pushed, pulled, c = products(backend, program)
    t = wide(program.point(100))
    expected, size = program.push(wide(x), t)
    assert_near(optree.tree_leaves(pushed), expected, tolerance(backend, (x, pushed), size))
    expected, size = program.pull(wide(x), wide(c))
    allowed = tolerance(backend, (x, pushed), size)
    assert_near(optree.tree_leaves(pulled), expected, allowed)
    # R7: the transpose under Re(sum(a * b)).
    assert_near([pairing(wide(c), wide(pushed))], [pairing(wide(pulled), t)], 10.0 * allowed)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_products_agree_with_dual_numbers_and_with_each_other(name: str) -> None:
    backend = make(name)

    def body(program: Program) -> None:
        agrees(backend, program)

    hold(body, EXAMPLES[name], program=programs())


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_scalar_is_indexed_and_used_twice_besides(name: str) -> None:
    # Found by the search above: autograd adds the gradient of x[None, ...] in place to a NumPy scalar.
    scalar, square, row, total = map(Register, range(4))
    steps = (Step("multiply", (scalar, scalar)), Step("row", (scalar,)), Step("add", (square, row)))
    agrees(make(name), Program(Leaf("float64", ()), steps, total))


def test_backends_agree_with_one_another() -> None:
    backends = [make(name) for name in EXACT]

    def body(program: Program) -> None:
        x, *first = products(backends[0], program)
        _, size = program.pull(wide(x), wide(first[-1]))
        for backend in backends[1:]:
            _, *other = products(backend, program)
            assert_near(*map(optree.tree_leaves, (other, first)), tolerance(backend, (x, first), size))

    hold(body, EXAMPLES["jax"], program=programs())


def batch_first(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same function with the batch first."""

    def moved(x: Any) -> Any:
        xp = array_namespace(x)
        return xp.moveaxis(f(xp.moveaxis(x, 0, -1)), -1, 0)

    return moved


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # torch has no batching rule for conj
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_batched_jacobians_agree_with_dual_numbers(name: str) -> None:
    backend = make(name)

    def body(program: Program, mode: Any, axis: Any, chunk_size: int | None) -> None:
        f, x, y = program, program.point(0), np.asarray(program(program.point(0)))
        jacobian, size = batched_columns(program)
        if axis == 0:
            f, (x, y, jacobian) = batch_first(program), (np.moveaxis(a, -1, 0) for a in (x, y, jacobian))
        options = {"mode": mode, "batch_axis": axis, "chunk_size": chunk_size, "holomorphic": np.iscomplexobj(x)}
        # Differences in single precision raise false alarms where f varies by orders of magnitude.
        results = value_and_batched_jacobian(f, backend, x, check_batch=name in EXACT, **options)
        received = [backend.to_numpy(result) for result in results]
        assert skeleton(received) == skeleton([y, jacobian.astype(y.dtype)])
        assert_near(received[:1], [y], tolerance(backend, (x, y), 100.0))
        assert_near(received[1:], [jacobian], tolerance(backend, (x, y), size))

    modes, axes, chunks = (st.sampled_from(some) for some in (["forward", "reverse"], [-1, 0], [None, 1, 2]))
    hold(body, EXAMPLES[name] // 4, program=batch_programs(), mode=modes, axis=axes, chunk_size=chunks)
