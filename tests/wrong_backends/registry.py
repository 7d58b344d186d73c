"""The list of wrong backends, into which each enters itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adhelpers.extend import ADBackend


@dataclass(frozen=True)
class Wrong:
    """A wrong backend, and the rule that must reject it."""

    rule: str
    backend: type[ADBackend]


WRONG: list[Wrong] = []


def wrong(rule: str) -> Callable[[type[ADBackend]], type[ADBackend]]:
    """Enter a backend under the rule that it breaks."""

    def enter(cls: type[ADBackend]) -> type[ADBackend]:
        WRONG.append(Wrong(rule, cls))
        return cls

    return enter
