"""Rules in PyTorch's own transformations and in our operations, against closed forms."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adhelpers

torch = pytest.importorskip("torch")
names = pytest.importorskip("adhelpers_plugins.torch.names")
forward_ad = torch.autograd.forward_ad
func = torch.func

X = torch.tensor([1.3, 0.4, 2.0], dtype=torch.float64)


def cube(kind: str) -> Any:
    """x cubed, whose derivative comes from `y`; what computes it has no graph."""

    @adhelpers.custom_rule
    def cubed(x: Any) -> Any:
        return x.detach() ** 3

    if kind in ("jvp", "both"):

        @cubed.defjvp
        def _(x: Any, y: Any, u: Any) -> Any:
            return 3 * y / x * u

    if kind in ("vjp", "both"):

        @cubed.defvjp
        def _(x: Any, y: Any, v: Any) -> Any:
            return 3 * y / x * v

    return cubed


def pushed(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: func.jvp(f, (x,), (torch.ones_like(x),))[1]


def pushed_by_us(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: adhelpers.jacobian_vector_product(f, "torch", x, torch.ones_like(x))


def pulled_by_us(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: adhelpers.vector_jacobian_product(f, "torch", x, torch.ones_like(x))


def recorded(f: Callable[..., Any]) -> Callable[..., Any]:
    def gradient(x: Any) -> Any:
        x = x if x.requires_grad else x.requires_grad_()
        return torch.autograd.grad(f(x), x, create_graph=True)[0]

    return gradient


def dual(f: Callable[..., Any]) -> Callable[..., Any]:
    def derivative(x: Any) -> Any:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(f(forward_ad.make_dual(x, torch.ones_like(x)))).tangent

    return derivative


WAYS = {"jvp": pushed, "grad": func.grad, "our jvp": pushed_by_us, "our vjp": pulled_by_us}
OUTER = {"backward": recorded, "dual": dual}
"""What PyTorch allows nowhere but around all others."""
CUBE = {1: lambda x: 3 * x**2, 2: lambda x: 6 * x, 3: lambda x: 6 + 0 * x}


@pytest.mark.parametrize("kind", ["jvp", "vjp", "both"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_composition_of_modes_gives_the_derivative(kind: str, order: int) -> None:
    f = cube(kind)
    for names in itertools.product(WAYS, repeat=order):
        for last in (None, *OUTER):
            g = f
            for name in names[:-1] if last else names:
                g = WAYS[name](g)
            if last == "dual" and "jvp" in names[:-1]:
                continue  # which PyTorch refuses inside of dual numbers
            x = torch.tensor(1.3, dtype=torch.float64)
            received = (OUTER[last](g) if last else g)(x).detach()
            assert float(received) == pytest.approx(CUBE[order](1.3), rel=1e-12), (names, last)


@pytest.mark.parametrize("kind", ["jvp", "vjp", "both"])
def test_our_operations_follow_rules_in_every_mode(kind: str) -> None:
    f = cube(kind)
    slopes, bends = np.diag(3 * X.numpy() ** 2), np.diag(6 * X.numpy())

    def total(x: Any) -> Any:
        return f(x).sum()

    for mode in ("auto", "forward", "reverse"):
        np.testing.assert_allclose(adhelpers.jacobian(f, "torch", X, mode=mode), slopes, rtol=1e-12)
        batched = adhelpers.batched_jacobian(lambda x: f(x) * 2, "torch", X[None], mode=mode)
        np.testing.assert_allclose(batched[0, 0], 2 * np.diag(slopes), rtol=1e-12)
    both = ("forward-over-reverse", "reverse-over-reverse", "reverse-over-forward", "forward-over-forward")
    for order in both:
        np.testing.assert_allclose(adhelpers.hessian(total, "torch", X, mode=order), bends, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(adhelpers.gradient(total, "torch", X), np.diag(slopes), rtol=1e-12)
    np.testing.assert_allclose(adhelpers.laplacian(total, "torch", X), np.trace(bends), rtol=1e-12)
    np.testing.assert_allclose(adhelpers.hessian_vector_product(total, "torch", X, X), bends @ X.numpy(), rtol=1e-12)
    prepared = adhelpers.prepare(adhelpers.jacobian, f, "torch", X)
    for _ in range(3):
        np.testing.assert_allclose(prepared(X), slopes, rtol=1e-12)
    linear = adhelpers.linearize(f, "torch", X)
    np.testing.assert_allclose(linear.push(X), slopes @ X.numpy(), rtol=1e-12)
    np.testing.assert_allclose(linear.pull_many(torch.eye(3, dtype=X.dtype)), slopes, rtol=1e-12)
    bent = adhelpers.linearize_gradient(total, "torch", X)
    np.testing.assert_allclose(bent.push(X), bends @ X.numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["jvp", "vjp", "both"])
def test_torch_func_follows_rules(kind: str) -> None:
    f = cube(kind)
    slopes, bends = np.diag(3 * X.numpy() ** 2), np.diag(6 * X.numpy())

    def total(x: Any) -> Any:
        return f(x).sum()

    for jacobian in (func.jacfwd, func.jacrev, lambda f: lambda x: torch.autograd.functional.jacobian(f, x)):
        np.testing.assert_allclose(jacobian(f)(X), slopes, rtol=1e-12)
    for outer, inner in itertools.product((func.jacfwd, func.jacrev), repeat=2):
        np.testing.assert_allclose(outer(inner(total))(X), bends, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(func.hessian(total)(X), bends, rtol=1e-12)
    np.testing.assert_allclose(torch.autograd.functional.hessian(total, X), bends, rtol=1e-12)
    rows = torch.stack([X, 2 * X])
    np.testing.assert_allclose(func.vmap(f)(rows), rows.numpy() ** 3, rtol=1e-12)
    np.testing.assert_allclose(func.vmap(f, in_dims=1, out_dims=1)(rows), rows.numpy() ** 3, rtol=1e-12)
    np.testing.assert_allclose(func.vmap(func.grad(total))(rows), 3 * rows.numpy() ** 2, rtol=1e-12)
    np.testing.assert_allclose(func.vmap(func.vmap(func.grad(f)))(rows), 3 * rows.numpy() ** 2, rtol=1e-12)
    summed = func.grad(lambda x: func.vmap(lambda c: f(x) @ c)(rows).sum())(X)
    np.testing.assert_allclose(summed, 3 * X.numpy() ** 2 * rows.numpy().sum(0), rtol=1e-12)
    _, pullback = func.vjp(f, X)
    np.testing.assert_allclose(pullback(X)[0], 3 * X.numpy() ** 3, rtol=1e-12)
    x = X.clone().requires_grad_()
    total(x).backward()
    np.testing.assert_allclose(x.grad, 3 * X.numpy() ** 2, rtol=1e-12)


def test_of_an_argument_that_is_not_mapped_the_pullbacks_are_summed() -> None:
    @adhelpers.custom_rule
    def product(x: Any) -> Any:
        return x["a"] * x["b"]

    @product.defvjp
    def _(x: Any, y: Any, v: Any) -> Any:
        return {"a": x["b"] * v, "b": x["a"] * v}

    a = torch.tensor(2.0, dtype=torch.float64)
    mapped = func.vmap(lambda b, a: product({"a": a, "b": b}), in_dims=(0, None))
    np.testing.assert_allclose(func.grad(lambda a: mapped(X, a).sum())(a), X.numpy().sum(), rtol=1e-12)
    np.testing.assert_allclose(func.jacfwd(lambda a: mapped(X, a))(a), X.numpy(), rtol=1e-12)
    np.testing.assert_allclose(func.jacrev(lambda b: mapped(b, a))(X), 2 * np.eye(3), rtol=1e-12)


def test_of_two_rules_each_is_used_for_what_it_is() -> None:
    f = adhelpers.custom_rule(lambda x: x * 1.0)
    f.defjvp(lambda x, y, u: 2 * u)
    f.defvjp(lambda x, y, v: 3 * v)
    one = torch.ones(2, dtype=torch.float64)
    for way, slope in ((pushed, 2.0), (dual, 2.0), (pushed_by_us, 2.0), (pulled_by_us, 3.0)):
        np.testing.assert_array_equal(way(f)(one), [slope, slope])
    np.testing.assert_array_equal(func.grad(lambda x: f(x).sum())(one), [3.0, 3.0])
    np.testing.assert_array_equal(func.jacfwd(f)(one), 2 * np.eye(2))
    np.testing.assert_array_equal(adhelpers.jacobian(f, "torch", one, mode="forward"), 2 * np.eye(2))
    np.testing.assert_array_equal(adhelpers.jacobian(f, "torch", one, mode="reverse"), 3 * np.eye(2))


def test_structures_with_leaves_that_nothing_depends_on() -> None:
    @adhelpers.custom_rule
    def f(x: Any) -> Any:
        return {"sum": x["a"] + x["b"][0].sum(), "sine": torch.sin(x["b"][0])}

    @f.defvjp
    def _(x: Any, y: Any, v: Any) -> Any:
        shift = v["sum"].expand(3) + torch.cos(x["b"][0]) * v["sine"]
        return {"a": v["sum"], "b": (shift,), "unused": torch.zeros_like(x["unused"])}

    x = {"a": torch.tensor(0.5), "b": (X.float(),), "unused": torch.ones(2)}
    assert f(x)["sum"].dtype == torch.float32
    jacobian = adhelpers.jacobian(f, "torch", x)
    for mode in ("auto", "forward", "reverse"):
        jacobian = adhelpers.jacobian(f, "torch", x, mode=mode)
        assert all(leaf.dtype == torch.float32 for leaf in (jacobian["sum"]["a"], jacobian["sine"]["b"][0]))
        np.testing.assert_array_equal(jacobian["sum"]["a"], 1.0)
        np.testing.assert_array_equal(jacobian["sine"]["a"], np.zeros(3))
        np.testing.assert_array_equal(jacobian["sine"]["unused"], np.zeros((3, 2)))
        np.testing.assert_allclose(jacobian["sine"]["b"][0], np.diag(np.cos(X.numpy())), rtol=1e-6)
    leaves = [leaf.clone().requires_grad_() for leaf in (x["a"], x["b"][0], x["unused"])]
    y = f({"a": leaves[0], "b": (leaves[1],), "unused": leaves[2]})
    y["sine"].sum().backward()  # the other output gets no cotangent
    np.testing.assert_allclose(leaves[1].grad, np.cos(X.numpy()), rtol=1e-6)
    np.testing.assert_array_equal(leaves[2].grad, np.zeros(2))


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
@pytest.mark.parametrize("is_holomorphic", [True, False])
def test_complex_numbers(kind: str, is_holomorphic: bool) -> None:
    """z**2, and z * conj(z) with the real-linear derivative; PyTorch's gradients are the conjugates of ours."""
    f = adhelpers.custom_rule(lambda z: z**2 if is_holomorphic else z * z.conj())
    if kind == "jvp":
        f.defjvp(lambda z, y, u: 2 * z * u if is_holomorphic else z.conj() * u + z * u.conj())
    else:
        f.defvjp(lambda z, y, v: 2 * z * v if is_holomorphic else z.conj() * v + (z * v).conj())
    z, u = torch.tensor([1 + 2j]), torch.tensor([1 + 1j])
    z, u = z.to(torch.complex128), u.to(torch.complex128)
    push = 2 * (1 + 2j) * (1 + 1j) if is_holomorphic else 2 * ((1 - 2j) * (1 + 1j)).real
    pull = 2 * (1 + 2j) * (1 + 1j) if is_holomorphic else (1 - 2j) * (1 + 1j) + ((1 + 2j) * (1 + 1j)).conjugate()
    np.testing.assert_allclose(adhelpers.jacobian_vector_product(f, "torch", z, u), [push], rtol=1e-12)
    np.testing.assert_allclose(adhelpers.vector_jacobian_product(f, "torch", z, u), [pull], rtol=1e-12)
    np.testing.assert_allclose(func.jvp(f, (z,), (u,))[1], [push], rtol=1e-12)
    for pullback in (func.vjp(f, z)[1], lambda v: torch.autograd.grad(f(w := z.clone().requires_grad_()), w, v)):
        np.testing.assert_allclose(pullback(u.conj())[0].conj().resolve_conj(), [pull], rtol=1e-12)


