"""Write the table of operations from their declarations: ``python docs/operations.py --write``, or ``--check``.

The table is in docs/reference/operations.md, between two comments.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adhelpers.operations.declaration import Operation, declarations

PAGE = Path(__file__).parent / "reference" / "operations.md"
BEGIN, END = "<!-- written by docs/operations.py -->\n", "<!-- until here -->\n"
TAKES = {
    "derivative": "a number",
    "gradient": "any structure, to a number",
    "hessian": "any structure, to a number",
    "hessian_vector_product": "any structure, to a number",
    "laplacian": "any structure",
    "second_derivative": "a number",
    "gauss_newton_product": "any structure, to residuals or, with a `loss`, to outputs of a model",
    "batched_gradient": "one array, to a number for each element",
    "batched_hessian": "one array, to a number for each element",
    "batched_jacobian": "one array with a batch axis, to another",
}
"""What `f` takes and returns, unless it may take and return any structure."""

RESULTS = {
    "x": "like `x`",
    "f(x)": "like `f(x)`",
    "J": "like `f(x)`, with a structure like `x` for each leaf",
    "H": "like `x`, with a structure like `x` for each leaf",
}
"""The structure of a result."""

SHAPES = {"batched_gradient": "like `x`", "batched_hessian": "`(N, N, B)`", "batched_jacobian": "`(M, N, B)`"}

COSTS = {
    "value": "one call of `f`",
    "jacobian_vector_product": "one forward pass",
    "vector_jacobian_product": "one reverse pass",
    "derivative": "one forward pass",
    "second_derivative": "one forward pass of a forward pass",
    "gradient": "one reverse pass",
    "jacobian": "a sweep of min(M, N) vectors",
    "hessian": "a gradient, and a sweep of N vectors through it",
    "hessian_vector_product": "a gradient, and one pass through it",
    "gauss_newton_product": "one forward and one reverse pass",
    "laplacian": "a sweep of N vectors through second derivatives",
    "batched_gradient": "one reverse pass",
    "batched_jacobian": "a sweep of min(M, N) vectors",
    "batched_hessian": "a gradient, and a sweep of N vectors through it",
}


def table() -> str:
    """A row for each operation."""
    lines = [
        "| operation | `f` is a function of | vector | result | cost | options |",
        "|---|---|---|---|---|---|",
    ]
    operations = {declared.operation for declared in declarations().values()}
    lines += [row(operation) for operation in sorted(operations, key=lambda operation: operation.name)]
    return "\n".join(lines) + "\n"


def row(operation: Operation) -> str:
    """One operation."""
    name = operation.name
    along = {None: "", "x": "`u` like `x`", "f(x)": "`u` like `f(x)`"}[operation.along]
    result = SHAPES[name] if operation.is_batched else RESULTS[operation.result]
    options = ", ".join(f"`{option}`" for option in operation.options)
    cells = [
        f"{{py:func}}`{name} <adhelpers.{name}>`",
        TAKES.get(name, "any structure"),
        along,
        result,
        COSTS[name],
        options,
    ]
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def main() -> int:
    """Write the table, or check that it agrees with the declarations."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--write" in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif new != text:
        print(f"{PAGE} differs from the declarations of the operations: run python docs/operations.py --write")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
