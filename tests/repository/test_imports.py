"""Who imports whom: the core knows no framework and no plugin, and importing it costs next to nothing."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import inspect
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import adhelpers

CORE = Path(adhelpers.__file__).parent
SKELETON = CORE / "command_line" / "skeleton"
"""What `adhelpers plugin new` writes: no part of the core."""

SOURCES = sorted(path for path in CORE.rglob("*.py") if not path.is_relative_to(SKELETON))
FRAMEWORKS = {"jax", "jaxlib", "torch", "functorch", "autograd"}

NAMES_OF_SOURCES = [str(path.relative_to(CORE)) for path in SOURCES]


def loaded_by(script: str) -> set[str]:
    """The top-level modules that are not the standard library's and that a fresh interpreter loads for `script`."""
    # What a site's own .pth files load is there before the script.
    report = f"import sys\nbefore = set(sys.modules)\n{script}\nprint(*set(sys.modules) - before)"
    output = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in output.split()} - sys.stdlib_module_names


# -- what a fresh interpreter loads -------------------------------------------------------------------


def test_importing_the_core_loads_pluggy_and_nothing_else() -> None:
    assert loaded_by("import adhelpers") == {"adhelpers", "pluggy"}


@pytest.mark.parametrize("slow", ["importlib.metadata", "logging"])
def test_importing_the_core_leaves_slow_modules_alone(slow: str) -> None:
    # -S, so that no .pth file of the environment loads them first.
    script = f"import sys; sys.path[:0] = {sys.path!r}; import adhelpers; assert {slow!r} not in sys.modules"
    subprocess.run([sys.executable, "-S", "-c", script], check=True)


@pytest.mark.parametrize(
    "script",
    [
        "import adhelpers_plugins",
        "import adhelpers_plugins.jax, adhelpers_plugins.torch, adhelpers_plugins.autograd",
        "import adhelpers_plugins as p; p.jax; p.torch; p.autograd; p.finite_difference",
        "import adhelpers.plugins.lookup; assert len(adhelpers.plugins.lookup.current().descriptions) >= 4",
    ],
    ids=["package", "rooms imported", "rooms named", "hooks asked"],
)
def test_plugins_are_found_without_any_framework(script: str) -> None:
    loaded = loaded_by(script)
    assert "adhelpers_plugins" in loaded
    assert loaded <= {"adhelpers", "adhelpers_plugins", "pluggy"}


@pytest.mark.parametrize(
    ("room", "cls", "framework"),
    [
        ("jax", "JaxBackend", "jax"),
        ("torch", "TorchBackend", "torch"),
        ("autograd", "AutogradBackend", "autograd"),
        ("finite_difference", "FiniteDifferenceBackend", "numpy"),
    ],
)
def test_naming_a_backends_class_imports_its_framework_alone(room: str, cls: str, framework: str) -> None:
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    loaded = loaded_by(f"import adhelpers_plugins as p; p.{room}.{cls}")
    assert framework in loaded
    others = {"jax", "torch", "autograd"} - {framework}
    assert not loaded & others


