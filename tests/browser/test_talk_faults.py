"""Simulated faults in the panel Talk: the form, and the server that simulates them."""

import pytest

from tests.support.browser import Page
from tests.support.talk import choose, contents, next_path, round_trips, rows, say, simulate

# The form


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, "/echo"),
        ({"delay": "0.5", "jitter": "2"}, "/echo?delay=0.5&jitter=2"),
        ({"delay": "1e-7", "jitter": "3e1"}, "/echo?delay=0.0000001&jitter=30"),
        ({"delay": "0.33333333333", "jitter": "0"}, "/echo?delay=0.333333333&jitter=0"),
        ({"behaviour": "close"}, "/echo?close=1011"),
        (
            {"behaviour": "close", "close": "4000", "reason": "a & b", "after": "3"},
            "/echo?close=4000&reason=a%20%26%20b&after=3",
        ),
        ({"behaviour": "drop", "drop": "2"}, "/echo?drop=2"),
        ({"behaviour": "drop", "drop": "1e3"}, "/echo?drop=1000"),
        ({"behaviour": "mute"}, "/echo?mute"),
        ({"delay": "1", "push": "1", "behaviour": "mute"}, "/echo?mute"),
        (
            {"behaviour": "close", "close": "4000", "reason": "why"} | {"behaviour": "drop"},
            "/echo?drop=0",
        ),
        ({"ping": True, "compress": True, "push": "0.01"}, "/echo?ping=off&compress=off&push=0.01"),
        ({"subprotocol": "chat"}, "/echo?subprotocol=chat"),
        ({"delay": "1", "route": "WS.ashx"}, "/WS.ashx"),
    ],
)
def test_faults_become_a_query_without_contradictions(
    fake: Page, values: dict[str, object], path: str
) -> None:
    choose(fake, **{"route": "echo"} | values)
    assert next_path(fake) == path


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"delay": "61"},
        {"jitter": "-1"},
        {"push": "0.001"},
        {"behaviour": "close", "close": "1005"},
        {"behaviour": "close", "close": "1006"},
        {"behaviour": "close", "close": "1015"},
        {"behaviour": "close", "close": "5000"},
        {"behaviour": "close", "close": ""},
        {"behaviour": "close", "reason": "é" * 62},
        {"behaviour": "close", "after": "1000001"},
        {"behaviour": "drop", "drop": "1.5"},
        {"protocols": "a b"},
        {"protocols": "a, a"},
        {"subprotocol": "a b"},
    ],
    ids=str,
)
def test_an_invalid_fault_is_not_sent_to_the_server(fake: Page, values: dict[str, object]) -> None:
    choose(fake, **{"route": "echo"} | values)
    fake.click("apply")
    assert fake.run("return document.querySelector('#options-form').checkValidity()") is False
    assert fake.run("return sockets.map((socket) => socket.readyState)") == [1]
    assert fake.run("return document.activeElement.name") == list(values)[-1]


# Simulated by the server


def test_a_delay_shows_in_the_round_trip(talk: Page) -> None:
    simulate(talk, delay="5")
    say(talk, "slow")
    talk.wait_until(
        lambda: rows(talk)[-1][1:] == ["slow", "4 B", "waiting"], "a message that waits"
    )
    talk.wait_until(lambda: talk.lines[-1] == "<<< slow", "the reply")
    assert float(talk.element("min").text.split()[0]) >= 5


def test_a_close_comes_with_its_code_and_reason(talk: Page) -> None:
    simulate(talk, behaviour="close", close="4321", reason="as asked", after="1")
    say(talk, "last words")
    talk.wait_until(lambda: talk.lines[-1] == "### connection closed (4321 as asked)", "the close")
    assert talk.lines[-2] == "<<< last words"


def test_a_dropped_connection_is_opened_again(talk: Page) -> None:
    simulate(talk, behaviour="drop", drop="1", reconnect=True)
    say(talk, "last words")
    closed = "### connection closed (1006)"
    talk.wait_until(lambda: closed in talk.lines, "the reset")
    after = talk.lines.index(closed)
    talk.wait_until(lambda: "### connection open" in talk.lines[after:], "another connection")


def test_a_mute_server_leaves_a_message_waiting(talk: Page) -> None:
    simulate(talk, behaviour="mute")
    say(talk, "anyone?")
    talk.wait_until(lambda: rows(talk)[-1] == [">>>", "anyone?", "7 B", "waiting"], "a message")
    talk.click("disconnect")
    talk.click("connect")
    talk.wait_until(lambda: "no reply" in round_trips(talk), "no reply")


def test_periodic_messages_are_not_replies(talk: Page) -> None:
    simulate(talk, push="0.05")
    talk.wait_until(lambda: any('"tick": 3,' in line for line in talk.lines), "periodic messages")
    say(talk, "echo")
    talk.wait_until(lambda: talk.element("replies").text == "1", "one round trip")
    talk.click("disconnect")
    talk.wait_for_state("closed")
    assert talk.element("replies").text == "1"


def test_a_subprotocol_is_negotiated(talk: Page) -> None:
    simulate(talk, protocols="chat, superchat", subprotocol="superchat")
    talk.wait_until(lambda: contents(talk)[-1] == "connection open", "the entry")
    talk.run("document.querySelector('#entries > :last-child').click()")
    assert "subprotocol: superchat" in talk.element("entry-details").text
