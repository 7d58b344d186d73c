"""What x and u are, what they must not be, and their memory (R1, R2, R3, R8, R17, R19)."""
