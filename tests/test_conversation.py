"""What is said, without a network."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo import conversation

TEXTS = [
    "",
    "x",
    'say "hello"',
    "two\nlines\r\n",
    "\0",
    "\u2028\u2029",
    "😀 é 漢字",
    "back\\slash",
    "x" * 70_000,
]
TEXT_IDS = [ascii(text)[:20] for text in TEXTS]


class ScriptedPeer:
    """Says what it was given to say, then closes; keeps what it was told."""

    def __init__(self, says: Iterable[str | bytes]) -> None:
        self._says = iter(says)
        self.told: list[Any] = []
        self.closed: tuple[int | None, str | None] | None = None

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        for message in self._says:
            return message
        raise ConnectionClosed(1000)

    def send(self, data: Any) -> None:
        self.told.append(data)

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        self.closed = (reason, message)


def test_hello_greets_and_answers_each_text_with_back() -> None:
    peer = ScriptedPeer(TEXTS)
    with pytest.raises(ConnectionClosed):
        conversation.hello(peer)
    answers = [json.loads(told) for told in peer.told]
    assert answers == ["hello from server", *(f"{text} back" for text in TEXTS)]


def test_hello_refuses_binary_and_names_echo() -> None:
    peer = ScriptedPeer([b"\x00"])
    conversation.hello(peer)
    assert peer.closed is not None
    assert peer.closed[0] == 1003
    assert "/echo" in str(peer.closed[1])


def test_echo_returns_every_message_as_it_came() -> None:
    messages: list[str | bytes] = [*TEXTS, b"", b"\x00\xff"]
    peer = ScriptedPeer(messages)
    with pytest.raises(ConnectionClosed):
        conversation.echo(peer)
    assert peer.told == messages
