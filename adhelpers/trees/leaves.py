"""Leaves: convert those that a backend accepts, refuse the rest, and check each leaf against its partner.

A `name` is any object; messages show its `str`.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from adhelpers.caches import shared
from adhelpers.errors import ArgumentTypeError, DeviceMismatchError, DTypeError, ShapeMismatchError
from adhelpers.plugins import lookup
from adhelpers.plugins.containers import describe
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.functions import Array, Leaves
from adhelpers.plugins.objects import is_numpy
from adhelpers.plugins.rule import runs_for


def lift(backend: ADBackend, leaf: Any, name: object, like: Array | None = None) -> Array:
    """`leaf` as an array of `backend`: Python floats, complexes and NumPy arrays are converted."""
    if backend.is_array(leaf) and not (like is not None and is_numpy(leaf) and not is_numpy(like)):
        return leaf
    if is_numpy(leaf):
        if not is_plain(leaf):
            msg = (
                f"{name} is {describe(leaf)}, which would lose all except its numbers; "
                f"pass a plain array, such as numpy.asarray({name})"
            )
            raise ArgumentTypeError(msg)
        if leaf.dtype.kind in "OSUMmT":  # objects, text and dates, which no framework holds
            raise not_differentiable(name, f"an array of dtype {leaf.dtype}")
        try:
            return backend.asarray(leaf, like)
        except DTypeError as error:
            msg = f"{name} cannot be converted: {error}"
            raise DTypeError(msg) from error
        except TypeError as error:
            raise _lacks_dtype(backend, name, leaf, error) from error
    if isinstance(leaf, (float, complex)):
        if like is not None and isinstance(leaf, complex) and not is_complex(backend, like):
            msg = f"{name} is the complex number {leaf}, but its partner has dtype {like.dtype}; give a real number"
            raise DTypeError(msg)
        return backend.asarray(leaf, like)
    if isinstance(leaf, int):
        raise not_differentiable(name, type(leaf).__name__)
    owner = lookup.owner_of((leaf,))
    if owner is not None and type(owner) is not type(backend) and not owner.keeps(leaf):
        msg = (
            f"{name} is {describe(leaf)}, a value inside a derivative or a transformation of another framework, "
            f"through which backend {backend.name!r} would lose the derivative; use backend {owner.name!r} here too"
        )
        raise ArgumentTypeError(msg)
    msg = f"{name} is {describe(leaf)}, which backend {backend.name!r} cannot differentiate; "
    if hasattr(leaf, "__dlpack__") and backend.conversion is not None:
        msg += f"convert it with {backend.conversion}({name}), or name the backend that owns it"
    else:
        kind = _kind_of(name)
        if kind in POINTS:
            advice = lookup.advice_about(leaf) or f"pass anything else {_elsewhere(name)}"
        elif kind in VECTORS:
            advice = f"give {kind} the structure, shapes and dtypes of its partner"
        else:
            advice = "return " + ("anything else as aux with has_aux=True" if kind == "f(x)" else "nothing else")
        msg += f"expected arrays, Python floats, or containers of these; {advice}"
    raise ArgumentTypeError(msg)


def is_number(leaf: object) -> bool:
    """Whether it is a Python number, which has no precision of its own; NumPy numbers have one."""
    return isinstance(leaf, (float, complex)) and not is_numpy(leaf)


def lift_beside(backend: ADBackend, leaf: Any, name: object, like: Array | None) -> Array:
    """`lift`, but `like` is not a partner: it only gives a number its precision and device."""
    if like is not None and isinstance(leaf, complex) and not is_numpy(leaf) and not is_complex(backend, like):
        return backend.asarray(leaf.real, like) + complex(0.0, leaf.imag)  # 1j times infinity has a part that is NaN
    return lift(backend, leaf, name, like)


POINTS, VECTORS = ("x", "x0"), ("u", "v", "U", "V")
"""Names of arguments of operations; any other name is that of a result."""


def _kind_of(name: object) -> str:
    """The subject of a message: ``"x"``, ``"u"`` or ``"f(x)"``."""
    return re.split(r"[\[.]", str(name), maxsplit=1)[0]


def _elsewhere(name: object) -> str:
    """Advice for a leaf of `x` that is not differentiated."""
    kind = _kind_of(name)
    marked = "" if str(name) == kind else f", or mark it as constant with adhelpers.mark_constants({kind})"
    return f"in args or a closure{marked}"


def is_ready(backend: ADBackend, leaf: Any, like: Array | None = None) -> bool:
    """Whether `leaf` needs no conversion: such arrays are known as the backend's own, and floating or complex.

    With `like`, `leaf` must have the same type, because NumPy arrays may need conversion.
    """
    dtypes = _KNOWN.get((type(backend), type(leaf)))
    # Tracers of one type may stand for arrays, and for numbers without a dtype.
    return dtypes is not None and getattr(leaf, "dtype", None) in dtypes and (like is None or type(leaf) is type(like))


_KNOWN = shared(256)
"""By types of backend and array: a set of dtypes. Asking a backend and its namespace takes microseconds."""


def is_like(backend: ADBackend, leaf: Any, partner: Array) -> bool:
    """Whether `leaf` has the type, shape, dtype and device of its partner, which leaves nothing to check."""
    return (
        type(leaf) is type(partner)
        and getattr(leaf, "shape", None) == partner.shape
        and leaf.dtype == partner.dtype
        and backend.device(leaf) == backend.device(partner)
    )


def check_inexact(backend: ADBackend, leaf: Array, name: object) -> None:
    """Refuse a leaf that is neither floating nor complex."""
    if is_ready(backend, leaf):
        return
    xp = backend.array_namespace(leaf)
    try:
        inexact = xp.isdtype(leaf.dtype, ("real floating", "complex floating"))
    except TypeError as error:  # NumPy raises it for a dtype that it does not know, such as bfloat16
        raise _lacks_dtype(backend, name, leaf, error) from error
    if not inexact:
        raise not_differentiable(name, f"an array of dtype {leaf.dtype}")
    _KNOWN.keep((type(backend), type(leaf)), set()).add(leaf.dtype)


def _lacks_dtype(backend: ADBackend, name: object, leaf: Any, error: TypeError) -> DTypeError:
    return DTypeError(
        f"{name} is an array of dtype {leaf.dtype}, which backend {backend.name!r} lacks "
        f"({' '.join(str(error).split())}); convert it to another dtype"
    )


def is_complex(backend: ADBackend, leaf: Array) -> bool:
    """Whether the leaf's dtype is complex."""
    kind = (type(backend), type(leaf), leaf.dtype)
    known = _COMPLEX.get(kind)
    if known is None:
        known = _COMPLEX.keep(kind, bool(backend.array_namespace(leaf).isdtype(leaf.dtype, "complex floating")))
    return bool(known)


