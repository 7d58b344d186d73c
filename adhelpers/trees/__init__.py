"""The user's structures on one side, flat leaves on the other."""
