"""How the house is built: small modules in small folders, an operation declared in one place, caches in one place."""

from __future__ import annotations

import ast
import functools
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import adhelpers
import adhelpers_plugins
from adhelpers import AdhelpersError, errors
from adhelpers.operations.declaration import declarations

PACKAGES = [Path(package.__file__).parent for package in (adhelpers, adhelpers_plugins)]
CORE = PACKAGES[0]
SOURCES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
MODULES = [path for path in SOURCES if path.name != "__init__.py"]
OPERATIONS = sorted(operation.__name__ for operation in declarations())


def named(path: Path) -> str:
    return path.relative_to(CORE.parent).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


# -- sizes --------------------------------------------------------------------------------------------


def test_no_folder_has_more_than_sixteen_modules() -> None:
    folders = {path.parent for path in MODULES}
    modules = {folder: [path for path in MODULES if path.parent == folder] for folder in folders}
    assert {named(folder): len(found) for folder, found in modules.items() if len(found) > 16} == {}


def test_no_module_has_more_than_four_hundred_lines() -> None:
    assert {named(path): lines(path) for path in SOURCES if lines(path) > 400} == {}


def test_most_modules_are_short() -> None:
    assert statistics.median(map(lines, MODULES)) <= 130


# -- operations ---------------------------------------------------------------------------------------


@functools.cache
def operations_named_in(path: Path) -> frozenset[str]:
    """The operations that a module defines, imports, or takes from the package, and the names of some in strings.

    What merely has the same name, such as a variable ``jacobian``, is none.
    """
    return frozenset(names_in(tree(path)))


def names_in(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module in PUBLIC_MODULES:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "adhelpers":
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in WORDS:
            yield node.value


WORDS = {"value"}
"""Names of operations that are words besides: in a string they stand for what a comparison compares."""
PUBLIC_MODULES = {"adhelpers", *(operation.__module__ for operation in declarations())}
FILES = [path for path in CORE.rglob("*.py") if "testing" not in path.relative_to(CORE).parts]


@pytest.mark.parametrize("operation", [*OPERATIONS, "prepare"])
def test_an_operation_is_named_in_few_places(operation: str) -> None:
    """Outside of the conformance suite, which is about all of them."""
    files = {named(path) for path in FILES if operation in operations_named_in(path)}
    assert "adhelpers/__init__.py" in files
    assert len(files) <= 6


# -- caches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_caches_are_those_of_one_module(path: Path) -> None:
    """So that each is bounded, and `adhelpers.clear_caches` empties them all."""
    if path == CORE / "caches.py":
        return
    module = tree(path)
    kept = {name for name in [*cached_functions(module), *filled_later(module)] if f"{named(path)} {name}" not in KEPT}
    assert not kept, "use adhelpers.caches"


KEPT = {
    "adhelpers/operations/declaration.py _DECLARATIONS": "filled while modules are imported, and never afterwards",
    "adhelpers/plugins/containers.py _known": "what is registered with optree, which forgets nothing either",
    "adhelpers/testing/running/threads.py _hopeless": "by backends, while a suite runs",
    "adhelpers_plugins/torch/graphs/nodes.py ORDINARY": "types that PyTorch has, and one of ours",
}
"""What is kept elsewhere, and why it neither grows nor need be emptied."""


def test_what_is_kept_elsewhere_exists() -> None:
    found = {f"{named(p)} {name}" for p in SOURCES for name in [*cached_functions(tree(p)), *filled_later(tree(p))]}
    assert sorted(KEPT.keys() - found) == []


def cached_functions(module: ast.Module) -> Iterator[str]:
    """Functions with parameters whose results `functools` keeps; one without has a single result."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.args):
            decorators = [ast.unparse(decorator).removeprefix("functools.") for decorator in node.decorator_list]
            if any(name.partition("(")[0] in ("cache", "lru_cache") for name in decorators):
                yield node.name


def filled_later(module: ast.Module) -> Iterator[str]:
    """Module-level containers that a function may fill: they are written empty."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if is_annotated(node) else []
        value = getattr(node, "value", None)
        if value is not None and is_empty_container(value):
            yield from map(ast.unparse, targets)


def is_annotated(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign)


CONTAINERS = {"dict", "list", "set", "OrderedDict", "defaultdict", "deque", "WeakKeyDictionary", "WeakValueDictionary"}


def is_empty_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    if isinstance(value, ast.Call):
        function = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return function in CONTAINERS and (not value.args or function in ("defaultdict", "deque"))
    return False


# -- errors -------------------------------------------------------------------------------------------

CAUGHT = {
    "adhelpers/batch/points.py": "copies of the batch are not taken then",
    "adhelpers/plugins/discovery.py": "it becomes the cause of a BackendLoadError",
    "adhelpers/plugins/registry.py": "it becomes the cause of a BackendLoadError",
}
"""Where a ValueError or TypeError of Python's may be raised, for no user sees it as it is."""


def is_a_users(path: Path) -> bool:
    """Whether a module holds functions that a backend is tested with, which raise what users' functions raise."""
    return named(path).startswith(("adhelpers/testing/scenarios/", "adhelpers/testing/functions.py"))


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CORE.rglob("*.py")) if named(path) not in CAUGHT and not is_a_users(path)],
    ids=named,
)
def test_errors_of_arguments_are_the_librarys_own(path: Path) -> None:
    raised = [node.exc for node in ast.walk(tree(path)) if isinstance(node, ast.Raise) and node.exc is not None]
    names = [ast.unparse(error.func if isinstance(error, ast.Call) else error) for error in raised]
    assert [name for name in names if name in ("ValueError", "TypeError", "Exception", "RuntimeError")] == []


def test_the_places_where_errors_are_caught_exist() -> None:
    assert [path for path in CAUGHT if not (CORE.parent / path).is_file()] == []


def test_each_error_is_also_a_builtin_that_users_would_catch() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, AdhelpersError)]
    assert len(found) > 10
    for error in found:
        if error is not AdhelpersError:
            builtin = [base for base in error.__mro__ if base.__module__ == "builtins"]
            assert builtin[0] not in (Exception, BaseException, object)
