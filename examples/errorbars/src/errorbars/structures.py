"""Convert between the user's structures and the vectors and matrices of linear algebra."""

from __future__ import annotations

import math
from typing import Any

import adhelpers


def vector(tree: Any) -> Any:
    """The numbers of a structure, one after the other, in one array."""
    leaves = adhelpers.tree_leaves(tree)
    xp = adhelpers.array_namespace(*leaves)
    return xp.concat([xp.reshape(leaf, (-1,)) for leaf in leaves])


def matrix(jacobian: Any, y: Any) -> Any:
    """The Jacobian of a function as a matrix: a row for each number of its result `y`."""
    results, blocks = adhelpers.tree_leaves(y), adhelpers.tree_leaves(jacobian)
    xp = adhelpers.array_namespace(*blocks)
    per_row = len(blocks) // len(results)
    rows = []
    for i, result in enumerate(results):
        shape = (math.prod(result.shape), -1)
        row = blocks[i * per_row : (i + 1) * per_row]
        rows.append(xp.concat([xp.reshape(block, shape) for block in row], axis=1))
    return xp.concat(rows, axis=0)


def like(tree: Any, numbers: Any) -> Any:
    """The structure `tree` with other numbers, in the order of `vector`. Constants in it stay."""
    xp = adhelpers.array_namespace(numbers)
    start = 0

    def next_leaf(leaf: Any) -> Any:
        nonlocal start
        begin, start = start, start + math.prod(leaf.shape)
        return xp.reshape(numbers[begin:start], leaf.shape)

    return adhelpers.tree_map(next_leaf, tree)
