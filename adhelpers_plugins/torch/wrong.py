"""Derivatives of PyTorch that are silently wrong, by function.

The order of a product counts derivatives: one for the product itself, and one for each derivative that may be taken of
its result. From the order in an entry on, the rule counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from adhelpers_plugins.torch import levels, names


def _always(*args: Any, **options: Any) -> bool:
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """The order from which on the derivatives of a function are wrong.

    Attributes
    ----------
    forward, reverse
        The order in that mode.
    where
        The arguments for which they are wrong, under any of PyTorch's names for them.
    until
        The version of PyTorch that has corrected it.
    """

    forward: float = math.inf
    reverse: float = math.inf
    where: Callable[..., bool] = _always
    until: str | None = None


def _multiplies(*args: Any, **options: Any) -> bool:
    return any(isinstance(word, str) and word == "prod" for word in (*args, *options.values()))


def _is_complex(*args: Any, **options: Any) -> bool:
    return any(map(_holds_complex, (*args, *options.values())))


def _has_singular_values(*args: Any, driver: str | None = None, **options: Any) -> bool:
    return driver in ("gelsd", "gelss")


def _is_users(function: Any, *args: Any, **options: Any) -> bool:
    return not str(function.__module__).startswith(f"{__package__}.")  # ours have forward mode on


def _is_complex_by_the_other(*args: Any, **options: Any) -> bool:
    """Whether a real tensor has a complex partner."""
    given = (*args, *options.values())
    return any(isinstance(x, torch.Tensor) and not x.is_complex() for x in given) and any(map(_holds_complex, given))


def _holds_complex(number: Any) -> bool:
    return isinstance(number, complex) or (isinstance(number, torch.Tensor) and number.is_complex())


def _in_chunks(*args: Any, options: Any = None, **others: Any) -> bool:
    return options is not None


def _adds_vectors(*args: Any, **options: Any) -> bool:
    return bool(_argument(args, options, 1, "full_matrices")) and _is_oblong(*args, **options)


def _adds_vectors_unless(*args: Any, **options: Any) -> bool:
    wanted = _argument(args, options, 2, "compute_uv") and not _argument(args, options, 1, "some")
    return bool(wanted) and _is_oblong(*args, **options)


def _argument(args: Any, options: Any, place: int, name: str) -> Any:
    """A flag that is True where it is not given."""
    return args[place] if len(args) > place else options.get(name, True)


def _is_oblong(*args: Any, **options: Any) -> bool:
    matrix = next(a for a in (*args, *options.values()) if isinstance(a, torch.Tensor))
    return bool(matrix.shape[-2] != matrix.shape[-1])


def _by_tensor(tensors: Any, other: Any = None, *args: Any, **options: Any) -> bool:
    return isinstance(other, torch.Tensor)


def _by_numbers(*args: Any, **options: Any) -> bool:
    """Whether the bound is a number, or a list of numbers."""
    bound = [*args, *options.values()][-1]
    return not any(isinstance(b, torch.Tensor) for b in (bound if isinstance(bound, (list, tuple)) else (bound,)))


def _is_wrapped(tensor: Any, *args: Any) -> bool:
    return levels.is_wrapped(tensor) or not names.KNOWN


_INNERMOST = Wrong(forward=2, reverse=2, where=_is_wrapped)
"""It is a constant at the innermost level alone."""

_NORMALISATION = Wrong(forward=2, reverse=3)
"""PyTorch treats the values saved for the backward pass, and for its own backward pass, as constants."""

_POWER = Wrong(forward=1, where=_is_complex_by_the_other)
"""The imaginary part of the tangent is dropped."""

_FACTORS = Wrong(forward=2, until="2.15")
"""PyTorch treats factors that were computed for the value as constants."""

_APART = Wrong(forward=2, reverse=2)
"""Infinity is divided by infinity."""

_ALL: dict[str, Wrong] = {
    "batch_norm": _NORMALISATION,
    "instance_norm": _NORMALISATION,
    "layer_norm": _NORMALISATION,
    "_weight_norm": Wrong(forward=1, reverse=2),
    "linalg_solve": _FACTORS,
    "linalg_solve_ex": _FACTORS,
    "linalg_tensorsolve": _FACTORS,
    "linalg_slogdet": _FACTORS,
    "logdet": _FACTORS,
    "slogdet": _FACTORS,
    "det": Wrong(forward=1, reverse=1),  # zero at a singular matrix
    "linalg_det": Wrong(forward=1, reverse=1),
    "cholesky_inverse": Wrong(forward=1, reverse=1),  # the triangle that is not read gets a gradient too
    "cholesky_solve": Wrong(forward=1, reverse=1),
    "linalg_eig": Wrong(forward=2),  # what is to be differentiated once more is written to
    "linalg_eigvals": Wrong(forward=2),
    "linalg_eigh": Wrong(forward=2),  # not a number
    "linalg_eigvalsh": Wrong(forward=2),
    "linalg_householder_product": Wrong(forward=2),
    "orgqr": Wrong(forward=2),
    "triangular_solve": Wrong(forward=1),  # of the transposed matrix, which the backward pass takes
    **dict.fromkeys(("pow", "__rpow__"), _POWER),
    # They compile what they are given, to code that drops tangents, and fail where nothing may be compiled.
    **dict.fromkeys(("cond", "while_loop", "scan"), Wrong(forward=1, reverse=1)),
    # At zeros.
    "cumprod": Wrong(forward=2),
    "cumprod_": Wrong(forward=2),
    "polar": Wrong(reverse=1),
    "prod": Wrong(forward=2),
    "silu": Wrong(forward=1, reverse=1, where=_is_complex),  # the rule of real numbers, and none
    "sinc": Wrong(forward=2, reverse=2),
    "sinc_": Wrong(forward=2, reverse=2),
    "special_sinc": Wrong(forward=2, reverse=2),
    # At zero, by which the derivative divides.
    "special_bessel_j0": Wrong(forward=4, reverse=4),
    "special_bessel_j1": Wrong(forward=3, reverse=3),
    **dict.fromkeys(("i0", "special_i0", "special_modified_bessel_i0"), Wrong(forward=4, reverse=4)),
    **dict.fromkeys(("special_i1", "special_modified_bessel_i1"), Wrong(forward=3, reverse=3)),
    # Numbers that are far apart overflow or underflow.
    "logaddexp": _APART,
    "logaddexp2": _APART,
    "logcumsumexp": Wrong(forward=1, reverse=2),
    "cdist": Wrong(forward=1),  # there is none
    "linalg_lstsq": Wrong(forward=1, reverse=1, where=_has_singular_values),  # they are constants
    # Vectors that belong to no singular value are constants.
    "linalg_svd": Wrong(forward=1, reverse=1, where=_adds_vectors),
    "svd": Wrong(forward=1, reverse=1, where=_adds_vectors_unless),
    "as_strided_scatter": Wrong(reverse=1),
    **dict.fromkeys(("_foreach_add", "_foreach_add_"), Wrong(forward=1, where=_by_tensor)),  # as a constant
    # The tangent is that of the bound, which has none.
    **dict.fromkeys(("_foreach_maximum", "_foreach_minimum"), Wrong(forward=1, where=_by_numbers)),
    "linear_cross_entropy": Wrong(forward=1, reverse=2, where=_in_chunks),
    "scatter_reduce": Wrong(forward=1, where=_multiplies),
    "scatter_reduce_": Wrong(forward=1, where=_multiplies),
    "data": _INNERMOST,  # the attribute
    "detach_": _INNERMOST,
    # What torch.func calls for a user's rule: forward mode is off while its jvp runs.
    "custom_function_call": Wrong(forward=2, where=_is_users),
}

_OLDER: dict[str, Wrong] = {
    "linalg_lstsq": Wrong(forward=1, reverse=1, until="2.7"),  # the residuals are constants as well
}
"""Further errors of some functions in older versions."""


def has_mended(version: str | None) -> bool:
    """Whether this PyTorch is of that version, or a later one."""
    return version is not None and torch.__version__ >= version


def _listed(entries: Iterable[tuple[str, Wrong]]) -> dict[str, Wrong]:
    return {name: wrong for name, wrong in entries if not has_mended(wrong.until)}


FUNCTIONS = _listed((*_ALL.items(), *_OLDER.items()))
"""Functions that are wrong in this version of PyTorch, by the names that methods and functions share."""

_SOLUTION = Wrong(forward=1, until="2.15")
"""The matrix is mapped at one level and the right-hand side at an inner one, such as a sweep's."""

