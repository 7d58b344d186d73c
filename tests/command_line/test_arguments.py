"""Words of the command line."""

from __future__ import annotations

import pytest
from commands import Refused

BAD_USAGE = {
    "shape in words": (("compare", "f.py:good", "--shape", "3xb"), "a shape is written as 3,5, but '3xb' was given"),
    "negative shape": (("compare", "f.py:good", "--shape=-3,5"), "a shape is written as 3,5, but '-3,5' was given"),
    "gap in a shape": (("compare", "f.py:good", "--shape", "3,,5"), "a shape is written as 3,5, but '3,,5' was given"),
    "fractional seed": (("compare", "--seed", "0.5"), "an integer from 0 upwards, but '0.5' was given"),
    "negative seed": (("compare", "--seed=-1"), "an integer from 0 upwards, but '-1' was given"),
    "gap in backends": (("compare", "--backends", "jax,,torch"), "written as jax,torch, but 'jax,,torch' was given"),
    "no backend": (("compare", "--backends", ","), "backends are written as jax,torch, but ',' was given"),
    "negative tolerance": (("compare", "--rtol=-1"), "a tolerance is a number from 0 upwards, but '-1' was given"),
    "tolerance in words": (("compare", "--atol", "small"), "a tolerance is a number from 0 upwards, but 'small' was"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_exits_with_2_and_one_line(refused: Refused, arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)
