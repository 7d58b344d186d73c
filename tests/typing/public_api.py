"""What a user's type checker sees of the public names: ``mypy --strict tests/typing``.

Nothing here is run. What must be refused is marked by the error that it must raise: under ``warn_unused_ignores``,
which is part of ``--strict``, a mark without an error is an error itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, assert_type

import numpy as np
from numpy.typing import NDArray

import adhelpers
import adhelpers.testing
from adhelpers import (
    ADBackend,
    AdhelpersError,
    Array,
    BackendDescription,
    Capability,
    ComparisonReport,
    ExplainedCall,
    Explanation,
    Formulation,
    GradientFunction,
    LeafFunction,
    Leaves,
    Note,
    Prepared,
    Pullback,
    RegisteredBackend,
    hookimpl,
)
from adhelpers.testing import Conformance, Scenario, assert_backends_agree

Pair = tuple[Any, Any]
Triple = tuple[Any, Any, Any]


class Point(NamedTuple):
    """Containers of a user's own are as good as arrays."""

    position: Any
    velocity: Any


def model(x: Any) -> Any:
    """A function of `x` alone."""
    xp = adhelpers.array_namespace(x)
    sp = adhelpers.special_namespace(x)
    return xp.sum(x) + sp.erf(x)


def scaled(x: Any, factor: float, *, offset: float = 0.0) -> Any:
    """A function with `args`."""
    return factor * x + offset


def with_aux(x: Any) -> tuple[Any, str]:
    """A function that returns more than is differentiated."""
    return x, "aux"


# -- for SciPy -----------------------------------------------------------------------------------------


def for_scipy(x: Any, backend: ADBackend) -> None:
    """Vectors are NumPy's; a value is a float or a vector."""
    view = adhelpers.scipy.view(scaled, backend, {"a": x}, args=(2.0,))
    assert_type(view, adhelpers.scipy.View)
    assert_type(view.value(view.x0), Any)
    assert_type(view.value_and_gradient(view.x0), tuple[float, NDArray[np.float64]])
    assert_type(view.jacobian(view.flatten({"a": 0.0})), NDArray[np.float64])
    assert_type(view.rebuild(view.x0), Any)
    adhelpers.scipy.view(model, backend, x, sparse=True)  # type: ignore[call-arg]


# -- the products --------------------------------------------------------------------------------------


def products(x: Any, u: Any, backend: ADBackend) -> None:
    """A backend may be an object, a name or None; arrays are Any."""
    push, pull = adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product
    assert_type(push(model, backend, x, u), Any)
    assert_type(pull(model, "jax", x, u), Any)
    assert_type(push(f=model, backend=None, x={"a": x}, u={"a": u}), Any)
    push(scaled, backend, x, u, args=(2.0,), has_aux=False, differentiate_u=True)
    pull(model, backend, Point(x, x), Point(u, u))
    assert_type(adhelpers.value_and_jacobian_vector_product(model, backend, x, u), Pair)
    assert_type(adhelpers.value_and_vector_jacobian_product(with_aux, backend, x, u, has_aux=True), Triple)


def misused_products(x: Any, u: Any, backend: ADBackend) -> None:
    """No u, options by position, and what is no backend."""
    push, pull = adhelpers.jacobian_vector_product, adhelpers.vector_jacobian_product
    push(model, backend, x)  # type: ignore[call-overload]
    pull(model, backend, x)  # type: ignore[call-overload]
    push(model, backend, x, u, (2.0,))  # type: ignore[call-overload]
    push(model, x, u)  # type: ignore[call-overload]
    push(x**2 if x else 3.0, ADBackend, x, u)  # type: ignore[call-overload]
    push(3.0, backend, x, u)  # type: ignore[call-overload]
    push(scaled, backend, x, u, args=[2.0])  # type: ignore[call-overload]
    push(scaled, backend, x, u, args=2.0)  # type: ignore[call-overload]
    push(model, backend, x, u, has_aux="yes")  # type: ignore[call-overload]
    push(model, backend, x, u, differentiate_u=None)  # type: ignore[call-overload]
    pull(model, backend, x, u, batch_axis=0)  # type: ignore[call-overload]
    adhelpers.value_and_jacobian_vector_product(model, backend, x)  # type: ignore[call-overload]
    adhelpers.value_and_vector_jacobian_product(model, backend, x)  # type: ignore[call-overload]


