"""The operations inside the frameworks' own transformations, and those inside the functions that are differentiated."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import array_namespace, batched_jacobian, jacobian_vector_product, vector_jacobian_product
from conftest import make

Function = Callable[[Any], Any]

X = np.array([[0.3, 0.7, 1.1, -0.4]])
OPERATIONS = ["jvp", "vjp", "forward", "reverse"]


def new_sine() -> Function:
    """A function that no operation has seen."""
    return lambda x: array_namespace(x).sin(2.0 * x)


def derivative_of_sine(k: int) -> np.ndarray:
    return 2.0**k * np.sin(2.0 * X + k * np.pi / 2)


def differentiate(operation: Any, g: Function, backend: adhelpers.ADBackend) -> Function:
    """The derivative of an elementwise function of x (1, B), the batched Jacobian's in either mode."""
    if operation in ("forward", "reverse"):
        return lambda x: batched_jacobian(g, backend, x, mode=operation)[0, :, :]
    product = {"jvp": jacobian_vector_product, "vjp": vector_jacobian_product}[operation]
    return lambda x: product(g, backend, x, array_namespace(x).ones_like(x))


def total(f: Function) -> Function:
    """A scalar whose gradient is the derivative of an elementwise `f`."""
    return lambda x: array_namespace(x).sum(f(x))


def each(vectorised: Function) -> Function:
    """Batch elements handed one by one, as (1, 1), to a function vectorised over a leading axis."""
    return lambda x: vectorised(x.T[:, :, None])[:, :, 0].T


def summed(jacobian: Function) -> Function:
    """The diagonal of the Jacobian of an elementwise function: nothing stands beside it."""
    return lambda x: jacobian(x).sum((0, 1))


# By framework, each transformation as a map between elementwise functions, and how often it differentiates.
Transformation = tuple[int, Callable[[Any, Function], Function]]

JAX: dict[str, Transformation] = {
    "jit": (0, lambda jax, f: jax.jit(f)),
    "vmap": (0, lambda jax, f: each(jax.vmap(f))),
    "checkpoint": (0, lambda jax, f: jax.checkpoint(f)),
    "scan": (0, lambda jax, f: each(lambda rows: jax.lax.scan(lambda c, row: (c, f(row)), 0.0, rows)[1])),
    "map": (0, lambda jax, f: each(lambda rows: jax.lax.map(f, rows))),
    "fori_loop": (0, lambda jax, f: lambda x: jax.lax.fori_loop(0, 2, lambda i, y: y + f(x) / 2, 0.0 * x)),
    "cond": (0, lambda jax, f: lambda x: jax.lax.cond(x.sum() > 0, f, lambda x: x, x)),
    "jit of vmap": (0, lambda jax, f: jax.jit(each(jax.vmap(f)))),
    "vmap of jit": (0, lambda jax, f: each(jax.vmap(jax.jit(f)))),
    "grad": (1, lambda jax, f: jax.grad(total(f))),
    "jacfwd": (1, lambda jax, f: summed(jax.jacfwd(f))),
    "jacrev": (1, lambda jax, f: summed(jax.jacrev(f))),
    "jvp": (1, lambda jax, f: lambda x: jax.jvp(f, (x,), (jax.numpy.ones_like(x),))[1]),
    "vjp": (1, lambda jax, f: lambda x: jax.vjp(f, x)[1](jax.numpy.ones_like(x))[0]),
    "linearize": (1, lambda jax, f: lambda x: jax.linearize(f, x)[1](jax.numpy.ones_like(x))),
    "grad of checkpoint": (1, lambda jax, f: jax.grad(total(jax.checkpoint(f)))),
    "grad of scan": (1, lambda jax, f: jax.grad(total(JAX["scan"][1](jax, f)))),
    "jit of vmap of grad": (1, lambda jax, f: jax.jit(each(jax.vmap(jax.grad(total(f)))))),
    "grad of vmap of jit": (1, lambda jax, f: jax.grad(total(each(jax.vmap(jax.jit(f)))))),
    "hessian": (2, lambda jax, f: lambda x: jax.hessian(total(f))(x).sum((0, 1))),
}


def torch_backward(torch: Any, f: Function) -> Function:
    def derivative(x: Any) -> Any:
        x = x.clone().requires_grad_()
        f(x).sum().backward()
        return x.grad

    return derivative


def torch_grad(torch: Any, f: Function, *, order: int = 1) -> Function:
    def derivative(x: Any) -> Any:
        x = x.clone().requires_grad_()
        y = f(x)
        for _ in range(order):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return y

    return derivative


def torch_dual_level(torch: Any, f: Function) -> Function:
    def derivative(x: Any) -> Any:
        with torch.autograd.forward_ad.dual_level():
            y = f(torch.autograd.forward_ad.make_dual(x, torch.ones_like(x)))
            return torch.autograd.forward_ad.unpack_dual(y).tangent.clone()

    return derivative


