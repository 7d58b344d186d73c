"""The report that `compare` returns: the data of a comparison, with the ways to show them."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from adhelpers.comparison.results import Report
from adhelpers.comparison.shown import machine_readable, markdown, page, plots, text


@dataclass(frozen=True)
class ComparisonReport(Report):
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
    agree
        Whether there are results that could be compared, and all of them agree.

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
        """The report as Markdown, as a comment on a pull request; also written to `path` if one is given.

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
        """The report as one HTML page that needs no other file; also written to `path` if one is given."""
        return _written(page.html(self), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """The report for machines; also written to `path` if one is given. What is not finite is null.

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
        """A matplotlib figure: the verdict, half a matrix of deviations, and times; saved to `path` if one is given.

        Raises
        ------
        ImportError
            matplotlib is not installed; the message says how to install it.
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