# -- batched Jacobians -----------------------------------------------------------------------------------


def batched(x: Any, backend: ADBackend) -> None:
    """Options are keywords, and words are literal."""
    assert_type(adhelpers.batched_jacobian(model, backend, x), Any)
    adhelpers.batched_jacobian(model, None, x, batch_axis=0, mode="forward", chunk_size=8, check_batch="always")
    adhelpers.batched_jacobian(scaled, "torch", x, args=(2.0,), batch_axis=-1, mode="reverse", chunk_size=None)
    adhelpers.value_and_batched_jacobian(model, backend, x, mode="auto", check_batch=False, holomorphic=True)
    assert_type(adhelpers.value_and_batched_jacobian(with_aux, backend, x, has_aux=True), Triple)


def misused_batched(x: Any, u: Any, backend: ADBackend) -> None:
    """A u, another axis, another word."""
    adhelpers.batched_jacobian(model, backend, x, u)  # type: ignore[call-overload]
    adhelpers.batched_jacobian(model, backend, x, batch_axis=1)  # type: ignore[call-overload]
    adhelpers.batched_jacobian(model, backend, x, mode="backward")  # type: ignore[call-overload]
    adhelpers.batched_jacobian(model, backend, x, check_batch="never")  # type: ignore[call-overload]
    adhelpers.batched_jacobian(model, backend, x, chunk_size=0.5)  # type: ignore[call-overload]
    adhelpers.batched_jacobian(model, backend, x, chunks=2)  # type: ignore[call-overload]
    adhelpers.value_and_batched_jacobian(model, backend, x, batch_axis="last")  # type: ignore[call-overload]
    adhelpers.value_and_batched_jacobian(model, backend, x, mode=1)  # type: ignore[call-overload]


# -- gradients, Jacobians and second derivatives ------------------------------------------------------------


