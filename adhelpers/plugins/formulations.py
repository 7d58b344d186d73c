"""`Formulation`: the ways to compute a batched Jacobian, and an order of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Mode = Literal["forward", "reverse"]
"""How a single derivative is taken."""

SecondOrder = Literal["forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward"]
"""How a second derivative is taken: the outer mode differentiates what the inner one gives."""


class Formulation(NamedTuple):
    """One way to compute a batched Jacobian.

    Attributes
    ----------
    mode
        ``"forward"``, one vector for each input, or ``"reverse"``, one for each output.
    way
        ``"sweep"``: the vectors pass through the whole batch at once, by `ADBackend.jvp_sweep` or `.vjp_sweep`.
        ``"replicate"``: one product at as many copies of the batch, side by side, as there are vectors.
        ``"sample"``: by `ADBackend.sample_jacobian`, each element on its own.
    """

    mode: Mode
    way: Literal["sweep", "replicate", "sample"]


def fewest_vectors_first(
    n: int, m: int, batch: int, *, copied: int = 0, sampled: bool = False, tie: Mode = "forward"
) -> list[Formulation]:
    """An order for `ADBackend.formulations`.

    The mode with fewer vectors comes first, `tie` if there are as many. In each mode come copies of the batch, while
    these have `copied` elements at most, then the sweep, then samples if there are any.
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
