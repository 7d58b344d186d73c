"""Neutral automatic differentiation: write derivative code once, run it on any framework."""

from adhelpers.batched import batched_jacobian, value_and_batched_jacobian
from adhelpers.comparison.entry import compare
from adhelpers.comparison.report import ComparisonReport
from adhelpers.contract import (
    ADBackend,
    Array,
    Capability,
    Formulation,
    LeafFunction,
    Leaves,
    Pullback,
    fewest_vectors_first,
)
from adhelpers.errors import (
    AdhelpersError,
    AmbiguousBackendError,
    BackendLoadError,
    BackendNotFoundError,
    BatchAxisError,
    BatchMixingError,
    DeviceMismatchError,
    DTypeError,
    PreparationMismatchError,
    ShapeMismatchError,
    StructureMismatchError,
    UnsupportedOperationError,
)
from adhelpers.hookspecs import BackendDescription, hookimpl
from adhelpers.namespace import array_namespace
from adhelpers.operations import (
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)
from adhelpers.preparation import prepare
from adhelpers.prepared import Prepared
from adhelpers.registry import backend
from adhelpers.special import special_namespace

__all__ = [
    "ADBackend",
    "AdhelpersError",
    "AmbiguousBackendError",
    "Array",
    "BackendDescription",
    "BackendLoadError",
    "BackendNotFoundError",
    "BatchAxisError",
    "BatchMixingError",
    "Capability",
    "ComparisonReport",
    "DTypeError",
    "DeviceMismatchError",
    "Formulation",
    "LeafFunction",
    "Leaves",
    "PreparationMismatchError",
    "Prepared",
    "Pullback",
    "ShapeMismatchError",
    "StructureMismatchError",
    "UnsupportedOperationError",
    "array_namespace",
    "backend",
    "batched_jacobian",
    "compare",
    "fewest_vectors_first",
    "hookimpl",
    "jacobian_vector_product",
    "prepare",
    "special_namespace",
    "value_and_batched_jacobian",
    "value_and_jacobian_vector_product",
    "value_and_vector_jacobian_product",
    "vector_jacobian_product",
]

__version__ = "0.1.0"
