"""What a comparison found: data alone, and the ways to show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from os import PathLike

Status = Literal["agrees", "differs", "kink", "unsupported", "failed"]
"""``"kink"``: results part, but where `f` has no derivative, so that each framework made a choice of its own."""


@dataclass(frozen=True)
class Deviation:
    """How far two results are apart.

    Attributes
    ----------
    max_abs
        The largest difference of two entries; infinite where one of them alone is NaN or infinite.
    max_rel
        The largest difference relative to the larger of its two entries, or to the size below which an entry of its
        leaf counts as noise, ``atol / rtol``. At most `rtol` where the results agree.
    max_ulp
        The largest difference in units in the last place of the larger entry.
    path, index
        The leaf, such as ``"f(x)['scale']"``, and the place in it where the tolerance is exceeded the most, or nearly.
    differing
        How many entries are farther apart than the tolerance.
    nans
        How many entries are NaN in both, which counts as agreement.
    rtol, atol
        Entries agree within the larger of `rtol` times their size and `atol`, here that of the worst leaf.
    """

    max_abs: float
    max_rel: float
    max_ulp: float
    path: str
    index: tuple[int, ...]
    differing: int
    nans: int
    rtol: float
    atol: float

    @property
    def place(self) -> str:
        """Path and index as one would type them, such as ``"f(x)['scale'][0, 2]"``."""
        return f"{self.path}[{', '.join(map(str, self.index))}]" if self.index else self.path


@dataclass(frozen=True)
class Result:
    """One operation on one backend.

    Attributes
    ----------
    function, operation, backend
        What was computed, and where: operation ``"value"`` is ``f(x)`` itself.
    against
        What `deviation` is measured against: the reference, or a backend that it parts from.
    deviation
        How far the result is off, or None where there is no result or nothing to compare it with.
    from_reference
        How far it is from the reference.
    first_seconds, seconds
        The time of the first call, in which frameworks trace and compile, and the median of repeated ones.
    error
        What was raised, where the status is "unsupported" or "failed"; what does not fit, where shapes differ.
    """

    function: str
    operation: str
    backend: str
    status: Status
    against: str | None = None
    deviation: Deviation | None = None
    from_reference: Deviation | None = None
    first_seconds: float | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Pair:
    """How far two backends are apart in one operation; `agree` is by the tolerance for these two."""

    function: str
    operation: str
    first: str
    second: str
    deviation: Deviation
    agree: bool


@dataclass(frozen=True)
class Finding:
    """Why results of one operation disagree, as far as can be told.

    Attributes
    ----------
    words
        Sentences: whether the values differ already, whether the point is a kink, and the like.
    backends
        Whose values the rows of `entries` hold.
    entries
        The worst entries: a place, and its value on each of `backends`.
    """

    function: str
    operation: str
    words: tuple[str, ...]
    backends: tuple[str, ...] = ()
    entries: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class ComparisonReport:
    """What `adhelpers.compare` found.

    ``print(report)`` shows it, in colour on a terminal with rich by `show`.

    Attributes
    ----------
    title
        What was compared.
    backends
        The backends that were compared, in order.
    results
        A `Result` for each operation on each backend, the value of `f` first.
    pairs
        A `Pair` for any two backends with a result.
    findings
        A `Finding` for each operation in which results disagree.
    notes
        What else should be known: the reference, the tolerances and what they follow from, NaNs, what was left out.
    reference
        What results were held to, besides one another.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[0.5, 1.0], [2.0, 3.0]])
    >>> report = adhelpers.compare(lambda x: x**2, x, backends=["finite-difference"], timing=False)
    >>> report.agree
    True
    >>> [result.operation for result in report.results]
    ['value', 'jvp', 'vjp', 'batched_jacobian']
    """

    title: str
    backends: tuple[str, ...]
    results: tuple[Result, ...]
    pairs: tuple[Pair, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reference: str | None = None

    @property
    def agree(self) -> bool:
        """Whether every result agrees."""
        return all(result.status == "agrees" for result in self.results)

    def __str__(self) -> str:
        from adhelpers.comparison.shown import text as presentation

        return presentation.text(self)

    def show(self) -> None:
        """Print the report: tables in colour on a terminal if rich is installed, plain text everywhere else."""
        from adhelpers.comparison.shown import text as presentation

        presentation.show(self)

    def to_markdown(self) -> str:
        """The report as Markdown.

        Examples
        --------
        >>> import numpy, adhelpers
        >>> report = adhelpers.compare(lambda x: x**2, numpy.ones(3), backends=["finite-difference"])
        >>> report.to_markdown().splitlines()[0]
        '## Comparison of <lambda> at x of shape (3,), float64'
        """
        from adhelpers.comparison.shown import text as presentation

        return presentation.markdown(self)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """The report as one HTML page that needs no other file; also written to `path` if one is given."""
        from adhelpers.comparison.shown import page

        return _written(page.html(self), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """The report for machines; also written to `path` if one is given. What is not finite is null.

        Examples
        --------
        >>> import json, numpy, adhelpers
        >>> report = adhelpers.compare(lambda x: x**2, numpy.ones(3), backends=["finite-difference"])
        >>> read = json.loads(report.to_json())
        >>> read["agree"], read["results"][1]["operation"], read["results"][1]["status"]
        (True, 'jvp', 'agrees')
        """
        from adhelpers.comparison.shown import json as machine

        return _written(machine.to_json(self), path)

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """A matplotlib figure: pairwise deviations on a log scale, and times; saved to `path` if one is given.

        Raises
        ------
        ImportError
            matplotlib is not installed; the message says how to install it.
        """
        from adhelpers.comparison.shown import plots

        figure = plots.figure(self)
        if path is not None:
            figure.savefig(path)
        return figure


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return text
