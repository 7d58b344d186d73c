"""How fast adhelpers is, against the frameworks by hand: ``python -m benchmarks --help``."""
