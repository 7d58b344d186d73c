"""`compare`: every way in which backends can differ is seen, named with its place, and explained.

What must be reported follows from how the functions below were made to differ, with derivatives worked out by hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adhelpers
from adhelpers import ComparisonReport, array_namespace, compare
from adhelpers.comparison import Result, probing
from adhelpers.comparison.deviations import BLOCK, Tolerance, measure
from adhelpers.testing import assert_backends_agree

autograd = pytest.importorskip("autograd")

PAIR = ("autograd", "finite-difference")
"""Two backends that start quickly."""
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def quickly(f: Any, x: Any, *args: Any, **options: Any) -> ComparisonReport:
    if not isinstance(f, dict):
        options.setdefault("backends", PAIR)
    return compare(f, x, *args, **{"timing": False, **options})


def result(report: ComparisonReport, operation: str, backend: str) -> Result:
    (found,) = [r for r in report.results if (r.operation, r.backend) == (operation, backend)]
    return found


def statuses(report: ComparisonReport, backend: str) -> dict[str, str]:
    return {r.operation: r.status for r in report.results if r.backend == backend}


def cubic(x: Any) -> Any:
    return x**3


def tree_model(x: Any) -> Any:
    xp = array_namespace(x["w"])
    return {"layers": [xp.sin(x["w"]), x["w"] * x["b"]], "norm": xp.sum(x["w"] ** 2)}


TREE = {"w": X, "b": np.asarray(0.7)}


def stopped(x: Any) -> Any:
    """The argument without its derivative, on autograd."""
    return autograd.tracer.getval(x)


# -- what agrees --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_right_functions_agree_in_every_operation(dtype: str) -> None:
    report = quickly(cubic, X.astype(dtype))
    assert report.agree, str(report)
    assert [r.operation for r in report.results] == [
        o for o in ("value", "jvp", "vjp", "batched_jacobian") for _ in PAIR
    ]


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_frameworks_agree_in_64_bits_and_no_global_setting_is_touched(framework: str) -> None:
    pytest.importorskip(framework)
    report = quickly(tree_model, TREE, backends=["autograd", framework])
    assert report.agree, str(report)
    if framework == "jax":
        import jax

        assert not jax.config.jax_enable_x64
    for pair in report.pairs:
        assert pair.deviation.max_rel < 1e-13


def test_numbers_and_structures_are_taken() -> None:
    assert quickly(tree_model, {"w": X.astype(">f8")[::-1], "b": 2.0}).agree
    assert quickly(lambda x: x[0] * x[1], (1.5, 2.0)).agree


def test_everything_is_compared_where_no_backend_is_named() -> None:
    report = compare(cubic, X, operations=["jvp"], timing=False)
    assert set(PAIR) <= set(report.backends)
    assert report.agree


def test_x_is_not_changed_by_a_function_that_works_in_place() -> None:
    def in_place(x: Any) -> Any:
        x *= 2.0
        return x

    x = X.copy()
    quickly(in_place, x, backends=["finite-difference"])
    np.testing.assert_array_equal(x, X)


def test_deviation_is_zero_where_results_are_the_same() -> None:
    deviation = result(quickly(cubic, X), "value", "autograd").deviation
    assert deviation is not None
    assert (deviation.max_abs, deviation.max_rel, deviation.max_ulp, deviation.differing) == (0.0, 0.0, 0.0, 0)


# -- what differs -------------------------------------------------------------------------------------


def ports(wrong: Callable[[Any], Any], right: Callable[[Any], Any] = cubic) -> dict[str, Callable[[Any], Any]]:
    return {"autograd": wrong, "finite-difference": right}


def test_wrong_value_is_named_with_its_place() -> None:
    report = quickly(ports(lambda x: cubic(x) + np.eye(2, 3, 1)), X)
    assert not report.agree
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert wrong.deviation.place in ("f(x)[0, 1]", "f(x)[1, 2]")
    assert wrong.deviation.max_abs == pytest.approx(1.0)
    assert wrong.deviation.differing == 2
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert statuses(report, "autograd") == {
        "value": "differs",
        "jvp": "agrees",
        "vjp": "agrees",
        "batched_jacobian": "agrees",
    }
    (finding,) = report.findings
    assert ("f(x)[0, 1]", "0", "-1") in finding.entries  # (-1)**3 + 1, beside what is right


@pytest.mark.parametrize("error", [1e-3, 1e-7, 1e-9])
def test_wrong_value_is_found_however_small_against_rounding(error: float) -> None:
    report = quickly(ports(lambda x: (1.0 + error) * cubic(x)), X)
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert wrong.deviation.max_rel == pytest.approx(error, rel=1e-2)


def test_wrong_derivative_alone_is_said_to_be_that() -> None:
    report = quickly(ports(lambda x: x**2 * stopped(x)), X)
    assert statuses(report, "autograd") == {
        "value": "agrees",
        "jvp": "differs",
        "vjp": "differs",
        "batched_jacobian": "differs",
    }
    assert all("the values of f agree; only derivatives on autograd differ" in f.words for f in report.findings)
    jacobian = result(report, "batched_jacobian", "autograd").deviation
    assert jacobian is not None
    assert jacobian.max_abs == pytest.approx(4.0, rel=1e-4)  # 2 x**2 instead of 3 x**2, at x = 2


def test_stopped_gradient_gives_zeros() -> None:
    report = quickly(ports(lambda x: cubic(stopped(x)) + 0.0 * x), X)
    assert any("is zero, as where a gradient is stopped" in words for f in report.findings for words in f.words)


def test_one_wrong_element_of_a_nested_leaf_is_named() -> None:
    def wrong(x: Any) -> Any:
        y = tree_model(x)
        mask = np.zeros((2, 3))
        mask[1, 2] = 1e-2
        y["layers"][1] = y["layers"][1] + mask * x["w"]
        return y

    report = quickly(ports(wrong, tree_model), TREE)
    for operation, place in (("value", "f(x)['layers'][1][1, 2]"), ("jvp", "f(x)['layers'][1][1, 2]")):
        found = result(report, operation, "autograd")
        assert found.status == "differs"
        assert found.deviation is not None
        assert (found.deviation.place, found.deviation.differing) == (place, 1)
    pulled = result(report, "vjp", "autograd")
    assert pulled.deviation is not None
    assert pulled.deviation.place == "x['w'][1, 2]"


def test_complex_conjugate_is_recognised() -> None:
    z = X + 1j * X[::-1]
    report = quickly(ports(lambda x: np.conj(x) ** 2, lambda x: x**2), z)
    assert statuses(report, "autograd")["value"] == "differs"
    assert any("is the complex conjugate of that of" in words for words in report.findings[0].words)


def test_derivative_of_the_wrong_conjugation_is_recognised() -> None:
    """The values of abs(z)**2 are real in both; with the conjugate stopped the product with u is conj(z) u."""
    z = X + 1j * X[::-1]
    report = quickly(ports(lambda x: np.conj(stopped(x)) * x, lambda x: np.conj(x) * x), z, operations=["jvp", "vjp"])
    assert statuses(report, "autograd") == {"value": "agrees", "jvp": "differs", "vjp": "differs"}


@pytest.mark.parametrize(("factor", "words"), [(-1.0, "is the negative of that of"), (2.0, "is 2 times that of")])
def test_simple_factors_are_recognised(factor: float, words: str) -> None:
    report = quickly(ports(lambda x: factor * cubic(x)), X)
    assert all(any(words in sentence for sentence in finding.words) for finding in report.findings)


def test_result_of_another_shape_or_structure_differs() -> None:
    for wrong, words in (
        (lambda x: cubic(x)[:1], "has shape (1, 3)"),
        (lambda x: [cubic(x)], "has the leaves f(x)[0]"),
    ):
        found = result(quickly(ports(wrong), X), "value", "autograd")
        assert found.status == "differs"
        assert found.error is not None
        assert words in found.error


def test_odd_one_out_of_three_is_named_where_differences_cannot_tell() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    wrong = {"jax": cubic, "autograd": lambda x: x**2 * stopped(x) * 1e-7 + cubic(x) * (1 - 1e-7), "torch": cubic}
    report = quickly(wrong, X, operations=["jvp"])
    assert result(report, "value", "autograd").status == "agrees"
    assert [r.backend for r in report.results if r.status == "differs"] == ["autograd"]
    assert result(report, "jvp", "autograd").against in ("jax", "torch")


def test_ports_without_a_reference_of_their_own_are_held_to_differences_of_one() -> None:
    pytest.importorskip("torch")
    import torch

    report = quickly({"autograd": cubic, "torch": lambda x: x**2 * x.detach()}, X)
    assert set(statuses(report, "autograd").values()) == {"agrees"}
    assert statuses(report, "torch")["jvp"] == "differs"
    only = quickly({"torch": lambda x: torch.relu(x) ** 2}, X)  # a function of tensors alone
    assert only.agree, str(only)


def test_pairs_hold_every_two_backends() -> None:
    report = quickly(ports(lambda x: 1.5 * cubic(x)), X)
    pair = next(p for p in report.pairs if p.operation == "value")
    assert (pair.first, pair.second, pair.agree) == (*PAIR, False)
    assert pair.deviation.max_abs == pytest.approx(4.0)  # half of 2**3
    assert pair.deviation.max_rel == pytest.approx(1 / 3)


# -- tolerances ---------------------------------------------------------------------------------------


def test_ill_conditioned_functions_have_wider_tolerances() -> None:
    """x**2 - 1 near 1, in two ways: the difference is rounding of x**2, a million times as large in what is left."""
    x = 1.0 + np.array([3.1e-10, 7.7e-10, 1.3e-9])
    report = quickly(ports(lambda x: x * x - 1.0, lambda x: (x - 1.0) * (x + 1.0)), x, operations=["jvp"])
    assert report.agree, str(report)
    deviation = result(report, "value", "autograd").deviation
    assert deviation is not None
    assert deviation.max_ulp > 1e5


def test_user_tolerance_that_is_too_tight_is_said_to_be_rounding() -> None:
    x = np.random.default_rng(0).standard_normal(100)
    report = quickly(ports(lambda x: (x * 1.1) * x * x, lambda x: 1.1 * (x * x * x)), x, rtol=0.0, atol=0.0)
    assert result(report, "value", "autograd").status == "differs"
    assert any("of the size of rounding" in words for words in report.findings[0].words)
    assert quickly(ports(lambda x: (x * 1.1) * x * x, lambda x: 1.1 * (x * x * x)), x).agree


def test_user_tolerance_may_be_wide() -> None:
    assert quickly(ports(lambda x: 1.001 * cubic(x)), X, rtol=1e-2).agree


def test_single_precision_in_double_is_suspected() -> None:
    report = quickly(ports(lambda x: float(np.float32(0.1)) * x, lambda x: 0.1 * x), X)
    assert not report.agree
    assert any("rounding in single precision" in words for words in report.findings[0].words)


def test_tolerances_are_stated() -> None:
    notes = "\n".join(quickly(cubic, X).notes)
    assert "reference: finite-difference" in notes
    assert re.search(r"jvp: tolerance to finite-difference rtol \d.*atol \d", notes)
    assert "rounding x changes it by" in notes


# -- kinks and NaNs -----------------------------------------------------------------------------------


def relu(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.where(x > 0.0, x, 0.0 * x)


def magnitude(x: Any) -> Any:
    return array_namespace(x).abs(x)


KINK = np.array([[0.0, 1.0, -2.0], [3.0, 0.0, -1.0]])


def test_reference_at_a_kink_blames_nobody() -> None:
    report = quickly(relu, KINK)
    assert report.agree
    assert {f.operation for f in report.findings} == {"jvp", "vjp", "batched_jacobian"}
    assert all("x lies at a kink" in finding.words[0] for finding in report.findings)


@pytest.mark.parametrize("framework", ["jax"])
def test_conventions_at_a_kink_are_no_error_of_one_framework(framework: str) -> None:
    pytest.importorskip(framework)
    report = quickly(magnitude, KINK, backends=["autograd", framework])
    assert not report.agree
    for operation in ("jvp", "vjp", "batched_jacobian"):
        assert {r.status for r in report.results if r.operation == operation} == {"kink"}
    assert not [r for r in report.results if r.status == "differs"]
    assert "x lies at a kink, where f has no derivative (at " in str(report)


def test_error_beside_a_kink_is_no_kink() -> None:
    def wrong(x: Any) -> Any:
        return relu(x) + 0.1 * np.eye(2, 3, 1) * (x - stopped(x))

    report = quickly(ports(wrong, relu), KINK)
    assert result(report, "value", "autograd").status == "agrees"
    assert statuses(report, "autograd")["jvp"] == "differs"


def test_smooth_functions_have_no_kink() -> None:
    for f in (lambda x: x**2, lambda x: x**4, lambda x: array_namespace(x).sin(1e2 * x)):
        report = quickly(ports(lambda x, f=f: f(stopped(x)) + 0.0 * x, f), KINK)
        assert not any("kink" in words for finding in report.findings for words in finding.words)


def test_nans_at_the_same_places_agree() -> None:
    def f(x: Any) -> Any:
        return x * np.array([1.0, np.nan, 1.0])

    report = quickly(f, X)
    assert report.agree
    assert any("value: 2 entries are NaN at the same places" in note for note in report.notes)


def test_nan_in_one_place_alone_differs() -> None:
    report = quickly(ports(lambda x: cubic(x) * np.array([[1.0, 1.0, np.nan], [1.0] * 3])), X)
    wrong = result(report, "value", "autograd")
    assert wrong.status == "differs"
    assert wrong.deviation is not None
    assert (wrong.deviation.place, wrong.deviation.max_abs) == ("f(x)[0, 2]", np.inf)
    json.loads(report.to_json(), parse_constant=pytest.fail)  # it is strict JSON


# -- what fails ---------------------------------------------------------------------------------------


def test_failure_on_one_backend_stops_no_other() -> None:
    def fails(x: Any) -> Any:
        raise RuntimeError("not here")

    report = quickly(ports(fails), X)
    assert set(statuses(report, "autograd").values()) == {"failed"}
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert not report.agree
    assert result(report, "vjp", "autograd").error == "RuntimeError: not here"


def test_function_that_exits_stops_no_other() -> None:
    def exits(x: Any) -> Any:
        raise SystemExit(3)

    report = quickly(ports(exits), X)
    assert set(statuses(report, "finite-difference").values()) == {"agrees"}
    assert result(report, "value", "autograd").error == "SystemExit: 3"


def test_failure_of_the_reference_stops_no_other() -> None:
    pytest.importorskip("torch")

    def no_numpy(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise TypeError("tensors, please")
        return x**3

    report = quickly(no_numpy, X, backends=["torch", "finite-difference"])
    assert set(statuses(report, "torch").values()) == {"agrees"}
    assert set(statuses(report, "finite-difference").values()) == {"failed"}
    assert any("the reference takes the function of torch" in note for note in report.notes)


def test_missing_rules_are_unsupported() -> None:
    @autograd.extend.primitive
    def opaque(x: Any) -> Any:
        return x**3

    report = quickly(ports(opaque), X)
    assert statuses(report, "autograd") == {
        "value": "agrees",
        "jvp": "unsupported",
        "vjp": "unsupported",
        "batched_jacobian": "unsupported",
    }


def test_batched_jacobian_is_left_out_with_the_reason() -> None:
    report = quickly(lambda x: x / array_namespace(x).sum(x), X)
    assert report.agree
    assert any(note.startswith("batched_jacobian was left out: BatchMixingError: f mixes") for note in report.notes)
    asked = quickly(lambda x: array_namespace(x).sum(x), X, operations=["batched_jacobian"])
    assert result(asked, "batched_jacobian", "autograd").status == "failed"


def test_pullback_by_differences_that_takes_too_long_is_replaced_by_a_pairing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_SECONDS", 0.0)
    right = quickly(cubic, X)
    assert right.agree
    assert ("vjp", "finite-difference") not in {(r.operation, r.backend) for r in right.results}
    assert any("vjp was left out on finite-difference: it has no reverse mode" in note for note in right.notes)
    wrong = quickly(ports(lambda x: x**2 * stopped(x)), X)
    pulled = result(wrong, "vjp", "autograd")
    assert pulled.status == "differs"
    assert pulled.error is not None
    assert pulled.error.startswith("its product with the tangent is ")


def test_jacobian_that_would_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST_JACOBIAN_BYTES", 8 * 2 * 2 * 3 - 1)
    notes = quickly(cubic, X).notes
    assert any("batched_jacobian was left out on autograd, finite-difference: it would hold" in note for note in notes)
    monkeypatch.setattr(probing, "MOST_JACOBIAN_BYTES", 8 * 2 * 2 * 3)
    assert len(quickly(cubic, X).results) == 8


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((3, X), {}, TypeError, "f must be a function, or a dict"),
        (({}, X), {}, TypeError, "it is empty"),
        ((cubic, [1, 2]), {}, TypeError, "x[0] is an int, but x is NumPy data"),
        ((cubic, np.ones(3, int)), {}, TypeError, "x has dtype int64, but only floating"),
        ((cubic, "x"), {}, TypeError, "x is a str, but x is NumPy data"),
        ((cubic, ()), {}, ValueError, "x has no leaves"),
        ((cubic, X, np.ones(7)), {}, ValueError, "u is shaped neither as x nor as f(x)"),
        (
            (cubic, X),
            {"operations": ["grad"]},
            ValueError,
            "operations are some of jvp, vjp, batched_jacobian, but grad",
        ),
        ((cubic, X), {"operations": []}, ValueError, "but none was given"),
        ((cubic, X), {"batch_axis": 1}, ValueError, "batch_axis is 1; write -1"),
        ((cubic, X), {"rtol": -1.0}, ValueError, "rtol is -1.0"),
        ((cubic, X), {"backends": ["jaks"]}, LookupError, "no backend is named 'jaks'"),
        ((cubic, X), {"backends": []}, ValueError, "there is no backend to compare"),
        (({"autograd": cubic}, X), {"backends": ["finite-difference"]}, ValueError, "f has no function for finite-"),
    ],
)
def test_misuse_is_told(arguments: Any, options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        compare(*arguments, **{"backends": None if isinstance(arguments[0], dict) else PAIR, **options})
    assert words in str(raised.value)


# -- given directions ---------------------------------------------------------------------------------


def test_u_is_the_tangent_or_the_cotangent() -> None:
    """At a tangent of zeros every jvp is zero, whatever the function; the cotangent is drawn."""
    report = quickly({"autograd": cubic}, X, np.zeros_like(X), reference=None)
    assert report.agree
    wrong = quickly(ports(lambda x: x**2 * stopped(x), cubic), {"a": X}["a"], np.zeros_like(X), operations=["jvp"])
    assert wrong.agree
    scalar = quickly(lambda x: array_namespace(x).sum(x), X, np.asarray(0.0), operations=["vjp"])
    assert scalar.agree


# -- the report ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> ComparisonReport:
    """Of a function with a name that must be escaped, wrong in one derivative."""

    def model_with_a_star(x: Any) -> Any:
        return x**2 * stopped(x)

    model_with_a_star.__name__ = "<model> *|&"
    return compare(ports(model_with_a_star), X)


def test_times_are_reported_unless_unwanted(report: ComparisonReport) -> None:
    assert all(r.seconds is not None and 0.0 < r.seconds < 10.0 for r in report.results)
    assert all(r.first_seconds is not None and r.first_seconds > 0.0 for r in report.results)
    assert all(r.seconds is None and r.first_seconds is None for r in quickly(cubic, X).results)


def test_json_has_what_a_machine_needs(report: ComparisonReport, tmp_path: Path) -> None:
    text = report.to_json(tmp_path / "r.json")
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == text
    read = json.loads(text)
    assert read["agree"] is False
    assert len(read["results"]) == len(report.results) == 8
    needed = {"function", "operation", "backend", "status", "max_abs", "max_rel", "max_ulp", "seconds", "error"}
    for found in read["results"]:
        assert needed | {"path", "index", "against", "from_reference", "first_seconds"} <= found.keys()
    assert {found["status"] for found in read["results"]} == {"agrees", "differs"}
    assert len(read["pairs"]) == 4
    assert read["findings"]
    assert read["notes"]


def test_html_is_one_page_that_fetches_nothing(report: ComparisonReport, tmp_path: Path) -> None:
    page = report.to_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page
    assert not re.search(r"https?:|//|<script|<link|<img|url\(|@import|src=", page)
    assert "&lt;model&gt; *|&amp;" in page
    assert "<model>" not in page
    assert page.count("<table>") == page.count("</table>") >= 4
    assert "only derivatives on autograd differ" in page


def test_markdown_has_tables_of_one_width_each(report: ComparisonReport) -> None:
    text = report.to_markdown()
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "What disagrees" in text


def test_text_names_the_place_and_shows_the_entries(report: ComparisonReport) -> None:
    text = str(report)
    assert re.search(r"batched_jacobian on autograd: deviates by .* the worst entry is J\[[01], [01], [012]\]", text)
    assert "the worst entries" in text
    assert "5 of 8 results agree." in text
    assert "\x1b" not in text


def test_plot_is_a_picture(report: ComparisonReport, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report.plot(tmp_path / "r.png")
    picture = (tmp_path / "r.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
    titles = [axis.get_title() for part in report.plot().subfigs for axis in part.axes]
    assert titles[:4] == ["value", "jvp", "vjp", "batched_jacobian"]


def test_plot_without_times_or_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    found = quickly(cubic, X[0], backends=["finite-difference"])
    assert found.plot().axes
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'adhelpers\[plot\]'"):
        found.plot()


# -- numbers ------------------------------------------------------------------------------------------


def test_units_in_the_last_place_are_counted() -> None:
    for dtype in (np.float32, np.float64):
        a = np.array([1.0, 3.0, 1e-3], dtype)
        b = np.nextafter(np.nextafter(a, np.inf, dtype=dtype), np.inf, dtype=dtype)
        deviation = measure({"y": a}, {"y": b}, Tolerance(0.0, {"y": 0.0})).deviation
        assert deviation.max_ulp == pytest.approx(2.0)
        assert deviation.differing == 3


def test_worst_place_is_found_beyond_the_first_block() -> None:
    a = np.ones((3, BLOCK // 2, 2))
    b = a.copy()
    b[2, 17, 1] += 1e-3
    b[1, 3, 0] += 1e-4
    seen = measure({"p": np.zeros(0), "q": a}, {"p": np.zeros(0), "q": b}, Tolerance(1e-6, {"p": 0.0, "q": 0.0}))
    assert seen.places == (("q", (2, 17, 1)), ("q", (1, 3, 0)))
    assert (seen.deviation.path, seen.deviation.index, seen.deviation.differing) == ("q", (2, 17, 1), 2)


# -- memory and progress ------------------------------------------------------------------------------

LARGE = """
import resource, sys
import numpy as np
from adhelpers import array_namespace, compare
def f(x):
    return array_namespace(x).sin(x) * x
