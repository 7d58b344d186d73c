"""The backend "skeleton" of adhelpers; importing this module must not import the framework."""

from __future__ import annotations

from adhelpers.extend import BackendDescription, hookimpl


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="skeleton",  # what users type
            array_types=(),  # "module:Type" for each type of array or tracer that belongs to this framework alone
            implementation="adhelpers_skeleton.backend:SkeletonBackend",
            framework=None,  # the distribution whose version is shown, such as "jax"
            install="pip install adhelpers-skeleton",
        )
    ]
