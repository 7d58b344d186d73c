"""Neutral automatic differentiation: write derivative code once, run it on any framework."""

import importlib
import typing

from adhelpers.caches import clear_caches
from adhelpers.compiled.prepared import Prepared
from adhelpers.engine.journal import ExplainedCall, Explanation, Note, explain
from adhelpers.errors import (
    AdhelpersError,
    AmbiguousBackendError,
    ArgumentError,
    ArgumentTypeError,
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
from adhelpers.linear.gradient import GradientLinearization
from adhelpers.linear.linearization import Linearization
from adhelpers.namespaces.array import array_namespace
from adhelpers.namespaces.special import special_namespace
from adhelpers.operations.batched import batched_jacobian, value_and_batched_jacobian
from adhelpers.operations.first_order import derivative, gradient, value_and_derivative, value_and_gradient
from adhelpers.operations.gauss_newton import gauss_newton_product, value_and_gauss_newton_product
from adhelpers.operations.hessian import hessian, laplacian, value_and_hessian, value_and_laplacian
from adhelpers.operations.jacobian import jacobian, value_and_jacobian
from adhelpers.operations.linearize import linearize, linearize_gradient
from adhelpers.operations.per_sample import (
    batched_gradient,
    batched_hessian,
    value_and_batched_gradient,
    value_and_batched_hessian,
)
from adhelpers.operations.prepare import prepare
from adhelpers.operations.products import (
    jacobian_vector_product,
    value_and_jacobian_vector_product,
    value_and_vector_jacobian_product,
    vector_jacobian_product,
)
from adhelpers.operations.second_order import (
    hessian_vector_product,
    second_derivative,
    value_and_hessian_vector_product,
    value_and_second_derivative,
)
from adhelpers.operations.value import value
from adhelpers.plugins.capabilities import Capability
from adhelpers.plugins.contract import ADBackend
from adhelpers.plugins.formulations import Formulation, fewest_vectors_first
from adhelpers.plugins.functions import Array, GradientFunction, LeafFunction, Leaves, Pullback
from adhelpers.plugins.hookspecs import BackendDescription, hookimpl
from adhelpers.plugins.lookup import backend
from adhelpers.rules.custom_rule import CustomRule, custom_rule
from adhelpers.rules.implicit import implicit
from adhelpers.trees.constants import Constant
from adhelpers.trees.mapping import tree_leaves, tree_map
from adhelpers.trees.marking import mark_constants

if typing.TYPE_CHECKING:
    from adhelpers import scipy as scipy
    from adhelpers.comparison.entry import compare
    from adhelpers.comparison.report import ComparisonReport
    from adhelpers.plugins.listing import RegisteredBackend, backends
else:

    def __getattr__(name: str) -> object:
        # Comparisons take as long to import as all derivatives, and most programs make none. Type checkers read the
        # imports above instead, because this function would accept every misspelt name.
        if name in ("compare", "ComparisonReport"):
            return getattr(importlib.import_module("adhelpers.comparison"), name)
        if name == "scipy":
            return importlib.import_module("adhelpers.scipy")
        if name in ("backends", "RegisteredBackend"):
            return getattr(importlib.import_module("adhelpers.plugins.listing"), name)
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


__all__ = [
    "ADBackend",
    "AdhelpersError",
    "AmbiguousBackendError",
    "ArgumentError",
    "ArgumentTypeError",
    "Array",
    "BackendDescription",
    "BackendLoadError",
    "BackendNotFoundError",
    "BatchAxisError",
    "BatchMixingError",
    "Capability",
    "ComparisonReport",
    "Constant",
    "CustomRule",
    "DTypeError",
    "DeviceMismatchError",
    "ExplainedCall",
    "Explanation",
    "Formulation",
    "GradientFunction",
    "GradientLinearization",
    "LeafFunction",
    "Leaves",
    "Linearization",
    "Note",
    "PreparationMismatchError",
    "Prepared",
    "Pullback",
    "RegisteredBackend",
    "ShapeMismatchError",
    "StructureMismatchError",
    "UnsupportedOperationError",
    "array_namespace",
    "backend",
    "backends",
    "batched_gradient",
    "batched_hessian",
    "batched_jacobian",
    "clear_caches",
    "compare",
    "custom_rule",
    "derivative",
    "explain",
    "fewest_vectors_first",
    "gauss_newton_product",
    "gradient",
    "hessian",
    "hessian_vector_product",
    "hookimpl",
    "implicit",
    "jacobian",
    "jacobian_vector_product",
    "laplacian",
    "linearize",
    "linearize_gradient",
    "mark_constants",
    "prepare",
    "second_derivative",
    "special_namespace",
    "tree_leaves",
    "tree_map",
    "value",
    "value_and_batched_gradient",
    "value_and_batched_hessian",
    "value_and_batched_jacobian",
    "value_and_derivative",
    "value_and_gauss_newton_product",
    "value_and_gradient",
    "value_and_hessian",
    "value_and_hessian_vector_product",
    "value_and_jacobian",
    "value_and_jacobian_vector_product",
    "value_and_laplacian",
    "value_and_second_derivative",
    "value_and_vector_jacobian_product",
    "vector_jacobian_product",
]

__version__ = "0.1.0"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