MAPPED = _listed(
    {
        "cdist": Wrong(reverse=1),  # where the cotangent alone is mapped
        "linalg_lu_solve": Wrong(forward=1, reverse=1),  # as of a solution
        "lu_solve": Wrong(forward=1, reverse=1),
        "linalg_solve": _SOLUTION,
        "linalg_solve_ex": _SOLUTION,
        "linalg_tensorsolve": _SOLUTION,
    }.items()
)
"""Functions that are wrong inside ``torch.func.vmap``."""

UNMAPPED = Wrong()
"""The same functions outside of it."""

_BESSEL = {"": "jy", "modified_": "ik", "scaled_modified_": "k"}

CONSTANT = Wrong(forward=1, reverse=1)
"""A function that PyTorch treats as a constant: the derivative is zero."""

_BESSEL_MENDED = {
    *(f"special_bessel_{kind}{order}" for kind in "jy" for order in (0, 1)),
    *(f"special_modified_bessel_{kind}{order}" for kind in "ik" for order in (0, 1)),
}

CONSTANTS = {
    *(
        "special_airy_ai",
        "special_spherical_bessel_j0",
        "special_laguerre_polynomial_l",
        "special_legendre_polynomial_p",
    ),
    *(
        f"special_{prefix}bessel_{kind}{order}"
        for prefix, kinds in _BESSEL.items()
        for kind in kinds
        for order in (0, 1)
    ),
    *(f"special_{prefix}chebyshev_polynomial_{kind}" for prefix in ("", "shifted_") for kind in "tuvw"),
    *(f"special_hermite_polynomial_{kind}" for kind in ("h", "he")),
    *("linspace", "logspace", "normal"),
    # Their mean and their spread.
    *("native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "native_layer_norm"),
} - (_BESSEL_MENDED if has_mended("2.15") else set())
"""Functions whose result, or part of it, lacks its derivative in PyTorch."""

ARGUMENT = Wrong(forward=1)
"""An argument that is a constant to forward mode, and that reverse mode refuses."""

_STATISTICS = {"running_mean": 1, "running_var": 2}

ARGUMENTS: dict[str, dict[str, int]] = {
    "batch_norm": _STATISTICS,
    "instance_norm": _STATISTICS,
    "binary_cross_entropy": {"weight": 2},
    "binary_cross_entropy_with_logits": {"weight": 2, "pos_weight": 6},
    "cross_entropy": {"weight": 2},
    "nll_loss": {"weight": 2},
}
"""Arguments without their derivative in PyTorch, and their positions."""

FOREIGN = Wrong(forward=1)
"""A foreign operator: it may have only a backward pass, and forward mode then stays silent."""

SCRIPT = Wrong(forward=1)
"""TorchScript: its optimised code, from the second call on, drops tangents."""

LEAVING = {"__complex__", "__float__", "item", "tolist", "as_tensor", "asarray", "new_tensor", "tensor"}
"""Functions by which numbers leave PyTorch and become constants; branches need them, so they are only reported."""

TO_NUMPY = {"__array__", "numpy"}
"""Functions that make NumPy arrays, which no branch needs; in reverse mode PyTorch itself refuses them."""
