"""Every function that a framework has, differentiated in every way, and held to differences of its values.

``python -m corpora`` goes through PyTorch's operator database, and through the functions of JAX and autograd by name.
"""
