"""The page in other engines than Chromium's: conversation and diagnosis work there, too."""

from collections.abc import Iterator

import pytest

from tests.support.diagnose import TIMED_CHECKS, UNDONE
from tests.support.engines import ENGINES, Tab
from tests.support.keys import ENTER
from tests.support.servers import Server
from tests.support.talk import GREETING
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

DIAGNOSIS_SECONDS = 90


@pytest.fixture(scope="module", params=ENGINES)
def tab(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """The tab of a browser, shared by the tests."""
    with ENGINES[request.param]() as tab:
        yield tab


def wait_for_lines(tab: Tab, *expected: str) -> None:
    """Wait until the log has exactly these lines."""

    def lines() -> list[str]:
        text = tab.run("return document.getElementById('messages').textContent")
        return str(text).split("\n")[:-1]

    wait_until(lambda: lines() == list(expected), describe=lambda: f"the log is {lines()}")


def test_the_conversation(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/")
    wait_for_lines(tab, *GREETING)
    tab.click("message")
    tab.press("with Enter" + ENTER)
    dialogue = [">>> with Enter", "<<< with Enter back"]
    wait_for_lines(tab, *GREETING, *dialogue)
    tab.press("by button")  # replaces the sent text, which is selected
    tab.click("send")
    dialogue += [">>> by button", "<<< by button back"]
    wait_for_lines(tab, *GREETING, *dialogue)
    tab.click("disconnect")
    dialogue.append("### connection closed (1000)")
    wait_for_lines(tab, *GREETING, *dialogue)
    tab.click("connect")
    wait_for_lines(tab, *GREETING, *dialogue, *GREETING[1:])


def test_the_lesson(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/")
    wait_for_lines(tab, *GREETING)
    tab.click("message")
    tab.press("hello" + ENTER)
    wait_for_lines(tab, *GREETING, ">>> hello", "<<< hello back")
    tab.run("document.querySelector('#no-times .term').click()")
    wait_until(lambda: tab.run("return document.activeElement.id") == "term-round-trip")
    note = "return document.querySelector('#learn-frame-note').textContent"
    wait_until(lambda: "as the server saw it" in str(tab.run(note)))
    assert "1: text" in str(tab.run("return document.querySelector('#learn-frame').textContent"))
    bottom, height = tab.run(
        "const term = document.querySelector('#term-round-trip').getBoundingClientRect();"
        "return [term.bottom, innerHeight]"
    )
    assert 0 < bottom <= height


def test_the_comparison(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/#compare")
    wait_until(lambda: tab.run("return !document.querySelector('#compare').hidden"))
    tab.run("document.querySelector('#compare-mean').value = 0.2")
    tab.run("document.querySelector('#compare-interval').value = 0.2")
    tab.click("compare-start")
    wait_until(lambda: len(events_of_ways(tab)) == 5 and min(events_of_ways(tab)) > 3)
    tab.click("compare-stop")
    wait_until(lambda: tab.run("return !document.querySelector('#compare-start').disabled"))
    text = str(tab.run("return document.querySelector('#compare-clock').textContent"))
    assert "Lost events: 0. Repeated events: 0." in text


def events_of_ways(tab: Tab) -> list[int]:
    rows = tab.run(
        "return [...document.querySelectorAll('#compare-table tbody tr')]"
        ".map((row) => Number(row.cells[2].textContent))"
    )
    return [int(row) for row in rows]


def test_the_diagnosis(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/#diagnose")
    wait_until(lambda: verdicts(tab))
    tab.click("diagnose-run")
    wait_until(
        lambda: not UNDONE & {*verdicts(tab).values()},
        DIAGNOSIS_SECONDS,
        lambda: f"the verdicts are {verdicts(tab)}",
    )
    text = tab.run("return document.querySelector('#diagnose-checks').innerText")
    imperfect = {check for check, verdict in verdicts(tab).items() if verdict != "good"}
    assert imperfect <= {f"check-{check}" for check in TIMED_CHECKS}, text
    assert "bad" not in verdicts(tab).values(), text


def verdicts(tab: Tab) -> dict[str, str]:
    """The verdict of each check, by its element id."""
    rows = tab.run(
        "return [...document.querySelectorAll('#diagnose-checks .check')]"
        ".map((row) => [row.id, row.querySelector('.verdict').textContent])"
    )
    return {check: verdict.strip().lower() for check, verdict in rows}
