"""Traces in front of JAX's own, by its private names for them, which are imported only here."""

from __future__ import annotations

import os
from typing import Any

import jax
from jax.extend import source_info_util

from adhelpers.extend import warn

try:
    from jax._src import traceback_util
    from jax._src.core import Trace, eval_jaxpr, set_current_trace, trace_ctx
    from jax._src.linear_util import transformation2
except ImportError:
    KNOWN = False
    Trace, eval_jaxpr, set_current_trace, trace_ctx, transformation2 = object, None, None, None, None
    warn(
        "JAX %s traces in a way that this version of adhelpers does not know: functions with a wrong rule of JAX are "
        "refused, and f runs twice to find them; install a newer adhelpers",
        jax.__version__,
    )
else:
    KNOWN = True
    # An error is shown where the user's function meets it, and not in this folder.
    _FOLDER = os.path.join(os.path.dirname(__file__), "")
    traceback_util.register_exclusion(_FOLDER)
    source_info_util.register_exclusion(_FOLDER)

__all__ = ["KNOWN", "PassingTrace", "eval_jaxpr", "set_current_trace", "trace_ctx", "transformation2"]


class PassingTrace(Trace):  # type: ignore[misc]  # JAX does not name it in public
    """Passes everything on to the trace behind it, and makes no tracers itself."""

    def __init__(self, behind: Any) -> None:
        super().__init__()
        self.parent_trace = behind
        self.requires_low = getattr(behind, "requires_low", True)

    def process_call(self, *args: Any, **kwargs: Any) -> Any:
        """Pass a function on that is called as a whole."""
        return self.parent_trace.process_call(*args, **kwargs)

    def process_custom_vjp_call(self, *args: Any, **kwargs: Any) -> Any:
        """Pass a function on that has its own pullback."""
        return self.parent_trace.process_custom_vjp_call(*args, **kwargs)

    def stage_value(self, value: Any) -> Any:
        """Pass a value on."""
        return self.parent_trace.stage_value(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parent_trace, name)
