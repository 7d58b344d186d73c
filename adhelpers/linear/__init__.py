"""Linear maps at a point: the derivative of a function, kept for many products."""
