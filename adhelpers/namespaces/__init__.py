"""The functions of every framework under the same names: the array API, and special functions."""
