"""How a comparison begins and ends in the panel Compare, and what it says when it cannot begin."""

import pytest

from tests.support.compare import Compare
from tests.support.keys import ENTER

pytestmark = pytest.mark.slow

# Addresses that begin with `window.refused` get this answer.
REFUSE = """
const trulyFetch = window.fetch;
window.fetch = (url, options) => (url.startsWith(window.refused)
  ? Promise.resolve(new Response(window.body, { status: 503 })) : trulyFetch(url, options));
"""

# Answers to the first poll are held back, until the signal of the request is aborted.
HOLD = """
const trulyFetch = window.fetch;
window.fetch = (url, { signal, ...options } = {}) => {
  if (!url.startsWith("events?")) return trulyFetch(url, { signal, ...options });
  window.held = true;
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
};
"""

# A clock with steps of 20 ms.
COARSE = """
const precise = performance.now.bind(performance);
performance.now = () => 20 * Math.floor(precise() / 20);
"""


@pytest.mark.parametrize("refused", ["events/clock", "events?"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [('{"detail": "The server is full."}', "The server is full."), ("<html>", "status 503")],
    ids=["problem", "proxy"],
)
def test_a_server_that_refuses_is_named(
    compare: Compare, refused: str, body: str, reason: str
) -> None:
    compare.page.run_before_load(REFUSE)
    compare.open()
    compare.page.run("[window.refused, window.body] = arguments", refused, body)
    compare.start()
    compare.wait_until_ready()
    expected = f"The comparison could not begin: {reason}"
    assert compare.page.text("#compare-error") == expected
    assert compare.page.text("#compare-status") == "No comparison yet"
    assert not compare.page.is_enabled("compare-copy")


def test_a_run_that_is_stopped_before_it_begins_shows_nothing(compare: Compare) -> None:
    compare.page.run_before_load(HOLD)
    compare.open()
    compare.start()
    compare.page.wait_until(lambda: compare.page.run("return window.held"), "the first poll")
    assert compare.page.text("#compare-status") == "Preparing"
    compare.stop()
    assert compare.page.text("#compare-status") == "No comparison yet"
    assert compare.page.text("#compare-error") == ""
    assert not compare.page.element("compare-results").is_displayed()
    assert not compare.page.is_enabled("compare-copy")


def test_an_interval_may_have_more_decimals_than_the_server_takes(compare: Compare) -> None:
    compare.open()
    compare.start("websocket", mean=1 / 3)
    compare.wait_for_events(0, "websocket")
    compare.stop()


def test_the_error_of_a_coarse_clock_includes_its_step(compare: Compare) -> None:
    compare.page.run_before_load(COARSE)
    compare.open()
    compare.start("websocket")
    compare.wait_for_events(0, "websocket")
    compare.stop()
    assert float(compare.page.text("#compare-clock").split("within ")[1].split()[0]) >= 20


def test_the_keyboard_keeps_its_place(compare: Compare) -> None:
    compare.open()
    for element in ("compare-start", "compare-mean"):
        compare.page.run("document.getElementById(arguments[0]).focus()", element)
        compare.page.press(ENTER)
        compare.page.wait_until(lambda: compare.page.focus == "compare-stop", "the focus")
        compare.page.press(ENTER)
        compare.page.wait_until(lambda: compare.page.focus == "compare-start", "the focus")


def test_a_run_ends_by_itself(compare: Compare) -> None:
    compare.open()
    compare.page.run("document.querySelector('#compare-seconds option').value = 1")
    compare.page.run("document.querySelector('#compare-seconds').value = 1")
    compare.start()
    compare.wait_until_ready()
    assert compare.page.text("#compare-status") == "Finished"
    assert compare.page.text("#compare-count").endswith(" in 1 s")


def test_a_run_goes_on_while_another_panel_is_shown(compare: Compare) -> None:
    compare.open()
    compare.start("websocket")
    compare.page.click("tab-diagnose")
    compare.page.wait_until(lambda: not compare.page.element("compare").is_displayed(), "Diagnose")
    before = compare.events("websocket")
    compare.wait_for_events(before + 3, "websocket")
    compare.page.click("tab-compare")
    compare.stop()