def test_further_arguments_of_any_kind() -> None:
    @adhelpers.custom_rule
    def f(x: Any, power: int, name: str, weight: Any, plain: Any, flags: dict[str, Any]) -> Any:
        assert (name, flags["deep"]) == ("cube", [True, None])
        assert isinstance(plain, np.ndarray)
        return weight * x**power

    @f.defvjp
    def _(x: Any, y: Any, v: Any, power: int, name: str, weight: Any, plain: Any, flags: dict[str, Any]) -> Any:
        return weight * power * x ** (power - 1) * v

    weight = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    args = (3, "cube", weight, np.ones(2), {"deep": [True, None], "array": torch.arange(3)})
    expected = np.diag(3 * weight.numpy() * X.numpy() ** 2)
    np.testing.assert_allclose(adhelpers.jacobian(f, "torch", X, args=args), expected, rtol=1e-12)
    np.testing.assert_allclose(func.jacfwd(lambda x: f(x, *args))(X), expected, rtol=1e-12)
    np.testing.assert_allclose(func.jacrev(lambda x: f(x, *args))(X), expected, rtol=1e-12)
    mapped = func.vmap(func.grad(lambda x, w: f(x, 3, "cube", w, *args[3:])))(X, weight)
    np.testing.assert_allclose(mapped, np.diag(expected), rtol=1e-12)


