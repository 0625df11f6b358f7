"""What the panel Compare computes: figures, the conclusion, and the extrapolation."""

from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.modules import call

pytestmark = pytest.mark.slow

WAY: dict[str, Any] = {
    "polls": True,
    "requests": 100,
    "events": 10,
    "interval": 1,
    "emptyShare": 0.9,
    "bytesPerEvent": 1000,
    "delayMedian": 500,
    "sentBytes": 6000,
    "receivedBytes": 4000,
    "cpuSeconds": 0.1,
}


def way(name: str, **changes: object) -> dict[str, object]:
    return {**WAY, "id": name, "title": name, **changes}


SOCKET = way("websocket", polls=False, requests=1, emptyShare=None, interval=None,
             bytesPerEvent=100, delayMedian=1)  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "mean", "expected"),
    [
        ([way("polling"), SOCKET], 10,
         "The article is right in this case: 90.0 % of the polls found nothing (theory: 90.5 %),"
         " and each event took 10 times the bytes that it took over the WebSocket."),
        ([way("polling", emptyShare=0.6)], 2,
         "Most polls are waste here, but fewer than the article says: 60.0 % of the polls found"
         " nothing (theory: 60.7 %)."),
        ([way("polling", emptyShare=0.4)], 1,
         "Most polls find something here: 40.0 % of the polls found nothing (theory: 36.8 %)."),
        ([way("polling", emptyShare=0.01, bytesPerEvent=50), SOCKET], 0.2,
         "Polling is fine here: 1.0 % of the polls found nothing (theory: 0.7 %), and each event"
         " took fewer bytes than over the WebSocket (0.5 times)."),
        ([way("polling", emptyShare=0.1, bytesPerEvent=110), SOCKET], 0.4,
         "Polling is fine here: 10.0 % of the polls found nothing (theory: 8.2 %), and each event"
         " took about as many bytes as over the WebSocket."),
        ([way("conditional"), SOCKET], 10,
         "The article is right in this case: 90.0 % of the polls found nothing (theory: 90.5 %),"
         " and each event took 10 times the bytes that it took over the WebSocket."),
        ([way("polling", bytesPerEvent=None), {**SOCKET, "bytesPerEvent": None}], 10,
         "The article is right in this case: 90.0 % of the polls found nothing (theory: 90.5 %)."),
        ([way("polling", events=2)], 10, "Too few events so far for a conclusion."),
        ([way("polling", requests=9)], 10, "Too few polls so far for a conclusion."),
    ],
    ids=["article", "most", "some", "fine", "similar", "conditional", "uncounted", "few events",
         "few polls"],
)  # fmt: skip
def test_the_conclusion_follows_from_the_figures(
    page: Page, figures: list[dict[str, object]], mean: float, expected: str
) -> None:
    claim = call(page, "compare/conclusion.js", "conclude", figures, mean)[0]
    assert claim.replace("\u00a0", " ") == expected


def test_conditional_and_long_polling_have_remarks(page: Page) -> None:
    long = way("long", polls=False, bytesPerEvent=700, delayMedian=2, emptyShare=None)
    ways = [way("polling"), way("conditional", bytesPerEvent=900), long, SOCKET]
    _, conditional, waiting = call(page, "compare/conclusion.js", "conclude", ways, 10)
    assert conditional.startswith("Conditional polling saved 10.0\u00a0% of the bytes")
    assert waiting.replace("\u00a0", " ") == (
        "Long polling delivered events 2.0 ms after they happened, and the WebSocket 1.0 ms, with"
        " 7.0 times its bytes for each event."
    )


def test_the_extrapolation_is_in_proportion(page: Page) -> None:
    for clients in (1_000, 100_000):
        polled = call(page, "compare/extrapolation.js", "extrapolate", way("polling"), 50, clients)
        assert polled == pytest.approx(
            {"requests": 2 * clients, "megabytes": clients * 2e-4, "cpuSeconds": clients * 0.002}
        )
    streamed = call(page, "compare/extrapolation.js", "extrapolate", SOCKET, 50, 1_000)
    assert streamed["requests"] == pytest.approx(220)  # one connection and ten messages
    assert (
        call(page, "compare/extrapolation.js", "extrapolate",
             way("polling", sentBytes=None, cpuSeconds=None), 50, 1_000)["megabytes"]
        is None
    )  # fmt: skip


