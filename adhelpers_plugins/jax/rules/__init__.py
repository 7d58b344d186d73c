"""Functions with a user's derivative rule, in JAX: steps of one primitive.

The tangent of a call is a linear map, and a step too. Forward mode evaluates it by the rule's `jvp`; when JAX
transposes it, the two products change places. So no product is taken apart, and it may compute anything.
`jax.custom_jvp` would not do: JAX transposes its tangents line by line, and within ``lax.scan`` the second derivative
ignores that y depends on x.

Arrays that the functions of a rule close over become operands when JAX traces them, so a derivative by them shows.
"""