def dense(x: Any, backend: ADBackend) -> None:
    """First and second derivatives, alone and with the value."""
    assert_type(adhelpers.derivative(model, backend, x), Any)
    assert_type(adhelpers.second_derivative(model, None, x), Any)
    assert_type(adhelpers.gradient(scaled, "jax", x, args=(2.0,)), Any)
    assert_type(adhelpers.jacobian(model, backend, x, mode="forward", chunk_size=8, holomorphic=False), Any)
    assert_type(adhelpers.hessian(model, backend, x, chunk_size=None), Any)
    assert_type(adhelpers.laplacian(model, backend, x), Any)
    assert_type(adhelpers.value(model, backend, x), Any)
    assert_type(adhelpers.value(with_aux, "jax", x, args=(2.0,), has_aux=True), Pair)
    assert_type(adhelpers.value_and_derivative(model, backend, x), Pair)
    assert_type(adhelpers.value_and_second_derivative(model, backend, x), Pair)
    assert_type(adhelpers.value_and_gradient(with_aux, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_jacobian(model, backend, x, mode="reverse"), Pair)
    assert_type(adhelpers.value_and_hessian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_laplacian(model, backend, x), Pair)


def second_order_products(x: Any, u: Any, backend: ADBackend) -> None:
    """They take a u, as the other products do."""
    assert_type(adhelpers.hessian_vector_product(model, backend, x, u, differentiate_u=True), Any)
    assert_type(adhelpers.value_and_hessian_vector_product(model, backend, x, u), Pair)
    assert_type(adhelpers.gauss_newton_product(model, backend, x, u, loss=lambda y: y**2), Any)
    assert_type(adhelpers.value_and_gauss_newton_product(model, backend, x, u, loss=None), Pair)


def each_of_a_batch(x: Any, backend: ADBackend) -> None:
    """The options are those of a batched Jacobian."""
    assert_type(adhelpers.batched_gradient(model, backend, x, batch_axis=0, check_batch="always"), Any)
    assert_type(adhelpers.batched_hessian(model, backend, x, batch_axis=-1, chunk_size=4, check_batch=False), Any)
    assert_type(adhelpers.value_and_batched_gradient(model, backend, x), Pair)
    assert_type(adhelpers.value_and_batched_hessian(model, backend, x), Pair)


def misused_derivatives(x: Any, u: Any, backend: ADBackend) -> None:
    """A u too many or too few, and words that are none."""
    adhelpers.derivative(model, backend)  # type: ignore[call-overload]
    adhelpers.second_derivative(model, backend, x, u)  # type: ignore[call-overload]
    adhelpers.value(model, backend, x, u)  # type: ignore[call-overload]
    adhelpers.value(model, backend, x, mode="auto")  # type: ignore[call-overload]
    adhelpers.gradient(model, backend, x, u)  # type: ignore[call-overload]
    adhelpers.jacobian(model, backend, x, mode="backward")  # type: ignore[call-overload]
    adhelpers.hessian(model, x)  # type: ignore[call-overload]
    adhelpers.hessian(model, backend, x, mode="backward")  # type: ignore[call-overload]
    adhelpers.laplacian(model, backend, x, batch_axis=0)  # type: ignore[call-overload]
    adhelpers.hessian_vector_product(model, backend, x)  # type: ignore[call-overload]
    adhelpers.gauss_newton_product(model, backend, x, u, loss=2.0)  # type: ignore[call-overload]
    adhelpers.batched_gradient(model, backend, x, batch_axis=1)  # type: ignore[call-overload]
    adhelpers.batched_hessian(model, backend, x, check_batch="never")  # type: ignore[call-overload]


# -- prepare ---------------------------------------------------------------------------------------------


def prepared(x: Any, u: Any, backend: ADBackend) -> None:
    """What is prepared is called by position, and tells what it was made of."""
    push = adhelpers.prepare(adhelpers.jacobian_vector_product, scaled, "jax", x, u, args=(2.0,), strict=True)
    assert_type(push, Prepared)
    assert_type(push(x, u, 2.0), Any)
    assert_type(push.backend, ADBackend)
    assert_type(push.strict, bool)
    assert_type(push.options, dict[str, Any])
    assert_type(adhelpers.prepare(adhelpers.batched_jacobian, model, None, x, batch_axis=0), Prepared)
    as_callable: Callable[[Any, Any], Any] = push
    as_callable(x, u)
    push(x=x, u=u)  # type: ignore[call-arg]
    push.missing  # type: ignore[attr-defined]  # noqa: B018
    adhelpers.prepare("jvp", model, backend, x, u)  # type: ignore[arg-type]
    adhelpers.prepare(adhelpers.jacobian_vector_product, model, backend)  # type: ignore[call-arg]
    adhelpers.prepare(adhelpers.jacobian_vector_product, model, backend, x, u, strict="yes")  # type: ignore[arg-type]


# -- backends --------------------------------------------------------------------------------------------


def look_up() -> None:
    """By name, with options."""
    assert_type(adhelpers.backends(), tuple[RegisteredBackend, ...])
    assert_type([(b.name, b.loads, b.problem) for b in adhelpers.backends()], list[tuple[str, bool, str | None]])
    backend = adhelpers.backend("finite-difference", order=4)
    assert_type(backend, ADBackend)
    assert_type(backend.name, str)
    assert_type(backend.fallback, bool)
    assert_type(backend.capabilities, frozenset[Capability])
    assert_type(Capability.REVERSE in backend.capabilities, bool)
    assert_type(backend.double_precision(), ADBackend)
    adhelpers.backend()  # type: ignore[call-arg]
    adhelpers.backend(ADBackend)  # type: ignore[arg-type]
    backend.fallback = False  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class StrangersBackend(ADBackend):
    """A backend by somebody else: the types of the contract are public, and an override must fit."""

    name: ClassVar[str] = "stranger"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.FORWARD, Capability.REVERSE})
    order: int = 2

    def is_array(self, leaf: object) -> bool:
        return hasattr(leaf, "dtype")

    def asarray(self, leaf: Any, like: Array | None = None) -> Array:
        return leaf

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        outputs, aux = f(*x)
        return outputs, u, aux

    def vjp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Pullback, Leaves]:
        outputs, aux = f.values(*x) if isinstance(f, GradientFunction) else f(*x)
        pullback: Pullback = lambda cotangents: cotangents  # noqa: E731
        return outputs, pullback, aux

    def formulations(self, n: int, m: int, batch: int) -> Sequence[Formulation]:
        found = adhelpers.fewest_vectors_first(n, m, batch, copied=1024, sampled=True, tie="reverse")
        assert_type(found, list[Formulation])
        return [Formulation("forward", "sweep"), *found]


