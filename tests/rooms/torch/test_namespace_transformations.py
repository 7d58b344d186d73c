"""PyTorch's transformations of the namespace's functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from namespace_closed_forms import JACOBIANS, STATIC, X


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
@pytest.mark.parametrize("name", STATIC)
def test_transformations_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, jacobian = JACOBIANS[name]
    from adhelpers_plugins.torch import namespace as xp

    def parts(x: Any) -> Any:
        y = f(xp, x)
        return torch.view_as_real(y) if y.is_complex() else y

    expected = np.stack([jacobian.real, jacobian.imag], axis=1) if parts(torch.tensor(X)).ndim == 2 else jacobian.real
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        received = torch.func.vmap(transform(parts))(torch.tensor(X)[None])[0]
        np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)
    torch.compiler.reset()  # which counts the functions that are compiled in one place
    is_old = torch.__version__ < "2.13"  # and breaks the graph at what it cannot trace
    if is_old and name == "an axis of NumPy":
        pytest.skip("torch.compile of this PyTorch drops an axis of NumPy's, of PyTorch's own functions, too")
    compiled = torch.compile(parts, fullgraph=not is_old, backend="eager")
    received = torch.autograd.functional.jacobian(compiled, torch.tensor(X))
    np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)
