"""Write the table of operations from what is declared of them: ``python docs/operations.py --write``, or ``--check``.

The table stands in docs/reference/operations.md, between two comments.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adhelpers.operations.declaration import Operation, declarations

PAGE = Path(__file__).parent / "reference" / "operations.md"
BEGIN, END = "<!-- written by docs/operations.py -->\n", "<!-- until here -->\n"
RESULTS = {"x": "`x`", "f(x)": "`f(x)`", "J": "`f(x)` with `x` inside", "H": "`x` with `x` inside"}
"""What the structure of a result is that of."""


def table() -> str:
    """A row for each operation."""
    lines = [
        "| operation | besides `x` | structure of the result | options | tried when compiled |",
        "|---|---|---|---|---|",
    ]
    operations = {declared.operation for declared in declarations().values()}
    lines += [row(operation) for operation in sorted(operations, key=lambda operation: operation.name)]
    return "\n".join(lines) + "\n"


def row(operation: Operation) -> str:
    """One operation."""
    along = {None: "nothing", "x": "`u` like `x`", "f(x)": "`u` like `f(x)`"}[operation.along]
    result = "one array" if operation.is_batched else RESULTS[operation.result]
    options = ", ".join(f"`{option}`" for option in operation.options)
    tried = "several ways" if operation.alternatives is not None else ""
    return f"| `{operation.name}` | {along} | {result} | {options} | {tried} |".replace("|  |", "| |").replace(
        "|  |", "| |"
    )


def main() -> int:
    """Write the table, or see whether it is as the declarations have it."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--write" in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif new != text:
        print(f"{PAGE} is not as the operations are declared: python docs/operations.py --write")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
