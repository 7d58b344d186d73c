"""Jacobians of each batch element: where the batch is, whether it is mixed, and the strategies."""
