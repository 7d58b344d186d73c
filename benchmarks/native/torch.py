"""PyTorch by hand: `torch.func`, and what lies beneath it."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch.autograd import forward_ad

import adhelpers
from benchmarks.cells import Cell
from benchmarks.native import Formulations, Function, Native, Operation
from benchmarks.native.torch_curvature import EAGER
from benchmarks.native.torch_maps import GLUE, MAPS
from benchmarks.native.torch_rules import RULES


def func_jvp(f: Function) -> Operation:
    """`torch.func.jvp`."""
    return lambda x, u: torch.func.jvp(f, (x,), (u,))[1]


def func_vjp(f: Function) -> Operation:
    """`torch.func.vjp` and its pullback."""
    return lambda x, u: torch.func.vjp(f, x)[1](u)[0]


def dual_numbers(f: Function) -> Operation:
    """`torch.autograd.forward_ad`: one dual number."""

    def op(x: Any, u: Any) -> Any:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(f(forward_ad.make_dual(x, u))).tangent

    return op


def two_gradients(f: Function) -> Operation:
    """`torch.autograd.grad` twice: the pullback is linear in its cotangent, and pulling that back pushes forward."""

    def op(x: Any, u: Any) -> Any:
        leaf = x.detach().requires_grad_()
        y = f(leaf)
        cotangent = torch.zeros_like(y, requires_grad=True)
        (pulled,) = torch.autograd.grad(y, leaf, cotangent, create_graph=True)
        return torch.autograd.grad(pulled, cotangent, u)[0]

    return op


def gradient(f: Function) -> Operation:
    """`torch.autograd.grad`."""

    def op(x: Any, u: Any) -> Any:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(f(leaf), leaf, u)[0]

    return op


def vmap_jacfwd(f: Function, cell: Cell) -> Operation:
    """`torch.func.vmap`, over samples, of `torch.func.jacfwd`."""
    op = torch.func.vmap(torch.func.jacfwd(_of_sample(f)), in_dims=-1, out_dims=-1)
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def vmap_jacrev(f: Function, cell: Cell) -> Operation:
    """`torch.func.vmap`, over samples, of `torch.func.jacrev`."""
    op = torch.func.vmap(torch.func.jacrev(_of_sample(f)), in_dims=-1, out_dims=-1)
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def jacrev_of_sum(f: Function, cell: Cell) -> Operation:
    """`torch.func.jacrev` of the sum over the batch."""
    op = torch.func.jacrev(lambda x: f(x).sum(-1))
    return lambda x: op(x).reshape(cell.m, cell.n, cell.batch)


def batched_gradients(f: Function, cell: Cell) -> Operation:
    """`torch.autograd.grad` with `is_grads_batched`, one basis vector for the whole batch."""

    def op(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        basis = _basis(cell.outputs, cell.batch, x)
        (rows,) = torch.autograd.grad(f(leaf), leaf, basis, is_grads_batched=True)
        return rows.reshape(cell.m, cell.n, cell.batch)

    return op


def loop_of_gradients(f: Function, cell: Cell) -> Operation:
    """`torch.autograd.grad` for each output in turn, with ones for the whole batch."""

    def op(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        y = f(leaf).reshape(cell.m, cell.batch)
        ones = torch.ones(cell.batch, dtype=x.dtype)
        rows = [torch.autograd.grad(y[m], leaf, ones, retain_graph=m < cell.m - 1)[0] for m in range(cell.m)]
        return torch.stack(rows).reshape(cell.m, cell.n, cell.batch)

    return op


def loop_of_dual_numbers(f: Function, cell: Cell) -> Operation:
    """`torch.autograd.forward_ad` for each input in turn."""

    def op(x: Any) -> Any:
        basis = _basis(cell.inputs, cell.batch, x)
        with forward_ad.dual_level():
            columns = [forward_ad.unpack_dual(f(forward_ad.make_dual(x, u))).tangent for u in basis.unbind()]
        return torch.stack(columns, 1).reshape(cell.m, cell.n, cell.batch)

    return op


def dual_numbers_under_vmap(f: Function, cell: Cell) -> Operation:
    """PyTorch's older vmap, which `torch.autograd.functional` keeps for this, over one dual number."""
    from torch._vmap_internals import _vmap  # torch.func.vmap refuses a dual number made within it

    def op(x: Any) -> Any:
        def push(tangent: Any) -> Any:
            with forward_ad.dual_level():
                return forward_ad.unpack_dual(f(forward_ad.make_dual(x, tangent))).tangent

        columns = _vmap(push)(_basis(cell.inputs, cell.batch, x).contiguous())
        return columns.reshape(cell.n, cell.m, cell.batch).transpose(0, 1)

    return op


