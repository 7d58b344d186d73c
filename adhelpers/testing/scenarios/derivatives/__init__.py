"""Derivatives: their values, dtypes and zeros, for each operation (R4 to R7, R12, R18)."""
