"""Functions of PyTorch whose own rules are wrong in both modes, composed of others.

They are right in every mode and at every order, and slower than PyTorch's own.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch

from adhelpers_plugins.torch.arrayapi.systems import det

Tensor = Any
functional = torch.nn.functional

COMPOSITIONS: dict[Any, Callable[..., Any]] = {}
"""What stands in for PyTorch's functions: it accepts the calls that they accept, and refuses the others like them."""

_ALIASES = {"A": "input", "a": "input", "x": "input", "x1": "input", "x2": "other", "axis": "dim"}
"""Other names that PyTorch accepts for arguments, NumPy's among them."""


def _composes(*originals: Any, is_in_place: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate the composition of these functions, which gets its arguments by PyTorch's first names for them."""

    def decorate(composition: Callable[..., Any]) -> Callable[..., Any]:
        for original in originals:
            COMPOSITIONS[original] = _called_like(original, composition, is_in_place)
        return composition

    return decorate


def _called_like(original: Any, composition: Callable[..., Any], is_in_place: bool) -> Callable[..., Any]:
    """The composition after a call of the original with constants.

    That raises what PyTorch raises about the arguments, and updates what is running.
    """
    names = inspect.signature(composition).parameters

    def constant(argument: Any) -> Any:
        if not isinstance(argument, torch.Tensor):
            return argument
        return argument.detach().clone() if is_in_place else argument.detach()

    @functools.wraps(composition)
    def composed(*args: Any, **options: Any) -> Any:
        if options.get("out") is not None:  # which PyTorch refuses
            return original(*args, **options)
        original(*map(constant, args), **{name: constant(argument) for name, argument in options.items()})
        options.pop("out", None)
        named = {name if name in names else _ALIASES.get(name, name): value for name, value in options.items()}
        return composition(*args, **named)

    return composed


# -- in steps of twice the length -----------------------------------------------------------------------------


def _scan(combine: Callable[[Tensor, Tensor], Tensor], x: Tensor, dim: int) -> Tensor:
    """What is combined of the elements up to each one."""
    shift = 1
    while x.ndim and shift < x.shape[dim]:
        rest = x.shape[dim] - shift
        combined = combine(x.narrow(dim, shift, rest), x.narrow(dim, 0, rest))
        x, shift = torch.cat([x.narrow(dim, 0, shift), combined], dim), 2 * shift
    return x


@_composes(torch.cumprod, torch.Tensor.cumprod)
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Products of the elements up to each one; elements may be zero."""
    if dtype is None and not (input.is_floating_point() or input.is_complex()):
        dtype = torch.int64
    return _scan(torch.mul, input.clone() if dtype is None else input.to(dtype), dim)


@_composes(torch.logcumsumexp, torch.Tensor.logcumsumexp)
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of sums of exponentials up to each one."""
    y = _scan(logaddexp, input.clone(), dim)
    if not input.is_complex():
        return y
    turns = (torch.logcumsumexp(input.detach(), dim) - y.detach()).imag / (2 * math.pi)
    return y + 2j * math.pi * turns.nan_to_num().round()  # of the logarithms, that of PyTorch's


# -- sums of exponentials -------------------------------------------------------------------------------------


def _logarithm_of_sum(x: Tensor, y: Tensor, base: float) -> Tensor:
    """The larger one, and what the smaller one adds: of an infinite one nothing does."""
    x, y = torch.broadcast_tensors(x, y)
    is_larger = x.real >= y.real
    high, low = torch.where(is_larger, x, y), torch.where(is_larger, y, x)
    is_infinite = high.real.isinf()
    apart = torch.where(is_infinite, -math.inf, low - torch.where(is_infinite, 0.0, high))
    return high + torch.log1p(torch.exp(apart * math.log(base))) / math.log(base)


@_composes(torch.logaddexp, torch.Tensor.logaddexp)
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """The logarithm of a sum of two exponentials."""
    return _logarithm_of_sum(input, other, math.e)


@_composes(torch.logaddexp2, torch.Tensor.logaddexp2)
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """The logarithm to base two of a sum of two powers of two."""
    return _logarithm_of_sum(input, other, 2.0)


# -- normalisations -------------------------------------------------------------------------------------------


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _centred(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Mean zero, and variance one."""
    centred = x - x.mean(dims, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(dims, keepdim=True) + eps)


def _in_single_precision(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Half precision is computed in single precision, as PyTorch does it."""

    @functools.wraps(function)
    def computed(input: Tensor, *args: Any, **options: Any) -> Tensor:
        exact = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        return function(exact, *args, **options).to(input.dtype)

    return computed


@_composes(functional.layer_norm, torch.layer_norm)
@_in_single_precision
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Normalised over the last axes."""
    return _affine(_centred(input, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


@_composes(functional.batch_norm)
@_in_single_precision
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over all axes but the second one."""
    channels = (1, -1, *[1] * (input.ndim - 2))

    def beside(parameter: Tensor | None) -> Any:
        return None if parameter is None else parameter.reshape(channels)

    if training:
        normalised = _centred(input, (0, *range(2, input.ndim)), eps)
    else:
        normalised = (input - beside(running_mean)) / torch.sqrt(beside(running_var) + eps)
    return _affine(normalised, beside(weight), beside(bias))


@_composes(functional.instance_norm)
@_in_single_precision
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalised over all axes but the first two."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    channels = (1, -1, *[1] * (input.ndim - 2))
    parameters = [None if parameter is None else parameter.reshape(channels) for parameter in (weight, bias)]
    return _affine(_centred(input, tuple(range(2, input.ndim)), eps), *parameters)


@_composes(torch._weight_norm)
def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """`v` with the norms `g` along one axis, or as a whole if `dim` is -1; other negative axes count from the end."""
    along = None if dim == -1 else dim % v.ndim
    dims = tuple(axis for axis in range(v.ndim) if axis != along)
    return v * (g / (torch.linalg.vector_norm(v, dim=dims, keepdim=True) if dims else v.abs()))  # without an axis: all


# -- matrices -------------------------------------------------------------------------------------------------


@_composes(torch.det, torch.linalg.det, torch.Tensor.det)
def determinant(input: Tensor) -> Tensor:
    """The determinant, with derivatives where it is zero."""
    return det(input)


@_composes(torch.cholesky_inverse, torch.Tensor.cholesky_inverse)
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix with the given factor."""
    return cholesky_solve(torch.eye(input.shape[-1], dtype=input.dtype, device=input.device), input, upper)


@_composes(torch.cholesky_solve, torch.Tensor.cholesky_solve)
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """The solution of a system, from the factor of its matrix."""
    lower = input2.triu().mH if upper else input2.tril()
    return torch.linalg.solve_triangular(lower.mH, torch.linalg.solve_triangular(lower, input, upper=False), upper=True)


@_composes(torch.linalg.lu_solve)
def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The solution of a system, from the LU factors of its matrix."""
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    permutation, lower, upper = torch.lu_unpack(LU, pivots)
    solve = torch.linalg.solve_triangular
    if adjoint:
        return permutation @ solve(lower.mH, solve(upper.mH, B, upper=False), upper=True, unitriangular=True)
    return solve(upper, solve(lower, permutation.mT @ B, upper=False, unitriangular=True), upper=True)


@_composes(torch.lu_solve, torch.Tensor.lu_solve)
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg_lu_solve` by its older name."""
    return linalg_lu_solve(LU_data, LU_pivots, input)


@_composes(torch.linalg.lstsq)
def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """PyTorch's own, with derivatives of residuals and singular values, which it treats as constants."""
    solution, residuals, rank, singular_values = found = torch.linalg.lstsq(input, b, rcond, driver=driver)
    if residuals.numel():
        is_vector = b.ndim < input.ndim
        apart = b - (input @ solution.unsqueeze(-1)).squeeze(-1) if is_vector else b - input @ solution
        residuals = (apart * apart.conj()).real.sum(-1 if is_vector else -2).reshape(residuals.shape)
    if singular_values.numel():
        singular_values = torch.linalg.svdvals(input)
    return type(found)((solution, residuals, rank, singular_values))


@_composes(torch.linalg.svd)
def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """The vectors that belong to no singular value stay orthogonal to the others; PyTorch takes them for constants."""
    found = torch.linalg.svd(A, full_matrices, driver=driver)
    U, S, Vh = found
    count = S.shape[-1]
    V = _completed(Vh[..., :count, :].mH, Vh[..., count:, :].mH)
    return type(found)((_completed(U[..., :count], U[..., count:]), S, V.mH))


@_composes(torch.svd, torch.Tensor.svd)
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """The same of the older function."""
    U, S, Vh = linalg_svd(input)
    return torch.return_types.svd((U, S, Vh.mH))


def _completed(vectors: Tensor, others: Tensor) -> Tensor:
    """The vectors, and the others as they turn with what is orthogonal to the vectors, and no farther."""
    others = others.detach()
    others = others - vectors @ (vectors.mH @ others)
    factor = torch.linalg.cholesky(others.mH @ others, upper=True)
    return torch.cat([vectors, torch.linalg.solve_triangular(factor, others, upper=True, left=False)], -1)


@_composes(torch.cdist)
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Distances between points; a zero distance has a zero derivative."""
    apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if math.isinf(p):
        return apart.abs().amax(-1)
    if p == 0:
        return apart.sign().abs().sum(-1)
    apart = apart if p % 2 == 0 else apart.abs()
    powers = _power(apart, p) if p < 1 else apart**p
    return _power(powers.sum(-1), 1 / p)


def _power(x: Tensor, exponent: float) -> Tensor:
    """Without the infinite derivative at zero."""
    is_zero = x == 0
    return torch.where(is_zero, 0.0, torch.where(is_zero, 1.0, x) ** exponent)


# -- elementwise ----------------------------------------------------------------------------------------------


@_composes(torch.polar)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from their sizes and angles."""
    return torch.complex(abs * torch.cos(angle), abs * torch.sin(angle))


@_composes(torch.sinc, torch.special.sinc, torch.Tensor.sinc)
def sinc(input: Tensor) -> Tensor:
    """The sine divided by its argument, times pi; near zero by its series."""
    x = math.pi * (input if input.is_floating_point() or input.is_complex() else input.to(torch.get_default_dtype()))
    is_small = x.detach().abs() < 1
    small, large = torch.where(is_small, x, 0.0) ** 2, torch.where(is_small, 1.0, x)
    series = torch.zeros_like(small)
    for n in reversed(range(12)):
        series = (-1) ** n / math.factorial(2 * n + 1) + small * series
    return torch.where(is_small, series, torch.sin(large) / large)


@_composes(torch.Tensor.sinc_, is_in_place=True)
def sinc_(input: Tensor) -> Tensor:
    """The same in place."""
    return input.copy_(sinc(input))


@_composes(torch.Tensor.data.__get__)
def data(input: Tensor) -> Tensor:
    """A constant at every level."""
    return input.detach()


@_composes(functional.silu, torch._C._nn.silu, is_in_place=True)
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Silu of complex numbers, from the exponential function."""
    y = input / (1.0 + torch.exp(-input))
    return input.copy_(y) if inplace else y


# -- and others -----------------------------------------------------------------------------------------------


@_composes(torch.as_strided_scatter, torch.Tensor.as_strided_scatter)
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """One tensor with another written into its memory; PyTorch's own function gives the positions."""
    if not src.numel():
        return input.clone()
    number = torch.arange(src.numel(), device=input.device).reshape(src.shape)
    nowhere = torch.empty_strided(input.shape, input.stride(), dtype=number.dtype, device=input.device).fill_(-1)
    place = torch.as_strided_scatter(nowhere, number, size, stride, storage_offset)
    return torch.where(place < 0, input, src.reshape(-1)[place.clamp(min=0)])


def linear_cross_entropy(input: Tensor, *args: Any, options: Any = None, **others: Any) -> Tensor:
    """The loss computed at once, never in chunks."""
    return functional.linear_cross_entropy(input, *args, **others)


if hasattr(functional, "linear_cross_entropy"):
    _composes(functional.linear_cross_entropy)(linear_cross_entropy)
