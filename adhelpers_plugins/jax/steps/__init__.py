"""Functions of JAX that are wrong by the combination of their steps, or by a step of their rule.

Each is recognised by a primitive that it applies and by its name among the callers, and that primitive is replaced. So
the axes are where JAX has them under any vmap.
"""
