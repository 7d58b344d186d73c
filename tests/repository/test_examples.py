"""The examples run, without a warning, and find that backends agree; what they compare with is right."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FRAMEWORKS = [name for name in ("torch", "jax", "autograd") if find_spec(name) is not None]


def run(tmp_path: Path, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The program as a reader starts it, in another directory, every warning an error."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / program), *options]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("stiff_ode.py", ()),
        ("implicit_differentiation.py", ()),
        ("hutchinson_trace.py", ()),
        ("levenberg_marquardt.py", ("--problems", "misra1a", "eckerle4")),
        ("levenberg_marquardt.py", ("--problems", "thurber", "mgh09")),
        ("newton_cg.py", ()),
        ("bratu.py", ()),
        ("image_sensitivity.py", ()),
    ],
)
def test_backends_agree(program: str, options: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    if len(FRAMEWORKS) < 2:
        pytest.skip("two frameworks are needed, to be compared")
    ended = run(tmp_path, program, *options, "--backends", *FRAMEWORKS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(f"{', '.join(FRAMEWORKS)} agree") >= 1
    assert not ended.stderr


@pytest.mark.parametrize("program", ["stiff_ode.py", "hutchinson_trace.py", "bratu.py"])
def test_numpy_alone_will_do(program: str, tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    ended = run(tmp_path, program, "--backends", "finite-difference")
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "program",
    [
        "implicit_differentiation.py",
        "levenberg_marquardt.py",
        pytest.param("newton_cg.py", marks=pytest.mark.skipif(find_spec("scipy") is None, reason="it imports SciPy")),
        "image_sensitivity.py",
    ],
)
def test_what_needs_exact_derivatives_says_so(program: str, tmp_path: Path) -> None:
    ended = run(tmp_path, program, "--backends", "finite-difference")
    assert ended.returncode == 1
    assert ended.stderr == "this program needs exact derivatives, which 'finite-difference' does not have\n"


def test_the_package_with_fits_passes_its_own_tests_on_every_framework() -> None:
    if not {"torch", "jax"} <= set(FRAMEWORKS):
        pytest.skip("its README uses PyTorch and JAX")
    package = EXAMPLES / "errorbars"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir", "."]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package / "src"), str(EXAMPLES.parent)])}
    ended = subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_picture_is_saved(tmp_path: Path) -> None:
    for module in ("autograd", "scipy", "matplotlib"):
        pytest.importorskip(module)
    ended = run(tmp_path, "image_sensitivity.py", "--backends", "autograd", "--plot", "digits.png")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "digits.png").stat().st_size > 10_000


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import one of the examples."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module


def test_a_difference_ends_the_program(example: Any) -> None:
    everywhere = example("everywhere")
    backends = everywhere.chosen(["finite-difference"])
    backends["other"] = backends["finite-difference"]
    with pytest.raises(SystemExit, match="roots on other differs from finite-difference by 1.0e-01; "):
        everywhere.require_agreement({"finite-difference": [1.0, 2.0], "other": [1.0, 2.2]}, backends, 1e-9, "roots")
    with pytest.raises(SystemExit, match="by nan"):
        everywhere.require_agreement({"finite-difference": [1.0], "other": [np.nan]}, backends, 1e-9, "roots")


def test_the_boiling_curve_is_that_of_an_accurate_solution(example: Any) -> None:
    mpmath = pytest.importorskip("mpmath")
    implicit = example("implicit_differentiation")
    at = {"T": 273.7, "a": 3.655, "b": 0.04283}  # carbon dioxide

    with mpmath.workdps(40):

        def volume(phase: int, T: Any, a: Any, b: Any) -> Any:
            """Maxwell's rule: equal pressures, and as much area above the isotherm as below."""

            def pressure(v: Any) -> Any:
                return implicit.R * T / (v - b) - a / v**2

            def conditions(liquid: Any, vapour: Any) -> list[Any]:
                area = implicit.R * T * mpmath.log((vapour - b) / (liquid - b)) + a / vapour - a / liquid
                return [pressure(liquid) - pressure(vapour), area - pressure(liquid) * (vapour - liquid)]

            return mpmath.findroot(conditions, (0.0775, 0.302))[phase]

        v = np.array([[float(volume(phase, **at))] for phase in (0, 1)])
        found = implicit.closed_forms(v, **{key: np.array([value]) for key, value in at.items()})
        for key, value in at.items():
            for phase in (0, 1):
                exact = mpmath.diff(lambda x, key=key, phase=phase: volume(phase, **{**at, key: x}), value)
                assert found[key][phase, 0] == pytest.approx(float(exact), rel=1e-10)


def test_hutch_plus_plus_is_exact_for_a_matrix_of_low_rank_and_unbiased_for_others(example: Any) -> None:
    hutchinson_trace = example("hutchinson_trace")
    rng = np.random.default_rng(0)
    low = rng.standard_normal((3, 20, 4)) @ rng.standard_normal((3, 4, 20))
    full = rng.standard_normal((3, 20, 20))
    for matrix in (low, full):

        def push(u: Any, matrix: Any = matrix) -> Any:
            return np.einsum("bij,sbj->sbi", matrix, u)

        signs = rng.choice([-1.0, 1.0], size=(400, 2, 5, 3, 20))
        found = np.array([hutchinson_trace.hutch_plus_plus(push, sketch, probes) for sketch, probes in signs])
        trace = np.trace(matrix, axis1=1, axis2=2)
        if matrix is low:
            np.testing.assert_allclose(found, np.broadcast_to(trace, found.shape), rtol=1e-9, atol=1e-9)
        else:
            standard_error = np.std(found, axis=0, ddof=1) / len(found) ** 0.5
            assert np.all(np.abs(np.mean(found, axis=0) - trace) < 4.5 * standard_error)
