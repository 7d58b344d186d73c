"""The exceptions of the library; each is also the builtin exception that a user would catch.

Every message says what was received, what was expected and what to type next.
"""


class AdhelpersError(Exception):
    """Base class of all exceptions that the library raises."""


class ArgumentError(AdhelpersError, ValueError):
    """An argument has a value that is not allowed."""


class ArgumentTypeError(AdhelpersError, TypeError):
    """An argument has a type that is not allowed."""


class BackendNotFoundError(AdhelpersError, LookupError):
    """No backend with this name is registered."""


class BackendLoadError(AdhelpersError, ImportError):
    """A plugin or its framework could not be loaded; ``__cause__`` holds the reason."""


class AmbiguousBackendError(AdhelpersError, ValueError):
    """The arrays in ``x`` do not identify exactly one backend."""


class StructureMismatchError(AdhelpersError, ValueError):
    """Two structures that must match differ in a container."""


class ShapeMismatchError(AdhelpersError, ValueError):
    """A leaf has another shape than its partner."""


class DTypeError(AdhelpersError, TypeError):
    """A leaf has a dtype that cannot be differentiated, or another dtype than its partner."""


class DeviceMismatchError(AdhelpersError, ValueError):
    """A leaf is on another device than its partner."""


class BatchAxisError(AdhelpersError, ValueError):
    """``x`` and ``f(x)`` do not share a batch axis."""


class BatchMixingError(AdhelpersError, ValueError):
    """``f`` lets one batch element influence another, so no batched Jacobian exists."""


class UnsupportedOperationError(AdhelpersError, NotImplementedError):
    """The framework has no derivative rule, and none can be derived.

    Attributes
    ----------
    reasons
        The framework's message about each rule, if several rules were tried; else empty.
    """

    reasons: tuple[str, ...] = ()


class PreparationMismatchError(AdhelpersError, ValueError):
    """A strict prepared operation was called with other structures, shapes, dtypes, devices or numbers."""