def torch_checkpoint(torch: Any, f: Function) -> Function:
    from torch.utils.checkpoint import checkpoint

    return lambda x: checkpoint(f, x, use_reentrant=False)


TORCH: dict[str, Transformation] = {
    "vmap": (0, lambda torch, f: each(torch.func.vmap(f))),
    "vmap of vmap": (0, lambda torch, f: lambda x: torch.func.vmap(each(torch.func.vmap(f)))(x[None])[0]),
    "functionalize": (0, lambda torch, f: torch.func.functionalize(f)),
    "grad": (1, lambda torch, f: torch.func.grad(total(f))),
    "jacfwd": (1, lambda torch, f: summed(torch.func.jacfwd(f))),
    "jacrev": (1, lambda torch, f: summed(torch.func.jacrev(f))),
    "jvp": (1, lambda torch, f: lambda x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1]),
    "vjp": (1, lambda torch, f: lambda x: torch.func.vjp(f, x)[1](torch.ones_like(x))[0]),
    "vmap of grad": (1, lambda torch, f: each(torch.func.vmap(torch.func.grad(total(f))))),
    "grad of vmap": (1, lambda torch, f: torch.func.grad(total(each(torch.func.vmap(f))))),
    "jvp of vmap": (1, lambda torch, f: TORCH["jvp"][1](torch, each(torch.func.vmap(f)))),
    "hessian": (2, lambda torch, f: lambda x: torch.func.hessian(total(f))(x).sum((0, 1))),
}
TORCH_AROUND: dict[str, Transformation] = TORCH | {
    "no_grad": (0, lambda torch, f: torch.no_grad()(f)),
    "inference_mode": (0, lambda torch, f: torch.inference_mode()(f)),
    "dual_level": (1, torch_dual_level),
    "backward": (1, torch_backward),
    "backward of vmap": (1, lambda torch, f: torch_backward(torch, each(torch.func.vmap(f)))),
    "autograd.grad": (1, torch_grad),
    "autograd.grad twice": (2, lambda torch, f: torch_grad(torch, f, order=2)),
    "backward of dual_level": (2, lambda torch, f: torch_backward(torch, torch_dual_level(torch, f))),
    "autograd.functional.jacobian": (
        1,
        lambda torch, f: summed(lambda x: torch.autograd.functional.jacobian(f, x)),
    ),
}
TORCH_INSIDE: dict[str, Transformation] = TORCH | {
    "checkpoint": (0, torch_checkpoint),
    "compile": (0, lambda torch, f: torch.compile(f, fullgraph=torch.__version__ >= "2.7", backend="eager")),
}

AUTOGRAD: dict[str, Transformation] = {
    "grad": (1, lambda autograd, f: autograd.grad(total(f))),
    "elementwise_grad": (1, lambda autograd, f: autograd.elementwise_grad(f)),
    "jacobian": (1, lambda autograd, f: summed(autograd.jacobian(f))),
    "make_jvp": (1, lambda autograd, f: lambda x: autograd.make_jvp(f)(x)(np.ones_like(X))[1]),
    "make_vjp": (1, lambda autograd, f: lambda x: autograd.make_vjp(f)(x)[0](np.ones_like(X))),
    "grad of checkpoint": (1, lambda autograd, f: autograd.grad(total(autograd.checkpoint(f)))),
    "elementwise_grad twice": (2, lambda autograd, f: autograd.elementwise_grad(autograd.elementwise_grad(f))),
    "make_jvp of grad": (2, lambda autograd, f: AUTOGRAD["make_jvp"][1](autograd, autograd.grad(total(f)))),
    "hessian": (2, lambda autograd, f: summed(autograd.hessian(total(f)))),
}

AROUND = {"jax": JAX, "torch": TORCH_AROUND, "autograd": AUTOGRAD}
INSIDE = {"jax": JAX, "torch": TORCH_INSIDE, "autograd": AUTOGRAD}


def cases(tables: dict[str, dict[str, Transformation]]) -> Any:
    rows = [
        pytest.param(framework, operation, transformation, id=f"{framework}-{transformation}-{operation}")
        for framework, table in tables.items()
        for transformation, operation in itertools.product(table, OPERATIONS)
    ]
    return pytest.mark.parametrize(("framework", "operation", "transformation"), rows)


def check(backend: adhelpers.ADBackend, f: Function, k: int) -> None:
    """`f` is the k-th derivative of the sine at X."""
    with backend.scope():
        received = backend.to_numpy(f(backend.asarray(X)))
    np.testing.assert_allclose(received, derivative_of_sine(k), rtol=1e-12, atol=1e-12)


