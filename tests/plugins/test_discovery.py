"""Plugins are found by their entry points; those that are broken, in whatever way, disturb no other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from strangers import SHIPPED, TOY_PLUGIN, Install, assert_shipped_backends_work, hook, plugin, python

from adhelpers.command_line import main as cli
from adhelpers.errors import BackendLoadError, BackendNotFoundError
from adhelpers.plugins import lookup
from adhelpers.plugins.discovery import scan
from adhelpers.plugins.registry import Registry

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
    "unknown api_version": (plugin(api_version=2), "version 2 of the plugin API, and this adhelpers has version 1"),
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