def test_checkpoints_and_modes_of_pytorch() -> None:
    f = cube("vjp")
    for reentrant in (True, False):
        x = X.clone().requires_grad_()
        torch.utils.checkpoint.checkpoint(lambda x: f(x).sin(), x, use_reentrant=reentrant).sum().backward()
        np.testing.assert_allclose(x.grad, 3 * X.numpy() ** 2 * np.cos(X.numpy() ** 3), rtol=1e-12)
    with torch.no_grad():
        assert not f(X.clone().requires_grad_()).requires_grad
    with torch.inference_mode():
        np.testing.assert_allclose(f(X * 1), X.numpy() ** 3, rtol=1e-12)


@pytest.mark.parametrize("kind", ["jvp", "vjp", "both"])
def test_tangents_flow_through_pullbacks_without_a_graph(kind: str) -> None:
    f, bends = cube(kind), 6 * X.numpy()
    x = X.clone().requires_grad_()
    with forward_ad.dual_level():
        (slopes,) = torch.autograd.grad(f(forward_ad.make_dual(x, torch.ones_like(X))).sum(), x)
        np.testing.assert_allclose(forward_ad.unpack_dual(slopes).tangent, bends, rtol=1e-12)

    def pulled_without_a_graph(x: Any) -> Any:
        pull = func.vjp(f, x)[1]
        with torch.no_grad():
            return pull(torch.ones_like(x))[0]

    np.testing.assert_allclose(pushed(pulled_without_a_graph)(X), bends, rtol=1e-12)
    with torch.no_grad():
        np.testing.assert_allclose(func.hessian(lambda x: f(x).sum())(X), np.diag(bends), rtol=1e-12)