def test_the_expected_share_is_that_of_a_poisson_process(page: Page) -> None:
    share = call(page, "compare/figures.js", "expectedEmptyShare", 1, 10)
    assert share == pytest.approx(0.904837418)


# Two ways with a clock that is 1,000 ms behind: one polls, and one has lost and repeated events.
FIGURES = """
const [done] = arguments;
const load = (module) => import(new URL(`static/js/compare/${module}`, location));
(async () => {
  const { Tally } = await load("tally.js");
  const { figuresOf } = await load("figures.js");
  const polled = new Tally();
  const cost = { received_bytes: 10, sent_bytes: 90, cpu_seconds: 0.5 };
  polled.answer([], cost);
  polled.answer([{ id: "a-1", at: 1 }, { id: "a-2", at: 2 }], cost);
  polled.answer([{ id: "a-3", at: 3 }], cost);
  polled.answer([], cost);
  const streamed = new Tally();
  streamed.connect();
  streamed.event({ id: "a-1", at: 1, cost: { received_bytes: 5, sent_bytes: 20, cpu_seconds: 1 } });
  streamed.event({ id: "a-1", at: 1, cost: { received_bytes: 5, sent_bytes: 40, cpu_seconds: 2 } });
  streamed.connect();
  streamed.event({ id: "a-3", at: 3, cost: { received_bytes: 5, sent_bytes: 20, cpu_seconds: 1 } });
  for (const tally of [polled, streamed]) {
    for (const event of tally.events) event.arrived = event.at + 40 - 1000;
  }
  done(figuresOf({
    ways: [{ id: "polling", polls: true }, { id: "sse", polls: false }],
    tallies: new Map([["polling", polled], ["sse", streamed]]),
    clock: { offsetMs: 1000, errorMs: 1 },
    settings: { interval: 1 },
    ended: 4000,
  }));
})();
"""


def test_figures_are_added_up(page: Page) -> None:
    page.open("/#compare")
    polled, streamed = page.run_async(FIGURES)
    assert (polled["requests"], polled["events"], polled["emptyShare"]) == (4, 3, 0.5)
    assert (polled["sentBytes"], polled["receivedBytes"], polled["cpuSeconds"]) == (360, 40, 2)
    assert polled["bytesPerEvent"] == pytest.approx(400 / 3)
    assert (polled["delayMedian"], polled["delayP95"]) == (40, None)
    assert (polled["missing"], polled["repeated"]) == (0, 0)
    assert (streamed["requests"], streamed["events"], streamed["emptyShare"]) == (2, 3, None)
    assert (streamed["sentBytes"], streamed["receivedBytes"]) == (60, 10)  # of two connections
    assert (streamed["missing"], streamed["repeated"]) == (1, 1)


# The first way has three events, after 1, 20 and 21 seconds. The second has gone silent after the
# first of them.
SILENT = """
const [ended, done] = arguments;
const load = (module) => import(new URL(`static/js/compare/${module}`, location));
(async () => {
  const { Tally } = await load("tally.js");
  const { figuresOf } = await load("figures.js");
  const [polled, silent] = [new Tally(), new Tally()];
  for (const at of [1, 20, 21]) polled.answer([{ id: `a-${at + 10}`, at }], null);
  silent.event({ id: "a-11", at: 1, cost: null });
  done(figuresOf({
    ways: [{ id: "polling", polls: true }, { id: "sse", polls: false }],
    tallies: new Map([["polling", polled], ["sse", silent]]),
    clock: { offsetMs: -500, errorMs: 1 },
    settings: { interval: 2 },
    ended: 1000 * ended,
  }).map(({ missing }) => missing));
})();
"""


@pytest.mark.parametrize(("ended", "missing"), [(32, 0), (33, 1), (34, 2)])
def test_a_way_that_falls_silent_loses_the_events_that_are_overdue(
    page: Page, ended: float, missing: int
) -> None:
    page.open("/#compare")
    assert page.run_async(SILENT, ended) == [0, missing]
