"""Every exception the library raises, each also the builtin a user would catch.

All messages say what was received, what was expected and what to type next.
"""


class AdhelpersError(Exception):
    """Base class of everything that the library raises itself."""


class ArgumentError(AdhelpersError, ValueError):
    """An argument has a value that is none of those that it may have."""


class ArgumentTypeError(AdhelpersError, TypeError):
    """An argument is of a type that cannot serve."""


class BackendNotFoundError(AdhelpersError, LookupError):
    """No backend of that name is registered."""


class BackendLoadError(AdhelpersError, ImportError):
    """A plugin or its framework could not be loaded; ``__cause__`` holds the reason."""


class AmbiguousBackendError(AdhelpersError, ValueError):
    """The arrays in ``x`` do not identify exactly one backend."""


class StructureMismatchError(AdhelpersError, ValueError):
    """Two trees that must have the same structure differ in a container."""


class ShapeMismatchError(AdhelpersError, ValueError):
    """A leaf does not have exactly the shape of its partner."""


class DTypeError(AdhelpersError, TypeError):
    """A leaf has a dtype that cannot be differentiated, or not that of its partner."""


class DeviceMismatchError(AdhelpersError, ValueError):
    """A leaf lies on another device than its partner."""


class BatchAxisError(AdhelpersError, ValueError):
    """``x`` and ``f(x)`` do not share a batch axis."""


class BatchMixingError(AdhelpersError, ValueError):
    """``f`` lets one batch element influence another, so no batched Jacobian exists."""


class UnsupportedOperationError(AdhelpersError, NotImplementedError):
    """The framework has no derivative rule, and none can be derived.

    Attributes
    ----------
    reasons
        What the framework said of each rule, where several were tried; else nothing.
    """

    reasons: tuple[str, ...] = ()


class PreparationMismatchError(AdhelpersError, ValueError):
    """A strict prepared operation was called with other structures, shapes, dtypes or devices than it was made for."""
