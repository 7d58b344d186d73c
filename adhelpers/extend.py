"""The imports of a plugin: the contract of a backend, the hook that registers it, and helpers for arrays.

A plugin needs nothing else from `adhelpers`, and the shipped plugins import nothing else.
"""

from adhelpers.caches import FUNCTIONS, Cache, shared
from adhelpers.engine.journal import QUESTIONS, is_listening, tell, warn
from adhelpers.errors import ArgumentError, ArgumentTypeError, DTypeError, UnsupportedOperationError
from adhelpers.namespaces.array import array_namespace
from adhelpers.namespaces.special import special_namespace
from adhelpers.operations.declaration import public_operations
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.containers import NAMESPACE, SINGLE, TreeDef, make_known
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation, Mode, SecondOrder, fewest_vectors_first
from adhelpers.plugins.functions import (
    Array,
    GradientFunction,
    JVPSweep,
    LeafFunction,
    Leaves,
    Pullback,
    Pushforward,
    VJPSweep,
)
from adhelpers.plugins.hookspecs import BackendDescription, hookimpl
from adhelpers.plugins.lookup import owner_of
from adhelpers.plugins.objects import arrays_held, cannot_be_freed
from adhelpers.plugins.one_thread import ONE_THREAD
from adhelpers.plugins.origin import raised_by_library
from adhelpers.plugins.rule import Rule
from adhelpers.rules.custom_rule import custom_rule
from adhelpers.trees.kinds import kind_of

__all__ = [
    "FUNCTIONS",
    "NAMESPACE",
    "ONE_THREAD",
    "QUESTIONS",
    "SINGLE",
    "ADBackend",
    "ArgumentError",
    "ArgumentTypeError",
    "Array",
    "BackendDescription",
    "Cache",
    "Capability",
    "DTypeError",
    "Formulation",
    "GradientFunction",
    "JVPSweep",
    "LeafFunction",
    "Leaves",
    "Mode",
    "Pullback",
    "Pushforward",
    "Rule",
    "SecondOrder",
    "TreeDef",
    "UnsupportedOperationError",
    "VJPSweep",
    "array_namespace",
    "arrays_held",
    "cannot_be_freed",
    "custom_rule",
    "fewest_vectors_first",
    "hookimpl",
    "is_listening",
    "kind_of",
    "make_known",
    "owner_of",
    "public_operations",
    "raised_by_library",
    "shared",
    "special_namespace",
    "tell",
    "warn",
]
