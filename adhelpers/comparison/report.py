"""The report that `compare` returns: the data of a comparison, with methods to show it."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import machine_readable, markdown, page, plots, text


@dataclass(frozen=True)
class ComparisonReport(Report):
    """The report of `adhelpers.compare`.

    Print it, or call `show` for colour on a terminal with rich.

    Attributes
    ----------
    title
        What was compared, in words.
    backends
        The backends that were compared, in order.
    results
        A `Result` for each operation on each backend, the value of `f` first.
    pairs
        A `Pair` for any two backends with a result.
    findings
        A `Finding` for each operation whose results differ.
    notes
        Notes: the reference, the tolerances and their reasons, NaNs, and what was left out.
    reference
        The reference that results were compared with, or None.
    agree
        Whether at least one result could be compared, and all that could be compared agree.

    Examples
    --------
    >>> import numpy, adhelpers
    >>> x = numpy.asarray([[0.5, 1.0], [2.0, 3.0]])
    >>> finer = adhelpers.backend("finite-difference", order=4)
    >>> report = adhelpers.compare(lambda x: x**2, x, backends=[finer], timing=False)
    >>> report.agree
    True
    >>> [result.operation for result in report.results]
    ['value', 'jvp', 'vjp', 'batched_jacobian']
    """

    def __str__(self) -> str:
        return text.text(self)

    def show(self) -> None:
        """Print the report: tables in colour on a terminal if rich is installed, plain text everywhere else."""
        text.show(self)

    def to_markdown(self, path: str | PathLike[str] | None = None) -> str:
        """The report as Markdown, for a comment on a pull request; also written to `path` if it is given.

        Examples
        --------
        >>> import numpy, adhelpers
        >>> finer = adhelpers.backend("finite-difference", order=4)
        >>> report = adhelpers.compare(lambda x: x**2, numpy.ones(3), backends=[finer])
        >>> report.to_markdown().splitlines()[2]
        '**3 of 3 results agree.**'
        """
        return _written(markdown.markdown(self), path)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """The report as one HTML page without other files; also written to `path` if it is given."""
        return _written(page.html(self), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """The report as JSON, also written to `path` if it is given. Numbers that are not finite are null.

        Examples
        --------
        >>> import json, numpy, adhelpers
        >>> finer = adhelpers.backend("finite-difference", order=4)
        >>> report = adhelpers.compare(lambda x: x**2, numpy.ones(3), backends=[finer])
        >>> read = json.loads(report.to_json())
        >>> read["agree"], read["results"][1]["operation"], read["results"][1]["status"]
        (True, 'jvp', 'agrees')
        """
        return _written(machine_readable.to_json(self), path)

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """A matplotlib figure of the verdict, the deviations and the times; also saved to `path` if it is given.

        Raises
        ------
        ImportError
            matplotlib is not installed. The message says how to install it.
        """
        figure = plots.figure(self)
        if path is not None:
            figure.savefig(path)
        return figure


def _written(content: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    return content
