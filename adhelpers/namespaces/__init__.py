"""The functions of a framework under one name for all: the array API, and special functions."""
