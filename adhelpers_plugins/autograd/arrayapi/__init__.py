"""The functions of the array API standard over ``autograd.numpy``, by the chapters of the standard.

A name is delegated to autograd where autograd's function and both its rules are right, composed of such
functions where that is short, and otherwise a primitive of our own. No rule of autograd's own is changed.
"""
