"""Prepared operations: calls split into arrays and the rest, compiled code, and trials."""
