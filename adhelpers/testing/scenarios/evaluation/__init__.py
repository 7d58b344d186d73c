"""How f runs: how often, with what errors, in which threads, and over what (R9, R10, R11, R14, R16)."""
