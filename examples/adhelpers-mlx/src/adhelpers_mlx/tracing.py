"""Whether MLX is transforming something now, which MLX does not say.

MLX's tracers are arrays like all others, and their values can be read. But reading an array computes it, and takes it
out of the graph: its derivative is zero from then on, without a word. So nobody may read while a transformation runs,
be it the backend's or one of MLX's own that a user has begun.
"""

from __future__ import annotations

import io

import mlx.core as mx


def is_transforming() -> bool:
    """Whether a transformation runs in this thread.

    While one runs, an array that was made of a tracer keeps its graph when it is computed; afterwards it loses it. So a
    tracer is made, and the graph printed of what was made of it, which takes about forty microseconds.
    """
    made: list[mx.array] = []

    def square(x: mx.array) -> list[mx.array]:
        made.append(x * x)
        return [x]

    mx.vjp(square, [mx.array(1.0)], [mx.array(1.0)])
    mx.eval(made)
    graph = io.StringIO()
    mx.export_to_dot(graph, *made)
    return "Multiply" in graph.getvalue()
