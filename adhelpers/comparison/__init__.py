"""Where frameworks differ on one function: `compare`, and the report that it returns."""

from adhelpers.comparison.entry import compare
from adhelpers.comparison.report import ComparisonReport
from adhelpers.comparison.results import Deviation, Finding, Pair, Result

__all__ = ["ComparisonReport", "Deviation", "Finding", "Pair", "Result", "compare"]
