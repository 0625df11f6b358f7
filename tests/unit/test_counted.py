"""Connections that count the bytes of their frames, and those that do not."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.counted import ByteCount
from flask_echo.websocket.observers import Watch
from flask_echo.websocket.transport import open_transport
from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open, Pair


class CountedConnection(Connection):
    """A connection with a count."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.count = ByteCount()
        super().__init__(*arguments, **{**options, "watches": [self.count]})


def test_only_a_connection_that_counts_has_another_transport(pair: Pair) -> None:
    usual = open_transport(pair[0], 1, 1)
    assert Watch().transport(usual) is usual
    assert ByteCount().transport(usual) is not usual
    for sock in pair:
        sock.close()


def answer_and_count(counts: list[tuple[int, int]]) -> Callable[[CountedConnection], None]:
    """A handler that returns every message, and notes the counts before and after."""

    def handler(ws: CountedConnection) -> None:
        while True:
            counts.append((ws.count.received, ws.count.sent))
            ws.send(ws.receive(), timeout=len(counts) % 2 or None)

    return handler


MESSAGES = {
    "text": frame(0x81, b"text"),
    "empty": frame(0x82),
    "126 bytes": frame(0x82, b"x" * 126),
    "64 KiB": frame(0x82, os.urandom(65536)),
    "fragments": frame(0x01, b"ab") + frame(0x00) + frame(0x80, b"cd"),
    "ping": frame(0x89, b"ping") + frame(0x81, b"text"),
    "pong": frame(0x8A, b"pong") + frame(0x81, b"text"),
    "ping in fragments": frame(0x01, b"ab") + frame(0x89, b"ping") + frame(0x80, b"cd"),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_all_bytes_of_frames_are_counted(serve: Open, message: bytes) -> None:
    counts: list[tuple[int, int]] = []
    client, served = serve(answer_and_count(counts), kind=CountedConnection)
    sent, received = 0, len(client.head) + len(b"\r\n\r\n")
    for _ in range(4):
        client.send(message)
        sent += len(message)
        while (answer := client.receive()).first == 0x8A:
            received += 2 + len(answer.payload)
        received += len(frame(answer.first, answer.payload, key=None))
    client.send(close_frame())
    received += len(client.rest())
    connection = served.ended()
    assert isinstance(connection, CountedConnection)
    assert connection.count.received == sent + len(close_frame())
    assert connection.count.sent == received
    assert counts[-1][0] == sent


def test_compressed_frames_count_as_they_are_on_the_wire(serve: Open) -> None:
    def handler(ws: CountedConnection) -> Any:
        ws.send(ws.receive())
        ws.receive()

    client, served = serve(handler, "permessage-deflate", CountedConnection)
    message = frame(0xC1, deflated(b"x" * 10_000))
    client.send(message)
    answer = client.receive()
    assert answer.first == 0xC1
    size = len(frame(0xC1, answer.payload, key=None))
    client.send(close_frame())
    goodbye = len(client.rest())
    connection = served.ended()
    assert isinstance(connection, CountedConnection)
    assert connection.count.received == len(message) + len(close_frame())
    assert connection.count.sent == len(client.head) + len(b"\r\n\r\n") + size + goodbye
