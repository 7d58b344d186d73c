"""Operations that were prepared: calls split in arrays and the rest, compiled code, and trials."""
