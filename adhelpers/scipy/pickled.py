"""`Pickled`: arrays that are unpickled in their backend's scope, because elsewhere JAX reads float64 as float32."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from adhelpers.plugins.contract import ADBackend


@dataclass(frozen=True)
class Pickled:
    """What becomes `tree` when it is unpickled."""

    backend: ADBackend
    tree: Any

    def __reduce__(self) -> tuple[Any, ...]:
        """In bytes of their own, since what is pickled together is read before any scope can be entered."""
        with self.backend.scope():
            return _read, (self.backend, pickle.dumps(self.tree))


def _read(backend: ADBackend, tree: bytes) -> Any:
    with backend.scope():
        return pickle.loads(tree)
