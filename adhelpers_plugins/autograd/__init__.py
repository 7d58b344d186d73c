"""The HIPS autograd backend; importing this module imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adhelpers.extend import BackendDescription, hookimpl

if TYPE_CHECKING:
    from adhelpers_plugins.autograd.backend import AutogradBackend as AutogradBackend

__all__ = ["AutogradBackend"]


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="autograd",
            array_types=("autograd.numpy.numpy_boxes:ArrayBox",),
            implementation="adhelpers_plugins.autograd.backend:AutogradBackend",
            framework="autograd",
            tested=("1.7", "1.9"),
            install="pip install 'adhelpers[autograd]'",
        )
    ]


def __getattr__(name: str) -> Any:
    if name == "AutogradBackend":
        from adhelpers_plugins.autograd.backend import AutogradBackend

        return AutogradBackend
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
