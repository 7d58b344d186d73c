"""`array_namespace`: write a function once for every framework, tracers included."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from adhelpers.errors import ArgumentTypeError
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import describe
from adhelpers.plugins.rule import run_for


def array_namespace(*arrays: Any) -> Any:
    """The array-API namespace of `arrays`, which may be tracers of a framework.

    Parameters
    ----------
    *arrays
        Arrays of one framework; NumPy arrays may stand beside them if the framework allows it.

    Returns
    -------
    xp
        A namespace with the functions of the array API standard.

    Raises
    ------
    AmbiguousBackendError
        The arrays belong to several frameworks.
    TypeError
        They belong to no framework, or NumPy arrays of several kinds are mixed.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> def softplus(x):
    ...     xp = adhelpers.array_namespace(x)
    ...     return xp.log1p(xp.exp(x))
    >>> float(softplus(numpy.asarray(0.0)).round(6))
    0.693147
    """
    owner = lookup.owner_of(arrays)
    if owner is not None:
        return owner.array_namespace(*arrays)
    backend = lookup.rule_runs_for(arrays)
    # The backend itself may call this function.
    return _unclaimed(*arrays) if backend is None else run_for(None, backend.array_namespace, *arrays)


@functools.cache
def _numpy_namespace() -> Any:
    # Not from sys.modules, because another thread may have begun to import it.
    return importlib.import_module("array_api_compat.numpy")


def _unclaimed(*arrays: Any) -> Any:
    # Most arrays are NumPy's, and array_api_compat would double the time of this call.
    if len(arrays) == 1 and type(arrays[0]).__module__ == "numpy" and arrays[0].dtype.kind != "V":
        return _numpy_namespace()
    import array_api_compat

    try:
        return array_api_compat.array_namespace(*arrays)
    except TypeError as error:
        others = [array for array in arrays if not hasattr(array, "dtype")]
        msg = (
            f"array_namespace takes arrays, but was given {', '.join(map(describe, others))}; "
            "give an array: an element of a structure, such as x['a'], or an array made of a number"
            if others
            else f"array_namespace takes arrays of one framework: {error}; convert them to one"
        )
        raise ArgumentTypeError(msg) from error