class Unfinished(ADBackend):
    """It neither recognises nor converts arrays."""

    def jvp(self, f: LeafFunction, x: Leaves, u: Leaves) -> tuple[Leaves, Leaves, Leaves]:
        raise NotImplementedError


class Misfitting(StrangersBackend):
    """Overrides that do not fit the contract."""

    def is_array(self, leaf: object) -> str:  # type: ignore[override]
        return ""

    def jvp(self, f: LeafFunction, x: Leaves) -> tuple[Leaves, Leaves]:  # type: ignore[override]
        return f(*x)

    def formulations(self, n: int, m: int) -> list[Formulation]:  # type: ignore[override]
        return []


def made(x: Any) -> None:
    """Fields are options, by keyword."""
    backend = StrangersBackend(order=4, fallback=False)
    assert_type(backend.double_precision(), StrangersBackend)
    assert_type(backend.order, int)
    adhelpers.vector_jacobian_product(model, backend, x, x)
    StrangersBackend(False)  # type: ignore[call-arg]
    StrangersBackend(step=1e-3)  # type: ignore[call-arg]
    ADBackend()  # type: ignore[abstract]
    Unfinished()  # type: ignore[abstract]


@hookimpl
def adhelpers_register_backends() -> list[BackendDescription]:
    """The hook keeps its type."""
    BackendDescription("stranger")  # type: ignore[call-arg]
    BackendDescription(name="stranger", array_types=["a:B"], implementation="a:B")  # type: ignore[arg-type]
    description = BackendDescription(name="stranger", array_types=(), implementation="stranger:StrangersBackend")
    assert_type(description.framework_version, str | None)
    return [description]


assert_type(adhelpers_register_backends, Callable[[], list[BackendDescription]])


# -- comparing ---------------------------------------------------------------------------------------------


def compared(x: Any, u: Any, backend: ADBackend) -> None:
    """One function or ports of one, and a report of plain data."""
    report = adhelpers.compare(model, x, u, backends=["jax", backend], operations=("jvp",), reference=None)
    assert_type(report, ComparisonReport)
    assert_type(report.agree, bool)
    assert_type(report.backends, tuple[str, ...])
    assert_type([result.status == "kink" for result in report.results], list[bool])
    assert_type(report.to_html(Path("report.html")), str)
    assert_type(report.to_json(), str)
    assert_type(report.to_markdown("report.md"), str)
    assert_type([result.prepared_seconds for result in report.results], list[float | None])
    report.show()
    assert_type(report.plot("report.svg"), Any)
    adhelpers.compare({"jax": model, "torch": model}, x, rtol=1e-6, atol=0.0, timing=False, seed=1, batch_axis=0)
    adhelpers.compare(model)  # type: ignore[call-arg]
    adhelpers.compare(model, x, batch_axis=1)  # type: ignore[arg-type]
    adhelpers.compare(model, x, u, ["jax"])  # type: ignore[call-arg]
    adhelpers.compare([model], x)  # type: ignore[arg-type]
    adhelpers.compare(model, x, backends=[1])  # type: ignore[list-item]
    report.agree = True  # type: ignore[misc]
    any(result.status == "diverges" for result in report.results)  # type: ignore[comparison-overlap]


# -- testing -----------------------------------------------------------------------------------------------


class TestByName(Conformance):
    """A backend by its name, held to a version of the suite."""

    backend = "stranger"
    suite_version = 1


class TestAnInstance(Conformance):
    """A backend with options."""

    backend = StrangersBackend(order=4)


class TestNothing(Conformance):
    """What is no backend."""

    backend = 3  # type: ignore[assignment]
    suite_version = "1"  # type: ignore[assignment]


