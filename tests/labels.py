"""Names of parameters that are the same in every process, as pytest-xdist wants them."""

from __future__ import annotations

import re
from typing import Any


def label(value: Any) -> str:
    """What Python shows of a value, without its address."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
