"""What graphs hold that PyTorch does not tell."""
