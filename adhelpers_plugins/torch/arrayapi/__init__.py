"""Functions of the array API standard that are wrong or missing in PyTorch, or in array_api_compat over it.

Each is composed of PyTorch's own, so that all its transformations see through it.
"""
