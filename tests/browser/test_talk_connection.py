"""The connection of the panel Talk: its states, its end, and how it comes back."""

import re

import pytest

from tests.support.browser import Page
from tests.support.servers import StartServer
from tests.support.talk import FAKE_SOCKETS, GREETING, HELLO, OPEN, SUPPORTED, say


def test_controls_allow_what_an_open_connection_can_do(talk: Page) -> None:
    assert talk.state == "open"
    assert talk.is_enabled("send")
    assert not talk.is_enabled("connect")
    assert talk.is_enabled("disconnect")


def test_disconnect_closes_with_a_code_and_stops_sending(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_lines(*GREETING, "### connection closed (1000)")
    assert talk.state == "closed"
    assert not talk.is_enabled("send")
    assert talk.is_enabled("connect")
    assert not talk.is_enabled("disconnect")
    say(talk, "is anyone there?")
    assert len(talk.lines) == 4


def test_connecting_again_opens_one_connection(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_state("closed")
    talk.click("connect")
    closed = "### connection closed (1000)"
    talk.wait_for_lines(*GREETING, closed, OPEN, HELLO)
    say(talk, "once")
    talk.wait_for_lines(*GREETING, closed, OPEN, HELLO, ">>> once", "<<< once back")


def test_a_server_that_stops_says_goodbye_and_can_be_tried_again(
    page: Page, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    page.open(url=server.url)
    page.wait_for_lines(*GREETING)
    server.stop()
    page.wait_for_state("closed")
    assert re.fullmatch(r"### connection closed \(1001( .+)?\)", page.lines[-1])

    page.click("connect")
    page.wait_until(lambda: len(page.lines) > 5, "the end of the attempt, and its reason")
    reason = "### The server is not reachable at all (not just WebSockets)."
    assert page.lines[4:] == ["### connection closed (1006)", reason]
    assert page.state == "not connected"
    assert page.is_enabled("connect")
    refused = page.take_console_errors()
    assert "WebSocket connection to" in refused[0]
    assert all("/traces/" in error or "/WS.ashx" in error for error in refused[1:])


@pytest.mark.parametrize(
    ("code", "reason", "line"),
    [
        (1001, "going away", "### connection closed (1001 going away)"),
        (1006, "", "### connection closed (1006)"),
        (4000, "<b>(why)</b>", "### connection closed (4000 <b>(why)</b>)"),
    ],
)
def test_the_log_shows_the_close_code_and_reason(
    fake: Page, code: int, reason: str, line: str
) -> None:
    fake.run("sockets[0].end(...arguments)", code, reason)
    assert fake.lines[2:] == [line]
    assert fake.state == "closed"


def test_nothing_is_sent_before_the_connection_is_open(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open()
    assert page.state == "connecting"
    assert not page.is_enabled("send")
    say(page, "too early")
    assert page.lines == [SUPPORTED]
    assert page.run("return sockets[0].sent") == []


def test_nothing_is_sent_once_the_server_is_closing(fake: Page) -> None:
    fake.run("sockets[0].readyState = 2")  # there is no event for this
    say(fake, "too late")
    assert fake.lines == [SUPPORTED, OPEN]
    assert fake.run("return sockets[0].sent") == []


def test_a_connection_attempt_can_be_cancelled(page: Page) -> None:
    page.run_before_load(FAKE_SOCKETS)
    page.open()
    page.click("disconnect")
    assert page.state == "closing"
    page.run("sockets[0].end(1006, '')")
    assert page.lines == [SUPPORTED, "### attempt to connect cancelled (1006)"]


def test_an_unanswered_close_does_not_block_a_new_connection(fake: Page) -> None:
    fake.click("disconnect")
    assert fake.state == "closing"
    fake.click("connect")
    closed = "### closed without waiting for the server\u2019s reply (1006)"
    fake.wait_for_lines(SUPPORTED, OPEN, closed)
    assert fake.state == "connecting"
    assert fake.run("return sockets.map((s) => s.readyState)") == [2, 0]


def test_events_of_an_older_socket_are_ignored(fake: Page) -> None:
    fake.click("disconnect")
    fake.click("connect")
    fake.run("sockets[1].accept()")
    fake.wait_until(lambda: fake.lines[3:] == [OPEN], "the new connection")
    before = fake.lines
    fake.run("sockets[0].receive('\"late\"'); sockets[0].end(1000, '')")
    assert fake.state == "open"
    say(fake, "new")
    fake.wait_for_lines(*before, ">>> new")
    assert fake.run("return sockets.map((s) => s.sent)") == [[], ["new"]]


def test_a_page_from_the_back_forward_cache_connects_again(fake: Page) -> None:
    fake.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert fake.run("return sockets[0].closedWith") == 1000
    fake.run("sockets[0].end(1000, '')")
    fake.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    fake.run("sockets[1].accept()")
    assert fake.lines[2:] == ["### connection closed (1000)", OPEN]


def test_a_disconnected_page_from_the_cache_stays_disconnected(fake: Page) -> None:
    fake.click("disconnect")
    fake.run("sockets[0].end(1000, '')")
    fake.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    fake.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert fake.run("return sockets.length") == 1


def test_the_back_button_finds_a_conversation(talk: Page) -> None:
    talk.open("/default.html")
    talk.back()
    assert talk.run("return location.pathname") == "/"
    talk.wait_until(lambda: talk.lines[-2:] == [OPEN, HELLO], "a greeting")
    talk.wait_for_state("open")


def test_a_browser_without_websockets_gets_a_message(page: Page) -> None:
    page.run_before_load("delete window.WebSocket")
    page.open()
    page.wait_for_lines("### websockets not supported")
    assert page.state == "not supported"
    for control in ("message", "send", "connect", "disconnect"):
        assert not page.is_enabled(control)


def test_a_browser_without_scripts_gets_a_message(page: Page) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open()
    text = page.element("talk").find_element("xpath", "preceding-sibling::noscript").text
    assert "needs JavaScript" in text