def tested(x: Any) -> None:
    """The suite as data, and a check for tests of a user's own."""
    assert_type(assert_backends_agree(model, x, backends=["autograd"], operations=["vjp"]), ComparisonReport)
    assert_backends_agree({"jax": model, "torch": model}, x, rtol=1e-6, batch_axis=0, reference="jax")
    assert_backends_agree(model)  # type: ignore[call-arg]
    assert_backends_agree(model, x, timing=False)  # type: ignore[call-arg]
    assert_backends_agree(model, x, batch_axis=2)  # type: ignore[arg-type]
    assert_type(adhelpers.testing.scenarios(1), list[Scenario])
    adhelpers.testing.scenarios("1")  # type: ignore[arg-type]
    assert_type(adhelpers.testing.SUITE_VERSION, int)
    assert_type(adhelpers.testing.RULES["R7"], tuple[str, str])
    for scenario in adhelpers.testing.scenarios():
        assert_type(scenario.needs, frozenset[Capability])
        assert_type(scenario.why_not(StrangersBackend()), str | None)
        scenario.rule = "R7"  # type: ignore[misc]
        try:
            scenario.run(StrangersBackend())
        except (adhelpers.testing.NotConcerned, adhelpers.testing.OutOfReach):
            continue
        except adhelpers.testing.Failure as failure:
            assert_type(failure, adhelpers.testing.Failure)


# -- errors ------------------------------------------------------------------------------------------------


def caught(x: Any) -> None:
    """Each error is the library's, and the builtin that a user would catch."""
    _everything: list[type[AdhelpersError]] = [
        adhelpers.AmbiguousBackendError,
        adhelpers.BackendLoadError,
        adhelpers.BackendNotFoundError,
        adhelpers.BatchAxisError,
        adhelpers.BatchMixingError,
        adhelpers.DTypeError,
        adhelpers.DeviceMismatchError,
        adhelpers.PreparationMismatchError,
        adhelpers.ShapeMismatchError,
        adhelpers.StructureMismatchError,
        adhelpers.UnsupportedOperationError,
        ValueError,  # type: ignore[list-item]
    ]
    try:
        model(x)
    except adhelpers.AmbiguousBackendError as error:
        _value: ValueError = error
    except adhelpers.DTypeError as error:
        _type: TypeError = error
    except adhelpers.BackendLoadError as error:
        _import: ImportError = error
    except adhelpers.BackendNotFoundError as error:
        _lookup: LookupError = error
    except adhelpers.UnsupportedOperationError as error:
        _unsupported: NotImplementedError = error
    except adhelpers.BatchAxisError as error:
        _other: TypeError = error  # type: ignore[assignment]


# -- a pair from a triple ----------------------------------------------------------------------------------


