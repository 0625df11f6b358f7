"""The diagnosis of the terminal: facts, rules, signatures and cures."""

import re
from typing import Any

import pytest

from flask_echo.diagnosis.book import book
from flask_echo.diagnosis.cures import CURES, SAME, cures_for
from flask_echo.diagnosis.paths import PATHS
from flask_echo.diagnosis.rules import RULES
from flask_echo.diagnosis.verdict import filled, judge
from tests.support.cases import CASES, NAMES, facts_of

VERDICTS = {"good", "notable", "bad", "unknown"}


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_terminal_judges_a_case(case: dict[str, Any]) -> None:
    facts = facts_of(case)
    verdict = judge(case["check"], facts)
    assert verdict.id == case["id"], facts
    assert verdict.product == case["product"]
    assert "{" not in verdict.meaning + verdict.advice


@pytest.mark.parametrize("check", RULES)
def test_each_check_has_a_verdict_for_everything(check: str) -> None:
    assert RULES[check][-1].when == {} or check == "connection"
    assert judge(check, {}).id


def test_every_rule_can_be_read() -> None:
    for check, rules in RULES.items():
        for rule in rules:
            assert rule.verdict in VERDICTS, (check, rule.id)
            assert re.fullmatch(r"[a-z0-9.-]+", rule.id)
            assert rule.meaning.endswith((".", "}")), rule.meaning
            assert rule.place or rule.verdict != "bad"


def test_rules_are_not_hidden_by_earlier_ones() -> None:
    for check, rules in RULES.items():
        for at, rule in enumerate(rules):
            for earlier in rules[:at]:
                assert not dict(earlier.when).items() <= dict(rule.when).items(), (check, rule.id)


def test_cures_belong_to_faults_that_can_be_found() -> None:
    faults = {rule.id for rules in RULES.values() for rule in rules} | set(SAME.values())
    for product, cures in CURES.items():
        assert set(cures) <= faults, product


def test_a_cure_that_names_addresses_names_all_of_the_service() -> None:
    for product, cures in CURES.items():
        for fault, lines in cures.items():
            if "inspect" in lines:
                missing = [path for path in PATHS if path[1:].split(".")[0] not in lines]
                assert not missing, f"{product}, {fault}"


def test_a_known_product_gets_its_own_cure_and_an_unknown_one_all() -> None:
    assert list(cures_for("upgrade-not-passed-on", "nginx")) == ["nginx"]
    assert len(cures_for("upgrade-not-passed-on", "")) > 10
    assert "Vite" in cures_for("upgrade-not-passed-on", "a product without cures")
    assert cures_for("upgrade-held", "Vite") == cures_for("upgrade-not-passed-on", "Vite")
    assert list(cures_for("upgrade-held", "http-proxy")) == [
        "http-proxy",
        "http-proxy-middleware",
        "Vite",
    ]


def test_of_several_products_on_the_path_those_come_first() -> None:
    found = list(cures_for("upgrade-not-passed-on", "Varnish", "nginx"))
    assert found[:3] == ["Varnish", "nginx", "Apache"]
    assert set(found) == set(cures_for("upgrade-not-passed-on", ""))


def test_a_line_to_paste_has_one_directive() -> None:
    for product in ("nginx", "Varnish"):
        for fault, lines in CURES[product].items():
            for line in (text.strip() for text in lines.splitlines()):
                is_whole = line.startswith("#") or re.fullmatch(r"[^;]*[{};]", line)
                assert is_whole, (product, fault, line)


def test_a_sentence_without_a_fact_stays_readable() -> None:
    assert filled("after {age}, {nothing}.", {"age": "3 s"}) == "after 3 s, ."


def test_the_book_has_all_checks() -> None:
    assert set(book()["rules"]) == set(RULES)
