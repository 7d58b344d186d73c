"""Linear algebra: array_api_compat's over PyTorch, with corrections of `adhelpers_plugins.torch.arrayapi`."""

from typing import Any

import array_api_compat.torch.linalg
from array_api_compat.torch.linalg import *

from adhelpers_plugins.torch.arrayapi.statistics import trace as trace
from adhelpers_plugins.torch.arrayapi.systems import det as det
from adhelpers_plugins.torch.arrayapi.systems import slogdet as slogdet
from adhelpers_plugins.torch.arrayapi.systems import solve as solve


def __getattr__(name: str) -> Any:
    return getattr(array_api_compat.torch.linalg, name)
