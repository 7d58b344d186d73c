"""Functions of single elements for which autograd has no rule or a wrong one."""

from __future__ import annotations

import numpy as np

from namespace_cases.case import case, complexes, elementwise, positive, real, spread

CASES = [
    *(
        elementwise(name, x, y)
        for name in ("hypot", "copysign", "nextafter")
        for x, y in (
            (spread(2, 4), real(2, 4, seed=1)),
            (spread(4), spread(2, 1)),
            (real(), spread(2)),
            (spread(4), real()),
        )
    ),
    case("hypot", lambda xp, x: xp.hypot(x, 0.5), spread(4)),
    case("copysign", lambda xp, x: xp.copysign(x, np.array([0.0, -0.0, 0.0, -0.0])), spread(4)),
    case("copysign", lambda xp, x: xp.copysign(np.array([1.0, -2.0, 0.0]), x[:3]) * x[1], spread(4)),
    *(
        elementwise("remainder", x, y)
        for x, y in (
            (spread(2, 4), positive(2, 4, seed=1)),
            (spread(4), -positive(2, 1, seed=1)),
            (real(), positive(2)),
            (positive(3) + 5.0, real(seed=3)),
        )
    ),
    case("remainder", lambda xp, x: x % 0.3 + 2.0 % x, np.array([0.17, -0.71, 1.3, -2.2])),
    *(elementwise("positive", x) for x in (real(2, 3), complexes(4), real())),
]
