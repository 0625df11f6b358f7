"""The log of the panel Talk: how much it keeps, and what a reader sees of it."""

import pytest

from tests.support.browser import Page
from tests.support.keys import HOME, TAB
from tests.support.talk import SUPPORTED

FILL = """
const [from, to] = arguments;
for (let i = from; i < to; i++) {
  sockets[0].receive(JSON.stringify(i % 7 ? `${i}` : `${i}${" and a long line".repeat(20)}`));
}
"""
SCROLL_TO_THE_MIDDLE = """
const log = document.getElementById("messages");
log.scrollTop = log.scrollHeight / 2;
const { top } = log.getBoundingClientRect();
window.seen = [...log.children].find((line) => line.getBoundingClientRect().top >= top);
"""
SEEN_AT = "return seen.getBoundingClientRect().top"
BELOW = """
const { scrollHeight, scrollTop, clientHeight } = document.getElementById("messages");
return scrollHeight - scrollTop - clientHeight;
"""


def test_the_log_keeps_the_newest_thousand_lines(fake: Page) -> None:
    fake.run(FILL, 0, 998)
    assert (len(fake.lines), fake.lines[0]) == (1000, SUPPORTED)
    fake.run(FILL, 998, 1500)
    assert len(fake.lines) == 1000
    assert fake.lines[0].startswith("<<< 500")
    assert fake.lines[-1].startswith("<<< 1499")


@pytest.mark.parametrize("count", [100, 1500], ids=["below the cap", "at the cap"])
def test_the_log_follows_its_end(fake: Page, count: int) -> None:
    fake.run(FILL, 0, count)
    assert fake.run("return document.getElementById('messages').scrollTop") > 0
    assert fake.run(BELOW) < 2


@pytest.mark.parametrize("zoom", [1, 1.1], ids=["100 %", "110 %"])
@pytest.mark.parametrize("count", [100, 1500], ids=["below the cap", "at the cap"])
def test_new_lines_do_not_move_the_line_being_read(fake: Page, count: int, zoom: float) -> None:
    fake.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=1280,
        height=800,
        deviceScaleFactor=zoom,
        mobile=False,
    )
    fake.run(FILL, 0, count)
    fake.run(SCROLL_TO_THE_MIDDLE)
    before = fake.run(SEEN_AT)
    fake.run(FILL, count, count + 250)
    assert fake.run(SEEN_AT) == pytest.approx(before, abs=1)


def test_the_log_follows_again_once_scrolled_to_its_end(fake: Page) -> None:
    fake.run(FILL, 0, 100)
    fake.run(SCROLL_TO_THE_MIDDLE)
    fake.run(FILL, 100, 101)
    assert fake.run(BELOW) > 100
    fake.run("const log = document.getElementById('messages'); log.scrollTop = log.scrollHeight")
    fake.run(FILL, 101, 120)
    assert fake.run(BELOW) < 2


def test_the_log_scrolls_by_keyboard(fake: Page) -> None:
    fake.run(FILL, 0, 100)
    while fake.focus != "messages":
        fake.press(TAB)
    fake.press(HOME)
    top = "return document.getElementById('messages').scrollTop"
    fake.wait_until(lambda: fake.run(top) == 0, "the top of the log")
