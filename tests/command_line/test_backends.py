"""``adhelpers backends``."""

from __future__ import annotations

import numpy as np
from commands import Main, row


def test_backends_shows_name_version_origin_and_capabilities(main: Main) -> None:
    status, output, errors = main("backends")
    assert (status, errors) == (0, "")
    assert row(output, "finite-difference").split()[1:4] == ["numpy", np.__version__, "adhelpers"]
    assert "complex, float32, forward" in row(output, "autograd")
    assert len(output.splitlines()) >= 4 + 4
