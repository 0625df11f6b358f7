"""The form of deploy/grafana.json: a service test runs its queries."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from flask_echo.metrics.series import Series
from tests.support.dashboard import DASHBOARD, PANELS
from tests.support.prometheus import ALERTS
from tests.support.required import module

TEXT = ALERTS.read_text("utf-8")
RULES = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
RUNBOOK_URLS = {
    rule["alert"]: rule["annotations"]["runbook_url"] for rule in RULES if "alert" in rule
}

METRIC = re.compile(r"\b(?:websocket|log_lines|flask_echo)_\w+(?={)")


def kept_by_grafana(dashboard: dict[str, Any]) -> Any:
    """Return what remains of a dashboard in the types that are made from Grafana's schema."""
    module("grafana_foundation_sdk.cog.plugins").register_default_plugins()
    schema = module("grafana_foundation_sdk.models.dashboard").Dashboard
    encoder = module("grafana_foundation_sdk.cog.encoder").JSONEncoder
    return json.loads(json.dumps(schema.from_json(dashboard), cls=encoder))


def lost(ours: Any, kept: Any, place: str = "") -> list[str]:
    """Return the places at which ``kept`` lacks or changes something of ``ours``."""
    if isinstance(ours, dict) and isinstance(kept, dict):
        pairs = [(f"{place}/{key}", value, kept.get(key)) for key, value in ours.items()]
    elif isinstance(ours, list) and isinstance(kept, list) and len(ours) == len(kept):
        pairs = [(f"{place}/{i}", *both) for i, both in enumerate(zip(ours, kept, strict=True))]
    else:
        return [] if ours == kept else [place]
    return [found for name, one, other in pairs for found in lost(one, other, name)]


def test_the_schema_of_grafana_knows_every_field() -> None:
    assert lost(DASHBOARD, kept_by_grafana(DASHBOARD)) == []


def test_the_schema_finds_mistakes() -> None:
    wrong = json.loads(json.dumps(DASHBOARD))
    wrong["panels"][1]["fieldConfig"]["default"] = {"unit": "s"}
    wrong["panels"][1]["options"]["textmode"] = "auto"
    mistakes = ["/panels/1/fieldConfig/default", "/panels/1/options/textmode"]
    assert sorted(lost(wrong, kept_by_grafana(wrong))) == mistakes


def test_each_panel_has_a_number_and_a_place_of_its_own() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for one, other in combinations(places, 2):
        assert is_beside(one, other, "x", "w") or is_beside(one, other, "y", "h"), (one, other)
    assert all(0 <= place["x"] <= 24 - place["w"] for place in places)
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def is_beside(one: dict[str, int], other: dict[str, int], begin: str, size: str) -> bool:
    return one[begin] + one[size] <= other[begin] or other[begin] + other[size] <= one[begin]


@pytest.mark.parametrize("title", PANELS)
def test_each_panel_has_words_a_unit_and_the_chosen_source_and_instances(title: str) -> None:
    panel = PANELS[title]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    for each in (panel, *panel["targets"]):
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        selectors = re.findall(r"\w+{([^}]*)}", target["expr"])
        assert selectors
        assert all(each.startswith('job=~"$job", instance=~"$instance"') for each in selectors)


def test_all_metrics_are_shown_and_the_alerts_know_no_others() -> None:
    registry = CollectorRegistry()
    Series(registry)
    samples = {sample.name for metric in registry.collect() for sample in metric.samples}
    # The panels show the buckets of the histogram. The service offers no times of creation.
    unseen = ("_created", "_seconds_sum", "_seconds_count")
    expected = {name for name in samples if not name.endswith(unseen)}
    queries = [target["expr"] for panel in PANELS.values() for target in panel["targets"]]
    assert set(METRIC.findall(" ".join(queries))) == expected
    assert set(METRIC.findall(TEXT)) <= samples


def test_the_panels_lead_to_all_alerts_in_the_runbook() -> None:
    links = [link for panel in PANELS.values() for link in panel.get("links", ())]
    found = {link["title"].removeprefix("Runbook: "): link["url"] for link in links}
    assert found == RUNBOOK_URLS


def test_the_runbook_names_panels_that_there_are() -> None:
    runbook = (ALERTS.parent.parent / "docs/runbook.md").read_text("utf-8").replace("\n", " ")
    named = set(re.findall(r'"([A-Z][^"]+)"', runbook)) - {"Targets"}  # That one is Prometheus's.
    assert named
    assert named <= PANELS.keys()
