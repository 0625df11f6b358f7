"""The sentence with which Diagnose begins: pure functions, called without the panel."""

from typing import Any

import pytest

from flask_echo.diagnosis.rules import RULES
from flask_echo.diagnosis.rules.rule import BAD, PROXY
from tests.support.browser import Page
from tests.support.modules import call

MODULE = "diagnose/conclusion.js"
OPEN = ("connection", {"verdict": "good", "id": "open"})

CONCLUDE_EACH = """
const [lists, done] = arguments;
import(new URL("static/js/diagnose/conclusion.js", location))
  .then(({ conclude }) => done(lists.map((outcomes) => conclude(outcomes).text)));
"""


def outcomes(*results: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Results by the id of their check, as the panel has them."""
    return [
        {"id": check, "title": check, "result": {"figure": "", "meaning": "", **result}}
        for check, result in results
    ]


def failed(verdict: str = "bad", **members: str) -> tuple[str, dict[str, Any]]:
    """A first check that has found no connection."""
    return "connection", {"verdict": verdict, "unconnected": True, **members}


@pytest.mark.parametrize(
    ("results", "text", "verdict"),
    [
        ([OPEN], "WebSockets work here", "good"),
        ([("idle", {"verdict": "good"})], "WebSockets work here", "good"),
        (
            [OPEN, ("host", {"verdict": "notable"}), ("origin", {"verdict": "notable"})],
            "WebSockets work, with 2 remarks",
            "notable",
        ),
        (
            [OPEN, ("host", {"verdict": "notable"}), ("integrity", {"verdict": "bad"})],
            "WebSockets work, with 1 problem and 1 remark",
            "bad",
        ),
        ([OPEN, ("path", {"verdict": "unknown"})], "WebSockets work here", "good"),
        (
            [OPEN, ("integrity", {"verdict": "bad", "unconnected": True, "place": "proxy"})],
            "WebSockets work, with 1 problem",
            "bad",
        ),
        (
            [OPEN, ("round-trip", {"verdict": "bad", "id": "cut-during-messages"})],
            "WebSockets open here, but are cut",
            "bad",
        ),
        (
            [OPEN, ("round-trip", {"verdict": "bad", "id": "no-reply"})],
            "WebSockets open here, but messages get lost",
            "bad",
        ),
        (
            [("connection", {"verdict": "bad", "unopened": "/WS.ashx"}), ("host", OPEN[1])],
            "WebSockets work at /echo, but not at /WS.ashx",
            "bad",
        ),
        ([failed(place="proxy", id="http-1.0")], "A proxy blocks WebSockets", "bad"),
        ([failed(place="service", id="origin-refused")], "The server refuses WebSockets", "bad"),
        (
            [failed(place="service", id="server-full")],
            "The server takes no more WebSockets for now",
            "bad",
        ),
        (
            [failed(place="behind the proxy", id="server-down")],
            "The server behind the proxy does not answer",
            "bad",
        ),
        ([failed(place="network", id="unreachable")], "The server is not reachable", "bad"),
        (
            [failed(place="server", id="no-websocket")],
            "The server has no WebSocket at this address",
            "bad",
        ),
        (
            [failed("unknown", place="", id="unknown")],
            "It is unknown why WebSockets do not work here",
            "unknown",
        ),
        (
            [failed(place="somewhere", id="new")],
            "It is unknown why WebSockets do not work here",
            "unknown",
        ),
        (
            [("connection", {"verdict": "cancelled"})],
            "It is unknown whether WebSockets work here",
            "unknown",
        ),
        (
            [("connection", {"verdict": "bad", "id": "check-failed"})],
            "It is unknown whether WebSockets work here",
            "unknown",
        ),
    ],
)
def test_all_results_make_one_sentence(
    page: Page, results: list[tuple[str, dict[str, Any]]], text: str, verdict: str
) -> None:
    assert call(page, MODULE, "conclude", outcomes(*results)) == {"text": text, "verdict": verdict}


def test_each_verdict_on_a_connection_has_a_sentence_that_accuses_whom_the_rule_accuses(
    page: Page,
) -> None:
    rules = [rule for check in ("connection", "path") for rule in RULES[check]]
    lists = [
        outcomes(failed(rule.verdict, id=rule.id, place=rule.place))
        for rule in rules
        if rule.verdict != "good"
    ]
    page.open("/healthz")
    texts = page.run_async(CONCLUDE_EACH, lists)
    for rule, text in zip((rule for rule in rules if rule.verdict != "good"), texts, strict=True):
        assert (text.startswith("It is unknown")) == (rule.verdict != BAD), (rule.id, text)
        if text.startswith("A proxy"):
            assert rule.place == PROXY, (rule.id, text)


@pytest.mark.parametrize(
    ("results", "worst"),
    [
        ([OPEN], None),
        ([OPEN, ("path", {"verdict": "unknown"})], None),
        ([OPEN, ("host", {"verdict": "notable"}), ("idle", {"verdict": "bad"})], "idle"),
        ([OPEN, ("host", {"verdict": "notable"}), ("origin", {"verdict": "notable"})], "host"),
        ([failed("unknown"), ("host", {"verdict": "notable"})], "connection"),
    ],
)
def test_the_worst_finding_comes_first(
    page: Page, results: list[tuple[str, dict[str, Any]]], worst: str | None
) -> None:
    found = call(page, MODULE, "worstOf", outcomes(*results))
    assert (found and found["id"]) == worst
