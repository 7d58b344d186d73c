"""What the README says replaces the frameworks' own calls gives what they give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adhelpers

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`\w+\(f, b, x.*) \|$", README, re.MULTILINE)
FRAMEWORKS = {"jax": ("jax.numpy", "jax"), "torch": ("torch", "torch.func"), "autograd": ("autograd.numpy", "autograd")}


def energy(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sum(xp.sin(x) * x)


def field(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.stack([x[0] * x[1], xp.sin(x[0]), x[1] ** 2])


def test_the_table_is_found() -> None:
    assert len(ROWS) >= 8


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("(")[0].strip("`"))
def test_a_row(row: str, framework: str) -> None:
    namespace, module = map(pytest.importorskip, FRAMEWORKS[framework])
    ours, *theirs = row.split(" | ")
    name = ours.split("(")[0].strip("`")
    x, u = np.asarray([0.3, 0.7], np.float32), np.asarray([1.0, 2.0, 3.0], np.float32)
    u = u if name == "vector_jacobian_product" else u[:2]
    x = np.stack([x, 2 * x, 3 * x], axis=-1) if name == "batched_jacobian" else x
    known = {"f": field if "jacobian" in name else energy, "x": namespace.asarray(x), "u": namespace.asarray(u)}
    expected = eval(ours.strip("`"), {**known, "b": framework, name: getattr(adhelpers, name)})
    calls = re.findall(r"`(.*?)`", theirs[list(FRAMEWORKS).index(framework)])
    assert calls or framework == "autograd"  # which has no vmap
    for call in calls:
        received = eval(call, {**vars(module), **known})
        pairs = zip(received, expected, strict=True) if name.startswith("value") else [(received, expected)]
        for a, b in pairs:
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5)
