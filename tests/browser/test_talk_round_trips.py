"""The round trips in the panel Talk."""

import re

import pytest

from tests.support.browser import Page
from tests.support.modules import call
from tests.support.talk import DURATION, GREETING, choose, say

pytestmark = pytest.mark.slow


def test_quantiles_are_measured_values(page: Page) -> None:
    values = [float(value) for value in range(1, 201)]
    summary = call(page, "common/statistics.js", "summary", values[::-1])
    assert summary == {"min": 1, "median": 100, "p95": 190, "p99": 198, "max": 200}
    assert call(page, "common/statistics.js", "summary", [7.5]) == dict.fromkeys(summary, 7.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_round_trips_are_drawn_and_summarized(page: Page, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.devtools("Emulation.setEmulatedMedia", features=[feature])
    page.open()
    page.wait_for_lines(*GREETING)
    for text in ("one", "two", "three"):
        say(page, text)
    page.wait_until(lambda: page.element("replies").text == "3", "three replies")
    for figure in ("min", "median", "p95", "p99"):
        assert re.fullmatch(DURATION, page.element(figure).text)
    page.wait_until(lambda: page.run(
        "const canvas = document.querySelector('#chart canvas');"
        "const style = getComputedStyle(document.documentElement);"
        "const probe = new OffscreenCanvas(1, 1).getContext('2d');"
        "probe.fillStyle = style.getPropertyValue('--pico-primary'); probe.fillRect(0, 0, 1, 1);"
        "const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;"
        "const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        "for (let i = 0; i < data.length; i += 4)"
        "  if (data[i] === r && data[i + 1] === g && data[i + 2] === b) return true;"
    ), "a line in the colour of the scheme")  # fmt: skip


def test_round_trips_start_again_at_another_address(talk: Page) -> None:
    say(talk, "one")
    talk.wait_until(lambda: talk.element("times").is_displayed(), "a round trip")
    choose(talk, route="echo")
    talk.click("apply")
    talk.wait_until(lambda: not talk.element("times").is_displayed(), "none at the new address")
