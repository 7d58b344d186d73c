"""`Formulation`: the formulations of a batched Jacobian, and their order."""

from __future__ import annotations

from typing import Literal, NamedTuple

Mode = Literal["forward", "reverse"]
"""The mode of a single derivative."""

SecondOrder = Literal["forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward"]
"""The modes of a second derivative: the outer mode differentiates the result of the inner one."""

ONE_BY_ONE = "one by one"
"""The name of the sweep that makes a product for each vector."""


class Formulation(NamedTuple):
    """One formulation of a batched Jacobian.

    Attributes
    ----------
    mode
        ``"forward"``, one vector for each input, or ``"reverse"``, one for each output.
    way
        ``"sweep"``: each vector passes through the whole batch, by `ADBackend.jvp_sweep` or `.vjp_sweep`.
        ``"replicate"``: one product at copies of the batch, side by side, one copy for each vector.
        ``"sample"``: each batch element separately, by `ADBackend.sample_jacobian`.
    """

    mode: Mode
    way: Literal["sweep", "replicate", "sample"]


def fewest_vectors_first(
    n: int, m: int, batch: int, *, copied: int = 0, sampled: bool = False, tie: Mode = "forward"
) -> list[Formulation]:
    """Order the formulations for `ADBackend.formulations`.

    The mode with fewer vectors comes first; `tie` decides between equal numbers. Each mode lists copies of the batch if
    they have at most `copied` elements, then the sweep, then samples if `sampled`.
    """
    vectors: dict[Mode, int] = {"forward": n, "reverse": m}
    found = []
    for mode in sorted(vectors, key=lambda mode: (vectors[mode], mode != tie)):
        if vectors[mode] * batch * max(n, m) <= copied:
            found.append(Formulation(mode, "replicate"))
        found.append(Formulation(mode, "sweep"))
        if sampled:
            found.append(Formulation(mode, "sample"))
    return found
