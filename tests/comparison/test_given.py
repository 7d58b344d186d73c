"""What `compare` is given: data, functions and backends."""

from __future__ import annotations

from comparing import X, quickly, tree_model


def test_numbers_and_structures_are_taken() -> None:
    assert quickly(tree_model, {"w": X.astype(">f8")[::-1], "b": 2.0}).agree
    assert quickly(lambda x: x[0] * x[1], (1.5, 2.0)).agree