def vmap_jvp(f: Function, cell: Cell) -> Operation:
    """`torch.func.vmap`, over basis vectors of the whole batch, of `torch.func.jvp`."""

    def op(x: Any) -> Any:
        basis = _basis(cell.inputs, cell.batch, x)
        columns = torch.func.vmap(lambda u: torch.func.jvp(f, (x,), (u,))[1])(basis)
        return columns.reshape(cell.n, cell.m, cell.batch).transpose(0, 1)

    return op


def jacfwd_of_shift(f: Function, cell: Cell) -> Operation:
    """`torch.func.jacfwd`, with respect to a shift that all samples have in common."""

    def op(x: Any) -> Any:
        shift = torch.zeros(cell.inputs, dtype=x.dtype)
        jacobian = torch.func.jacfwd(lambda shift: f(x + shift[..., None]))(shift)
        return jacobian.reshape(cell.m, cell.batch, cell.n).transpose(1, 2)

    return op


def replicated_dual_numbers(f: Function, cell: Cell) -> Operation:
    """One dual number of N copies of the batch, side by side, each with a basis vector."""

    def op(x: Any) -> Any:
        with forward_ad.dual_level():
            copies = forward_ad.make_dual(_copies(x, cell.n), _basis_beside(cell.inputs, cell.batch, x))
            pushed = forward_ad.unpack_dual(f(copies)).tangent
        return pushed.reshape(cell.m, cell.n, cell.batch)

    return op


def replicated_gradient(f: Function, cell: Cell) -> Operation:
    """`torch.autograd.grad` of M copies of the batch, side by side, each with a basis vector."""

    def op(x: Any) -> Any:
        leaf = _copies(x, cell.m).requires_grad_()
        (pulled,) = torch.autograd.grad(f(leaf), leaf, _basis_beside(cell.outputs, cell.batch, x))
        return pulled.reshape(cell.n, cell.m, cell.batch).transpose(0, 1)

    return op


def _of_sample(f: Function) -> Function:
    """`f` of one sample: a batch of one, whose axis is then dropped."""
    return lambda sample: f(sample[..., None])[..., 0]


def _basis(shape: tuple[int, ...], batch: int, like: Any) -> Any:
    """Each basis vector of one sample, in all samples: ``(size, *shape, B)``."""
    eye = torch.eye(prod(shape), dtype=like.dtype).reshape(-1, *shape, 1)
    return eye.expand(*eye.shape[:-1], batch)


def _basis_beside(shape: tuple[int, ...], batch: int, like: Any) -> Any:
    """The same side by side: ``(*shape, size B)``."""
    size = prod(shape)
    return torch.eye(size, dtype=like.dtype)[..., None].expand(size, size, batch).reshape(*shape, size * batch)


def _copies(x: Any, count: int) -> Any:
    """Copies of the batch, side by side: ``(*shape, count B)``."""
    return x.repeat(*(1,) * (x.ndim - 1), count)


NATIVE = Native(
    name="torch",
    xp=torch,
    backend=adhelpers.backend("torch"),
    asarray=torch.asarray,
    maps=MAPS,
    glue=GLUE,
    rules=RULES,
    finish=lambda result: result,
    eager=EAGER
    | {
        "jvp": Formulations((func_jvp,), (dual_numbers, two_gradients)),
        "vjp": Formulations((func_vjp,), (gradient,)),
        "jacobian": Formulations(
            (vmap_jacfwd, vmap_jacrev),
            (
                jacfwd_of_shift,
                jacrev_of_sum,
                vmap_jvp,
                batched_gradients,
                loop_of_gradients,
                loop_of_dual_numbers,
                dual_numbers_under_vmap,
                replicated_dual_numbers,
                replicated_gradient,
            ),
        ),
    },
    compiled={},
)
