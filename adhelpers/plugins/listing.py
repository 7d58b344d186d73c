"""`backends`: which names are registered, and which of them load."""

from __future__ import annotations

from dataclasses import dataclass, field

from adhelpers.errors import BackendLoadError
from adhelpers.plugins import lookup
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.hookspecs import BackendDescription


@dataclass(frozen=True)
class RegisteredBackend:
    """A registered backend, as `adhelpers.backends` lists it; ``str(backend)`` describes it in a line.

    Attributes
    ----------
    name
        The name for `adhelpers.backend`. If the plugin failed or is disabled, the name of its entry point.
    problem
        Why it does not load; None if it loads.
    capabilities
        What it promises; empty if it does not load.
    description
        The plugin's `BackendDescription`; None if the plugin gave none.
    distribution
        The distribution of the plugin; None if that is not known.
    is_disabled
        Whether ``ADHELPERS_DISABLE_PLUGINS`` skips it.
    """

    name: str
    problem: str | None = None
    capabilities: frozenset[Capability] = field(default=frozenset(), repr=False)
    description: BackendDescription | None = field(default=None, repr=False)
    distribution: str | None = None
    is_disabled: bool = False

    @property
    def loads(self) -> bool:
        """Whether ``adhelpers.backend(name)`` works."""
        return self.problem is None

    @property
    def framework(self) -> str | None:
        """The framework's distribution and its version; None if the description names no framework."""
        if self.description is None or not self.description.framework:
            return None
        return f"{self.description.framework} {self.description.framework_version or 'not installed'}"

    @property
    def beyond_tested(self) -> str | None:
        """``"older than tested"`` or ``"newer than tested"`` for the framework's version, or None."""
        return None if self.description is None else self.description.beyond_tested

    def __str__(self) -> str:
        source = self.distribution and f"from {self.distribution}"
        where = ", ".join(filter(None, (self.framework, self.beyond_tested, source)))
        state = f"does not load: {self.problem}" if self.problem else "loads"
        return f"{self.name}{where and f' ({where})'} {state}"


def backends() -> tuple[RegisteredBackend, ...]:
    """List the registered backends, whether they load or not.

    This loads each backend, and so imports every installed framework. ``adhelpers backends`` shows the same list.

    Returns
    -------
    backends
        The backends by name, then the plugins that failed before they described any, then the disabled ones.

    Examples
    --------
    >>> import adhelpers
    >>> for backend in adhelpers.backends():  # doctest: +ELLIPSIS
    ...     print(backend)
    autograd (autograd ..., from adhelpers) ...
    finite-difference (numpy ..., from adhelpers) loads
    ...
    >>> [backend.name for backend in adhelpers.backends() if backend.loads]  # doctest: +ELLIPSIS
    [...'finite-difference'...]
    """
    found = lookup.current()
    return (
        *[_registered(name) for name in sorted(found.descriptions)],
        *[RegisteredBackend(name, str(failure)) for name, failure in sorted(found.failures.items())],
        *[RegisteredBackend(name, _DISABLED, is_disabled=True) for name in found.disabled],
    )


_DISABLED = "disabled by ADHELPERS_DISABLE_PLUGINS"


def _registered(name: str) -> RegisteredBackend:
    found = lookup.current()
    description, distribution = found.descriptions[name], found.sources[name].distribution
    try:
        found.instance(name)
    except BackendLoadError as error:
        return RegisteredBackend(name, str(error), description=description, distribution=distribution)
    return RegisteredBackend(name, None, found.implementation(name).capabilities, description, distribution)
