"""Uses of the names of the array API that have a derivative: the namespace of every framework is held to all of them.

The order matters: `namespace_differences` numbers cases that have the same name.
"""

from __future__ import annotations

from typing import Any

from namespace_cases import (
    arranging,
    contraction,
    elementwise,
    gathering,
    matrices,
    operators,
    reductions,
    shapes,
    slopes,
    spread,
    transforms,
)

CASES: list[Any] = [
    *elementwise.CASES,
    *reductions.CASES,
    *shapes.CASES,
    *contraction.CASES,
    *slopes.CASES,
    *spread.CASES,
    *gathering.CASES,
    *arranging.CASES,
    *operators.CASES,
    *matrices.CASES,
    *transforms.CASES,
]
