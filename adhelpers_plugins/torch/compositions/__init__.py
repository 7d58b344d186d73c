"""Functions of PyTorch whose own rules are wrong in both modes, composed of others.

They are right in every mode and at every order, and slower than PyTorch's own.
"""
