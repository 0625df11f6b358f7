"""Both ends of a connection that was cut, and the reason of a refusal, in the panel Talk."""

import re
from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.clients import raw
from tests.support.modules import call
from tests.support.proxy import Faults, Proxy
from tests.support.servers import Server, StartServer
from tests.support.talk import GREETING, OPEN, choose, say, show_details, simulate

pytestmark = pytest.mark.slow

CUT = "### connection closed (1006)"
SECONDS = r"\d+\.\d s"
# The browser's clock is a minute behind.
BEHIND = """
Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin - 60_000 });
"""
BROWSER = 1_000_000.0  # seconds (Unix): when the browser saw the end
OFFSET = 20.0  # seconds that the server's clock is ahead


def verdict(page: Page, **attempt: Any) -> tuple[str, str]:
    """Judge an attempt whose end the browser saw after a minute."""
    ends = {
        "attempt": {"at": BROWSER - 60 + OFFSET, "frames": [], **attempt},
        "seconds": 60,
        "endedAt": BROWSER * 1000,
        "offsetMs": OFFSET * 1000,
    }
    found = call(page, "common/both-ends.js", "bothEnds", ends)
    return found["kind"], found["text"]


def ended(how: str, late: float = 0, **end: Any) -> dict[str, Any]:
    return {"at": BROWSER + OFFSET + late, "how": how, "code": None, "close_frames": [], **end}


@pytest.mark.parametrize(
    ("how", "late", "kind", "end"),
    [
        ("end of stream", 1.4, "cut-both-sides", "the end of the stream at the same moment."),
        ("reset", -1.4, "cut-both-sides", "a reset at the same moment."),
        ("end of stream", 1.6, "cut-at-other-times", "the end of the stream 1.6 s later."),
        ("reset", -9, "cut-at-other-times", "a reset 9.0 s earlier."),
        ("new kind", 0, "cut-both-sides", "the end at the same moment."),
    ],
)
def test_the_moments_are_compared_on_one_clock(
    page: Page, how: str, late: float, kind: str, end: str
) -> None:
    text = f"The browser saw a cut after 60.0 s; the server saw {end}"
    assert verdict(page, end=ended(how, late)) == (kind, text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "The server got no answer to its ping for 20.0 s: the path went silent."),
        # The last ping is not in the trace.
        (
            2,
            "The server got nothing for 45.0 s, and no answer to its ping: "
            "the path went silent.",
        ),
    ],
)  # fmt: skip
def test_a_silent_path_is_told_by_the_ping(page: Page, count: int, text: str) -> None:
    at = BROWSER + OFFSET
    ping = {"at": at - 20, "direction": "sent", "opcode": 9}
    found = verdict(
        page,
        end=ended("unanswered ping"),
        frames=[ping, {"at": at - 5, "direction": "received", "opcode": 9}],
        pings={"sent": count, "received": 1},
        last_byte_received_at=at - 45,
    )
    assert found == ("ping-unanswered", text)


@pytest.mark.parametrize(
    ("how", "frames", "text"),
    [
        (
            "close frame from the server",
            [{"from": "server", "code": 1013}],
            "The server sent a Close frame with code 1013, which did not arrive.",
        ),
        (
            "close frame from the server",
            [{"from": "server", "code": None}],
            "The server sent a Close frame without a code, which did not arrive.",
        ),
        (
            "close frame from the client",
            [{"from": "client", "code": 1000}, {"from": "server", "code": 1000}],
            "The server got a Close frame with code 1000; its answer, a Close frame with code "
            "1000, did not arrive.",
        ),
        (
            "close frame from the client",
            [{"from": "client", "code": 1001}],
            "The server got a Close frame with code 1001 and sent none back.",
        ),
    ],
)
def test_a_lost_close_frame_is_told(
    page: Page, how: str, frames: list[dict[str, Any]], text: str
) -> None:
    assert verdict(page, end=ended(how, close_frames=frames)) == ("close-lost", text)


