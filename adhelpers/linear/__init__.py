"""Linear maps at a point: the derivative of a function, kept to be multiplied many times."""
