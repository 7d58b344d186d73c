"""JAX's functions by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import adhelpers
from corpora.by_name import Functions
from corpora.case import Case


@cache
def _functions() -> Functions:
    import jax
    import jax.nn
    import jax.scipy.linalg
    import jax.scipy.signal
    import jax.scipy.special
    import jax.scipy.stats

    modules: dict[str, Any] = {
        "numpy": jax.numpy,
        "numpy.linalg": jax.numpy.linalg,
        "numpy.fft": jax.numpy.fft,
        "scipy.special": jax.scipy.special,
        "scipy.linalg": jax.scipy.linalg,
        "scipy.signal": jax.scipy.signal,
        "lax": jax.lax,
        "lax.linalg": jax.lax.linalg,
        "nn": jax.nn,
    }
    for name, module in vars(jax.scipy.stats).items():
        if hasattr(module, "logpdf") or hasattr(module, "logpmf"):
            modules[f"scipy.stats.{name}"] = module
    return Functions(adhelpers.backend("jax").double_precision(), modules)


def operators() -> list[str]:
    """Their names."""
    return _functions().operators()


def cases(operator: str, samples: int) -> Iterator[Case]:
    """At points of mpmath's, and at so many templates that fit."""
    return _functions().cases(operator, samples)
