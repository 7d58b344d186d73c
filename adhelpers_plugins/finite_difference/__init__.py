"""The finite-difference backend; importing this module imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adhelpers.extend import BackendDescription, hookimpl

if TYPE_CHECKING:
    from adhelpers_plugins.finite_difference.backend import FiniteDifferenceBackend as FiniteDifferenceBackend

__all__ = ["FiniteDifferenceBackend"]


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="finite-difference",
            array_types=(),
            implementation="adhelpers_plugins.finite_difference.backend:FiniteDifferenceBackend",
            framework="numpy",
            tested=("2.0", "2.5"),
            install="pip install numpy",
        )
    ]


def __getattr__(name: str) -> Any:
    if name == "FiniteDifferenceBackend":
        from adhelpers_plugins.finite_difference.backend import FiniteDifferenceBackend

        return FiniteDifferenceBackend
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
