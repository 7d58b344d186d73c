"""The checks of this project: `nox` runs them all, `nox -s tests` one of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "typing", "core", "tests", "conformance", "docs", "build"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = Path("constraints.txt").resolve()
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else a hundred processes would compile all that they import

COMPILED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adhelpers" / "jax"
"""The code that JAX compiles, for all clones: JAX finds it by the path of this folder, among others."""


QUICK = " ".join([
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
])  # fmt: skip
"""How JAX compiles for the tests, which run most of its code once: in two thirds of the time, to slower code.

The code that users run is that of `conformance`, `docs` and `versions`.
"""


def install(
    session: nox.Session, *requirements: str, groups: tuple[str, ...] = (), constraints: Path = CONSTRAINTS
) -> None:
    """Install requirements and dependency groups in the versions that development uses, or in others."""
    listed = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    # Python compiles the modules that it imports; pip would compile all, which takes longer than to install them.
    session.install("-q", "--no-compile", "-c", str(constraints), *requirements, *listed)


def environment(**more: str) -> dict[str, str]:
    """What JAX compiles is kept for other processes, sessions and clones: it takes a third of the time."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(COMPILED),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        **more,
    }


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and what ruff finds suspicious."""
    install(session, groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly; no framework is needed, for arrays are Any."""
    install(session, "-e", ".[cli,testing]", groups=("typing",))
    session.run("mypy")
    session.run("mypy", "--strict", "tests/typing")


