"""Check derivatives against the values of a function."""
