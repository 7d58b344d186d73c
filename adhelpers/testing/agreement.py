"""Assert in a test that a function gives the same results on every framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from adhelpers import ADBackend, ComparisonReport, compare


def assert_backends_agree(
    f: Callable[[Any], Any] | Mapping[str, Callable[[Any], Any]],
    x: Any,
    u: Any = None,
    *,
    backends: Sequence[str | ADBackend] | None = None,
    operations: Sequence[str] | None = None,
    batch_axis: Literal[-1, 0] = -1,
    reference: str | ADBackend | None = "finite-difference",
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> ComparisonReport:
    """Fail unless the value of `f` and its derivatives agree on every backend, and with the reference.

    Parameters
    ----------
    f, x, u, backends, operations, batch_axis, reference, rtol, atol, seed
        As in `adhelpers.compare`. Without `backends`, all installed backends are compared.

    Returns
    -------
    ComparisonReport
        The results, for further assertions.

    Raises
    ------
    AssertionError
        A result differs, fails or is unsupported, or there is nothing to compare. The message is the whole report.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> finer = adhelpers.backend("finite-difference", order=4)
    >>> from adhelpers.testing import assert_backends_agree
    >>> def model(x):
    ...     return adhelpers.array_namespace(x).tanh(x) * x
    >>> report = assert_backends_agree(model, numpy.asarray([[0.1, 0.2], [0.3, 0.4]]), backends=[finer])
    """
    __tracebackhide__ = True
    report = compare(
        f,
        x,
        u,
        backends=backends,
        operations=operations,
        batch_axis=batch_axis,
        reference=reference,
        rtol=rtol,
        atol=atol,
        timing=False,
        seed=seed,
    )
    if not report.agree:
        msg = f"the backends do not agree\n\n{report}"
        raise AssertionError(msg)
    return report
