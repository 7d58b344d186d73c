"""The functions of a backend's namespace that the core calls, with their array API signatures and an example call.

The contract, the guide and the first scenario of the conformance suite take the list from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Needed:
    """A function that the core calls.

    Attributes
    ----------
    signature
        Its name and parameters, as the core passes them.
    purpose
        What the core needs it for.
    example
        ``example(xp, x, device)``: a call like the core's, with a namespace, a matrix (2, 3) and its device.
    """

    signature: str
    purpose: str
    example: Callable[[Any, Any, Any], Any]

    @property
    def name(self) -> str:
        """``"where"``, say."""
        return self.signature.partition("(")[0]


_SIZES = "checks of results, which compare sizes"
_LAYOUTS = "batched and dense Jacobians, whose axes it reorders"
_REAL = ("real floating", "complex floating")

NEEDED: tuple[Needed, ...] = (
    Needed("abs(x)", _SIZES, lambda xp, x, device: xp.abs(x)),
    Needed("any(x)", _SIZES, lambda xp, x, device: xp.any(x > 0.0)),
    Needed("astype(x, dtype)", "copies, and results in the dtype of f(x)", lambda xp, x, device: xp.astype(x, x.dtype)),
    Needed("concat(arrays, *, axis)", "blocks of a Jacobian", lambda xp, x, device: xp.concat([x, x], axis=1)),
    Needed(
        "eye(n_rows, n_cols, *, k, dtype, device)",
        "the basis vectors of a Jacobian",
        lambda xp, x, device: xp.eye(2, 3, k=1, dtype=x.dtype, device=device),
    ),
    Needed("finfo(dtype)", "checks of results: .eps and .bits", lambda xp, x, device: _finfo(xp, x.dtype)),
    Needed(
        "isdtype(dtype, kind)",
        "recognising floating and complex arrays",
        lambda xp, x, device: [bool(xp.isdtype(x.dtype, kind)) for kind in (_REAL, "complex floating", "integral")],
    ),
    Needed("isfinite(x)", _SIZES, lambda xp, x, device: xp.astype(xp.isfinite(x), x.dtype)),
    Needed("max(x, *, axis, keepdims)", _SIZES, lambda xp, x, device: xp.max(x, axis=0, keepdims=True)),
    Needed(
        "ones(shape, *, dtype, device)",
        "the basis vectors of a batched Jacobian",
        lambda xp, x, device: xp.ones((1, 2), dtype=x.dtype, device=device),
    ),
    Needed("ones_like(x)", "the vectors that gradients are pulled from", lambda xp, x, device: xp.ones_like(x)),
    Needed("permute_dims(x, axes)", _LAYOUTS, lambda xp, x, device: xp.permute_dims(x, (1, 0))),
    Needed("real(x)", "products derived from the other mode", lambda xp, x, device: xp.real(x)),
    Needed("reshape(x, shape)", _LAYOUTS, lambda xp, x, device: xp.reshape(x, (-1, 1))),
    Needed("stack(arrays)", "products taken one by one", lambda xp, x, device: xp.stack([x, x])),
    Needed("sum(x, *, axis)", "products derived from the other mode", lambda xp, x, device: xp.sum(x, axis=0)),
    Needed(
        "where(condition, x, y)",
        "removing entries that are not finite; y may be a number",
        lambda xp, x, device: xp.where(x > 0.0, x, 0.0),
    ),
    Needed(
        "zeros(shape, *, dtype, device)",
        "blocks of vectors",
        lambda xp, x, device: xp.zeros((2, 0), dtype=x.dtype, device=device),
    ),
    Needed("zeros_like(x)", "derivatives that are zero", lambda xp, x, device: xp.zeros_like(x)),
)
"""The functions that every operation may need."""

NEEDED_BY_SOME = {
    "conj": "gauss_newton_product of complex functions, and custom_rule",
    "imag": "complex arrays in implicit",
    "linalg.solve": "implicit with a dense solver",
    "matrix_transpose": "implicit with a dense solver",
    "float32": "checks of results in half precision",
    "float64": "views for SciPy",
}
"""The functions that only a few operations need, with those operations."""


def _finfo(xp: Any, dtype: Any) -> list[Any]:
    found = xp.finfo(dtype)
    return [float(found.eps), int(found.bits)]


def markdown_table() -> str:
    """All of `NEEDED` as a table in Markdown.

    Examples
    --------
    >>> from adhelpers.namespaces.needed import markdown_table
    >>> print(markdown_table().splitlines()[2])
    | `abs(x)` | checks of results, which compare sizes |
    """
    rows = [f"| `{needed.signature}` | {needed.purpose} |" for needed in NEEDED]
    return "\n".join(["| function | what the core needs it for |", "|---|---|", *rows])