backends = sys.argv[1].split(",")
compare(f, np.ones((2, 2)), backends=backends, timing=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = compare(f, np.linspace(-3.0, 3.0, 10_000_000), backends=backends, timing=False, operations=["jvp", "vjp"])
assert report.agree, report
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
@pytest.mark.parametrize("backends", ["autograd,finite-difference", "autograd,torch,finite-difference"])
def test_ten_million_elements_take_three_times_their_memory_per_backend(backends: str) -> None:
    if "torch" in backends:
        pytest.importorskip("torch")
    run = subprocess.run([sys.executable, "-c", LARGE, backends], capture_output=True, text=True, check=True)
    data = 4 * 80e6 / 1024  # x, its tangent, f(x) and a product: 10 million float64 each
    assert int(run.stdout) < 3 * data * (backends.count(",") + 1)


SLOW = """
import time
import numpy as np
from adhelpers import compare
def slow(x):
    time.sleep(0.4)
    return x
compare(slow, np.ones(2), backends=["finite-difference"], timing=False, operations=["jvp"])
"""


@pytest.mark.parametrize("rich", [True, False])
def test_work_of_more_than_a_second_shows_progress_on_a_terminal(rich: bool) -> None:
    pty = pytest.importorskip("pty")
    if rich:
        pytest.importorskip("rich")
    script = SLOW if rich else "import sys; sys.modules['rich.console'] = None\n" + SLOW
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", script], stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert run.returncode == 0, shown
    assert b"slow: jvp on finite-difference" in shown


# -- in a test ----------------------------------------------------------------------------------------


def test_agreement_is_asserted() -> None:
    assert isinstance(assert_backends_agree(cubic, X, backends=PAIR), ComparisonReport)
    with pytest.raises(AssertionError, match=r"the backends do not agree\n\nComparison of <lambda>/cubic") as raised:
        assert_backends_agree(ports(lambda x: x**2 * stopped(x)), X)
    assert "only derivatives on autograd differ" in str(raised.value)


def test_name_of_the_function_is_that_of_no_module() -> None:
    assert callable(adhelpers.compare)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x**5, np.zeros((3, 2))),
        (lambda x: x**5, np.asarray(0.0)),
        (lambda x: x**5, np.full((3, 2), 1e-8)),
        (lambda x: (x - 1.0) ** 7, 1.0 + 1e-3 * np.arange(6.0).reshape(3, 2)),
    ],
)
def test_what_differences_cut_off_is_nobodys_fault_where_a_function_is_flat(f: Any, x: Any) -> None:
    assert adhelpers.compare(f, x, backends=["autograd", "finite-difference"], timing=False).agree


def test_a_small_fault_where_a_function_is_flat_is_found() -> None:
    def port(x: Any) -> Any:
        return x**5 + 1e-6 * x

    ports = {"finite-difference": lambda x: x**5, "autograd": port}
    report = adhelpers.compare(ports, np.zeros((3, 2)), timing=False)
    assert {(r.operation, r.backend) for r in report.results if r.status != "agrees"} == {
        (operation, "autograd") for operation in ("jvp", "vjp", "batched_jacobian")
    }