_COMPLEX = shared(256)
"""By types of backend and array, and dtype: whether the dtype is complex."""


def check_like_partner(backend: ADBackend, leaf: Array, name: object, partner: Array, partner_name: object) -> None:
    """Require the partner's exact shape, dtype and device: nothing is broadcast, cast or moved."""
    if leaf.shape != partner.shape:
        msg = (
            f"{name} has shape {tuple(leaf.shape)}, but {partner_name} has {tuple(partner.shape)}; "
            f"nothing is broadcast: give {name} the shape {tuple(partner.shape)}"
        )
        raise ShapeMismatchError(msg)
    if leaf.dtype != partner.dtype:
        _require_same_framework(backend, leaf, name, partner, partner_name)
        msg = (
            f"{name} has dtype {leaf.dtype}, but {partner_name} has {partner.dtype}; "
            f"nothing is cast: convert {name} to {partner.dtype}"
        )
        raise DTypeError(msg)
    device, partner_device = backend.device(leaf), backend.device(partner)
    if device is not None and partner_device is not None and device != partner_device:
        _require_same_framework(backend, leaf, name, partner, partner_name)
        msg = (
            f"{name} lies on {device}, but {partner_name} on {partner_device}; "
            f"nothing is moved: transfer {name} to {partner_device}"
        )
        raise DeviceMismatchError(msg)


def _require_same_framework(
    backend: ADBackend, leaf: Array, name: object, partner: Array, partner_name: object
) -> None:
    """Refuse an array of another framework, if the backend serves several frameworks."""
    owner = lookup.owner_of((leaf,))
    if owner is not None and not owner.is_array(partner):
        msg = (
            f"{name} is {describe(leaf)}, but {partner_name} is {describe(partner)}; both must be of one framework: "
            f"convert {name} with {backend.conversion}({name})"
        )
        raise ArgumentTypeError(msg)


def itemsize(backend: ADBackend, leaf: Array) -> int:
    """The bytes of one element, from the dtype, because not every backend's array tells them."""
    bits = int(backend.array_namespace(leaf).finfo(leaf.dtype).bits)
    return bits // 4 if is_complex(backend, leaf) else bits // 8


def copies(backend: ADBackend, leaves: Leaves) -> Leaves:
    """Each leaf in its own memory, because `f` may return an array of its closure, or one array twice."""
    return tuple(map(backend.copy, leaves))


def constant_unless(differentiate: bool, backend: ADBackend, u: Leaves) -> Leaves:
    """`u`, which an enclosing derivative treats as constant, except with `differentiate` or in a rule (R13)."""
    return u if differentiate or runs_for() is not None else tuple([backend.stop_gradient(leaf) for leaf in u])


def zeros_like(backend: ADBackend, leaves: Leaves) -> Leaves:
    """Fresh zeros for each leaf."""
    return tuple(backend.array_namespace(leaf).zeros_like(leaf) for leaf in leaves)


def is_plain(array: Any) -> bool:
    """Whether a NumPy array is plain: no mask, no unit, no matrix product for ``*``."""
    numpy = sys.modules["numpy"]
    return isinstance(array, numpy.generic) or type(array) in (numpy.ndarray, numpy.memmap)


def not_differentiable(name: object, received: str) -> DTypeError:
    """The error for a leaf that has no derivative."""
    kind = _kind_of(name)
    if kind in VECTORS:
        return DTypeError(
            f"{name} is {received}, but must have the dtype of its partner; give floats, such as 2.0 for 2, or an "
            "array of that dtype"
        )
    if kind not in (*POINTS, "f(x)"):
        return DTypeError(
            f"{name} is {received}, but only floating and complex leaves can be differentiated; return floats, such "
            "as 2.0 for 2, or an array of a floating dtype"
        )
    if received.endswith("object"):
        advice = (
            "numpy functions make such arrays of tracers: use xp = adhelpers.array_namespace(x) in f; if it is data, "
        )
    else:
        advice = "convert it to a floating dtype, or, if it is data, "
    advice += "return it as aux with has_aux=True" if kind == "f(x)" else f"pass it {_elsewhere(name)}"
    return DTypeError(f"{name} is {received}, but only floating and complex leaves can be differentiated; {advice}")
