"""Whether MLX is transforming something now, which it does not tell by itself.

MLX's tracers are arrays like all others, and it lets one look at the values of most. But to look is to compute, and to
compute an array takes it out of the graph: its derivative is zero from then on, without a word. So nobody may look while
a transformation runs, ours or one of MLX's own that a user has begun.
"""

from __future__ import annotations

import io

import mlx.core as mx


def is_transforming() -> bool:
    """Whether a transformation runs in this thread.

    An array that was made of a tracer keeps its graph when it is computed, but only as long as any transformation runs.
    So a tracer is made, and its graph printed, which takes some forty microseconds.
    """
    traced: list[mx.array] = []

    def square(x: mx.array) -> list[mx.array]:
        traced.append(x * x)
        return [x]

    mx.vjp(square, [mx.array(1.0)], [mx.array(1.0)])
    mx.eval(traced)
    graph = io.StringIO()
    mx.export_to_dot(graph, *traced)
    return "Multiply" in graph.getvalue()
