"""`view`: a function and its derivatives for SciPy's solvers, as ``adhelpers.scipy.view``."""

try:
    import scipy  # noqa: F401
except ImportError as error:
    msg = 'adhelpers.scipy needs SciPy, which cannot be imported; type: pip install "adhelpers[scipy]"'
    raise ImportError(msg) from error

from adhelpers.scipy.views import View, view

__all__ = ["View", "view"]
