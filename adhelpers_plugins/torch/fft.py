"""Fourier transforms: array_api_compat's over PyTorch, with corrections of `adhelpers_plugins.torch.arrayapi`."""

from typing import Any

import array_api_compat.torch.fft
from array_api_compat.torch.fft import *

from adhelpers_plugins.torch.arrayapi.creation import fftfreq as fftfreq
from adhelpers_plugins.torch.arrayapi.creation import rfftfreq as rfftfreq


def __getattr__(name: str) -> Any:
    return getattr(array_api_compat.torch.fft, name)
