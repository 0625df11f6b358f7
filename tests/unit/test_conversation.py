"""What is said, without a network."""

import json

import pytest
from simple_websocket import ConnectionClosed

from flask_echo import conversation
from tests.support.scripted import ScriptedWebSocket
from tests.support.texts import TEXTS


def test_hello_greets_and_answers_each_text_with_back() -> None:
    ws = ScriptedWebSocket(TEXTS)
    with pytest.raises(ConnectionClosed):
        conversation.hello(ws)
    answers = [json.loads(told) for told in ws.told]
    assert answers == ["hello from server", *(f"{text} back" for text in TEXTS)]


def test_hello_refuses_binary_and_names_echo() -> None:
    ws = ScriptedWebSocket([b"\x00"])
    conversation.hello(ws)
    assert ws.closed is not None
    assert ws.closed[0] == 1003
    assert "/echo" in str(ws.closed[1])


def test_echo_returns_every_message_as_it_came() -> None:
    messages: list[str | bytes] = [*TEXTS, b"", b"\x00\xff"]
    ws = ScriptedWebSocket(messages)
    with pytest.raises(ConnectionClosed):
        conversation.echo(ws)
    assert ws.told == messages


def test_a_report_is_told_and_that_is_all() -> None:
    ws = ScriptedWebSocket(["ignored"])
    conversation.tell(ws, {"é": 1})
    assert (ws.told, ws.closed) == (['{"é": 1}'], (1000, None))
