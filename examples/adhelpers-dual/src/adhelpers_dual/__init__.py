"""The backend "dual" of `adhelpers`; importing this module imports no framework."""

from __future__ import annotations

from adhelpers.extend import BackendDescription, hookimpl


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="dual",
            array_types=("dualnumbers.dual:Dual",),
            implementation="adhelpers_dual.backend:DualBackend",
            framework="adhelpers-dual",
            install="pip install adhelpers-dual",
        )
    ]
