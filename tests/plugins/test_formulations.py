"""The ways to a batched Jacobian, and the usual order of them."""

from __future__ import annotations

from typing import Any

import pytest

from adhelpers import Formulation, fewest_vectors_first

F, R = "forward", "reverse"


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ((2, 3, 5), {}, [(F, "sweep"), (R, "sweep")]),
        ((3, 2, 5), {}, [(R, "sweep"), (F, "sweep")]),
        ((3, 3, 5), {}, [(F, "sweep"), (R, "sweep")]),
        ((3, 3, 5), {"tie": R}, [(R, "sweep"), (F, "sweep")]),
        ((2, 3, 5), {"tie": R}, [(F, "sweep"), (R, "sweep")]),
        ((2, 3, 5), {"sampled": True}, [(F, "sweep"), (F, "sample"), (R, "sweep"), (R, "sample")]),
        # copies for two inputs: 2 batches of 5 with at most 3 elements each; for three outputs 3 * 5 * 3
        ((2, 3, 5), {"copied": 29}, [(F, "sweep"), (R, "sweep")]),
        ((2, 3, 5), {"copied": 30}, [(F, "replicate"), (F, "sweep"), (R, "sweep")]),
        ((2, 3, 5), {"copied": 44}, [(F, "replicate"), (F, "sweep"), (R, "sweep")]),
        ((2, 3, 5), {"copied": 45}, [(F, "replicate"), (F, "sweep"), (R, "replicate"), (R, "sweep")]),
        ((3, 2, 5), {"copied": 30}, [(R, "replicate"), (R, "sweep"), (F, "sweep")]),
        (
            (1, 1, 1),
            {"copied": 1, "sampled": True, "tie": R},
            [(m, w) for m in (R, F) for w in ("replicate", "sweep", "sample")],
        ),
    ],
    ids=str,
)
def test_the_mode_with_fewer_vectors_comes_first(sizes: Any, options: Any, expected: list[Any]) -> None:
    received = fewest_vectors_first(*sizes, **options)
    assert received == expected
    assert all(isinstance(formulation, Formulation) for formulation in received)


@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("m", [0, 1, 7])
@pytest.mark.parametrize("options", [{}, {"copied": 10}, {"sampled": True}])
def test_both_sweeps_are_always_among_them(n: int, m: int, options: Any) -> None:
    received = fewest_vectors_first(n, m, 3, **options)
    assert {(F, "sweep"), (R, "sweep")} <= set(received)
    assert len(set(received)) == len(received)


def test_a_formulation_has_names() -> None:
    formulation = Formulation("forward", "sweep")
    assert (formulation.mode, formulation.way) == ("forward", "sweep")
