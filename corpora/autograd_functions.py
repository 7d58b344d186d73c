"""autograd's functions by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import adhelpers
from corpora.by_name import Functions
from corpora.case import Case


@cache
def _functions() -> Functions:
    import autograd.numpy
    import autograd.numpy.fft
    import autograd.numpy.linalg
    import autograd.scipy.linalg
    import autograd.scipy.signal
    import autograd.scipy.special
    import autograd.scipy.stats

    modules: dict[str, Any] = {
        "numpy": autograd.numpy,
        "numpy.linalg": autograd.numpy.linalg,
        "numpy.fft": autograd.numpy.fft,
        "scipy.special": autograd.scipy.special,
        "scipy.linalg": autograd.scipy.linalg,
        "scipy.signal": autograd.scipy.signal,
    }
    for name, module in vars(autograd.scipy.stats).items():
        if hasattr(module, "logpdf") or hasattr(module, "logpmf"):
            modules[f"scipy.stats.{name}"] = module
    return Functions(adhelpers.backend("autograd"), modules, _is_autograds)


def _is_autograds(function: Any) -> bool:
    """What autograd has wrapped, or written itself."""
    return hasattr(function, "fun") or str(getattr(function, "__module__", "")).startswith("autograd.")


def operators() -> list[str]:
    """Their names."""
    return _functions().operators()


def cases(operator: str, samples: int) -> Iterator[Case]:
    """At points of mpmath's, and at so many templates that fit."""
    return _functions().cases(operator, samples)
