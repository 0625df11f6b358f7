"""Reconnecting in the panel Talk."""

import re

import pytest

from tests.support.browser import Page
from tests.support.talk import choose

# How long each of eight attempts waits, in milliseconds.
WAITS = """
const [done] = arguments;
import(new URL("static/js/talk/backoff.js", location)).then(({ BackOff }) => {
  const backOff = new BackOff();
  const schedule = () => {
    const wait = backOff.schedule(() => {});
    backOff.cancel();
    return wait;
  };
  done(Array.from({ length: 8 }, schedule));
});
"""

# The first wait lasts 4 s: on a busy machine half a second could be over before a look or a click.
LONG_WAIT = """
const genuine = window.setTimeout;
window.setTimeout = (act, wait) => genuine(act, wait >= 500 && wait <= 1000 ? 4000 : wait);
"""


def test_a_lost_connection_is_opened_again(fake: Page) -> None:
    choose(fake, reconnect=True)
    fake.run(LONG_WAIT)
    fake.run("sockets[0].end(1006, '')")
    fake.wait_until(lambda: fake.state == "reconnecting soon", "a wait")
    assert re.fullmatch(r"### reconnecting in (0\.[5-9]|1\.0) s", fake.lines[-1])
    fake.wait_until(lambda: fake.run("return sockets.length") == 2, "an attempt")
    fake.run("sockets[1].accept()")
    assert fake.state == "open"


def test_each_attempt_waits_longer(page: Page) -> None:
    page.open("/healthz")
    waits = page.run_async(WAITS)
    for wait, full in zip(waits, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000], strict=True):
        assert full / 2 <= wait <= full


@pytest.mark.parametrize("button", ["disconnect", "connect"])
def test_the_wait_can_be_ended(fake: Page, button: str) -> None:
    choose(fake, reconnect=True)
    fake.run(LONG_WAIT)
    fake.run("sockets[0].end(1006, '')")
    fake.click(button)
    assert fake.state == ("closed" if button == "disconnect" else "connecting")


def test_disconnect_prevents_a_reconnect(fake: Page) -> None:
    choose(fake, reconnect=True)
    fake.click("disconnect")
    fake.run("sockets[0].end(1000, '')")
    assert fake.state == "closed"
