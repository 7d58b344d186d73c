"""The command ``adhelpers``."""
