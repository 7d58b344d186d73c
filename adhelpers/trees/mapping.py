"""`tree_map` and `tree_leaves`: arithmetic on structures, such as a step along a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adhelpers.plugins.containers import TreeDef, flatten
from adhelpers.plugins.lookup import open_up
from adhelpers.trees.constants import Constant
from adhelpers.trees.matching import arrange_like


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Call `function` on each leaf of `tree` and the matching leaves of `others`; return the same structure.

    Unlike ``optree.tree_map``, it knows every container that `x` may have, including those of frameworks, such as
    Equinox modules and TensorDict.

    Parameters
    ----------
    function
        Called with one leaf of each structure.
    tree
        Arrays, or any other leaves, in any nesting of dict, list, tuple, namedtuple, OrderedDict, None and registered
        nodes.
    *others
        Structures like `tree`; the order of a dict's keys does not matter. Where one of them has None, the result keeps
        the leaf of `tree`, because a gradient has None for a constant. The result also keeps None and `Constant` of
        `tree`.

    Returns
    -------
    tree
        The results, in the containers of `tree`.

    Raises
    ------
    StructureMismatchError
        One of `others` has other containers than `tree`.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = {"scale": numpy.asarray(2.0), "degree": 3}
    >>> gradient = {"scale": numpy.asarray(10.0), "degree": None}
    >>> adhelpers.tree_map(lambda x, g: x - 0.1 * g, x, gradient)
    {'scale': np.float64(1.0), 'degree': 3}
    """
    leaves, treedef = open_up(tree)
    columns = [_beside(tree, treedef, other, f"others[{i}]") for i, other in enumerate(others)]
    rows = zip(leaves, *columns, strict=True)
    return treedef.unflatten([row[0] if Constant in map(type, row) else function(*row) for row in rows])


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves of `tree` in order, without constants: one for each leaf of a gradient.

    Parameters
    ----------
    tree
        As in `tree_map`.

    Returns
    -------
    leaves
        The leaves as a list; those of a dict in the order of its sorted keys.

    Examples
    --------
    >>> import adhelpers
    >>> adhelpers.tree_leaves({"b": [3.0, 4.0], "a": 2.0, "n": adhelpers.Constant(5)})
    [2.0, 3.0, 4.0]
    """
    return [leaf for leaf in open_up(tree)[0] if type(leaf) is not Constant]


_ABSENT = Constant(None)
"""Stands for a leaf where another structure has None."""


def _beside(tree: Any, treedef: TreeDef, other: Any, name: str) -> tuple[Any, ...]:
    """The leaves of `other`, one for each leaf of `tree`."""
    leaves, other_treedef = open_up(other)
    return leaves if other_treedef == treedef else flatten(arrange_like(other, name, tree, "tree", _ABSENT))[0]
