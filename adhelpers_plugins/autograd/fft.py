"""The ``fft`` extension of the array API over ``autograd.numpy``."""

from __future__ import annotations

from typing import Any

from array_api_compat.numpy.fft import fftfreq as fftfreq
from array_api_compat.numpy.fft import rfftfreq as rfftfreq

from adhelpers_plugins.autograd.arrayapi.transforms import fft as fft
from adhelpers_plugins.autograd.arrayapi.transforms import fftn as fftn
from adhelpers_plugins.autograd.arrayapi.transforms import fftshift as fftshift
from adhelpers_plugins.autograd.arrayapi.transforms import hfft as hfft
from adhelpers_plugins.autograd.arrayapi.transforms import ifft as ifft
from adhelpers_plugins.autograd.arrayapi.transforms import ifftn as ifftn
from adhelpers_plugins.autograd.arrayapi.transforms import ifftshift as ifftshift
from adhelpers_plugins.autograd.arrayapi.transforms import ihfft as ihfft
from adhelpers_plugins.autograd.arrayapi.transforms import irfft as irfft
from adhelpers_plugins.autograd.arrayapi.transforms import irfftn as irfftn
from adhelpers_plugins.autograd.arrayapi.transforms import rfft as rfft
from adhelpers_plugins.autograd.arrayapi.transforms import rfftn as rfftn


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no 'fft.{name}'; "
        f"if autograd.numpy.fft.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
