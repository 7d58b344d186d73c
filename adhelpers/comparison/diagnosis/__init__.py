"""Why results disagree, as far as values of `f` and the results themselves can tell."""