@pytest.mark.parametrize("kind", ["jvp", "vjp", "both"])
def test_what_is_not_recorded_is_a_constant_as_it_is_of_functions_of_pytorch(kind: str) -> None:
    def without_a_graph(f: Callable[..., Any]) -> Callable[..., Any]:
        def times(x: Any) -> Any:
            with torch.no_grad():
                y = f(x)
            return (y * x).sum()

        return times

    for outer, inner in itertools.product((func.jacfwd, func.jacrev), repeat=2):
        received, expected = (outer(inner(without_a_graph(f)))(X) for f in (cube(kind), lambda x: x**3))
        np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # Dynamo looks at it
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what the compiler imports
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0:RuntimeWarning")
def test_the_compiler_leaves_rules_alone() -> None:
    f = adhelpers.custom_rule(lambda x: x * 1.0)
    f.defjvp(lambda x, y, u: 2 * u)
    f.defvjp(lambda x, y, v: 3 * v)
    compiled = torch.compile(lambda x: f(x + 0).sum(), backend="eager")
    x = X.clone().requires_grad_()
    compiled(x).backward()
    np.testing.assert_array_equal(x.grad, [3.0, 3.0, 3.0])
    np.testing.assert_array_equal(
        adhelpers.jacobian_vector_product(lambda x: compiled(x), "torch", X, torch.ones_like(X)), 6.0
    )
    backend = adhelpers.backend("torch", compiled=True)
    for operation, slope in ((adhelpers.jacobian_vector_product, 2.0), (adhelpers.vector_jacobian_product, 3.0)):
        prepared = adhelpers.prepare(operation, f, backend, X, X)
        for _ in range(2):
            np.testing.assert_allclose(prepared(X, X), slope * X.numpy(), rtol=1e-12)


