"""`compare`, as users call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from adhelpers.comparison.report import ComparisonReport
from adhelpers.plugins.contract import ADBackend

REFERENCE = "finite-difference"
"""What a function without closed forms is compared to."""


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
    """See where frameworks differ: `f` and its derivatives on every backend, against one another and a reference.

    Parameters
    ----------
    f
        A function written with `adhelpers.array_namespace`; or ports of one model, ``{backend name: function}``.
    x
        Where to compare: NumPy data, floating or complex, in any structure. It is converted for each backend, in 64
        bits too, and no framework's global setting is touched.
    u
        The tangent if it has the structure and shapes of `x`, the cotangent if it has those of ``f(x)``, both if both.
        What is not given is drawn from a normal distribution.
    backends
        Names or backends; None for those of the ports, or else for all that are installed.
    operations
        Operations by their names, such as ``"gradient"`` or ``"hessian_vector_product"``; ``"jvp"`` and ``"vjp"`` are
        short for `jacobian_vector_product` and `vector_jacobian_product`. None for both of these and
        ``"batched_jacobian"``, the last only where `f` maps a batch. The value of `f` is compared always.
    batch_axis
        Where the batch is, for batched Jacobians: -1 or 0.
    reference
        The backend that derivatives are held to besides; None for none. Differences run on NumPy arrays; where they
        cannot, on those of the port that most others agree with.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`. By default two thirds of the digits of
        the dtype, and what rounding `x` otherwise changes; half of the digits that differences have, for these. No
        comparison with differences is tighter than these can tell. The report states them. That `f` solves with an
        ill-conditioned matrix of its own does not show when `x` is rounded: give `rtol` then.
    timing
        Whether to time calls: the first, repeated ones, and those that `adhelpers.prepare` has made ready, which JAX
        compiles. Otherwise the report has no times.
    seed
        The seed of all that is drawn.
    without_rule
        Whether an `f` that `adhelpers.custom_rule` has made is differentiated without its rule as well, as what it
        computes, by each backend that knows rules.

    Returns
    -------
    ComparisonReport
        What agrees and what differs, by how much and where. ``report.agree`` tells whether all does. A result that has
        nothing to be compared with has the status ``"unchecked"``; a report of nothing else does not agree.

    Raises
    ------
    ArgumentError, ArgumentTypeError, DTypeError, ShapeMismatchError
        What is given cannot be compared. What a function raises on a backend stands in the report instead.
    BackendNotFoundError, BackendLoadError
        A backend that was named cannot be used.

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
    # They import NumPy, which the command line does without until something is compared.
    from adhelpers.comparison.reporting import compare_function
    from adhelpers.comparison.task import Settings

    settings = Settings(operations, batch_axis, rtol, atol, timing, seed)
    return compare_function(f, x, u, settings, backends=backends, reference=reference, without_rule=without_rule)
