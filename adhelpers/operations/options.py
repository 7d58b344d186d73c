"""Options that several operations have, checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from adhelpers.errors import BatchAxisError


def check_mode(mode: object, known: Sequence[object]) -> None:
    """Refuse what is none of the known modes."""
    if mode not in known:
        names = [repr(name) for name in known if isinstance(name, str)]
        msg = f"mode is {mode!r}; write {', '.join(names[:-1])} or {names[-1]}"
        raise ValueError(msg)


def check_chunk_size(chunk_size: object) -> None:
    """Refuse what is neither a positive int nor None."""
    is_count = hasattr(chunk_size, "__index__") and not isinstance(chunk_size, bool) and operator.index(chunk_size) > 0
    if chunk_size is not None and not is_count:
        msg = f"chunk_size is {chunk_size!r}; write a positive int, or None to have one chosen"
        raise ValueError(msg)


def check_batch_options(batch_axis: object, check_batch: object) -> None:
    """Refuse another batch axis than the last or the first, and another check than there is."""
    if not isinstance(batch_axis, int) or isinstance(batch_axis, bool) or batch_axis not in (-1, 0):
        msg = f"batch_axis is {batch_axis!r}; write -1 for the batch last, or 0 for the batch first"
        raise BatchAxisError(msg)
    if not isinstance(check_batch, bool) and not (isinstance(check_batch, str) and check_batch == "always"):
        msg = f"check_batch is {check_batch!r}; write True, False or 'always'"
        raise ValueError(msg)