def test_threads_share_a_rule() -> None:
    f, wrong = cube("jvp"), []

    def work(scale: float) -> None:
        x = X * scale
        for _ in range(20):
            received = [way(f)(x) for way in (pushed_by_us, pulled_by_us)]
            wrong.extend([v for v in received if not np.allclose(v, 3 * x.numpy() ** 2)])

    threads = [threading.Thread(target=work, args=(scale,)) for scale in (1.0, 2.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_without_private_functions_forward_mode_is_refused_and_two_pullbacks_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "KNOWN", False)
    for kind in ("jvp", "vjp"):
        f = cube(kind)
        for ways in itertools.product((pushed_by_us, pulled_by_us), repeat=2):
            received = ways[0](ways[1](f))(X)
            np.testing.assert_allclose(received, 6 * X.numpy(), rtol=1e-12)
        with pytest.raises(adhelpers.UnsupportedOperationError, match="cubed"):
            pushed(f)(X)


def test_functions_whose_derivative_is_wrong_may_be_called_where_nobody_differentiates() -> None:
    """`torch.linalg.det` is listed as wrong: the rule's own derivative stands, and that of the rule is composed."""
    inside = []

    @adhelpers.custom_rule
    def det(a: Any) -> Any:
        inside.append(torch.linalg.det(a))
        return torch.special.bessel_j0(torch.zeros((), dtype=a.dtype)) * inside[-1]

    @det.defvjp
    def _(a: Any, y: Any, v: Any) -> Any:
        adjugate = torch.stack([torch.stack([a[1, 1], -a[1, 0]]), torch.stack([-a[0, 1], a[0, 0]])])
        return v * adjugate

    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64)
    adjugate = [[4.0, -2.0], [-2.0, 1.0]]
    for _ in range(2):
        with adhelpers.explain() as log:
            np.testing.assert_array_equal(adhelpers.gradient(det, "torch", a), adjugate)
            np.testing.assert_allclose(adhelpers.jacobian_vector_product(det, "torch", a, a), 0.0, atol=1e-12)
            hessian = adhelpers.hessian(det, "torch", a).reshape(4, 4)
        assert "fallback" not in str(log)
        np.testing.assert_array_equal(hessian, np.fliplr(np.diag([1.0, -1.0, -1.0, 1.0])))
    assert math.isclose(float(det(torch.eye(2, dtype=torch.float64))), 1.0)
