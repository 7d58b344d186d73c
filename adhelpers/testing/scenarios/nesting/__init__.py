"""Operations inside operations, and what an enclosing derivative sees (R12, R13, R15)."""
