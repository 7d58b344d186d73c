"""What one scan found: implementations that are broken, and a stranger's plugin that works."""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from strangers import SHIPPED, TOY_PLUGIN, Install, assert_shipped_backends_work, plugin

import adhelpers
from adhelpers.command_line import main as cli
from adhelpers.errors import AmbiguousBackendError, BackendLoadError
from adhelpers.plugins import lookup

TOY_FRAMEWORK = """
import numpy
class Array(numpy.ndarray): pass
def array(values): return numpy.array(values, dtype=float).view(Array)
"""
TOY_BACKEND = """
from dataclasses import dataclass
import toyframework
from adhelpers import ADBackend
@dataclass(frozen=True, kw_only=True)
class ToyBackend(ADBackend):
    name = "toy"
    capabilities = frozenset()
    step: float = 1e-6
    def is_array(self, leaf): return isinstance(leaf, toyframework.Array)
    def asarray(self, leaf, like=None): return toyframework.array(leaf)
    def jvp(self, f, x, u):
        outputs, aux = f(*x)
        moved, _ = f(*(a + self.step * b for a, b in zip(x, u)))
        return outputs, tuple((b - a) / self.step for a, b in zip(outputs, moved)), aux
"""
# -- implementations that are broken ------------------------------------------------------------------


INCOMPLETE = """
from adhelpers import ADBackend
class Toy(ADBackend):
    def jvp(self, f, x, u): ...
"""
NAMELESS = INCOMPLETE + "    is_array = asarray = lambda *a: None\n"
WORDS = NAMELESS + "    name = 'toy'\n    capabilities = frozenset({'forward'})\n"
BAD_IMPLEMENTATIONS = {
    "framework missing": ("import toyframework", "No module named 'toyframework'"),
    "no such class": ("", "has no attribute 'Toy'"),
    "raises": ("1 / 0", "ZeroDivisionError"),
    "exits": ("raise SystemExit", "SystemExit"),
    "no class": ("Toy = 3", "toy_backend:Toy is not a subclass of adhelpers.ADBackend"),
    "no ADBackend": ("class Toy: name = 'toy'", "toy_backend:Toy is not a subclass of adhelpers.ADBackend"),
    "neither product": ("from adhelpers import ADBackend\nclass Toy(ADBackend): pass", "neither jvp nor vjp"),
    "abstract": (INCOMPLETE, "lacks asarray, is_array, capabilities, name"),
    "without a name": (NAMELESS, "lacks capabilities, name"),
    "capabilities in words": (WORDS, "members"),
}


@pytest.fixture(params=BAD_IMPLEMENTATIONS.values(), ids=BAD_IMPLEMENTATIONS)
def unusable(request: pytest.FixtureRequest, install: Install, fresh: None) -> str:
    """A backend "toy" that is described well and cannot be used; the cause that it must name."""
    source, cause = request.param
    description = plugin(implementation="toy_backend:Toy", install="pip install toyframework")
    install("toy-distribution", "toy-entry", toy_plugin=description, toy_backend=source)
    return cause


def test_unusable_implementation_is_raised_only_when_asked_for(unusable: str) -> None:
    assert_shipped_backends_work(lookup.current())
    with pytest.raises(BackendLoadError) as raised:
        adhelpers.backend("toy")
    assert isinstance(raised.value, ImportError)
    for words in ("'toy'", "'toy-entry'", "'toy-distribution'", unusable):
        assert words in str(raised.value)


def test_backends_command_shows_an_unusable_implementation(unusable: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["backends"]) == 0
    shown = capsys.readouterr().out
    assert unusable in shown
    assert all(name in shown for name in SHIPPED)