@pytest.mark.parametrize("package", ["adhelpers_plugins", *(f"adhelpers_plugins.{n}" for n in ("jax", "torch"))])
def test_names_that_a_package_lacks_are_attribute_errors(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'tensorflow'"):
        importlib.import_module(package).tensorflow  # noqa: B018


# -- what the sources say -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=NAMES_OF_SOURCES)
def test_core_source_names_no_plugin_and_imports_no_framework(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "adhelpers_plugins" not in text
    imported = {module.partition(".")[0] for node in ast.walk(ast.parse(text)) for module in modules_of(node)}
    assert not imported & FRAMEWORKS


def modules_of(node: ast.AST) -> list[str]:
    """The modules that one import statement names; ``from a import b`` may mean ``a`` or ``a.b``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


MODULES = {
    ".".join(("adhelpers", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in SOURCES
}
LEVELS = (
    {"__main__"},
    {"command_line"},
    {"testing"},
    {"__init__"},
    {"extend"},
    {"comparison", "scipy"},
    {"rules"},
    {"operations"},
    {"linear"},
    {"compiled"},
    {"batch"},
    {"engine"},
    {"trees", "namespaces"},
    {"plugins"},
    {"options"},
    {"errors", "caches"},
)
"""The folders and modules of the core, from the top down; names in one place import nothing of one another."""


def place_of(module: str) -> str:
    """The folder of a module, or itself if it lies in none."""
    _, _, inside = module.partition(".")
    return inside.partition(".")[0] or "__init__"


def import_graph() -> dict[str, set[str]]:
    """For each module of the core, the modules of the core that it imports: at once, in functions, or for types."""
    return {
        name: {
            imported if imported in MODULES else imported.rpartition(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for imported in modules_of(node)
        }
        & set(MODULES)
        for name, path in MODULES.items()
    }


def test_imports_of_the_core_form_no_circle() -> None:
    """Not even those inside functions, or for types alone."""
    graph = import_graph()
    assert "adhelpers.plugins.lookup" in graph["adhelpers.namespaces.array"]  # the graph is not an empty one
    assert "adhelpers.comparison.entry" in graph["adhelpers"], "those under TYPE_CHECKING count"
    assert "adhelpers.plugins.numpy_special" in graph["adhelpers.plugins.contract"], "and those inside functions"
    graphlib.TopologicalSorter(graph).prepare()


def test_every_module_has_its_level() -> None:
    assert {place_of(module) for module in MODULES} == set().union(*LEVELS)


def test_imports_of_the_core_point_down_only() -> None:
    level = {name: number for number, names in enumerate(LEVELS) for name in names}
    upwards = [
        f"{module} imports {imported}"
        for module, needed in import_graph().items()
        for imported in sorted(needed)
        if place_of(module) != place_of(imported) and level[place_of(module)] >= level[place_of(imported)]
    ]
    assert upwards == []


def statements_run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node`, save those inside functions and under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from statements_run_at_import(child)


def test_nothing_in_the_core_imports_the_conformance_suite() -> None:
    """But for the command that runs it, once it is given."""
    suite = "adhelpers.testing"
    imported = {
        module: [
            name for node in statements_run_at_import(ast.parse(path.read_text("utf-8"))) for name in modules_of(node)
        ]
        for module, path in MODULES.items()
    }
    assert [m for m, names in imported.items() if m.startswith(suite) and any(n.startswith(suite) for n in names)]
    outside = [
        m for m, names in imported.items() if not m.startswith(suite) and any(n.startswith(suite) for n in names)
    ]
    assert outside == []


# -- the public surface -------------------------------------------------------------------------------


def test_all_is_sorted_and_equals_the_public_names() -> None:
    public = [
        name
        for name in dir(adhelpers)
        if not name.startswith("_") and not isinstance(getattr(adhelpers, name), types.ModuleType)
    ]
    assert adhelpers.__all__ == public


def test_comparisons_are_imported_when_they_are_asked_for() -> None:
    script = (
        "import sys, adhelpers; assert 'compare' in dir(adhelpers)\n"
        "assert not [name for name in sys.modules if name.startswith('adhelpers.comparison')]\n"
        "adhelpers.compare; adhelpers.ComparisonReport\n"
        "assert 'adhelpers.comparison' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_views_for_scipy_are_imported_when_they_are_asked_for() -> None:
    pytest.importorskip("scipy")
    script = (
        "import sys, adhelpers; assert 'adhelpers.scipy' not in sys.modules\n"
        "adhelpers.scipy.view; assert 'adhelpers.scipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'adhelpers' has no attribute 'gradint'"):
        adhelpers.gradint  # type: ignore[attr-defined] # noqa: B018


ALIASES = {"Array", "LeafFunction", "Leaves", "Pullback"}
"""Types without a name of their own, which can hold no documentation."""


@pytest.mark.parametrize("name", sorted(set(adhelpers.__all__) - ALIASES))
def test_every_public_name_is_documented(name: str) -> None:
    documentation = getattr(adhelpers, name).__doc__
    assert documentation
    assert not documentation.startswith(f"{name}(")  # what dataclass writes where nobody did
    assert inspect.cleandoc(documentation).splitlines()[0].endswith((".", ":"))
