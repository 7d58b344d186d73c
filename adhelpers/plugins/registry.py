"""The registry of plugins, with the failures of those that do not work.

A broken plugin does not disturb the others: its failure is kept under the name of its entry point, and raised only
when somebody asks for that backend.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adhelpers.caches import Cache, shared
from adhelpers.errors import AmbiguousBackendError, BackendLoadError, BackendNotFoundError
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.hookspecs import BackendDescription
from adhelpers.plugins.objects import REGISTER, arrays_held, is_numpy

if TYPE_CHECKING:  # it takes a third of the time that importing adhelpers may
    import importlib.metadata

ANY_FAILURE = (Exception, SystemExit)
"""The errors of a broken plugin; a script without a guard may exit."""


@dataclass(frozen=True)
class Source:
    """The entry point that a description came from."""

    entry_point: str
    distribution: str

    def __str__(self) -> str:
        return f"entry point {self.entry_point!r} of distribution {self.distribution!r}"


_CLAIMS: Cache[Hashable, frozenset[str]] = shared(1024)
"""By a registry's number and a type: the backends that claim its instances.

A type that no backend claims may belong to a framework that is not imported yet, so its key includes the number of
imported modules.
"""
_UNKNOWN: Any = object()
_OWNERS: Cache[Hashable, ADBackend | None] = shared(1024)
"""The owner of arrays, by the types of all of them."""


@dataclass
class Registry:
    """The results of one scan of the entry points."""

    descriptions: dict[str, BackendDescription] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    failures: dict[str, BackendLoadError] = field(default_factory=dict)
    """The errors of broken plugins, by entry-point name."""
    disabled: tuple[str, ...] = ()
    _number: int = field(default_factory=itertools.count().__next__, init=False, repr=False)
    _instances: dict[str, ADBackend] = field(default_factory=dict, init=False, repr=False)

    def implementation(self, name: str) -> type[ADBackend]:
        """The class of the backend `name`; imports its framework."""
        if name not in self.descriptions:
            raise self._unknown(name)
        description, source = self.descriptions[name], self.sources[name]
        try:
            return _backend_class(description.implementation, name)
        except ANY_FAILURE as error:
            missing = description.install and isinstance(error, ImportError)
            hint = f"; install what it needs: {description.install}" if missing else ""
            failure = load_error("backend", name, source, error, hint)
            raise failure from error

    def instance(self, name: str) -> ADBackend:
        """The backend `name` with its default options, always the same object."""
        if name not in self._instances:
            cls = self.implementation(name)
            try:
                made = cls()
            except ANY_FAILURE as error:
                failure = load_error("backend", name, self.sources[name], error)
                raise failure from error
            self._instances.setdefault(name, made)
            self._know_types_of(name)
        return self._instances[name]

    def loaded(self) -> Iterator[ADBackend]:
        """The backends whose arrays may exist, because their framework is imported; one that fails to load is left out.

        Whoever names that one is told why.
        """
        for name, description in self.descriptions.items():
            if any(path.partition(":")[0] in sys.modules for path in description.array_types):
                try:
                    backend = self.instance(name)
                except BackendLoadError:
                    continue
                yield backend

    def _unknown(self, name: str) -> Exception:
        import difflib  # seldom needed

        failure = self.failures.get(name)
        if failure is not None:
            return failure.with_traceback(None)
        known = [repr(name) + self._install_hint(d) for name, d in sorted(self.descriptions.items())]
        named = {d.framework: n for n, d in self.descriptions.items()}.get(name)
        close = difflib.get_close_matches(name, self.descriptions, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        if named is not None:
            guess = f" (the backend for {name} is {named!r})"
        msg = f"no backend is named {name!r}{guess}; name one of {', '.join(known) or 'none: no plugin is installed'}"
        if self.disabled:
            msg += f"; ADHELPERS_DISABLE_PLUGINS skips {', '.join(map(repr, self.disabled))}"
        if self.failures:
            msg += f"; `adhelpers backends` says why {', '.join(map(repr, sorted(self.failures)))} failed"
        return BackendNotFoundError(msg)

    def _install_hint(self, description: BackendDescription) -> str:
        missing = description.framework and description.framework_version is None
        return f" (not installed: {description.install})" if missing and description.install else ""

    def claims(self, leaves: Iterable[Any]) -> list[frozenset[str]]:
        """For each leaf that some backend claims, the names of those that do."""
        found, now = [], (self._number, len(sys.modules))
        for leaf in leaves:
            names = _CLAIMS.get((self._number, type(leaf))) or _CLAIMS.get((now, type(leaf)))
            if names is None:
                names = self._claiming(leaf, isinstance)
                names = _CLAIMS.keep((self._number if names else now, type(leaf)), names)
            if names:
                found.append(names)
        return found

    def _claiming(self, leaf: Any, belongs: Callable[[Any, type], bool]) -> frozenset[str]:
        claiming = (
            n for n, d in self.descriptions.items() if any(_is_a(leaf, path, belongs) for path in d.array_types)
        )
        return frozenset(claiming)

    def _know_types_of(self, name: str) -> None:
        """Record who claims the types of a backend, because a compiler of Python may not be able to ask."""
        for path in self.descriptions[name].array_types:
            kind = _type_at(path)
            with contextlib.suppress(Exception):  # a plugin's type may not support this question
                _CLAIMS.keep((self._number, kind), self._claiming(kind, issubclass))

    def advice_about(self, leaf: Any) -> str | None:
        """What to write instead of a leaf that is not an array but holds some; None if that is not known."""
        words = self.advice_about_holder(leaf)
        if words is not None:
            return words
        if arrays_held(lambda part: is_numpy(part) or bool(self.claims((part,))), leaf):
            return f"it holds arrays, but is not a container: give them in a dict, or {REGISTER}"
        return None

    def advice_about_holder(self, leaf: Any) -> str | None:
        """The same for a type that a plugin lists in `holders`."""
        holders = (holder for description in self.descriptions.values() for holder in description.holders)
        return next((words for path, words in holders if _is_a(leaf, path)), None)

    def owner_of(self, leaves: tuple[Any, ...]) -> ADBackend | None:
        """As `lookup.owner_of`."""
        key = self._number, len(sys.modules), tuple(map(type, leaves))
        owner = _OWNERS.get(key, _UNKNOWN)  # the owner may be None
        if owner is not _UNKNOWN:
            return owner
        claims = self.claims(leaves)
        common = frozenset.intersection(*claims) if claims else frozenset()
        if claims and not common:
            raise several(leaves, claims)
        name = next((name for name in self.descriptions if name in common), None)
        return _OWNERS.keep(key, None if name is None else self.instance(name))


def load_error(kind: str, name: str, source: Source, cause: BaseException, hint: str = "") -> BackendLoadError:
    """The error for a plugin or a backend that cannot be used; it names the source."""
    error = BackendLoadError(f"{kind} {name!r} ({source}) cannot be loaded: {type(cause).__name__}: {cause}{hint}")
    error.__cause__ = cause
    return error


def _backend_class(path: str, described: str) -> type[ADBackend]:
    """The class at ``"module:Class"``, which must be a complete backend with the described name."""
    module, _, name = path.partition(":")
    with warnings.catch_warnings():  # an old framework's warnings about a newer Python or NumPy are for its authors
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        cls = getattr(importlib.import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, ADBackend)):
        msg = f"{path} is not a subclass of adhelpers.ADBackend; derive it from that"
        raise TypeError(msg)
    missing = sorted(cls.__abstractmethods__) + [a for a in ("capabilities", "name") if not hasattr(cls, a)]
    if missing:
        msg = f"{path} lacks {', '.join(missing)}, which every backend must define"
        raise TypeError(msg)
    if cls.name != described:
        msg = f"{path} has the name {cls.name!r}, but is described as {described!r}; give both the same name"
        raise TypeError(msg)
    if not isinstance(cls.known_failures, Mapping):
        msg = f"{path} declares known_failures {cls.known_failures!r}; write a dict of scenario names and reasons"
        raise TypeError(msg)
    fits = isinstance(cls.capabilities, frozenset)
    if not fits or not all(isinstance(capability, Capability) for capability in cls.capabilities):
        msg = f"{path} declares capabilities {cls.capabilities!r}; write a frozenset of adhelpers.Capability members"
        raise TypeError(msg)
    return cls


def _is_a(leaf: Any, path: str, belongs: Callable[[Any, type], bool] = isinstance) -> bool:
    """Whether `leaf` is an instance of ``"module:Type"``."""
    kind = _type_at(path)
    return kind is not None and belongs(leaf, kind)


def _type_at(path: str) -> type | None:
    """The type at ``"module:Type"``; None if the module is not imported, because it then owns nothing."""
    module, _, name = path.partition(":")
    kind = getattr(sys.modules.get(module), name, None)
    return kind if isinstance(kind, type) else None


def several(leaves: Iterable[Any], claims: Iterable[frozenset[str]]) -> AmbiguousBackendError:
    """The error for arrays of several frameworks."""
    return AmbiguousBackendError(
        f"{types(leaves)} belong to several backends ({', '.join(sorted(frozenset().union(*claims)))}); "
        "convert the arrays to one framework, or name the backend"
    )


def types(leaves: Iterable[Any]) -> str:
    """The types of `leaves` in words."""
    return " and ".join(sorted({f"{type(leaf).__module__}.{type(leaf).__qualname__}" for leaf in leaves}))
