"""The hook that a plugin implements: it describes the plugin's backends without importing a framework."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pluggy

from adhelpers.errors import ArgumentTypeError

ENTRY_POINT_GROUP = "adhelpers"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(ENTRY_POINT_GROUP)
hookimpl = pluggy.HookimplMarker(ENTRY_POINT_GROUP)
"""Decorate your plugin's ``adhelpers_register_backends`` with this marker: the library then calls it."""


@dataclass(frozen=True)
class BackendDescription:
    """Describe a backend to the registry, without importing its framework.

    Parameters
    ----------
    name
        What users type: ``adhelpers.backend(name)``.
    array_types
        Types whose instances identify the backend, each as ``"module:Type"``. They are strings, so that
        no framework is imported: a framework that is not in `sys.modules` cannot own an array.
    implementation
        The `ADBackend` subclass as ``"module:Class"``, imported on first use.
    api_version
        The version of this contract that the plugin was written for.
    framework
        The framework's distribution name; ``adhelpers backends`` shows its version.
    install
        The command that installs what the implementation imports; error messages quote it.
    holders
        Types that hold arrays but are not containers, each as ``("module:Type", "what to write instead")``. The
        message for an `x` of that type ends with those words.
    tested
        The oldest and the newest version of the framework that the plugin was tested with, such as
        ``("2.5", "2.15")``; ``adhelpers backends`` says if the installed version is older or newer.

    Examples
    --------
    >>> from adhelpers import BackendDescription
    >>> BackendDescription(name="toy", array_types=("toyframework:Array",),
    ...                    implementation="toy_adhelpers.backend:ToyBackend").api_version
    1
    """

    name: str
    array_types: tuple[str, ...]
    implementation: str
    api_version: int = API_VERSION
    framework: str | None = None
    install: str | None = None
    holders: tuple[tuple[str, str], ...] = ()
    tested: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not self._fits():
            msg = (
                f"{self} does not fit; write implementation as 'module:Class', array_types as "
                "('module:Type',), holders as (('module:Type', 'advice'),), tested as ('2.5', '2.15'), and the rest as "
                "strings"
            )
            raise ArgumentTypeError(msg)

    def _fits(self) -> bool:
        if not (isinstance(self.array_types, tuple) and isinstance(self.holders, tuple)):
            return False
        if not all(isinstance(holder, tuple) and len(holder) == 2 for holder in self.holders):
            return False
        words = (self.name, self.framework or "", self.install or "", *[words for _, words in self.holders])
        paths = (self.implementation, *self.array_types, *[path for path, _ in self.holders])
        if not all(isinstance(word, str) for word in words + paths) or not all(":" in path for path in paths):
            return False
        return self.tested is None or _are_two_versions(self.tested)

    @property
    def framework_version(self) -> str | None:
        """The installed version of the framework, or None; nothing is imported to find out."""
        import importlib.metadata  # slow, and not needed to import adhelpers

        if not self.framework:
            return None
        try:
            return importlib.metadata.version(self.framework)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def beyond_tested(self) -> str | None:
        """``"older than tested"`` or ``"newer than tested"`` for the installed framework, or None."""
        version = self.framework_version
        if self.tested is None or version is None or not _numbers(version):
            return None
        installed, (oldest, newest) = _numbers(version), map(_numbers, self.tested)
        # Only the numbers given in `tested` count: 2.15.1 is not newer than 2.15.
        if installed[: len(oldest)] < oldest:
            return "older than tested"
        return "newer than tested" if installed[: len(newest)] > newest else None


def _are_two_versions(tested: object) -> bool:
    """Whether `tested` is a tuple of two strings that begin with a number."""
    return isinstance(tested, tuple) and len(tested) == 2 and all(isinstance(v, str) and _numbers(v) for v in tested)


def _numbers(version: str) -> tuple[int, ...]:
    """The release numbers of a version: (2, 15, 0) for 2.15.0+cpu."""
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in release[0].split(".")) if release else ()


@hookspec
def adhelpers_register_backends() -> Sequence[BackendDescription]:
    """Describe the backends of your plugin; do not import a framework here.

    Returns
    -------
    descriptions
        A list with one `BackendDescription` for each backend.
    """
    raise NotImplementedError  # a specification is never called
