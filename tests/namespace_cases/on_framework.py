"""Each case on another framework, but for those that `namespace_differences` lists.

References are differences of NumPy's functions, never a framework's derivatives.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from namespace_differences import DIFFERENCES
from reference_jacobians import STEP, as_dual, as_real, close, jacobian, random_like, tuple_as_real

import adhelpers
from conftest import make
from namespace_cases import CASES
from namespace_cases.case import Case


def numpy(backend: adhelpers.ADBackend, tree: Any) -> Any:
    leaves, treedef = backend.flatten(tree)
    return treedef.unflatten([backend.to_numpy(leaf) for leaf in leaves])


def named() -> dict[str, Case]:
    """Each case by its name, numbered where several have the same."""
    names = [str(param.id) for param in CASES]
    repeated, found = Counter(names), dict[str, Case]()
    seen: Counter[str] = Counter()
    for name, param in zip(names, CASES, strict=True):
        number = f"{'_' if name[-1].isdigit() else ''}{seen[name]}" if repeated[name] > 1 else ""
        found[name + number] = param.values[0]
        seen[name] += 1
    return found


def uses(framework: str) -> list[Any]:
    """Each case; those in the table of differences must fail, for the reason that stands there."""
    cases = named()
    reasons = {name: reason for reason, names in DIFFERENCES[framework].items() for name in names}
    assert set(reasons) <= set(cases), "a case in the table has another name"
    return [
        pytest.param(
            use, marks=[pytest.mark.xfail(strict=True, reason=reasons[name])] if name in reasons else [], id=name
        )
        for name, use in cases.items()
    ]


def check(framework: str, use: Case) -> None:
    """The value, both products and a second derivative."""
    other = make(framework)
    x = use.arrays
    y = np.asarray(use.over(x))
    reference = jacobian(use.over, x)
    t, u = tuple(random_like(leaf, 5) / 4 for leaf in x), random_like(y, 6)
    value, pushed = adhelpers.value_and_jacobian_vector_product(use.over, other, x, t)
    pulled = numpy(other, adhelpers.vector_jacobian_product(use.over, other, x, u))
    np.testing.assert_allclose(numpy(other, value), y, rtol=1e-12, atol=1e-13)
    for result, partner in zip((numpy(other, pushed), *pulled), (y, *x), strict=True):
        assert (result.shape, result.dtype) == (partner.shape, partner.dtype)
    close(as_real(numpy(other, pushed)), reference @ tuple_as_real(t))
    close(tuple_as_real(pulled, as_dual), as_dual(u) @ reference)

    def paired(x: tuple[Any, ...]) -> Any:
        """One real number made of the first derivative."""
        total: Any = 0.0
        for w, v in zip(t, adhelpers.vector_jacobian_product(use.over, other, x, u), strict=True):
            xp, weight = adhelpers.array_namespace(v), other.asarray(w)
            total = total + xp.sum(xp.real(weight * v) if np.iscomplexobj(w) else weight * v)
        return total

    def slope(x: tuple[np.ndarray, ...]) -> np.ndarray:
        """The same number, by differences along `t`."""

        def at(k: float) -> Any:
            return np.sum(np.real(u * use.over(tuple(leaf + k * d for leaf, d in zip(x, t, strict=True)))))

        return np.asarray((8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP))

    second = numpy(other, adhelpers.vector_jacobian_product(paired, other, x, np.asarray(1.0)))
    expected = jacobian(slope, x)[0]
    atol = 1e-6 * max(1.0, np.abs(expected).max(initial=0.0))  # differences of differences
    np.testing.assert_allclose(tuple_as_real(second, as_dual), expected, rtol=1e-6, atol=atol)