def test_a_stuck_connection_and_an_unnoticed_end_are_told(page: Page) -> None:
    stuck = "The server took the connection as stuck: nothing was taken for the send time-out."
    assert verdict(page, end=ended("send time-out")) == ("send-stuck", stuck)
    unnoticed = "The browser saw a cut after 60.0 s. The server has not noticed the end yet."
    assert verdict(page, end=None) == ("not-noticed", unnoticed)


# In the panel


def cut_line(page: Page) -> str:
    """The line of the log after the end of the connection."""
    page.wait_until(lambda: CUT in page.lines and page.lines[-1] != CUT, "both ends")
    return page.lines[page.lines.index(CUT) + 1]


@pytest.mark.parametrize("cut", ["fin", "rst"])
def test_a_cut_by_a_proxy_is_seen_at_both_ends(page: Page, server: Server, cut: Any) -> None:
    page.run_before_load(BEHIND)
    with Proxy(server.port, faults=Faults(idle_seconds=1, cut=cut)) as proxy:
        page.open(url=proxy.url)
        saw = "(the end of the stream|a reset)"
        pattern = f"### The browser saw a cut after {SECONDS}; the server saw {saw} at the same .*"
        assert re.fullmatch(pattern, cut_line(page))
        show_details(page)
        page.run("document.querySelector('#entries > :last-child').click()")
        assert "trace" not in page.element("entry-details").text
        assert page.element("entry-details").text.endswith("/WS.ashx")


def test_a_lost_close_frame_of_the_server_is_seen(page: Page, server: Server) -> None:
    with Proxy(server.port, faults=Faults(swallow_close=True)) as proxy:
        page.open(url=proxy.url)
        page.wait_for_lines(*GREETING)
        simulate(page, behaviour="close", close="4321", after="1")
        say(page, "last words")
        lost = "The server sent a Close frame with code 4321, which did not arrive."
        page.wait_until(lambda: f"### {lost}" in page.lines, "the lost Close frame")
        # The proxy swallowed the end of the connection before, too.
        reply = "An earlier connection: The server got a Close frame with code 1000; its answer, a"
        page.wait_until(
            lambda: any(line.startswith(f"### {reply}") for line in page.lines), "the other end"
        )


def test_without_traces_the_other_end_is_unknown(start_server: StartServer, page: Page) -> None:
    server = start_server("gunicorn", TRACES="off")
    with Proxy(server.port, faults=Faults(idle_seconds=0.5)) as proxy:
        page.open(url=proxy.url)
        assert cut_line(page) == (
            "### The server\u2019s end is unknown. This server keeps no traces: "
            "the operator of this server has turned them off."
        )
        page.wait_until(page.take_console_errors, "the 404")


def test_the_clocks_are_compared_without_events_too(page: Page, start_server: StartServer) -> None:
    server = start_server("gunicorn", EVENTS="false")
    page.run_before_load(BEHIND)
    with Proxy(server.port, faults=Faults(idle_seconds=0.5)) as proxy:
        page.open(url=proxy.url)
        assert "at the same moment" in cut_line(page)


def test_a_clean_end_has_no_second_entry(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_lines(*GREETING, "### connection closed (1000)")
    choose(talk, route="echo")
    talk.click("apply")
    talk.wait_until(lambda: talk.lines[4:] == [OPEN], "another connection")
    talk.run_async("setTimeout(arguments[0], 1000)")
    assert talk.lines[4:] == [OPEN]


def test_a_refusal_has_the_reason_of_the_server(page: Page, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    with raw(server, "/echo"):
        page.open(url=server.url)
        page.wait_until(lambda: len(page.lines) == 3, "the refusal")
        assert page.lines[1] == "### connection closed (1006)"
        assert page.lines[2].startswith("### The server refused the upgrade with status 503: ")
        assert "seats" in page.lines[2]
    (failed,) = page.take_console_errors()
    assert "WebSocket connection to" in failed
