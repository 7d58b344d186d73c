"""Rules of autograd's that are mended here, because their arguments do not tell where they are wrong.

`adhelpers_plugins.autograd.wrong` lists those whose arguments do: they count as missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd.core import primitive_vjps
from autograd.numpy import linalg
from autograd.tracer import getval, isbox

Array = Any


def _pull_eigh(argnums: Sequence[int], value: Any, args: Sequence[Any], kwargs: Any) -> Callable[[Any], Any]:
    """The rule skips the vectors where their cotangent is zero, though its derivative need not be: add their part."""
    pull = primitive_vjps[linalg.eigh](argnums, value, args, kwargs)

    def pull_with_vectors(cotangent: Any) -> Sequence[Array]:
        (pulled,) = pull(cotangent)
        of_vectors = cotangent[1]
        if isbox(of_vectors) and not np.any(getval(of_vectors)):
            pulled = pulled + _pull_eigenvectors(of_vectors, *value, *args[1:], **kwargs)
        return (pulled,)

    return pull_with_vectors


def _pull_eigenvectors(cotangent: Array, values: Array, vectors: Array, UPLO: str = "L") -> Array:
    """The cotangent of the triangle that is read.

    Equal values are left out: a function of the values alone, whose box looks the same, has a derivative there.
    """
    gaps = values[..., None, :] - values[..., :, None]
    equal = np.equal(getval(gaps), 0)
    transposed = anp.swapaxes(vectors, -1, -2)
    whole = anp.conj(vectors) @ (~equal / (gaps + equal) * (transposed @ cotangent)) @ transposed
    both = whole + anp.conj(anp.swapaxes(whole, -1, -2))
    off_diagonal = anp.tril(both, -1) if UPLO == "L" else anp.triu(both, 1)
    return off_diagonal + anp.real(whole) * np.eye(whole.shape[-1], dtype=whole.dtype)


MENDED_REVERSE = {linalg.eigh: _pull_eigh}