def test_compare_command_leaves_an_unusable_implementation_out(
    unusable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADHELPERS_DISABLE_PLUGINS", "autograd,jax,torch")
    (tmp_path / "f.py").write_text("def f(x): return 2.0 * x\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["compare", "f.py:f", "--shape", "2,3"]) == 1  # for differences alone have nobody to agree with
    assert "toy was left out: backend 'toy' (entry point 'toy-entry'" in capsys.readouterr().out


def test_missing_framework_names_the_install_line(install: Install, fresh: None) -> None:
    description = plugin(implementation="toy_backend:Toy", install="pip install toyframework")
    install("toy", toy_plugin=description, toy_backend="import toyframework")
    with pytest.raises(BackendLoadError, match="install what it needs: pip install toyframework"):
        adhelpers.backend("toy")


def test_framework_that_gets_installed_is_found_by_the_next_call(install: Install, fresh: None, tmp_path: Path) -> None:
    install("toy", toy_plugin=TOY_PLUGIN, toy_backend=TOY_BACKEND)
    with pytest.raises(BackendLoadError):
        adhelpers.backend("toy")
    (tmp_path / "toyframework.py").write_text(TOY_FRAMEWORK)
    importlib.invalidate_caches()
    assert adhelpers.backend("toy").name == "toy"


def test_a_backend_that_does_not_load_is_nobody_elses_trouble(install: Install, fresh: None, tmp_path: Path) -> None:
    """Its framework is imported, so that unknown objects may be its containers."""
    install("toy", toy_plugin=TOY_PLUGIN, toy_backend="raise RuntimeError('toyframework is too old')")
    (tmp_path / "toyframework.py").write_text(TOY_FRAMEWORK)
    importlib.invalidate_caches()
    importlib.import_module("toyframework")
    thing = object()
    assert adhelpers.tree_leaves({"a": thing, "b": 2.0}) == [thing, 2.0]
    with pytest.raises(AmbiguousBackendError, match="no backend owns"):
        adhelpers.gradient(lambda x: 1.0, None, thing)
    with pytest.raises(BackendLoadError, match="toyframework is too old"):
        adhelpers.backend("toy")


def test_a_framework_may_use_what_is_deprecated(install: Install, fresh: None, tmp_path: Path) -> None:
    """Warnings are errors here, as in the tests of many a user."""
    install("toy", toy_plugin=TOY_PLUGIN, toy_backend=TOY_BACKEND)
    warned = "import warnings\nwarnings.warn('numpy.core has moved', DeprecationWarning)\n"
    (tmp_path / "toyframework.py").write_text(warned + TOY_FRAMEWORK)
    importlib.invalidate_caches()
    assert adhelpers.backend("toy").name == "toy"


# -- a stranger's plugin that works --------------------------------------------------------------------


@pytest.fixture
def toy(install: Install, fresh: None) -> None:
    """A stranger's backend with a framework and an array type of its own."""
    install("toy", toy_plugin=TOY_PLUGIN, toy_backend=TOY_BACKEND, toyframework=TOY_FRAMEWORK)


@pytest.mark.parametrize("backend", ["toy", None], ids=["by name", "inferred"])
def test_strangers_backend_computes(toy: None, backend: str | None) -> None:
    import toyframework  # type: ignore[import-not-found]

    x = {"a": toyframework.array([1.0, 2.0])}
    v = adhelpers.jacobian_vector_product(lambda x: x["a"] ** 2, backend, x, x)
    assert type(v) is toyframework.Array
    np.testing.assert_allclose(v, [2.0, 8.0], rtol=1e-5)


def test_strangers_backend_takes_its_options(toy: None) -> None:
    assert adhelpers.backend("toy", step=1e-3) != adhelpers.backend("toy")


def test_strangers_framework_is_not_imported_before_it_is_asked_for(toy: None) -> None:
    with pytest.raises(AmbiguousBackendError):
        lookup.infer(np.ones(2))
    assert "toyframework" not in sys.modules
    assert "toy_backend" not in sys.modules


def test_framework_imported_after_a_first_inference_claims_its_arrays(toy: None) -> None:
    import toy_plugin  # type: ignore[import-not-found]  # noqa: F401

    with pytest.raises(AmbiguousBackendError):
        lookup.infer(np.ones(2))
    import toyframework

    assert lookup.infer(toyframework.array([1.0])).name == "toy"


def test_array_seen_before_its_framework_is_imported_by_name_is_claimed_afterwards(toy: None) -> None:
    """As where a class lives in a private module, and is described by the public one."""
    early = type("Array", (np.ndarray,), {})
    x = np.ones(2).view(early)
    with pytest.raises(AmbiguousBackendError):
        lookup.infer(x)
    assert lookup.owner_of((x,)) is None
    import toyframework

    toyframework.Array = early
    assert lookup.infer(x).name == "toy"
    assert getattr(lookup.owner_of((x,)), "name", None) == "toy"


def test_plugins_are_asked_once_however_many_threads_ask(install: Install, fresh: None) -> None:
    counting = TOY_PLUGIN.replace("    return", "    calls.append(1)\n    return") + "calls = []\n"
    install("toy", toy_plugin=counting)
    with ThreadPoolExecutor(8) as pool:
        found = set(map(id, pool.map(lambda _: lookup.current(), range(32))))
    assert len(found) == 1
    assert sys.modules["toy_plugin"].calls == [1]


PROTOCOL = """
from typing import Protocol, runtime_checkable

@runtime_checkable
class Array(Protocol):
    value: int
"""


def test_a_type_that_can_only_be_asked_by_instances_disturbs_nobody(install: Install, fresh: None) -> None:
    """Whose arrays a class's are is asked when any backend is made; a protocol with data refuses."""
    install("toy", toy_plugin=plugin(array_types=("toy_types:Array",)), toy_types=PROTOCOL)
    importlib.import_module("toy_types")
    assert adhelpers.backend("finite-difference").name == "finite-difference"
    lookup.current()._know_types_of("toy")
