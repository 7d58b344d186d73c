"""The speed of adhelpers, compared with code written by hand: ``python -m benchmarks --help``."""
