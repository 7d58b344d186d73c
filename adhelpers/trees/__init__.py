"""Conversion between the user's structures and flat leaves."""
