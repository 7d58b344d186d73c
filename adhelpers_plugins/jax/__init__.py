"""The JAX backend; importing this module imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adhelpers.extend import BackendDescription, hookimpl

if TYPE_CHECKING:
    from adhelpers_plugins.jax.backend import JaxBackend as JaxBackend

__all__ = ["JaxBackend"]


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="jax",
            array_types=("jax:Array",),
            implementation="adhelpers_plugins.jax.backend:JaxBackend",
            framework="jax",
            tested=("0.4.36", "0.12"),
            install="pip install 'adhelpers[jax]'",
        )
    ]


def __getattr__(name: str) -> Any:
    if name == "JaxBackend":
        from adhelpers_plugins.jax.backend import JaxBackend

        return JaxBackend
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
