"""Names in a sentence."""

from __future__ import annotations

import pytest

from adhelpers.comparison.phrases import enumerated


@pytest.mark.parametrize(("words", "sentence"), [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c")])
def test_words_are_enumerated(words: str, sentence: str) -> None:
    assert enumerated(words) == sentence
