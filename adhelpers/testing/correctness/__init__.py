"""Whether derivatives are right, as far as values of a function can tell."""
