"""PyTorch by hand: gradients, Hessians and their products."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import forward_ad

from benchmarks.losses import Loss
from benchmarks.native import Formulations, Function, Operation


def func_grad(f: Function) -> Operation:
    """`torch.func.grad`."""
    return torch.func.grad(f)


def autograd_grad(f: Function) -> Operation:
    """`torch.autograd.grad`."""

    def op(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf), leaf)[0]

    return op


def func_jvp_of_grad(f: Function) -> Operation:
    """`torch.func.jvp` of `torch.func.grad`."""
    return lambda x, u: torch.func.jvp(torch.func.grad(f), (x,), (u,))[1]


def functional_hvp(f: Function) -> Operation:
    """`torch.autograd.functional.hvp`."""
    return lambda x, u: torch.autograd.functional.hvp(f, x, u)[1]


def grad_twice(f: Function) -> Operation:
    """`torch.autograd.grad` twice: the Hessian is symmetric."""

    def op(x: Any, u: Any) -> Any:
        leaf, gradient = _graph(f, x)
        return torch.autograd.grad(gradient, leaf, u)[0]

    return op


def grad_of_dual_number(f: Function) -> Operation:
    """`torch.autograd.grad` of the tangent of a dual number."""

    def op(x: Any, u: Any) -> Any:
        with forward_ad.dual_level():
            leaf = x.detach().requires_grad_()
            slope = forward_ad.unpack_dual(f(forward_ad.make_dual(leaf, u))).tangent
            return torch.autograd.grad(slope, leaf)[0]

    return op


def func_hessian(f: Function) -> Operation:
    """`torch.func.hessian`."""
    return torch.func.hessian(f)


def functional_hessian(f: Function) -> Operation:
    """`torch.autograd.functional.hessian`, vectorised."""
    return lambda x: torch.autograd.functional.hessian(f, x, vectorize=True)


def batched_second_gradients(f: Function) -> Operation:
    """`torch.autograd.grad` of the gradient, with `is_grads_batched`."""

    def op(x: Any) -> Any:
        leaf, gradient = _graph(f, x)
        return torch.autograd.grad(gradient, leaf, torch.eye(len(x), dtype=x.dtype), is_grads_batched=True)[0]

    return op


def mapped_second_gradients(f: Function) -> Operation:
    """`torch.func.vmap` of `torch.autograd.grad` of the gradient."""

    def op(x: Any) -> Any:
        leaf, gradient = _graph(f, x)
        pull = torch.func.vmap(lambda u: torch.autograd.grad(gradient, leaf, u, retain_graph=True)[0])
        return pull(torch.eye(len(x), dtype=x.dtype))

    return op


def replicated_second_gradients(f: Function) -> Operation:
    """`torch.autograd.grad` twice, of `torch.func.vmap` over a copy of the point for each basis vector."""
    copied = torch.func.vmap(f)

    def op(x: Any) -> Any:
        leaf = x.expand(len(x), -1).clone().requires_grad_()
        (gradient,) = torch.autograd.grad(copied(leaf).sum(), leaf, create_graph=True)
        return torch.autograd.grad(gradient, leaf, torch.eye(len(x), dtype=x.dtype))[0]

    return op


def vmap_hessian(f: Function, loss: Loss) -> Operation:
    """`torch.func.vmap`, over samples, of `torch.func.hessian`."""
    return torch.func.vmap(torch.func.hessian(f), in_dims=-1, out_dims=-1)


def vmap_jacrev_of_grad(f: Function, loss: Loss) -> Operation:
    """`torch.func.vmap`, over samples, of `torch.func.jacrev` of `torch.func.grad`."""
    return torch.func.vmap(torch.func.jacrev(torch.func.grad(f)), in_dims=-1, out_dims=-1)


def batched_second_gradients_of_sum(f: Function, loss: Loss) -> Operation:
    """`torch.autograd.grad` of the gradient of the whole batch, with `is_grads_batched`."""

    def op(x: Any) -> Any:
        leaf, gradient = _graph(lambda x: f(x).sum(), x)
        basis = torch.eye(loss.n, dtype=x.dtype)[..., None].expand(-1, -1, loss.batch).contiguous()
        return torch.autograd.grad(gradient, leaf, basis, is_grads_batched=True)[0]

    return op


def replicated_second_gradients_of_sum(f: Function, loss: Loss) -> Operation:
    """`torch.autograd.grad` twice, at N copies of the batch side by side."""

    def op(x: Any) -> Any:
        n, batch = x.shape
        leaf, gradient = _graph(lambda x: f(x).sum(), x.repeat(1, n))
        basis = torch.eye(n, dtype=x.dtype)[..., None].expand(n, n, batch).reshape(n, n * batch)
        return torch.autograd.grad(gradient, leaf, basis)[0].reshape(n, n, batch)

    return op


def _graph(f: Function, x: Any) -> tuple[Any, Any]:
    """The point and the gradient there, to be differentiated once more."""
    leaf = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(f(leaf), leaf, create_graph=True)
    return leaf, gradient


EAGER = {
    "gradient": Formulations((func_grad,), (autograd_grad,)),
    "hessian_vector_product": Formulations((func_jvp_of_grad, functional_hvp), (grad_twice, grad_of_dual_number)),
    "hessian": Formulations(
        (func_hessian, functional_hessian),
        (batched_second_gradients, mapped_second_gradients, replicated_second_gradients),
    ),
    "batched_hessian": Formulations(
        (vmap_hessian,),
        (vmap_jacrev_of_grad, batched_second_gradients_of_sum, replicated_second_gradients_of_sum),
    ),
}