@nox.session
def core(session: nox.Session) -> None:
    """The core and finite differences where no framework is installed."""
    install(session, "-e", ".[special]", "numpy", groups=("test",))
    none = "from importlib.util import find_spec; assert not any(map(find_spec, ('jax', 'torch', 'autograd')))"
    session.run("python", "-c", none)
    # The same beside frameworks, and long: the plugin guide and the tests of the suite itself, which `build` starts
    # where there is no framework.
    elsewhere = (
        "repository/test_plugin_guide",
        "testing/test_command",
        "testing/test_conformance",
        "testing/test_plugin",
        "testing/test_wrong_backends",
    )
    paths = ("tests", "adhelpers", "adhelpers_plugins/finite_difference")
    without = [f"--ignore=tests/{name}.py" for name in elsewhere]
    session.run("pytest", "-n", "auto", *paths, *without, *session.posargs, env=environment())
    session.run("adhelpers", "compare")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything, on every backend; in one process with ``nox -s tests -- -n 0``."""
    install(session, "-e", ".[all]", groups=("test", "containers"))
    # Two threads in each of several processes would stand in one another's way. What is compiled for a module's tests
    # is compiled once where they run in one process.
    parallel = ("-n", "auto", "--dist", "worksteal")
    session.run("pytest", *parallel, *session.posargs, env=environment(OMP_NUM_THREADS="1", XLA_FLAGS=QUICK))


@nox.session
def lowest(session: nox.Session) -> None:
    """The tests with the oldest dependencies that are allowed; not among the sessions of a plain `nox`."""
    oldest = Path("constraints-oldest.txt").resolve()
    install(session, "-e", ".[all]", groups=("test", "containers"), constraints=oldest)
    session.run("pytest", "-n", "auto", *session.posargs, env={"OMP_NUM_THREADS": "1"})  # see `versions`


@nox.session
@nox.parametrize(
    ("python", "versions"),
    [
        nox.param("3.11", "oldest", id="oldest"),
        nox.param("3.11", "middle", id="middle"),
        nox.param("3.13", "newest", id="newest"),
        nox.param("3.14", "newest-3.14", id="newest-3.14"),
    ],
)
def versions(session: nox.Session, versions: str) -> None:
    """Two years of frameworks, where the Python is found that each needs; by hand. It writes docs/versions.md."""
    constraints = Path(f"constraints-{versions.partition('-')[0]}.txt").resolve()
    install(session, "-e", ".[all,testing]", groups=("test", "containers"), constraints=constraints)
    # JAX 0.5 reads zeros from its own cache of compiled loops.
    kept = environment() if versions.startswith("newest") else {}
    session.run("python", "docs/versions.py", versions, *session.posargs, env={"OMP_NUM_THREADS": "1", **kept})


@nox.session
def namespaces(session: nox.Session) -> None:
    """The whole array API on JAX, which compiles for ten minutes; not among the sessions of a plain `nox`."""
    install(session, "-e", ".[all]", groups=("test",))
    session.run("pytest", "-m", "slow", *session.posargs, env=environment())


@nox.session
def conformance(session: nox.Session) -> None:
    """Every shipped backend does what a backend must; the documented table says so too."""
    install(session, "-e", ".[all,testing]", groups=("test",))
    options = session.posargs or ["--check"]
    session.run("python", "docs/capabilities.py", *options, env=environment(OMP_NUM_THREADS="1"))


@nox.session
def docs(session: nox.Session) -> None:
    """The site is built without a warning, its links lead somewhere, and every block of its pages runs."""
    install(session, "-e", ".[all,testing]", groups=("docs", "test", "containers"))
    session.run("python", "docs/imports.py", "--check")
    session.run("python", "docs/operations.py", "--check")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-E", "docs", "docs/_build/html")
    session.run("python", "docs/links.py", "docs/_build/html")
    by_page = ("-n", "auto", "--dist", "loadfile")  # whose blocks build on each other
    kept = environment(OMP_NUM_THREADS="1")
    session.run("pytest", "README.md", "docs", "--tb=short", *by_page, *session.posargs, env=kept)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """How fast it is; not among the sessions of a plain `nox`. ``nox -s benchmarks -- --quick`` takes minutes."""
    install(session, "-e", ".[all]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def corpora(session: nox.Session) -> None:
    """All that frameworks have, differentiated every way; by hand. ``nox -s corpora -- --update`` writes the lists."""
    install(session, "-e", ".[all,testing]", groups=("corpora",))
    session.run("python", "-m", "corpora", *session.posargs, env=environment(OMP_NUM_THREADS="1"))


@nox.session
def build(session: nox.Session) -> None:
    """The wheel installs in an empty environment, its plugins are found there, and a stranger's beside them."""
    wheels = Path(session.create_tmp()).resolve() / "wheels"
    for distribution in (".", "examples/adhelpers-dual", "examples/errorbars"):
        session.run("pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(wheels), distribution)
    install(session, f"{newest(wheels, 'adhelpers')}[testing]")
    with session.chdir(wheels):  # away from the source tree
        session.run("python", "-m", "adhelpers", "backends")
        session.run("adhelpers", "compare", "--backends", "finite-difference")
        session.run("python", str(Path(__file__).parent / "tests" / "repository" / "installed_wheel.py"))
        install(session, newest(wheels, "adhelpers_dual"))
        session.run("adhelpers", "backends")
        session.run("adhelpers", "conformance", "dual")
        skeleton = wheels.parent / "skeleton"
        shutil.rmtree(skeleton, ignore_errors=True)
        session.run("adhelpers", "plugin", "new", "my-framework", "--directory", str(skeleton))
        install(session, "-e", str(skeleton))
        session.run("adhelpers", "conformance", "my-framework", success_codes=[1])  # it says what to fill in
    example = "examples/adhelpers-dual"
    # Its tests alone, and the wheel, not its sources.
    session.run(
        "pytest", f"{example}/tests/test_dualnumbers.py", f"{example}/README.md", "-c", f"{example}/pyproject.toml"
    )
    # A library that is neutral runs where there is no framework: on differences.
    install(session, newest(wheels, "adhelpers_errorbars"))
    session.run("pytest", "examples/errorbars/tests", "-c", "examples/errorbars/pyproject.toml")


@nox.session
def mlx(session: nox.Session) -> None:
    """The example for MLX conforms and passes its tests, on the CPU; by hand, for it installs another framework."""
    example = "examples/adhelpers-mlx"
    install(session, "-e", ".[testing]", "-e", example, "mlx[cpu]")
    session.run("adhelpers", "conformance", "mlx", *session.posargs)
    session.run("pytest", f"{example}/tests/test_mlx.py", f"{example}/README.md", "-c", f"{example}/pyproject.toml")


def newest(wheels: Path, name: str) -> str:
    """The wheel of that distribution which was built last."""
    return str(max(wheels.glob(f"{name}-*.whl"), key=lambda path: path.stat().st_mtime))
