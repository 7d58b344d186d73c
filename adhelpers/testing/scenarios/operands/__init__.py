"""Valid and invalid x and u, and their memory (R1, R2, R3, R8, R17, R19)."""
