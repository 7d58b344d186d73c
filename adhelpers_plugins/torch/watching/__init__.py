"""Which functions of PyTorch a function calls, and what is done about those that are wrong."""
