"""What a backend declares, its methods called directly, and what is prepared of it."""
