"""The count of delivered and sent messages, and who closed first, over pairs of sockets."""

from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo.simulation.connection import FaultyConnection
from flask_echo.websocket import looking
from flask_echo.websocket.connection import Connection
from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open


def counted(connection: Connection) -> dict[str, int]:
    """All figures of a connection."""
    count = connection.count_messages()
    return {name: getattr(count, name) for name in figures()}


def figures(**changes: int) -> dict[str, int]:
    """All figures, 0 where nothing else is said."""
    names = [
        f"{way}_{kind}" for way in ("received", "sent") for kind in ("text", "binary", "bytes")
    ]
    return dict.fromkeys(names, 0) | changes


def echoing(connection: Connection) -> None:
    """Count from the beginning, and return every message."""
    connection.count_messages()
    while True:
        connection.send(connection.receive())


MESSAGES = {
    "text": (frame(0x81, b"text"), 0x81, 4),
    "wide text": (frame(0x81, "zwölf €".encode()), 0x81, 10),
    "empty": (frame(0x81), 0x81, 0),
    "binary": (frame(0x82, b"12"), 0x82, 2),
    "large": (frame(0x82, bytes(200_000)), 0x82, 200_000),
    "fragments": (frame(0x01, b"ab") + frame(0x89) + frame(0x80, b"cd"), 0x81, 4),
    "compressed": (frame(0xC1, deflated(b"x" * 10_000)), 0xC1, 10_000),
    "compressed fragments": (
        frame(0x42, deflated(b"x" * 999)[:5]) + frame(0x80, deflated(b"x" * 999)[5:]), 0xC2, 999,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "first", "size"), MESSAGES.values(), ids=MESSAGES)
def test_messages_count_with_their_inflated_payload(
    serve: Open, sent: bytes, first: int, size: int
) -> None:
    client, served = serve(echoing, "permessage-deflate")
    for _ in range(3):
        client.send(sent)
        while (answer := client.receive()).first == 0x8A:
            pass
        assert answer.first == first
    client.send(close_frame())
    kind = "text" if first & 1 else "binary"
    assert counted(served.ended()) == figures(
        **{f"received_{kind}": 3, f"sent_{kind}": 3},
        received_bytes=3 * size,
        sent_bytes=3 * size,
    )


@pytest.mark.parametrize("begin", [frame(0x82, bytes(1001)), frame(0x02, bytes(800))])
def test_a_message_that_is_refused_does_not_count(serve: Open, begin: bytes) -> None:
    client, served = serve(echoing, max_message_bytes=1000)
    client.send(frame(0x81, b"good") + begin + frame(0x80, bytes(800)))
    assert client.receive().payload == b"good"
    assert client.receive().close_code == 1009
    client.sock.close()
    assert counted(served.ended()) == figures(
        received_text=1, received_bytes=4, sent_text=1, sent_bytes=4
    )


def test_a_message_in_parts_counts_once(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        connection.count_messages()
        connection.send_parts(["ab", "cdé"])
        connection.send_parts([b"12", b"345"])
        connection.send_parts([])

    client, served = serve(handler)
    while client.receive().first != 0x88:
        pass
    client.send(close_frame())
    assert counted(served.ended()) == figures(sent_text=2, sent_binary=1, sent_bytes=11)


def test_messages_that_wait_for_the_handler_count_when_it_gets_them(
    serve: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.0)
    arrived, seen = Event(), []

    def handler(connection: Connection) -> None:
        connection.count_messages()
        assert arrived.wait(10)
        while connection.received_messages < 3 and connection.connected:
            pass
        seen.append(counted(connection))
        connection.receive()
        seen.append(counted(connection))
        connection.receive()
        connection.receive(timeout=10)
        connection.receive(timeout=10)
        seen.append(counted(connection))

    client, served = serve(handler)
    client.send(frame(0x81, "é".encode()) + frame(0x82, b"three") + frame(0x82, b"4444"))
    arrived.set()
    client.send(frame(0x82, b"later"))
    client.receive()
    client.send(close_frame())
    served.ended()
    assert seen[0] == figures()
    assert seen[1] == figures(received_text=1, received_bytes=2)
    assert seen[2] == figures(received_text=1, received_binary=3, received_bytes=16)


def test_messages_that_arrive_during_a_simulated_pause_count_once(serve: Open) -> None:
    def handler(connection: FaultyConnection) -> None:
        connection.count_messages()
        while True:
            message = connection.receive()
            connection.pause(0.1)
            connection.send(message)

    client, served = serve(handler, kind=FaultyConnection)
    client.send(frame(0x81, b"one") + frame(0x81, b"three") + frame(0x82, b"12"))
    assert [client.receive().payload for _ in range(3)] == [b"one", b"three", b"12"]
    client.send(close_frame())
    both = {"text": 2, "binary": 1, "bytes": 10}
    assert counted(served.ended()) == figures(
        **{f"{way}_{name}": value for way in ("received", "sent") for name, value in both.items()}
    )


def test_all_who_ask_get_the_same_count_and_nobody_else_pays(serve: Open) -> None:
    client, served = serve(echoing)
    client.send(close_frame())
    connection = served.ended()
    assert connection.count_messages() is connection.count_messages()


# -- Who closed first ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "noted"), [(1000, 1000), (4321, 4321), (1014, 1014), (None, 1005)]
)
def test_the_close_frame_of_the_client_is_the_first(
    serve: Open, code: int | None, noted: int
) -> None:
    client, served = serve()
    client.send(close_frame(code))
    assert served.ended().first_close == ("client", noted)


def closing(code: int) -> Callable[[Connection], None]:
    """A handler that closes at once."""
    return lambda connection: connection.close(code, "enough")


def test_the_close_frame_of_the_server_is_the_first_also_if_the_client_answers_another(
    serve: Open,
) -> None:
    client, served = serve(closing(4000))
    assert client.receive().close_code == 4000
    client.answer_close(4001)
    assert served.ended().first_close == ("server", 4000)


def test_a_violation_of_the_protocol_is_closed_by_the_server(serve: Open) -> None:
    client, served = serve()
    client.send(frame(0x83, b"reserved"))
    assert client.receive().close_code == 1002
    client.sock.close()
    assert served.ended().first_close == ("server", 1002)


def test_without_a_close_frame_nobody_closed(serve: Open) -> None:
    client, served = serve()
    client.sock.close()
    connection = served.ended()
    assert connection.first_close is None
    assert connection.close_reason == 1006


def test_a_close_frame_before_a_broken_stream_is_the_first(serve: Open) -> None:
    go_on = Event()

    def handler(connection: Connection) -> None:
        assert go_on.wait(10)
        with suppress(ConnectionClosed):
            while True:  # The peer is gone, which a send notices.
                connection.send("x" * 1000)

    client, served = serve(handler)
    client.send(close_frame(4009))
    client.sock.close()
    go_on.set()
    assert served.ended().first_close == ("client", 4009)


def test_a_close_frame_that_could_not_be_sent_is_none(serve: Open) -> None:
    gone = Event()

    def handler(connection: Any) -> None:
        assert gone.wait(10)
        connection.cut()
        connection.close(4000)

    client, served = serve(handler)
    client.sock.close()
    gone.set()
    assert served.ended().first_close is None
