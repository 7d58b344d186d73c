"""The functions of the array API standard that PyTorch, or array_api_compat over it, gets wrong or cannot do.

Each is composed of PyTorch's own, so that all its transformations see through it.
"""
