"""Plugins that are broken, and plugins that are not (section 4 of the design).

Every plugin here is a real distribution: a module and a ``dist-info`` folder, found through the path.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strangers import Install, hook, plugin, python

import adhelpers
from adhelpers.command_line import main as cli
from adhelpers.errors import AmbiguousBackendError, BackendLoadError, BackendNotFoundError
from adhelpers.operations import products as operations
from adhelpers.plugins import lookup
from adhelpers.plugins.discovery import scan
from adhelpers.plugins.registry import Registry

SHIPPED = {"autograd", "finite-difference", "jax", "torch"}
INSTALLED = [n for n in sorted(SHIPPED) if importlib.util.find_spec(n.replace("finite-difference", "numpy"))]

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
TOY_PLUGIN = plugin(implementation="toy_backend:ToyBackend", array_types=("toyframework:Array",))


# -- plugins that are broken --------------------------------------------------------------------------

BROKEN = {
    "import error": ("import a_missing_framework", "No module named 'a_missing_framework'"),
    "module that raises": ("raise RuntimeError('boom')", "RuntimeError: boom"),
    "module that exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "hook that raises": (hook("1 / 0"), "ZeroDivisionError"),
    "misspelt hook": (hook("[]", name="adhelpers_register_backend"), "unknown hook 'adhelpers_register_backend'"),
    "another project's marker": (hook("[]", marker="pluggy.HookimplMarker('tox')"), "mark its function"),
    "no marker": (hook("[]", marker="staticmethod"), "mark its function"),
    "wrong arguments": (hook("[]", args="config"), "{'config'}"),
    "unknown api_version": (plugin(api_version=2), "version 2 of the plugin API, this adhelpers version 1"),
    "nothing returned": (hook("None"), "returned None; it must return a list of"),
    "no list returned": (hook("BackendDescription('toy', (), 'm:C')"), "it must return a list of"),
    "no descriptions returned": (hook("[{'name': 'toy'}]"), "returned [{'name': 'toy'}]; it must return a list of"),
    "array types in one string": (plugin(array_types="toyframework:Array"), "('module:Type',)"),
    "array types that are types": (plugin(array_types=(1, 2)), "('module:Type',)"),
    "implementation without a class": (plugin(implementation="toy_backend"), "'module:Class'"),
    "name that is no string": (plugin(name=3), "the rest as strings"),  # type: ignore[arg-type]
}


@pytest.fixture(params=BROKEN.values(), ids=BROKEN)
def broken(request: pytest.FixtureRequest, install: Install) -> tuple[Registry, str]:
    """What a scan finds beside one broken plugin, and the cause that it must name."""
    source, cause = request.param
    install("broken-distribution", "broken-entry", broken_module=source)
    return scan({}), cause


def assert_shipped_backends_work(found: Registry) -> None:
    assert set(found.descriptions) >= SHIPPED
    for name in INSTALLED:
        backend = found.implementation(name)().double_precision()
        v = adhelpers.jacobian_vector_product(lambda x: x * x, backend, np.asarray(3.0), np.asarray(1.0))
        assert float(v) == pytest.approx(6.0)


def test_broken_plugin_leaves_the_shipped_backends_working(broken: tuple[Registry, str]) -> None:
    found, _ = broken
    assert_shipped_backends_work(found)
    assert set(found.descriptions) == SHIPPED


def test_broken_plugin_is_raised_only_when_asked_for(broken: tuple[Registry, str]) -> None:
    found, cause = broken
    assert set(found.failures) == {"broken-entry"}
    with pytest.raises(BackendLoadError) as raised:
        found.implementation("broken-entry")
    assert isinstance(raised.value, ImportError)
    assert raised.value.__cause__ is not None
    for words in ("'broken-entry'", "'broken-distribution'", cause):
        assert words in str(raised.value)


def test_backends_command_shows_a_broken_plugin(
    broken: tuple[Registry, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, cause = broken
    monkeypatch.setattr(lookup, "current", lambda: found)
    assert cli.main(["backends"]) == 0
    shown = capsys.readouterr().out
    assert "broken-distribution" in shown
    assert cause in shown


def test_entry_point_that_names_a_missing_attribute_fails_alone(install: Install) -> None:
    install("broken-distribution", "broken-entry", "broken_module:nothing", broken_module=plugin())
    found = scan({})
    assert_shipped_backends_work(found)
    with pytest.raises(BackendLoadError, match="has no attribute 'nothing'"):
        found.implementation("broken-entry")


def test_entry_point_may_name_an_object(install: Install) -> None:
    source = TOY_PLUGIN.replace("@hookimpl\ndef adhelpers_register_backends()", "def describe()") + (
        "class Plugin:\n    @hookimpl\n    def adhelpers_register_backends(self): return describe()\n"
        "plugin = Plugin()\n"
    )
    install("toy", value="toy_plugin:plugin", toy_plugin=source)
    assert set(scan({}).descriptions) == SHIPPED | {"toy"}


def test_half_uninstalled_distributions_disturb_nothing(tmp_path: Path, install: Install) -> None:
    for name in ("one", "other"):
        install(name, name, **{f"{name}_plugin": plugin(name)})
        (tmp_path / f"{name}-1.0.dist-info" / "METADATA").unlink()
    found = scan({})
    assert_shipped_backends_work(found)
    assert set(found.descriptions) == SHIPPED | {"one", "other"}


def test_all_broken_plugins_together_leave_a_whole_process_working(tmp_path: Path, install: Install) -> None:
    for i, (source, _) in enumerate(BROKEN.values()):
        install(f"broken-{i}", f"broken-{i}", **{f"broken_module_{i}": source})
    install("missing", "missing", missing_module=plugin("missing", "a_missing_framework:Backend"))
    script = (
        "import adhelpers, numpy\n"
        "assert adhelpers.jacobian_vector_product(numpy.sin, 'finite-difference', 0.0, 2.0).round(6) == 2.0\n"
        f"for name in ['missing'] + [f'broken-{{i}}' for i in range({len(BROKEN)})]:\n"
        "    try: adhelpers.backend(name)\n"
        "    except adhelpers.BackendLoadError as error: assert repr(name) in str(error)\n"
        "    else: raise AssertionError(name)\n"
    )
    assert python(tmp_path, "-c", script).stderr == ""
    shown = python(tmp_path, "-m", "adhelpers", "backends")
    assert shown.returncode == 0, shown.stderr
    for name in ("missing", *(f"broken-{i}" for i in range(len(BROKEN))), *SHIPPED):
        assert name in shown.stdout


# -- two plugins with one name ------------------------------------------------------------------------


def test_shipped_backend_wins_over_a_namesake(install: Install) -> None:
    install("aaa", "impostor", impostor_module=plugin("jax"))
    found = scan({})
    assert found.sources["jax"].distribution == "adhelpers"
    assert_shipped_backends_work(found)
    with pytest.raises(BackendLoadError, match=r"'impostor' of distribution 'aaa'.*the name 'jax' is taken by"):
        found.implementation("impostor")


def test_alphabetically_first_distribution_wins_among_strangers(install: Install) -> None:
    for distribution in ("zeta", "Beta", "alpha"):
        install(distribution, f"{distribution}-entry", **{f"{distribution}_module": plugin("toy")})
    found = scan({})
    assert found.sources["toy"].distribution == "alpha"
    assert set(found.failures) == {"Beta-entry", "zeta-entry"}


def test_namesake_with_the_same_entry_point_name_does_not_hide_the_winner(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("stranger", "finite-difference", stranger_module=plugin("finite-difference"))
    found = scan({})
    assert_shipped_backends_work(found)
    monkeypatch.setattr(lookup, "current", lambda: found)
    assert cli.main(["backends"]) == 0
    assert "distribution 'stranger'" in capsys.readouterr().out


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
    assert cli.main(["compare", "f.py:f", "--shape", "2,3"]) == 0
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


# -- the environment ----------------------------------------------------------------------------------


def test_disabled_plugins_are_not_even_imported(install: Install) -> None:
    install("toy", toy_plugin="raise RuntimeError('imported')")
    found = scan({"ADHELPERS_DISABLE_PLUGINS": "jax, toy,"})
    assert set(found.descriptions) == SHIPPED - {"jax"}
    assert found.failures == {}
    assert "toy_plugin" not in sys.modules


@pytest.mark.parametrize("name", ["jax", "toy"])
def test_disabled_backend_is_not_found_and_the_message_says_why(install: Install, name: str) -> None:
    install("toy", toy_plugin=TOY_PLUGIN)
    with pytest.raises(BackendNotFoundError, match="ADHELPERS_DISABLE_PLUGINS skips 'jax', 'toy'"):
        scan({"ADHELPERS_DISABLE_PLUGINS": "jax,toy"}).implementation(name)


def test_backends_command_shows_what_is_disabled(
    fresh: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADHELPERS_DISABLE_PLUGINS", "autograd,jax,torch")
    assert cli.main(["backends"]) == 0
    assert capsys.readouterr().out.count("disabled by ADHELPERS_DISABLE_PLUGINS") == 3


def test_strict_mode_raises_at_once(install: Install) -> None:
    install("toy", toy_plugin="raise RuntimeError('boom')")
    with pytest.raises(BackendLoadError, match=r"'toy'.*boom"):
        scan({"ADHELPERS_STRICT_PLUGINS": "1"})


def test_strict_mode_passes_good_plugins_whose_framework_is_missing(install: Install) -> None:
    install("toy", toy_plugin=TOY_PLUGIN)
    assert set(scan({"ADHELPERS_STRICT_PLUGINS": "1"}).descriptions) == SHIPPED | {"toy"}


def test_environment_reaches_a_whole_process(tmp_path: Path, install: Install) -> None:
    install("toy", toy_plugin="raise RuntimeError('boom')")
    call = ("-c", "import adhelpers; adhelpers.backend('finite-difference')")
    assert python(tmp_path, *call).returncode == 0
    assert "BackendLoadError" in python(tmp_path, *call, ADHELPERS_STRICT_PLUGINS="1").stderr
    assert "BackendNotFoundError" in python(tmp_path, *call, ADHELPERS_DISABLE_PLUGINS="finite-difference").stderr


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
        operations.resolve(len, None, np.ones(2))
    assert "toyframework" not in sys.modules
    assert "toy_backend" not in sys.modules


def test_framework_imported_after_a_first_inference_claims_its_arrays(toy: None) -> None:
    import toy_plugin  # type: ignore[import-not-found]  # noqa: F401

    with pytest.raises(AmbiguousBackendError):
        operations.resolve(len, None, np.ones(2))
    import toyframework

    assert operations.resolve(len, None, toyframework.array([1.0])).name == "toy"


def test_array_seen_before_its_framework_is_imported_by_name_is_claimed_afterwards(toy: None) -> None:
    """As where a class lives in a private module, and is described by the public one."""
    early = type("Array", (np.ndarray,), {})
    x = np.ones(2).view(early)
    with pytest.raises(AmbiguousBackendError):
        operations.resolve(len, None, x)
    assert lookup.owner_of((x,)) is None
    import toyframework

    toyframework.Array = early
    assert operations.resolve(len, None, x).name == "toy"
    assert getattr(lookup.owner_of((x,)), "name", None) == "toy"


def test_plugins_are_asked_once_however_many_threads_ask(install: Install, fresh: None) -> None:
    counting = TOY_PLUGIN.replace("    return", "    calls.append(1)\n    return") + "calls = []\n"
    install("toy", toy_plugin=counting)
    with ThreadPoolExecutor(8) as pool:
        found = set(map(id, pool.map(lambda _: lookup.current(), range(32))))
    assert len(found) == 1
    assert sys.modules["toy_plugin"].calls == [1]


# -- inference ----------------------------------------------------------------------------------------


def inferred(x: object) -> str:
    return operations.resolve(len, None, x).name


def recorder() -> tuple[list[str], Callable[[Any], Any]]:
    """A function that notes which backend is inferred inside of it."""
    seen: list[str] = []

    def f(x: Any) -> Any:
        seen.append(inferred(x))
        return x * x

    return seen, f


def test_each_frameworks_arrays_identify_it() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    assert inferred(torch.ones(2)) == "torch"
    assert inferred(torch.nn.Parameter(torch.ones(2))) == "torch"
    assert inferred(jnp.ones(2)) == "jax"
    assert inferred({"data": np.ones(2), "w": [jnp.ones(2), 3.0]}) == "jax"


def test_jax_tracers_identify_jax() -> None:
    jax = pytest.importorskip("jax")
    seen, f = recorder()
    jax.jit(f)(1.0)
    jax.grad(f)(1.0)
    jax.jvp(f, (1.0,), (1.0,))
    jax.vmap(jax.jit(jax.grad(f)))(jax.numpy.ones(2))
    assert seen == ["jax"] * 4


def test_wrapped_tensors_identify_torch() -> None:
    torch = pytest.importorskip("torch")
    seen, f = recorder()
    torch.func.grad(f)(torch.tensor(1.0))
    torch.func.jvp(f, (torch.tensor(1.0),), (torch.tensor(1.0),))
    torch.func.vmap(torch.func.grad(f))(torch.ones(2))
    assert seen == ["torch"] * 3


def test_boxes_identify_autograd() -> None:
    autograd = pytest.importorskip("autograd")
    seen, f = recorder()
    autograd.grad(autograd.grad(f))(1.0)
    autograd.make_jvp(f)(1.0)(1.0)
    assert seen == ["autograd"] * 2


@pytest.mark.parametrize("x", [np.ones(2), [1.0, np.float32(2)], 1.0, {}, None], ids=repr)
def test_what_identifies_no_backend_is_ambiguous_and_the_candidates_are_listed(x: object) -> None:
    with pytest.raises(AmbiguousBackendError) as raised:
        operations.resolve(len, None, x)
    assert isinstance(raised.value, ValueError)
    assert all(repr(name) in str(raised.value) for name in SHIPPED)


def test_arrays_of_two_frameworks_are_ambiguous() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    with pytest.raises(AmbiguousBackendError, match=r"torch.Tensor.*several backends \(jax, torch\)"):
        inferred([jnp.ones(2), torch.ones(2)])
    with pytest.raises(AmbiguousBackendError, match=r"several backends \(jax, torch\)"):
        adhelpers.array_namespace(jnp.ones(2), torch.ones(2))


def test_second_backend_for_a_framework_makes_only_inference_ambiguous(install: Install, fresh: None) -> None:
    torch = pytest.importorskip("torch")
    install("aaa", "rival", rival_plugin=plugin("rival", array_types=("torch:Tensor",)))
    x = torch.ones(2)
    assert adhelpers.array_namespace(x) is type(adhelpers.backend("torch"))().array_namespace(x)
    for backend in ("torch", "finite-difference"):
        adhelpers.jacobian_vector_product(lambda x: adhelpers.array_namespace(x).sin(x), backend, x, x)
    with pytest.raises(AmbiguousBackendError, match=r"several backends \(rival, torch\); .* name the backend"):
        inferred(x)


def test_inference_imports_no_framework(tmp_path: Path) -> None:
    script = (
        "import sys, numpy, adhelpers\n"
        "try: adhelpers.jacobian_vector_product(numpy.sin, None, numpy.ones(2), numpy.ones(2))\n"
        "except adhelpers.AmbiguousBackendError: pass\n"
        "else: raise AssertionError\n"
        "assert adhelpers.array_namespace(numpy.ones(2)).__name__ == 'array_api_compat.numpy'\n"
        "assert not {'jax', 'torch', 'autograd'} & set(sys.modules)\n"
    )
    assert python(tmp_path, "-c", script).stderr == ""


@pytest.mark.parametrize("x", ["a string", object()], ids=["string", "object"])
def test_namespace_of_what_is_no_array_is_a_type_error(x: object) -> None:
    with pytest.raises(TypeError):
        adhelpers.array_namespace(x)


# -- what a caller may pass as a backend ---------------------------------------------------------------


def test_backend_by_name_is_made_once() -> None:
    assert adhelpers.backend("finite-difference") is adhelpers.backend("finite-difference")


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BackendNotFoundError, match="no backend is named 'jaks'") as raised:
        adhelpers.backend("jaks")
    assert isinstance(raised.value, LookupError)
    assert all(repr(name) in str(raised.value) for name in SHIPPED)


def test_unknown_name_shows_how_to_install_what_is_missing(install: Install, fresh: None) -> None:
    install("toy", toy_plugin=plugin(framework="toyframework", install="pip install toyframework"))
    with pytest.raises(BackendNotFoundError, match=r"'toy' \(not installed: pip install toyframework\)"):
        adhelpers.backend("jaks")


def test_unknown_name_points_at_the_plugins_that_failed(install: Install, fresh: None) -> None:
    install("broken", "broken", broken_module="1 / 0")
    with pytest.raises(BackendNotFoundError, match="`adhelpers backends` says why 'broken' failed"):
        adhelpers.backend("jaks")


@pytest.mark.parametrize("name", [None, 3, ["jax"]], ids=repr)
def test_name_that_is_no_string_is_a_type_error(name: object) -> None:
    with pytest.raises(TypeError, match="a backend's name is a string"):
        adhelpers.backend(name)  # type: ignore[arg-type]


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"no option 'ordr'.*its options are fallback, order"):
        adhelpers.backend("finite-difference", ordr=4)


def test_class_in_place_of_a_backend_says_to_make_an_instance() -> None:
    cls = type(adhelpers.backend("finite-difference"))
    with pytest.raises(TypeError, match=r"the class FiniteDifferenceBackend; .* FiniteDifferenceBackend\(\)"):
        operations.resolve(len, cls, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", [3, ["jax"], object, np], ids=["int", "list", "class", "module"])
def test_wrong_object_in_place_of_a_backend_is_a_type_error(backend: object) -> None:
    with pytest.raises(TypeError, match=r"an ADBackend, its name or None, but an? .* was given; arguments come"):
        operations.resolve(len, backend, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("f", [None, 3.0, "jax"], ids=repr)
def test_function_that_is_not_callable_is_a_type_error(f: object) -> None:
    with pytest.raises(TypeError, match=r"f must be callable as .* given; pass the function itself"):
        adhelpers.jacobian_vector_product(f, "finite-difference", 1.0, 1.0)  # type: ignore[arg-type]


def test_backend_without_any_product_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="Hopeless implements neither jvp nor vjp; a backend needs at least one"):

        class Hopeless(adhelpers.ADBackend):
            pass
