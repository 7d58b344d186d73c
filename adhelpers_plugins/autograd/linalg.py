"""The ``linalg`` extension of the array API over ``autograd.numpy``."""

from __future__ import annotations

from typing import Any

from adhelpers_plugins.autograd.arrayapi.constants import matrix_rank as matrix_rank
from adhelpers_plugins.autograd.arrayapi.contraction import cross as cross
from adhelpers_plugins.autograd.arrayapi.contraction import matmul as matmul
from adhelpers_plugins.autograd.arrayapi.contraction import outer as outer
from adhelpers_plugins.autograd.arrayapi.contraction import tensordot as tensordot
from adhelpers_plugins.autograd.arrayapi.contraction import trace as trace
from adhelpers_plugins.autograd.arrayapi.contraction import vecdot as vecdot
from adhelpers_plugins.autograd.arrayapi.gathering import diagonal as diagonal
from adhelpers_plugins.autograd.arrayapi.manipulation import matrix_transpose as matrix_transpose
from adhelpers_plugins.autograd.arrayapi.matrices.eigen import eigh as eigh
from adhelpers_plugins.autograd.arrayapi.matrices.eigen import eigvalsh as eigvalsh
from adhelpers_plugins.autograd.arrayapi.matrices.general import eig as eig
from adhelpers_plugins.autograd.arrayapi.matrices.general import eigvals as eigvals
from adhelpers_plugins.autograd.arrayapi.matrices.norms import matrix_norm as matrix_norm
from adhelpers_plugins.autograd.arrayapi.matrices.norms import vector_norm as vector_norm
from adhelpers_plugins.autograd.arrayapi.matrices.singular import pinv as pinv
from adhelpers_plugins.autograd.arrayapi.matrices.singular import svd as svd
from adhelpers_plugins.autograd.arrayapi.matrices.singular import svdvals as svdvals
from adhelpers_plugins.autograd.arrayapi.matrices.solving import det as det
from adhelpers_plugins.autograd.arrayapi.matrices.solving import inv as inv
from adhelpers_plugins.autograd.arrayapi.matrices.solving import matrix_power as matrix_power
from adhelpers_plugins.autograd.arrayapi.matrices.solving import slogdet as slogdet
from adhelpers_plugins.autograd.arrayapi.matrices.solving import solve as solve
from adhelpers_plugins.autograd.arrayapi.matrices.triangular import cholesky as cholesky
from adhelpers_plugins.autograd.arrayapi.matrices.triangular import qr as qr


def __getattr__(name: str) -> Any:
    msg = (
        f"the array namespace for autograd has no 'linalg.{name}'; "
        f"if autograd.numpy.linalg.{name} differentiates correctly for your use, call that in f"
    )
    raise AttributeError(msg)
