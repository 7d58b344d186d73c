"""Graphs of PyTorch: what they hold that it does not tell, and what is pulled back along them."""
