"""The page in other engines than Chromium's: what it is for works there too."""

from collections.abc import Iterator

import pytest

from tests.support.diagnose import TIMED_CHECKS, UNDONE
from tests.support.engines import ENGINES, Tab
from tests.support.keys import ENTER
from tests.support.servers import Server
from tests.support.talk import GREETING
from tests.support.waiting import wait_until

DIAGNOSIS_SECONDS = 90


@pytest.fixture(scope="module", params=ENGINES)
def tab(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """The only tab of a browser, which the tests share."""
    with ENGINES[request.param]() as tab:
        yield tab


def wait_for_lines(tab: Tab, *expected: str) -> None:
    """Wait until the log says this and nothing else."""

    def lines() -> list[str]:
        text = tab.run("return document.getElementById('messages').textContent")
        return str(text).split("\n")[:-1]

    wait_until(lambda: lines() == list(expected), describe=lambda: f"the log says {lines()}")


def test_the_conversation(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/")
    wait_for_lines(tab, *GREETING)
    tab.click("message")
    tab.press("with Enter" + ENTER)
    said = [">>> with Enter", "<<< with Enter back"]
    wait_for_lines(tab, *GREETING, *said)
    tab.press("by button")  # what was sent is selected, so typing replaces it
    tab.click("send")
    said += [">>> by button", "<<< by button back"]
    wait_for_lines(tab, *GREETING, *said)
    tab.click("disconnect")
    said.append("### connection closed (1000)")
    wait_for_lines(tab, *GREETING, *said)
    tab.click("connect")
    wait_for_lines(tab, *GREETING, *said, *GREETING[1:])


def test_the_diagnosis(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/#diagnose")
    wait_until(lambda: verdicts(tab))
    tab.click("diagnose-run")
    wait_until(
        lambda: not UNDONE & {*verdicts(tab).values()},
        DIAGNOSIS_SECONDS,
        lambda: f"the verdicts are {verdicts(tab)}",
    )
    said = tab.run("return document.querySelector('#diagnose-checks').innerText")
    poor = {check for check, verdict in verdicts(tab).items() if verdict != "good"}
    # How quick things are depends on the machine too.
    assert poor <= {f"check-{check}" for check in TIMED_CHECKS}, said
    assert "bad" not in verdicts(tab).values(), said


def verdicts(tab: Tab) -> dict[str, str]:
    """What the panel says of each of its checks."""
    rows = tab.run(
        "return [...document.querySelectorAll('#diagnose-checks .check')]"
        ".map((row) => [row.id, row.querySelector('.verdict').textContent])"
    )
    return {check: verdict.strip().lower() for check, verdict in rows}
