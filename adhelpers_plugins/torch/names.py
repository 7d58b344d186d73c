"""PyTorch's private names for its transformations, its forward mode and its engine, which are imported only here."""

from __future__ import annotations

from torch.autograd import forward_ad

try:
    from torch import _add_batch_dim as add_batch_dim
    from torch import _remove_batch_dim as remove_batch_dim
    from torch._C import _enter_dual_level as enter_dual_level
    from torch._C import _exit_dual_level as exit_dual_level
    from torch._C import _vmapmode_decrement_nesting as vmapmode_decrement_nesting
    from torch._C import _vmapmode_increment_nesting as vmapmode_increment_nesting
    from torch._C._functorch import _add_batch_dim as make_batched
    from torch._C._functorch import _remove_batch_dim as take_batched
    from torch._C._functorch import (  # type: ignore[attr-defined, unused-ignore]
        _set_vmap_fallback_warning_enabled as set_vmap_fallback_warning_enabled,
    )
    from torch._C._functorch import _vmap_decrement_nesting as vmap_decrement_nesting
    from torch._C._functorch import _vmap_increment_nesting as vmap_increment_nesting
    from torch._C._functorch import (
        get_interpreter_stack,
        get_unwrapped,
        is_batchedtensor,
        is_functorch_wrapped_tensor,
        maybe_current_level,
        unwrap_if_dead,
    )
    from torch._functorch import eager_transforms
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
    from torch._VF import _make_dual as make_dual
    from torch._VF import _unpack_dual as unpack_dual
    from torch.autograd.forward_ad import _set_fwd_grad_enabled as set_fwd_grad_enabled

    KNOWN = isinstance(eager_transforms.JVP_NESTING, int) and isinstance(forward_ad._current_level, int)
except (ImportError, AttributeError):
    KNOWN = False
"""Whether this version of PyTorch tells which transformations are active; where not, all goes through torch.func."""

try:
    from torch.autograd.graph import _engine_run_backward as run_engine
except ImportError:
    run_engine = None

__all__ = [
    "KNOWN",
    "add_batch_dim",
    "eager_transforms",
    "enter_dual_level",
    "exit_dual_level",
    "get_interpreter_stack",
    "get_unwrapped",
    "is_batchedtensor",
    "is_functorch_wrapped_tensor",
    "make_batched",
    "make_dual",
    "maybe_current_level",
    "remove_batch_dim",
    "run_engine",
    "set_fwd_grad_enabled",
    "set_vmap_fallback_warning_enabled",
    "take_batched",
    "temporarily_clear_interpreter_stack",
    "unpack_dual",
    "unwrap_if_dead",
    "vmap_decrement_nesting",
    "vmap_increment_nesting",
    "vmapmode_decrement_nesting",
    "vmapmode_increment_nesting",
]
