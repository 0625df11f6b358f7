"""deploy/alerts.yml: what fires, what stays silent, and that the runbook knows each alert."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import ALERTS, example, promtool
from tests.support.servers import ROOT

CASES = ROOT / "tests/cases/alerts.yml"
(GROUP,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
RULES: dict[str, Any] = {rule["alert"]: rule for rule in GROUP["rules"] if "alert" in rule}
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")


def test_promtool_accepts_the_rules() -> None:
    ended = promtool("check", "rules", ALERTS)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_fires_and_is_silent_when_it_should() -> None:
    ended = promtool("test", "rules", CASES)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in rules_of(test)]
    for fires in (True, False):
        assert RULES.keys() == {name for name, alerts in cases if bool(alerts) == fires}


def rules_of(test: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(case["alertname"], case["exp_alerts"]) for case in test["alert_rule_test"]]


# What would be wrong in place of the first of each of these.
MISTAKES = {
    'up{job="flask-echo"} == 0 or ': "",
    "0 < avg_over_time": "avg_over_time",
    "< 0.9\n        for: 10m": "< 0.9\n        for: 5m",
    "> 0.9\n": "> 0.96\n",
    "for: 5m": "for: 1m",
    "> 6 / 300": "> 0",
    'and websocket_seats{job="flask-echo"} <= websocket_seats_taken{job="flask-echo"}\n': "",
    'unless min_over_time(websocket_draining{job="flask-echo"}[10m]) == 1\n': "",
    "whole_server[5m]": "whole_server[1m]",
    '{status=~"500|other"}': '{status="other"}',
    "> 30 / 300": "> 0",
    ', code="1006"': "",
    "offset 10m": "offset 1h",
    "> 0.8\n": "> 0.4\n",
    "== 1\n        for: 10m": "== 1\n        for: 5m",
    "[5m]) > 0\n": "[50m]) > 0\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("good", MISTAKES)
def test_the_cases_find_mistakes(good: str, tmp_path: Path) -> None:
    cases, rules = tmp_path / "tests/cases/alerts.yml", tmp_path / "deploy/alerts.yml"
    for file in (cases, rules):
        file.parent.mkdir(parents=True)
    shutil.copy(CASES, cases)
    text = ALERTS.read_text("utf-8")
    assert good in text
    rules.write_text(text.replace(good, MISTAKES[good], 1))
    assert "got:" in promtool("test", "rules", cases).stderr


def test_promtool_accepts_the_configuration_in_the_documents(tmp_path: Path) -> None:
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(example())
    shutil.copy(ALERTS, tmp_path)
    ended = promtool("check", "config", "--lint-fatal", configuration)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(GROUP['rules'])} rules found" in ended.stdout
    (tmp_path / ALERTS.name).unlink()
    assert promtool("check", "config", configuration).returncode


def test_the_runbook_has_a_section_for_each_alert_in_the_same_order() -> None:
    _, *sections = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)
    first, *alerts = (section.partition("\n") for section in sections)
    assert first[0] == "Something was killed"
    assert [name for name, _, _ in alerts] == list(RULES)
    for name, _, text in alerts:
        parts = re.findall(r"^\*\*(.*?)\.\*\*", text, re.MULTILINE)
        assert parts == ["Meaning", "First look", "Cure"], name


@pytest.mark.parametrize("name", RULES)
def test_each_alert_says_what_how_bad_and_where_to_look(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    _, _, place = rule["annotations"]["runbook_url"].partition("/docs/")
    assert place == f"runbook#{name.lower()}"
