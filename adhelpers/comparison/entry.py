"""`compare`, the public function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from adhelpers.comparison.report import ComparisonReport
from adhelpers.plugins.contract import ADBackend

REFERENCE = "finite-difference"
"""The default reference for a function without closed forms."""


def compare(
    f: Callable[[Any], Any] | Mapping[str, Callable[[Any], Any]],
    x: Any,
    u: Any = None,
    *,
    backends: Sequence[str | ADBackend] | None = None,
    operations: Sequence[str] | None = None,
    batch_axis: Literal[-1, 0] = -1,
    reference: str | ADBackend | None = REFERENCE,
    rtol: float | None = None,
    atol: float | None = None,
    timing: bool = True,
    seed: int = 0,
    without_rule: bool = False,
) -> ComparisonReport:
    """Compare `f` and its derivatives on every backend, with one another and with a reference.

    Parameters
    ----------
    f
        A function written with `adhelpers.array_namespace`, or ports of one model, ``{backend name: function}``.
    x
        Where to compare: NumPy data, floating or complex, in any structure. `compare` converts it for each backend,
        also in 64 bits, without changing a framework's global settings.
    u
        A tangent with the structure and shapes of `x`, or a cotangent with those of ``f(x)``; if both match, it is
        both. It is cast to their precision, but a complex `u` matches nothing real. Vectors that are not given are
        drawn from a normal distribution.
    backends
        Names or backends. None takes those of the ports, or else all installed backends.
    operations
        Names of operations, such as ``"gradient"`` or ``"hessian_vector_product"``; ``"jvp"`` and ``"vjp"`` are short
        for `jacobian_vector_product` and `vector_jacobian_product`. None compares these two, and ``"batched_jacobian"``
        if `f` maps a batch. The value of `f` is always compared.
    batch_axis
        The batch axis of batched operations: -1 or 0.
    reference
        The backend whose derivatives all others are compared with; None for no reference. Finite differences run on
        NumPy arrays or, if `f` does not accept these, on the arrays of the port that most others agree with.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`. By default, two thirds of the digits of
        the dtype must agree, or half of the digits that finite differences have; changes that rounding `x` causes are
        allowed too. Comparisons with finite differences are never tighter than their accuracy. The report states the
        tolerances. If `f` solves with an ill-conditioned matrix of its own, rounding `x` does not show it: give `rtol`.
    timing
        Whether to time the first call, repeated calls, and calls prepared by `adhelpers.prepare`, which JAX compiles.
        If False, the report has no times.
    seed
        The seed of all random vectors.
    without_rule
        For an `f` made by `adhelpers.custom_rule`: whether each backend that knows rules also differentiates `f`
        without its rule, from its code.

    Returns
    -------
    ComparisonReport
        What agrees and what differs, by how much and where. A result with nothing precise enough to compare it with
        has the status ``"unchecked"``. ``report.agree`` is True if all other results agree, and there are some.

    Raises
    ------
    ArgumentError, ArgumentTypeError, DTypeError, ShapeMismatchError, StructureMismatchError
        An argument cannot be compared. Errors that a function raises on a backend go into the report instead.
    BackendNotFoundError, BackendLoadError
        A named backend cannot be used.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> def model(x):
    ...     xp = adhelpers.array_namespace(x["a"])
    ...     return {"output": xp.tanh(x["a"]) * x["b"], "norm": xp.sum(x["a"] ** 2)}
    >>> x = {"a": numpy.asarray([0.1, 0.2]), "b": numpy.asarray([1.0, 2.0])}
    >>> finer = adhelpers.backend("finite-difference", order=4)
    >>> report = adhelpers.compare(model, x, backends=[finer], operations=["jvp", "jacobian"], timing=False)
    >>> report.agree
    True
    >>> print(report)  # doctest: +ELLIPSIS
    Comparison of model at x of 2 leaves, float64
    ...
    3 of 3 results agree.
    """
    # They import NumPy, which the command line needs only for comparisons.
    from adhelpers.comparison.reporting import compare_function
    from adhelpers.comparison.task import Settings

    settings = Settings(operations, batch_axis, rtol, atol, timing, seed)
    return compare_function(f, x, u, settings, backends=backends, reference=reference, without_rule=without_rule)
