"""Draw who imports whom, from the sources: a row for each layer, which imports only from the rows below it.

``python docs/imports.py --write`` draws docs/images/imports.svg; ``--check`` fails if it differs from the sources.
Both fail if a module is in no box, or imports from its own row or one above.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path(__file__).with_name("images") / "imports.svg"


@dataclass(frozen=True)
class Box:
    """A folder, or modules of one purpose, which the docstring of the first module states."""

    title: str
    modules: tuple[str, ...]

    def holds(self, module: str) -> bool:
        """Whether a module is in the box. The name `adhelpers` means only the module with the public names."""
        return any(module == name or (name != "adhelpers" and module.startswith(f"{name}.")) for name in self.modules)


def room(name: str) -> Box:
    """The box of a shipped plugin."""
    return Box(name, (f"adhelpers_plugins.{name}",))


def core(name: str, *others: str) -> Box:
    """The box of a folder or a module of the core."""
    return Box(name, tuple(f"adhelpers.{module}" for module in (name, *others)))


ROWS = [
    [room("jax"), room("torch"), room("autograd"), room("finite_difference")],
    [core("command_line", "__main__"), core("testing")],
    [Box("adhelpers", ("adhelpers",)), core("extend")],
    [core("comparison"), core("scipy")],
    [core("rules")],
    [core("operations")],
    [core("linear")],
    [core("compiled")],
    [core("batch")],
    [core("engine")],
    [core("trees"), core("namespaces")],
    [core("plugins")],
    [core("options")],
    [core("errors"), core("caches")],
]

SKELETON = "adhelpers.command_line.skeleton."
"""The files that `adhelpers plugin new` writes, which are no modules of the library."""

LEVELS = {box: level for level, row in enumerate(ROWS) for box in row}


def box_of(module: str) -> Box:
    """The box that contains a module."""
    for box in LEVELS:
        if box.holds(module):
            return box
    msg = f"{module} is in no box; add it to ROWS in {__file__}"
    raise SystemExit(msg)


def modules() -> dict[str, Path]:
    """All modules by name."""
    paths = [*ROOT.glob("adhelpers/**/*.py"), *ROOT.glob("adhelpers_plugins/*/**/*.py")]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: path for name, path in names.items() if not name.startswith(SKELETON)}


def imported(node: ast.AST) -> Iterator[str]:
    """The names that a module imports when it is imported, without those that functions import when called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        if isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        yield from imported(child)


def graph() -> dict[Box, set[Box]]:
    """For each box, the boxes that it imports from."""
    found = modules()
    if gone := sorted({module for box in LEVELS for module in box.modules} - set(found)):
        msg = f"there is no module {', '.join(gone)}; remove it from ROWS in {__file__}"
        raise SystemExit(msg)
    needs: dict[Box, set[Box]] = {box: set() for box in LEVELS}
    for module, path in found.items():
        box = box_of(module)
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            target = name if name in found else name.rpartition(".")[0]
            if target not in found or box_of(target) is box:
                continue
            if LEVELS[box_of(target)] <= LEVELS[box]:
                msg = f"{module} imports {target}, which is not in a row below it; change that, or ROWS in {__file__}"
                raise SystemExit(msg)
            needs[box].add(box_of(target))
    return needs


# -- the picture --------------------------------------------------------------------------------------

WIDTH, GAP, PAD, LINE = 760, 10, 12, 18

STYLE = """
svg { font-family: system-ui, sans-serif; font-size: 13px; }
.ground { fill: #ffffff; } rect { fill: #f3f5f9; stroke: #b8c0cf; } text { fill: #1c2330; }
.title { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-weight: 600; }
.needs { fill: #56607a; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #15181e; } rect { fill: #222733; stroke: #4a5468; } text { fill: #e6eaf2; } .needs { fill: #a9b3c8; }
}
""".strip()


def purpose(box: Box) -> str:
    """The purpose of a box, in the words of its first module's docstring."""
    text = ast.get_docstring(ast.parse(modules()[box.modules[0]].read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].partition(";")[0].replace("`", "")


def lines_of(box: Box, needs: set[Box], width: float) -> list[tuple[str, str]]:
    """The lines in a box, each with its class."""
    below = ", ".join(other.title for other in sorted(needs, key=lambda other: list(LEVELS).index(other)))
    lines = [("title", box.title)]
    lines += [("purpose", line) for line in textwrap.wrap(purpose(box), int((width - 2 * PAD) / 6.6))]
    if below:
        lines += [("needs", line) for line in textwrap.wrap(f"imports {below}", int((width - 2 * PAD) / 6.6))]
    return lines


def svg() -> str:
    """The whole picture."""
    needs = graph()
    shapes, y = [], GAP
    for row in ROWS:
        width = (WIDTH - GAP * (len(row) + 1)) / len(row)
        texts = [lines_of(box, needs[box], width) for box in row]
        height = 2 * PAD + LINE * max(map(len, texts)) - 4
        for column, text in enumerate(texts):
            x = GAP + column * (width + GAP)
            shapes.append(f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{height}" rx="6"/>')
            for number, (kind, line) in enumerate(text):
                place = f'x="{x + PAD:g}" y="{y + PAD + LINE * (number + 1) - 6}"'
                shapes.append(f'<text class="{kind}" {place}>{escape(line)}</text>')
        y += height + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
    ground = f'<rect class="ground" width="{WIDTH}" height="{y}" style="stroke: none"/>'
    title = "<title>Who imports whom: each row imports only from rows below it</title>"
    return "\n".join([head, title, f"<style>\n{STYLE}\n</style>", ground, *shapes, "</svg>", ""])


def main() -> int:
    """Write the picture, check it, or print it."""
    picture = svg()
    if "--write" in sys.argv:
        PICTURE.write_text(picture, encoding="utf-8")
    elif "--check" in sys.argv:
        if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != picture:
            print(f"{PICTURE} is out of date: run python docs/imports.py --write", file=sys.stderr)
            return 1
    else:
        print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
