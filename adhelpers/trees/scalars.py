"""Checks for functions of one number, and for functions that return one number."""

from __future__ import annotations

from adhelpers.errors import DTypeError, ShapeMismatchError, StructureMismatchError
from adhelpers.plugins.containers import SINGLE, describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


def require_scalar_point(x: Tree, instead: str) -> Array:
    """The 0-d array in `x`; `instead` names operations for other points."""
    if x.treedef is not SINGLE:
        msg = f"x is {describe(x.rebuild(x.leaves))}, but must be one number here; use {instead}"
        raise StructureMismatchError(msg)
    (leaf,) = x.leaves
    if leaf.shape != ():
        msg = f"x has shape {tuple(leaf.shape)}, but must be one number here, of shape (); use {instead}"
        raise ShapeMismatchError(msg)
    return leaf


def require_scalar_output(y: Tree) -> Array:
    """The real 0-d array in ``f(x)``, or in a loss of it: only such a function has a gradient."""

    def advice(words: str) -> str:
        return words if y.name == "f(x)" else "let the loss return one real number"

    if y.treedef is not SINGLE:
        msg = f"{y.name} is {describe(y.rebuild(y.leaves))}, but a gradient needs one real number; " + advice(
            "return anything else as aux with has_aux=True, or use jacobian"
        )
        raise StructureMismatchError(msg)
    (leaf,) = y.leaves
    if leaf.shape != ():
        msg = f"{y.name} has shape {tuple(leaf.shape)}, but a gradient needs one real number, of shape (); " + advice(
            "sum over f(x), or use jacobian, or vector_jacobian_product with weights of your own"
        )
        raise ShapeMismatchError(msg)
    if is_complex(y.backend, leaf):
        msg = f"{y.name} is complex ({leaf.dtype}), but a gradient needs one real number; " + advice(
            "return its real part or its absolute value, or use jacobian(..., holomorphic=True) or "
            "vector_jacobian_product"
        )
        raise DTypeError(msg)
    return leaf


def ones(backend: ADBackend, leaves: Leaves) -> Leaves:
    """A one for each element."""
    return tuple([backend.array_namespace(leaf).ones_like(leaf) for leaf in leaves])
