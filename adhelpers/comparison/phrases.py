"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def enumerated(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
