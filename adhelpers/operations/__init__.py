"""What users call: one declaration for each operation."""