@cases(AROUND)
def test_operations_work_inside_transformations(framework: str, operation: str, transformation: str) -> None:
    backend = make(framework)
    order, transform = AROUND[framework][transformation]
    derivative = differentiate(operation, new_sine(), backend)
    check(backend, transform(pytest.importorskip(framework), derivative), 1 + order)


# torch.compile looks at the gradient of whatever it is given, which PyTorch warns of where that is no leaf.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@cases(INSIDE)
def test_transformations_work_inside_operations(framework: str, operation: str, transformation: str) -> None:
    backend = make(framework)
    order, transform = INSIDE[framework][transformation]
    f = transform(pytest.importorskip(framework), new_sine())
    check(backend, differentiate(operation, f, backend), order + 1)


@cases(AROUND)
def test_nested_operations_work_inside_transformations(framework: str, operation: str, transformation: str) -> None:
    backend = make(framework)
    order, transform = AROUND[framework][transformation]
    inner = "vjp" if operation in ("jvp", "forward") else "jvp"
    derivative = differentiate(operation, differentiate(inner, new_sine(), backend), backend)
    check(backend, transform(pytest.importorskip(framework), derivative), 2 + order)


# Checks run once for a function and a way to sweep it, so that a first run would differ from its recomputation.
@pytest.mark.parametrize(
    ("operation", "seen"), [("jvp", False), ("vjp", False), *((operation, True) for operation in OPERATIONS)]
)
def test_operations_are_recomputed_under_a_checkpoint(operation: str, seen: bool) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")
    derivative = differentiate(operation, new_sine(), backend)
    if seen:
        check(backend, torch_backward(torch, derivative), 2)
    check(backend, torch_backward(torch, torch_checkpoint(torch, derivative)), 2)


@pytest.mark.parametrize("operation", ["jvp", "vjp", "reverse"])  # under vmap, as forward, PyTorch refuses it
def test_a_users_own_graph_works_inside_operations(operation: str) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")

    def slope(x: Any) -> Any:
        x = x if x.requires_grad else x.requires_grad_()
        return torch.autograd.grad(torch.sin(2.0 * x).sum(), x, create_graph=True)[0]

    check(backend, differentiate(operation, slope, backend), 2)


# -- torch.compile around, whose eager back end needs no C++ compiler -----------------------------------


def compiled(f: Function) -> Function:
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()
    # Older compilers break the graph at what they cannot trace.
    return torch.compile(f, fullgraph=torch.__version__ >= "2.13", backend="eager")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_are_compiled_as_one_graph(operation: str) -> None:
    backend = make("torch")
    check(backend, compiled(differentiate(operation, new_sine(), backend)), 1)


# PyTorch itself fails to compile forward mode under vmap twice over, and then other things too.
STRINGS = [string for string in itertools.product(OPERATIONS, repeat=2) if string != ("forward", "forward")]


@pytest.mark.parametrize("string", STRINGS, ids="-".join)
def test_nested_operations_are_compiled_as_one_graph(string: tuple[str, str]) -> None:
    backend = make("torch")
    outer, inner = string
    check(backend, compiled(differentiate(outer, differentiate(inner, new_sine(), backend), backend)), 2)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_compiled_operations_are_differentiated(operation: str) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")
    check(backend, torch_backward(torch, compiled(differentiate(operation, new_sine(), backend))), 2)


# -- what an operation does to variables around it ------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_backward_reaches_x_parameters_and_what_f_closes_over(operation: str) -> None:
    torch, backend = pytest.importorskip("torch"), make("torch")
    x = torch.from_numpy(X.copy()).requires_grad_()
    scale = torch.nn.Parameter(torch.tensor(3.0, dtype=torch.float64))
    shift = (2.0 * scale).view(())  # attached, and no leaf
    differentiate(operation, lambda z: scale * z**3 + shift * x * z**2, backend)(x).sum().backward()
    # slope = 3 s x^2 + 4 s x w, where w = x is what f closes over
    np.testing.assert_allclose(x.grad, 6 * 3 * X + 4 * 3 * X + 4 * 3 * X, rtol=1e-12)
    np.testing.assert_allclose(scale.grad, np.sum(3 * X**2 + 4 * X**2), rtol=1e-12)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("framework", ["jax", "torch", "autograd"])
def test_transformations_differentiate_by_what_f_closes_over(framework: str, operation: str) -> None:
    backend = make(framework)
    _, transform = AROUND[framework]["grad"]
    # d/dw [d/dz (w^2 z^3) at z = X] = 6 w X^2, at w = X
    f = transform(
        pytest.importorskip(framework),
        lambda w: differentiate(operation, lambda z: w**2 * z**3, backend)(backend.asarray(X)),
    )
    with backend.scope():
        received = backend.to_numpy(f(backend.asarray(X)))
    np.testing.assert_allclose(received, 6 * X**3, rtol=1e-12)
