"""The backend "mlx" of `adhelpers`; importing this module imports no framework."""

from __future__ import annotations

from adhelpers.extend import BackendDescription, hookimpl


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="mlx",
            array_types=("mlx.core:array",),
            implementation="adhelpers_mlx.backend:MLXBackend",
            framework="mlx",
            install="pip install adhelpers-mlx",
        )
    ]
