"""Functions with right derivatives of every order, in place of those that JAX gets wrong."""
