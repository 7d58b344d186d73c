"""Ask every plugin for its backends, through entry points.

A broken plugin does not disturb the others: its failure is kept under the name of its entry point, and raised only
when somebody asks for that backend.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pluggy

from adhelpers.plugins import hookspecs
from adhelpers.plugins.hookspecs import API_VERSION, ENTRY_POINT_GROUP, BackendDescription
from adhelpers.plugins.registry import ANY_FAILURE, Registry, Source, load_error

if TYPE_CHECKING:  # it takes a third of the time that importing adhelpers may
    import importlib.metadata

OWN_DISTRIBUTION = "adhelpers"
"""If two plugins have one backend name, the one that this distribution ships wins."""


def scan(environ: Mapping[str, str] = os.environ) -> Registry:
    """Ask every plugin for its backends."""
    disabled = (name.strip() for name in environ.get("ADHELPERS_DISABLE_PLUGINS", "").split(","))
    registry = Registry(disabled=tuple(filter(None, disabled)))
    strict = environ.get("ADHELPERS_STRICT_PLUGINS") == "1"
    for source, entry_point in _entry_points():
        if source.entry_point in registry.disabled:
            continue
        try:
            descriptions = _ask(entry_point)
        except ANY_FAILURE as error:
            registry.failures.setdefault(source.entry_point, load_error("plugin", source.entry_point, source, error))
        else:
            for description in descriptions:
                _add(registry, source, description)
    if strict and registry.failures:
        raise next(iter(registry.failures.values()))
    return registry


def _entry_points() -> list[tuple[Source, importlib.metadata.EntryPoint]]:
    """Every plugin, in order of precedence: this distribution's own first, then by distribution."""
    import importlib.metadata

    found: dict[Source, importlib.metadata.EntryPoint] = {}
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        # One distribution may appear twice, for example if its source folder and its installation are on the path.
        found.setdefault(Source(entry_point.name, _distribution_of(entry_point)), entry_point)
    return sorted(
        found.items(),
        key=lambda item: (item[0].distribution != OWN_DISTRIBUTION, item[0].distribution.lower(), item[0].entry_point),
    )


def _distribution_of(entry_point: importlib.metadata.EntryPoint) -> str:
    """The distribution's name, or "unknown": a half uninstalled one has no name, and Python 3.13 warns about that."""
    if entry_point.dist is None or "Name" not in entry_point.dist.metadata:
        return "unknown"
    return entry_point.dist.metadata["Name"]


def _ask(entry_point: importlib.metadata.EntryPoint) -> list[BackendDescription]:
    """The descriptions of one plugin; raises if anything is wrong with it."""
    # Each plugin has its own manager: in a common one, a plugin that raises would stop all that follow.
    manager = pluggy.PluginManager(ENTRY_POINT_GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(entry_point.load())
    manager.check_pending()  # a misspelt hook
    hook = manager.hook.adhelpers_register_backends
    if not hook.get_hookimpls():
        msg = (
            f"{entry_point.value} implements no hook of adhelpers; mark its function "
            "adhelpers_register_backends with adhelpers.hookimpl, not with another project's marker"
        )
        raise TypeError(msg)
    results = hook() or [None]  # pluggy leaves out the None of a hook that returns nothing
    for result in results:
        if not (isinstance(result, (list, tuple)) and all(isinstance(d, BackendDescription) for d in result)):
            msg = (
                f"adhelpers_register_backends returned {result!r}; it must return a list of "
                "adhelpers.BackendDescription"
            )
            raise TypeError(msg)
    descriptions = [description for result in results for description in result]
    for description in descriptions:
        if description.api_version != API_VERSION:
            msg = (
                f"backend {description.name!r} is for version {description.api_version} of the plugin API, and this "
                f"adhelpers has version {API_VERSION}; install a release of the plugin for that version"
            )
            raise TypeError(msg)
    return descriptions


def _add(registry: Registry, source: Source, description: BackendDescription) -> None:
    owner = registry.sources.get(description.name)
    if owner is None:
        registry.descriptions[description.name] = description
        registry.sources[description.name] = source
        return
    cause = ValueError(f"the name {description.name!r} is taken by {owner}; rename this backend")
    registry.failures.setdefault(source.entry_point, load_error("backend", description.name, source, cause))
