"""The lists are strict: what is not listed fails, what is listed and works fails too, and a wrong value always does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from corpora import expected
from corpora.expected import Entry


def result(operator: str, *outcomes: tuple[str, str, str], sample: int = 0) -> dict[str, Any]:
    return {
        "operator": operator,
        "sample": sample,
        "words": f"{operator}(...)",
        "outcomes": [list(o) for o in outcomes],
    }


RIGHT = result("sin", ("jvp", "right", ""), ("vjp", "unjudged", "a kink"))
REFUSED = result("cdist", ("jvp", "refused", "no rule"), ("vjp", "right", ""))
WRONG = result("det", ("jvp", "right", ""), ("hvp", "wrong", "0, and 1 is right"))


def test_what_is_right_needs_no_entry() -> None:
    assert expected.faults([RIGHT], {}) == []


def test_what_fails_unlisted_is_a_fault() -> None:
    (fault,) = expected.faults([REFUSED], {})
    assert fault == "cdist, jvp: refused: no rule\n    cdist(...)"
    assert expected.faults([REFUSED], {("cdist", "jvp"): Entry("refused", "why")}) == []
    assert len(expected.faults([REFUSED], {("cdist", "jvp"): Entry("raises", "why")})) == 2  # otherwise, and stale


def test_what_is_listed_and_works_is_a_fault() -> None:
    entries = {("sin", "jvp"): Entry("refused", "why"), ("tan", "jvp"): Entry("raises", "it was not run")}
    assert expected.faults([RIGHT], entries) == ["sin, jvp: listed as refused (why), and it is not any more"]
    assert expected.faults([RIGHT], entries, complete=False) == []


@pytest.mark.parametrize("verdict", ["refused", "raises", "right", "wrong"])
def test_a_wrong_value_is_a_fault_whatever_is_listed(verdict: str) -> None:
    faults = expected.faults([WRONG], {("det", "hvp"): Entry(verdict, "why")})
    assert faults[0] == "det, hvp: wrong: 0, and 1 is right\n    det(...)"


def test_only_by_hand_a_value_can_be_excused() -> None:
    assert expected.faults([WRONG], {("det", "hvp"): Entry("unjudged", "a convention")}) == []
    assert expected.updated([WRONG], {}) == {}
    kept = {("det", "hvp"): Entry("unjudged", "a convention")}
    assert expected.updated([WRONG], kept) == kept


def test_what_is_excused_is_not_looked_at_and_yet_stale_where_it_is_right() -> None:
    excused = {("cdist", "jvp"): Entry("unjudged", "a convention"), ("sin", "jvp"): Entry("unjudged", "once")}
    assert expected.faults([REFUSED], excused) == []
    assert expected.faults([RIGHT], excused) == ["sin, jvp: listed as unjudged (once), and it is not any more"]
    assert expected.updated([REFUSED, RIGHT], excused) == {("cdist", "jvp"): Entry("unjudged", "a convention")}


def test_one_sample_that_fails_suffices() -> None:
    results = [result("cdist", ("jvp", "right", "")), REFUSED]
    assert len(expected.faults(results, {})) == 1
    assert expected.faults(results, {("cdist", "jvp"): Entry("refused", "why")}) == []


def test_an_update_keeps_reasons_and_what_was_not_run() -> None:
    entries = {
        ("cdist", "jvp"): Entry("refused", "by hand"),
        ("cdist", "vjp"): Entry("raises", "once"),
        ("tan", "jvp"): Entry("raises", "why"),
    }
    new = expected.updated([REFUSED], entries)
    assert new == {("cdist", "jvp"): Entry("refused", "by hand"), ("tan", "jvp"): Entry("raises", "why")}
    assert expected.updated([REFUSED], {}) == {("cdist", "jvp"): Entry("refused", "no rule")}
    assert expected.faults([REFUSED], new) == []


def test_a_list_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "LISTS", tmp_path)
    assert expected.read("some") == {}
    entries = {
        ("b/float64", "jvp"): Entry("refused", "one | two"),
        ("b/float64", "vjp"): Entry("refused", "one | two"),
        ("a", "jvp"): Entry("raises", "RuntimeError: x"),
    }
    expected.write("some", entries)
    assert expected.read("some") == entries
    lines = (tmp_path / "some.txt").read_text().splitlines()
    assert lines[2:] == ["a | jvp | raises | RuntimeError: x", "b/float64 | jvp, vjp | refused | one | two"]


@pytest.mark.parametrize("name", ["pytorch", "jax_functions", "autograd_functions"])
def test_the_lists_make_sense(name: str) -> None:
    for (operator, check), entry in expected.read(name).items():
        assert entry.verdict in ("refused", "raises", "unjudged"), (operator, check)
        assert entry.why.strip(), (operator, check)
