"""The PyTorch backend; importing this module imports no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adhelpers.extend import BackendDescription, hookimpl

if TYPE_CHECKING:
    from adhelpers_plugins.torch.backend import TorchBackend as TorchBackend

__all__ = ["TorchBackend"]

_PARAMETERS = (
    "differentiate with respect to the parameters of a module net: give dict(net.named_parameters()) as x, and call "
    "torch.func.functional_call(net, x, inputs) in f"
)


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """Describe the backend."""
    return [
        BackendDescription(
            name="torch",
            array_types=("torch:Tensor",),
            implementation="adhelpers_plugins.torch.backend:TorchBackend",
            framework="torch",
            tested=("2.7", "2.15"),
            install="pip install 'adhelpers[torch]'",
            holders=(("torch.nn:Module", _PARAMETERS),),
        )
    ]


def __getattr__(name: str) -> Any:
    if name == "TorchBackend":
        from adhelpers_plugins.torch.backend import TorchBackend

        return TorchBackend
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
