"""What the panel Compare shows of a run: counts, the clock, and doubts about an answer."""

import re

import pytest

from tests.support.browser import Page
from tests.support.compare import Compare
from tests.support.modules import call

pytestmark = pytest.mark.slow


NONE = "\u2013"  # in place of a figure that is missing

# Answers to polls get a body that is one byte longer, as a proxy that edits answers would do it.
LENGTHEN = """
const trulyFetch = window.fetch;
window.fetch = async (url, options) => {
  const response = await trulyFetch(url, options);
  if (!url.startsWith("events?") || response.status !== 200) return response;
  return new Response(`${await response.text()} `, response);
};
"""

# This browser's clock is an hour fast.
FAST = """
const { timeOrigin } = performance;
Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin + 3_600_000 });
"""


def test_empty_answers_are_counted_for_ways_that_ask(compare: Compare) -> None:
    compare.open()
    compare.start(mean=0.3)
    compare.wait_for_events(5)
    compare.stop()
    figures = compare.figures()
    for way in ("polling", "conditional", "long"):
        count, share = re.fullmatch(
            r"([\d,]+) \(([\d.]+)%\)", figures[way]["Empty answers"].replace("\u00a0", "")
        ).groups()  # type: ignore[union-attr]
        requests = int(figures[way]["Requests"])
        assert float(share) == round(100 * int(count) / requests, 1), way
    assert figures["long"]["Empty answers"].startswith("0 ")
    assert figures["sse"]["Empty answers"] == figures["websocket"]["Empty answers"] == NONE


def test_cpu_time_is_shown_as_a_sum_and_per_event(compare: Compare) -> None:
    compare.open()
    compare.start("polling")
    compare.wait_for_events(20, "polling")
    compare.stop()
    figures = compare.figures()["polling"]
    total, each = (
        float(figures[column].removesuffix(" ms")) for column in ("CPU time", "CPU per event")
    )
    events = int(figures["Events"])
    assert abs(total - each * events) <= 0.005 * events + 0.005  # both are rounded to 0.01 ms


def test_the_offset_of_the_clock_is_taken_out_of_delays(compare: Compare) -> None:
    compare.page.run_before_load(FAST)
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(5, "websocket")
    compare.stop()
    found = re.search(r"is (\d+\.\d) ms behind this", compare.page.text("#compare-clock"))
    assert found is not None
    assert abs(float(found[1]) - 3_600_000) < 60_000
    assert "3600" not in compare.figures()["websocket"]["Delay, median"]


def test_an_answer_of_another_size_is_mentioned(compare: Compare) -> None:
    compare.page.run_before_load(LENGTHEN)
    compare.open()
    compare.start("polling")
    compare.wait_for_events(3, "polling")
    compare.stop()
    assert "An answer had another size" in compare.page.text("#compare-remarks")
    assert "Lost events: 0. Repeated events: 0." in compare.page.text("#compare-clock")


def test_a_run_without_polls_has_a_conclusion(compare: Compare) -> None:
    compare.open()
    compare.start("long", "websocket")
    compare.wait_for_events(5, "long", "websocket")
    compare.stop()
    assert compare.page.text("#compare-conclusion") == "Nothing polled in this run."
    assert compare.page.text("#compare-others").startswith("Long polling delivered events")


def test_the_side_of_the_clock_is_named(page: Page) -> None:
    for offset, expected in ((3.14, "3.1 ms ahead of"), (-3.14, "3.1 ms behind")):
        clock = {"offsetMs": offset, "errorMs": 0.62}
        text = call(page, "common/clock.js", "formatClock", clock)
        assert text == f"{expected} this browser's, within 0.6 ms"


def test_the_case_of_the_article_runs_for_three_minutes(compare: Compare) -> None:
    compare.open()
    compare.page.click("compare-article")
    assert compare.page.run("return document.querySelector('#compare-seconds').value") == "180"
