"""Functions of matrices, whose axes are where JAX takes the factors of them."""

from __future__ import annotations

from typing import Any

from jax import lax
from jax.extend.core import ClosedJaxpr

from adhelpers_plugins.jax.mending.traces import PassingTrace, eval_jaxpr, set_current_trace


class _WatchingTrace(PassingTrace):
    """Sees what a function takes the LU factors of, or, for matrices of one element, the sign of."""

    def __init__(self, behind: Any) -> None:
        super().__init__(behind)
        self.seen: dict[str, Any] = {}

    def process_primitive(self, primitive: Any, tracers: Any, params: dict[str, Any], /) -> Any:
        inner = params.get("jaxpr")
        if isinstance(inner, ClosedJaxpr):
            with set_current_trace(self):
                return eval_jaxpr(inner.jaxpr, inner.consts, *tracers, propagate_source_info=False)
        with set_current_trace(self.parent_trace):
            if primitive.name in ("lu", "sign"):
                self.seen[primitive.name] = tracers[0]
                tracers = list(map(lax.stop_gradient, tracers))  # of what is made of them, nothing is used
            return primitive.bind(*tracers, **params)

    def process_custom_jvp_call(self, primitive: Any, fun: Any, jvp: Any, tracers: Any, /, **options: Any) -> Any:
        return self.outputs(fun, tracers)

    def outputs(self, function: Any, operands: Any) -> Any:
        """What a function gives that JAX has wrapped or traced."""
        with set_current_trace(self):
            return function.call_wrapped(*operands)


def applied_to_matrices(stand_in: Any, fun: Any, behind: Any, tracers: Any) -> Any:
    """What stands in for a function, of the matrices whose factors the function takes."""
    watching = _WatchingTrace(behind)
    outputs = watching.outputs(fun, tracers)
    with set_current_trace(behind):
        if "lu" in watching.seen:
            return [stand_in(watching.seen["lu"])]
        return [watching.seen["sign"]] if "sign" in watching.seen else outputs
