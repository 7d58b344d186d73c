"""Which functions of PyTorch are composed, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from adhelpers_plugins.torch.compositions import cumulative, elementwise, matrices, normalisations, others
from adhelpers_plugins.torch.compositions.spellings import Composition, called_like

functional = torch.nn.functional

_ORIGINALS: dict[Composition, tuple[Any, ...]] = {
    cumulative.cumprod: (torch.cumprod, torch.Tensor.cumprod),
    cumulative.logcumsumexp: (torch.logcumsumexp, torch.Tensor.logcumsumexp),
    elementwise.logaddexp: (torch.logaddexp, torch.Tensor.logaddexp),
    elementwise.logaddexp2: (torch.logaddexp2, torch.Tensor.logaddexp2),
    elementwise.polar: (torch.polar,),
    elementwise.sinc: (torch.sinc, torch.special.sinc, torch.Tensor.sinc),
    elementwise.sinc_: (torch.Tensor.sinc_,),
    elementwise.silu: (functional.silu, torch._C._nn.silu),
    elementwise.data: (torch.Tensor.data.__get__,),
    normalisations.layer_norm: (functional.layer_norm, torch.layer_norm),
    normalisations.batch_norm: (functional.batch_norm,),
    normalisations.instance_norm: (functional.instance_norm,),
    normalisations.weight_norm: (torch._weight_norm,),
    matrices.determinant: (torch.det, torch.linalg.det, torch.Tensor.det),
    matrices.cholesky_inverse: (torch.cholesky_inverse, torch.Tensor.cholesky_inverse),
    matrices.cholesky_solve: (torch.cholesky_solve, torch.Tensor.cholesky_solve),
    matrices.linalg_lu_solve: (torch.linalg.lu_solve,),
    matrices.lu_solve: (torch.lu_solve, torch.Tensor.lu_solve),
    matrices.lstsq: (torch.linalg.lstsq,),
    matrices.linalg_svd: (torch.linalg.svd,),
    matrices.svd: (torch.svd, torch.Tensor.svd),
    others.cdist: (torch.cdist,),
    others.as_strided_scatter: (torch.as_strided_scatter, torch.Tensor.as_strided_scatter),
    others.linear_cross_entropy: (
        (functional.linear_cross_entropy,) if hasattr(functional, "linear_cross_entropy") else ()
    ),
}

_IN_PLACE = (elementwise.sinc_, elementwise.silu)

COMPOSITIONS: Mapping[Any, Composition] = {
    original: called_like(original, composition, is_in_place=composition in _IN_PLACE)
    for composition, originals in _ORIGINALS.items()
    for original in originals
}
"""By a function of PyTorch, what stands in for it."""
