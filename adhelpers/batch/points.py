"""The requirements on `x` and ``f(x)`` of a batched operation: one array each, with the same batch axis."""

from __future__ import annotations

from adhelpers.batch.layout import BatchLayout
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.plugins.containers import SINGLE
from adhelpers.plugins.functions import Array
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


def require_point(x: Tree, layout: BatchLayout, holomorphic: bool | None) -> Array:
    """The array in `x`, after checking that it is a batch; with `holomorphic` None it must be real."""
    leaf = _single(x)
    if len(leaf.shape) < 2:
        msg = (
            f"x has shape {tuple(leaf.shape)}, but a batch needs at least two dimensions, "
            f"{layout}; for one point add a batch axis of size 1"
        )
        raise BatchAxisError(msg)
    if is_complex(x.backend, leaf) != bool(holomorphic):
        msg = (
            f"x is complex ({leaf.dtype}), but one gradient for each batch element needs real x; for complex x use "
            "vector_jacobian_product with ones for f(x)"
            if holomorphic is None
            else f"x is complex ({leaf.dtype}), and a complex function has a Jacobian only if it is holomorphic; "
            "pass holomorphic=True if f is holomorphic, otherwise use jacobian_vector_product or "
            "vector_jacobian_product"
            if not holomorphic
            else f"holomorphic=True needs a complex x, but x has dtype {leaf.dtype}; leave holomorphic out"
        )
        raise DTypeError(msg)
    return leaf


def require_output(y: Tree, x: Array, layout: BatchLayout, holomorphic: bool) -> Array:
    """The array in ``f(x)``, after checking that it shares the batch axis of `x`."""
    leaf = _single(y)
    batch = layout.batch(x)
    if len(leaf.shape) < 2 or layout.batch(leaf) != batch:
        other = layout.other()
        fits = len(leaf.shape) >= 2 and other.batch(leaf) == other.batch(x)
        msg = (
            f"x has shape {tuple(x.shape)} and f(x) {tuple(leaf.shape)}, but both need at least two dimensions, "
            f"{layout} and of the same size {batch}; "
            + (f"pass batch_axis={other.axis}, with which they fit" if fits else "let f keep the batch axis")
        )
        raise BatchAxisError(msg)
    if holomorphic and not is_complex(y.backend, leaf):
        msg = (
            f"holomorphic=True needs a complex f(x), but f(x) has dtype {leaf.dtype}; "
            "use jacobian_vector_product or vector_jacobian_product"
        )
        raise DTypeError(msg)
    return leaf


def require_copies(y: Tree, x: Array, layout: BatchLayout, count: int, size: int) -> Array:
    """The array in ``f(x)`` at `count` copies of the batch `x`; `ValueError` if it does not hold copies."""
    leaf = _single(y)
    if len(leaf.shape) < 2 or layout.batch(leaf) != count * layout.batch(x) or layout.size(leaf) != size:
        msg = f"f gives an array of shape {tuple(leaf.shape)}, not copies of its result"
        raise ValueError(msg)
    if leaf.dtype != x.dtype and is_complex(y.backend, leaf) != is_complex(y.backend, x):
        msg = "one pullback gives the real or the imaginary part of J alone"
        raise ValueError(msg)
    return leaf


def _single(tree: Tree) -> Array:
    if tree.treedef is SINGLE:
        return tree.leaves[0]
    advice = "concatenate its parts along an axis that is not the batch, or use jacobian_vector_product"
    if tree.marked is not None:
        advice = "pass constants in args" + ("" if len(tree.leaves) == 1 else f", and {advice}")
    received = f"{tree.name} is a structure of {len(tree.leaves)} leaves"
    msg = f"{received}, but a batched Jacobian takes a single array; {advice}"
    raise BatchAxisError(msg)
