"""Why results differ, as far as the values of `f` and the results can tell."""
