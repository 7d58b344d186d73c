"""PyTorch's operator database: the inputs with which PyTorch tests each of its own operators."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

import adhelpers
from adhelpers.testing.correctness.differences import Estimate
from corpora.case import Arrays, Case
from corpora.checks import Examination, Outcome

DTYPES = {"float64": torch.float64, "complex128": torch.complex128}
FEW = 120
"""Samples with more inputs or outputs are taken where there are no smaller ones."""
LOOKED_AT = 300
"""How many samples of an operator are looked at."""


def operators() -> list[str]:
    """Each operator of the database in each of its precisions."""
    return sorted(_database())


def _database() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return {f"{op.formatted_name}/{name}": op for op in op_db for name, dtype in DTYPES.items() if dtype in op.dtypes}


def cases(operator: str, samples: int) -> Iterator[Case]:
    """Some samples, spread over those that the database has."""
    op, dtype = _database()[operator], DTYPES[operator.rpartition("/")[2]]
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # that is what the database draws from
    torch.manual_seed(0)
    drawn, small = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd)
        for k, sample in zip(range(LOOKED_AT), given, strict=False):
            made = _made(op, sample)
            if made is not None:
                drawn.append((k, *made))
                if max(_size(made[1]), _size(made[2])) <= FEW:
                    small.append(drawn[-1])
    chosen = (
        small
        if len(small) >= samples or len(small) == len(drawn)
        else sorted(drawn, key=lambda d: _size(d[2]))[: max(samples, len(small))]
    )
    for k, f, x, _, words in spread(chosen, samples):
        yield Case(operator, k, adhelpers.backend("torch"), f, x, words)


def spread(found: list[Any], count: int) -> list[Any]:
    """So many of them, evenly."""
    if len(found) <= count:
        return found
    return [found[round(k * (len(found) - 1) / max(1, count - 1))] for k in range(count)]


def _size(arrays: Arrays) -> int:
    return sum(array.numel() for array in arrays)


def _made(op: Any, sample: Any) -> tuple[Callable[..., Arrays], Arrays, Arrays, str] | None:
    """The sample as a function of the tensors that PyTorch differentiates by; None without any, or without outputs."""
    leaves, treedef = _pytree.tree_flatten((sample.input, sample.args, dict(sample.kwargs)))
    places = [
        k for k, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor) and _varies(leaf, op.supports_autograd)
    ]
    constants = [leaf.detach() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    x = tuple(constants[k].clone() for k in places)
    wrapper = getattr(op, "gradcheck_wrapper", None)

    def f(*x: Any) -> Arrays:
        own = [
            leaf.clone() if isinstance(leaf, torch.Tensor) and leaf.layout is torch.strided else leaf
            for leaf in constants
        ]
        for place, leaf in zip(places, x, strict=True):
            own[place] = leaf
        first, args, kwargs = _pytree.tree_unflatten(own, treedef)
        y = op.op(first, *args, **kwargs) if wrapper is None else wrapper(op.op, first, *args, **kwargs)
        outputs = _pytree.tree_flatten(sample.output_process_fn_grad(y))[0]
        return tuple([y for y in outputs if isinstance(y, torch.Tensor) and y.dtype in DTYPES.values()])

    def seeded(*x: Any) -> Arrays:
        torch.manual_seed(0)
        return f(*x)

    try:
        y, again = f(*x), f(*x)
    except Exception:  # noqa: BLE001  # a sample that shows an error, or one that cannot run here
        return None
    if not x or _size(x) == 0 or not y or any(leaf.layout is not torch.strided for leaf in (*x, *y)):
        return None
    same = all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(y, again, strict=True))
    shown = [tuple(leaf.shape) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    first, args, kwargs = _pytree.tree_unflatten(shown, treedef)
    return (f if same else seeded), x, y, f"{op.formatted_name}({first}, *{args}, **{kwargs})"[:300]


def _varies(leaf: Any, marked: bool) -> bool:
    return leaf.dtype in DTYPES.values() and (leaf.requires_grad or not marked)


def more(examination: Examination) -> Iterator[Outcome]:
    """Products inside ``torch.func.vmap``, where that maps the function itself."""
    case = examination.case
    x, t, c = (case.lifted(leaves) for leaves in (examination.x, examination.t, examination.c))
    points = tuple(torch.stack([leaf, leaf]) for leaf in x)
    if not _maps(case, points):
        return

    def push(x: Arrays, t: Arrays) -> Any:
        return adhelpers.jacobian_vector_product(examination.f, case.backend, x, t)

    def pull(x: Arrays, c: Arrays) -> Any:
        return adhelpers.vector_jacobian_product(examination.f, case.backend, x, c)

    for name, product, u in (("jvp", push, t), ("vjp", pull, c)):
        try:
            row = case.numpy(product(x, u))
        except Exception:  # noqa: BLE001  # the product itself has its own verdict
            continue
        many = tuple(torch.stack([leaf, -2.0 * leaf, 0.5 * leaf]) for leaf in u)
        # The sizes of a product along u, along multiples of it, and at one point twice.
        for label, compute, sizes in (
            ("u", partial(_mapped, partial(product, x), many), (1.0, -2.0, 0.5)),
            ("x", partial(_mapped, partial(_turned(product), u), points), (1.0, 1.0)),
        ):
            expected = tuple(np.stack([size * leaf for size in sizes]) for leaf in row)
            estimate = Estimate(expected, tuple(np.where(np.isfinite(e), 0.0, np.inf) for e in expected))
            yield examination.judged(f"vmap-{label}-{name}", partial(_numbers, case, compute), estimate)


def _numbers(case: Case, compute: Callable[[], Arrays]) -> Arrays:
    return case.numpy(compute())


def _mapped(product: Callable[[Arrays], Arrays], many: Arrays) -> Any:
    return torch.func.vmap(product)(many)


def _turned(product: Callable[[Arrays, Arrays], Arrays]) -> Callable[[Arrays, Arrays], Arrays]:
    return lambda u, x: product(x, u)


def _maps(case: Case, points: Arrays) -> bool:
    """Whether PyTorch maps the function right."""
    try:
        mapped = case.numpy(torch.func.vmap(lambda *x: case.f(*x))(*points))
        alone = case.numpy(case.f(*[leaf[0] for leaf in points]))
        return all(
            np.allclose(m[0], a, equal_nan=True) and np.allclose(m[1], a, equal_nan=True)
            for m, a in zip(mapped, alone, strict=True)
        )
    except Exception:  # noqa: BLE001
        return False
