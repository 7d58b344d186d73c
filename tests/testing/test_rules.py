"""The rules stand in one place, and the page that tells them in full says the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import adhelpers.testing
from adhelpers.testing.rules import ALL_RULES, RULES, Rule, markdown_table

DESIGN = Path(__file__).parent.parent.parent / "docs" / "design.md"


def test_rules_are_numbered_from_1_in_order() -> None:
    assert [rule.number for rule in ALL_RULES] == list(range(1, len(ALL_RULES) + 1))
    assert ALL_RULES[0].name == "R1"


def test_only_kinks_are_left_to_the_framework() -> None:
    assert [rule.title for rule in ALL_RULES if not rule.has_scenarios] == ["kinks"]
    assert list(RULES) == [rule.name for rule in ALL_RULES if rule.has_scenarios]


def test_users_unpack_a_title_and_a_sentence_of_plain_text() -> None:
    assert adhelpers.testing.RULES is RULES
    title, sentence = RULES["R13"]
    assert title == "u"
    assert sentence == "constant to an outer derivative, unless differentiate_u=True"
    assert "`" not in "".join(title for title, _ in RULES.values())


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_each_rule_is_one_row_of_a_table(rule: Rule) -> None:
    for text in (rule.title, rule.sentence, rule.statement):
        assert text == text.strip()
        assert text
        assert not set(text) & {"|", "\n"}
        assert not text.endswith(".")  # the statement stands in a cell, the sentence in a line of its own


def test_a_rule_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL_RULES[0].title = "other"  # type: ignore[misc]


def test_the_table_of_the_design_page_is_that_of_the_rules() -> None:
    _, _, below = DESIGN.read_text(encoding="utf-8").partition("\n## The promises\n")
    section = below.partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == markdown_table().splitlines()
