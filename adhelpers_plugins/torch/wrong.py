"""Derivatives of PyTorch that are wrong without a word, by the operator that has the rule.

The order of a product counts what is differentiated: one for the product itself, and one for each derivative that may
be taken of its result. From the order that an entry names, the rule counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


def _always(*args: Any, **options: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """From which order the rules of an operator are wrong.

    Attributes
    ----------
    forward, reverse
        The order in that mode.
    where
        Of which arguments of the operator.
    until
        The version of PyTorch that has mended it.
    """

    forward: float = math.inf
    reverse: float = math.inf
    where: Callable[..., bool] = _always
    until: str | None = None


def _multiplies(self: Any, dim: int, index: Any, source: Any, reduce: str, **options: Any) -> bool:
    return reduce == "prod"


def _transposed(b: Any, matrix: Any, upper: bool = True, transpose: bool = False, *args: Any) -> bool:
    return transpose


_NORMALISATION = Wrong(forward=2, reverse=3)
"""What is saved for the backward pass, and for that of the backward pass, is taken for a constant."""

_ALL: dict[str, Wrong] = {
    "aten::_fused_rms_norm": _NORMALISATION,
    "aten::native_layer_norm": _NORMALISATION,
    "aten::_batch_norm_with_update": _NORMALISATION,
    "aten::_native_batch_norm_legit": _NORMALISATION,
    "aten::cudnn_batch_norm": _NORMALISATION,
    "aten::miopen_batch_norm": _NORMALISATION,
    "aten::native_batch_norm": _NORMALISATION,
    "aten::_weight_norm_interface": Wrong(reverse=2),
    # Factors that were computed once are taken for constants.
    "aten::_linalg_det": Wrong(forward=1, reverse=1),  # at a singular matrix zero
    "aten::_linalg_slogdet": Wrong(forward=2, until="2.15"),
    "aten::_linalg_solve_ex": Wrong(forward=2, until="2.15"),
    "aten::cholesky_inverse": Wrong(forward=1, reverse=1),  # the triangle that it does not read gets a gradient
    "aten::cholesky_solve": Wrong(forward=1, reverse=1),
    "aten::linalg_eig": Wrong(forward=2),  # its derivative writes to what is differentiated once more
    "aten::_linalg_eigh": Wrong(forward=2),  # not a number, in reverse mode over it
    "aten::linalg_householder_product": Wrong(forward=2),
    "aten::triangular_solve": Wrong(forward=1, where=_transposed),
    # At zeros.
    "aten::cumprod": Wrong(forward=2),
    "aten::cumprod_": Wrong(forward=2),
    "aten::polar": Wrong(reverse=1),
    "aten::prod": Wrong(forward=3),
    "aten::sinc": Wrong(forward=2, reverse=2),
    "aten::sinc_": Wrong(forward=2, reverse=2),
    # Numbers that are far apart underflow.
    "aten::logcumsumexp": Wrong(forward=1, reverse=3),
    "aten::as_strided_scatter": Wrong(reverse=1),
    "aten::scatter_reduce": Wrong(forward=1, where=_multiplies),
    "aten::scatter_reduce_": Wrong(forward=1, where=_multiplies),
}

OPERATORS = {
    name: wrong for name, wrong in _ALL.items() if wrong.until is None or torch.__version__ < wrong.until
}
"""The operators of this version of PyTorch, by the names that it dispatches on."""

FOREIGN = Wrong(forward=1)
"""An operator that is not PyTorch's own: forward mode drops the tangent where a user gave it a backward pass alone."""

CONSTANT = Wrong(forward=1, reverse=1)
"""What is a constant to PyTorch: the derivative is zero."""

ARGUMENT = Wrong(forward=1)
"""An argument that is a constant to forward mode; reverse mode refuses it."""

SCRIPT = Wrong(forward=1)
"""TorchScript: what it has optimised, from the second call on, drops tangents."""

RULE = Wrong(forward=2)
"""A user's rule: forward mode is off while its ``jvp`` runs."""

_SPECIAL = (
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
    "chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l "
    "legendre_polynomial_p modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t "
    "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w spherical_bessel_j0"
)

CONSTANTS = {
    *[getattr(torch.special, name) for name in _SPECIAL.split() if hasattr(torch.special, name)],
    torch.linspace,
    torch.logspace,
    torch.normal,
    torch.native_batch_norm,  # their mean and their spread
    torch.native_layer_norm,
}
"""Functions whose result, or part of it, has no derivative though there is one."""

_functional = torch.nn.functional

ARGUMENTS: dict[Any, dict[str, int]] = {
    _functional.batch_norm: {"running_mean": 1, "running_var": 2},
    _functional.binary_cross_entropy: {"weight": 2},
    _functional.binary_cross_entropy_with_logits: {"weight": 2, "pos_weight": 6},
    _functional.cross_entropy: {"weight": 2},
    _functional.instance_norm: {"running_mean": 1, "running_var": 2},
    _functional.nll_loss: {"weight": 2},
}
"""Arguments that have no derivative though there is one, and where they stand."""
