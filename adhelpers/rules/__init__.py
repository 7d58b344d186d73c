"""Functions that bring their own derivative: by rules that a user writes once, for every framework."""
