"""Find out whether a transformation of MLX runs now, which MLX does not say.

MLX's tracers are arrays like all others, and their values can be read. But reading an array computes it, and takes it
out of the graph: from then on its derivative is silently zero. So no value may be read while a transformation runs,
whether the backend began it or the user.
"""

from __future__ import annotations

import io

import mlx.core as mx


def is_transforming() -> bool:
    """Whether a transformation runs in this thread.

    While one runs, an array that was made from a tracer keeps its graph when it is computed. Otherwise it loses the
    graph. So this function makes a tracer, computes an array from it, and prints the array's graph, which takes about
    forty microseconds.
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
