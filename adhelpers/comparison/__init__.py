"""`compare`: where frameworks differ on one function, and the report about it."""

from adhelpers.comparison.entry import compare
from adhelpers.comparison.report import ComparisonReport
from adhelpers.comparison.results import Deviation, Finding, Pair, Result

__all__ = ["ComparisonReport", "Deviation", "Finding", "Pair", "Result", "compare"]
