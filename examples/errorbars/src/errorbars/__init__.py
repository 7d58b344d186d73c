"""Least-squares fits with error bars, for functions of JAX, PyTorch, autograd and NumPy."""

from errorbars.fitting import Fit, FitError, fit

__all__ = ["Fit", "FitError", "fit"]