def results(x: Any, u: Any, backend: ADBackend, flag: bool) -> None:
    """What an operation returns follows from ``has_aux``; where that is only known when it runs, so is this."""
    f = with_aux
    assert_type(adhelpers.jacobian_vector_product(f, backend, x, u, has_aux=True), Pair)
    assert_type(adhelpers.vector_jacobian_product(f, backend, x, u, has_aux=True), Pair)
    assert_type(adhelpers.derivative(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.gradient(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.jacobian(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.second_derivative(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.hessian_vector_product(f, backend, x, u, has_aux=True), Pair)
    assert_type(adhelpers.hessian(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.laplacian(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.gauss_newton_product(f, backend, x, u, has_aux=True), Pair)
    assert_type(adhelpers.batched_jacobian(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.batched_gradient(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.batched_hessian(f, backend, x, has_aux=True), Pair)
    assert_type(adhelpers.gradient(f, backend, x, has_aux=flag), Any)
    assert_type(adhelpers.value_and_gradient(f, backend, x, has_aux=flag), tuple[Any, ...])


def results_with_value(x: Any, u: Any, backend: ADBackend) -> None:
    """With ``f(x)`` there is one more."""
    f = with_aux
    assert_type(adhelpers.value_and_jacobian_vector_product(model, backend, x, u), Pair)
    assert_type(adhelpers.value_and_vector_jacobian_product(model, backend, x, u), Pair)
    assert_type(adhelpers.value_and_derivative(model, backend, x), Pair)
    assert_type(adhelpers.value_and_gradient(model, backend, x), Pair)
    assert_type(adhelpers.value_and_jacobian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_second_derivative(model, backend, x), Pair)
    assert_type(adhelpers.value_and_hessian_vector_product(model, backend, x, u), Pair)
    assert_type(adhelpers.value_and_hessian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_laplacian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_gauss_newton_product(model, backend, x, u), Pair)
    assert_type(adhelpers.value_and_batched_jacobian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_batched_gradient(model, backend, x), Pair)
    assert_type(adhelpers.value_and_batched_hessian(model, backend, x), Pair)
    assert_type(adhelpers.value_and_jacobian_vector_product(f, backend, x, u, has_aux=True), Triple)
    assert_type(adhelpers.value_and_vector_jacobian_product(f, backend, x, u, has_aux=True), Triple)
    assert_type(adhelpers.value_and_derivative(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_gradient(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_jacobian(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_second_derivative(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_hessian_vector_product(f, backend, x, u, has_aux=True), Triple)
    assert_type(adhelpers.value_and_hessian(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_laplacian(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_gauss_newton_product(f, backend, x, u, has_aux=True), Triple)
    assert_type(adhelpers.value_and_batched_jacobian(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_batched_gradient(f, backend, x, has_aux=True), Triple)
    assert_type(adhelpers.value_and_batched_hessian(f, backend, x, has_aux=True), Triple)


def linear_maps(x: Any, u: Any, backend: ADBackend) -> None:
    """A linear map has a value, products and an operator."""
    lin = adhelpers.linearize(scaled, backend, x, args=(2.0,))
    assert_type(lin, adhelpers.Linearization)
    assert_type((lin.value, lin.aux), tuple[Any, Any])
    assert_type((lin.push(u, differentiate_u=True), lin.pull(u, differentiate_v=True)), tuple[Any, Any])
    assert_type((lin.push_many(u, check="always"), lin.pull_many(u, chunk_size=2)), tuple[Any, Any])
    hessian = adhelpers.linearize_gradient(with_aux, None, x, has_aux=True)
    assert_type(hessian, adhelpers.GradientLinearization)
    assert_type((hessian.value, hessian.gradient, hessian.push(u)), tuple[Any, Any, Any])


# -- rules ---------------------------------------------------------------------------------------------------


@adhelpers.custom_rule
def softened(x: float, width: float) -> float:
    return x * width


@softened.defjvp
def push_softened(x: Any, y: Any, u: Any, width: float) -> Any:
    return u * width


@softened.defvjp
def pull_softened(x: Any, y: Any, v: Any, width: float) -> Any:
    return v * width


@adhelpers.custom_rule(shapes=lambda x: x)
def on_the_host(x: float) -> float:
    return x


@adhelpers.implicit(lambda x, y: y - x, linear_solve=lambda matvec, b: b, tolerance=1e-9)
def root(x: float) -> float:
    return x


def ruled() -> None:
    """A function with a rule keeps its types, and so do the functions of the rule."""
    assert_type(softened(1.0, 2.0), float)
    assert_type(on_the_host(1.0), float)
    assert_type(root(1.0), float)
    softened("a word", 2.0)  # type: ignore[arg-type]
    assert_type(push_softened(1.0, 2.0, 3.0, 4.0), Any)
    rule: adhelpers.CustomRule[[float], float] = root
    adhelpers.testing.assert_rule_correct(rule, 1.0, args=(), backends=["jax"], seed=1)


# -- what happened -------------------------------------------------------------------------------------------


def explained(x: Any, prepared: Prepared) -> str:
    """Operations are explained by data that can be printed."""
    with adhelpers.explain() as log:
        adhelpers.gradient(model, None, x)
    assert_type(log, Explanation)
    assert_type(prepared.report(), Explanation)
    assert_type(log.calls, list[ExplainedCall])
    assert_type([note.words for call in log.calls for note in call.notes], list[str])
    assert_type(log.calls[0].notes, list[Note])
    adhelpers.clear_caches()
    return str(log)


def bad_arguments() -> tuple[type[ValueError], type[TypeError], tuple[type[AdhelpersError], ...]]:
    """One class catches all; the builtin ones do too."""
    both = (adhelpers.ArgumentError, adhelpers.ArgumentTypeError)
    return adhelpers.ArgumentError, adhelpers.ArgumentTypeError, both
