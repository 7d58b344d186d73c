"""Functions with their own derivative rules, which a user writes once for every framework."""
