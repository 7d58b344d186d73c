"""What `x` and ``f(x)`` must be where the batch is told apart: one array each, with the batch axis in common."""

from __future__ import annotations

from adhelpers.batch.layout import BatchLayout
from adhelpers.errors import BatchAxisError, DTypeError
from adhelpers.plugins.containers import SINGLE
from adhelpers.plugins.functions import Array
from adhelpers.trees.leaves import is_complex
from adhelpers.trees.tree import Tree


def require_point(x: Tree, layout: BatchLayout, holomorphic: bool | None) -> Array:
    """The array that `x` is, once it is seen to be a batch; with `holomorphic` None it must be real."""
    leaf = _single(x)
    if len(leaf.shape) < 2:
        msg = (
            f"x has shape {tuple(leaf.shape)}, but a batch needs at least two dimensions, "
            f"{layout}; for one point add a batch axis of size 1"
        )
        raise BatchAxisError(msg)
    if is_complex(x.backend, leaf) != bool(holomorphic):
        msg = (
            f"x is complex ({leaf.dtype}), but only for real x is there one gradient for each batch element; "
            "vector_jacobian_product, with ones for f(x), follows the convention for complex x"
            if holomorphic is None
            else f"x is complex ({leaf.dtype}), and a complex function has a Jacobian only if it is holomorphic; "
            "if f is, pass holomorphic=True, otherwise use the two products"
            if not holomorphic
            else f"holomorphic=True needs a complex x, but x has dtype {leaf.dtype}; leave holomorphic out"
        )
        raise DTypeError(msg)
    return leaf


def require_output(y: Tree, x: Array, layout: BatchLayout, holomorphic: bool) -> Array:
    """The array that ``f(x)`` is, once it is seen to share the batch axis of `x`."""
    leaf = _single(y)
    batch = layout.batch(x)
    if len(leaf.shape) < 2 or layout.batch(leaf) != batch:
        other = layout.other()
        fits = len(leaf.shape) >= 2 and other.batch(leaf) == other.batch(x)
        msg = (
            f"x has shape {tuple(x.shape)} and f(x) {tuple(leaf.shape)}, but both need at least two dimensions "
            f"with {layout} and of the same size {batch}; "
            + (f"with batch_axis={other.axis} they would fit" if fits else "f must keep the batch axis")
        )
        raise BatchAxisError(msg)
    if holomorphic and not is_complex(y.backend, leaf):
        msg = f"holomorphic=True needs a complex f(x), but it has dtype {leaf.dtype}; use the two products"
        raise DTypeError(msg)
    return leaf


def require_copies(y: Tree, x: Array, layout: BatchLayout, count: int, size: int) -> Array:
    """The array that ``f(x)`` is at `count` copies of the batch `x`; `ValueError` if it is none of copies."""
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
    advice = "join its parts along an axis that is not the batch, or use the two products"
    if tree.marked is not None:
        advice = "pass in args what is constant" + ("" if len(tree.leaves) == 1 else f", and {advice}")
    received = f"{tree.name} is a structure of {len(tree.leaves)} leaves"
    msg = f"{received}, but a batched Jacobian takes a single array; {advice}"
    raise BatchAxisError(msg)
