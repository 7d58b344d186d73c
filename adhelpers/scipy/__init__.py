"""Derivatives in the form that SciPy's solvers take; import it as ``adhelpers.scipy``."""

try:
    import scipy  # noqa: F401
except ImportError as error:
    msg = 'adhelpers.scipy needs SciPy, which cannot be imported; type: pip install "adhelpers[scipy]"'
    raise ImportError(msg) from error

from adhelpers.scipy.operators import DerivativeOperator

__all__ = ["DerivativeOperator"]
