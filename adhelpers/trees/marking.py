"""`mark_constants`: a `Constant` for each leaf that has no derivative."""

from __future__ import annotations

from typing import Any

from adhelpers.errors import ArgumentTypeError, DTypeError
from adhelpers.plugins import lookup
from adhelpers.plugins.objects import is_numpy
from adhelpers.trees.constants import Constant
from adhelpers.trees.leaves import check_inexact
from adhelpers.trees.matching import leaf_paths


def mark_constants(x: Any) -> Any:
    """Wrap each leaf of `x` without a derivative in a `Constant`: integers, bools, strings, functions, objects.

    Floating and complex arrays and numbers stay as they are, and so do leaves that are already a `Constant`.

    Parameters
    ----------
    x
        Arrays and other leaves in any nesting of dict, list, tuple, namedtuple, OrderedDict, None and registered nodes,
        such as an Equinox module.

    Returns
    -------
    x
        The same structure with marks. Pass it to an operation; its `f` gets the structure without marks.

    Raises
    ------
    ArgumentTypeError
        A leaf is a ``torch.nn.Module``, whose parameters would become constant unnoticed. If they are to be constant,
        wrap the module in a `Constant` yourself.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> adhelpers.mark_constants({"scale": numpy.asarray(2.0), "degree": 3, "name": "cubic"})
    {'scale': array(2.), 'degree': Constant(value=3), 'name': Constant(value='cubic')}
    """
    leaves, treedef = lookup.open_up(x)
    marked = [leaf if varies(leaf) else Constant(leaf) for leaf in leaves]
    for i, leaf in enumerate(leaves):
        words = lookup.advice_about_holder(leaf)
        if words is not None:
            msg = f"{leaf_paths(treedef, 'x')[i]} would be constant; {words}; or wrap it in adhelpers.Constant"
            raise ArgumentTypeError(msg)
    return treedef.unflatten(marked)


def varies(leaf: Any) -> bool:
    """Whether a leaf is floating, complex or already marked."""
    if is_numpy(leaf):
        return leaf.dtype.kind in "fcV" and leaf.dtype.names is None  # V: bfloat16 and similar
    if isinstance(leaf, (float, complex, Constant)):
        return True
    owner = lookup.owner_of((leaf,))
    if owner is None:
        return False
    try:
        check_inexact(owner, leaf, "x")
    except DTypeError:
        return False
    return True
