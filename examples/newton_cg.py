"""SciPy's minimiser with exact derivatives: Newton-CG on Rosenbrock's function, of 10 and of 100 variables.

`adhelpers.scipy.view` connects the two. SciPy takes only NumPy arrays of float64. A view takes and returns such arrays,
and is prepared for the hundreds of calls that a minimiser makes. On JAX, float64 needs a backend with x64, which
`everywhere.chosen` makes.

Checked: gradient and Hessian-vector product against SciPy's closed forms, at random points; that the minimum at
(1, ..., 1) is found; that every iterate agrees with every other backend, and with SciPy's closed forms.

    python examples/newton_cg.py [--backends torch jax autograd]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import everywhere
import numpy as np
from scipy import optimize

import adhelpers.scipy

START = [1.3, 0.7, 0.8, 1.9, 1.2]  # from SciPy's tutorial; repeated for more variables
SIZES = (10, 100)

ValueAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def rosenbrock(x: Any) -> Any:
    xp = adhelpers.array_namespace(x)
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def newton_cg(fun: ValueAndGradient, hessp: Product, start: np.ndarray) -> tuple[Any, np.ndarray]:
    """SciPy's result, and all iterates as (steps, N)."""
    path: list[np.ndarray] = []
    found = optimize.minimize(
        fun,
        start,
        jac=True,
        hessp=hessp,
        method="Newton-CG",
        callback=lambda x: path.append(x.copy()),
        options={"xtol": 1e-12},
    )
    return found, np.stack(path)


def closed_form(x: np.ndarray) -> tuple[float, np.ndarray]:
    return optimize.rosen(x), optimize.rosen_der(x)


def main(argv: list[str] | None = None) -> None:
    options = everywhere.parser(__doc__).parse_args(argv)
    backends = everywhere.chosen(options.backends, exact=True)
    rng = np.random.default_rng(0)
    for size in SIZES:
        start, (x, u) = np.resize(START, size), rng.standard_normal((2, size))
        _, expected = newton_cg(closed_form, optimize.rosen_hess_prod, start)
        print(f"{size} variables: steps, products; distance from the minimum; errors of the gradient and the product")
        paths = {}
        for name, backend in backends.items():
            view = adhelpers.scipy.view(rosenbrock, backend, start)
            fun, hessp = view.value_and_gradient, view.hessian_product
            gradient = everywhere.error(fun(x)[1], optimize.rosen_der(x))
            product = everywhere.error(hessp(x, u), optimize.rosen_hess_prod(x, u))
            found, paths[name] = newton_cg(fun, hessp, start)
            distance = float(np.max(np.abs(found.x - 1.0)))
            print(f"{name:>18}: {found.nit}, {found.nhev}; {distance:.1e}; {gradient:.1e}, {product:.1e}")
            everywhere.require(found.success, f"{name}: {found.message}")
            everywhere.require(distance <= 1e-8, f"{name} ends {distance:.1e} from the minimum; 1e-8 allowed")
            everywhere.require(max(gradient, product) <= 1e-13, f"{name} is off SciPy's closed forms; 1e-13 allowed")
            # From (-1.2, 1, ...), with 100 variables, rounding would grow until even the number of steps differs.
            apart = everywhere.error(paths[name], expected)
            everywhere.require(
                apart <= 1e-9, f"{name} leaves the path of the closed forms by {apart:.1e}; 1e-9 allowed"
            )
        everywhere.require_agreement(paths, backends, 1e-9, f"all iterates of {size} variables")


if __name__ == "__main__":
    main()
