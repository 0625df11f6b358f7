"""A connection without messages, one that has lasted long enough, and one that others end."""

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from tests.support.clients import RawWebSocket, close_frame, frame
from tests.support.pairs import Open, Pair, Served, echo, tcp_pair, tls_pair, unix_pair
from tests.support.waiting import wait_until

IDLE = (1001, "no message for 0.5 seconds")
# For those that must send something in time.
IDLE_LONG = (1001, "no message for 4 seconds")
OLD = (1001, "maximum lifetime reached")


@pytest.fixture
def serve(serve: Open) -> Open:
    """Leave clients time to answer a Close frame. All of them end their side then."""
    return partial(serve, close_timeout_seconds=5)


def with_timeouts(connection: Connection) -> None:
    while True:
        connection.receive(timeout=0.05)


def watching(connection: Connection) -> None:
    pause = Event()
    while connection.connected:
        pause.wait(0.01)


def ended_with(client: RawWebSocket, served: Served) -> tuple[int, str]:
    """Finish the closing handshake, and return how the server began it."""
    deadline = monotonic() + 10
    while (closed := client.receive()).first != 0x88:
        assert monotonic() < deadline
    client.send(close_frame(closed.close_code))
    client.sock.shutdown(socket.SHUT_WR)
    assert client.rest() == b""
    assert served.ended().close_message == closed.close_reason
    return closed.close_code, closed.close_reason


@pytest.mark.parametrize("handler", [echo, with_timeouts, watching])
@pytest.mark.parametrize(
    ("limit", "expected"), [("idle_timeout_seconds", IDLE), ("max_lifetime_seconds", OLD)]
)
@pytest.mark.parametrize("interval", [0, 0.2])
def test_a_silent_connection_ends(
    serve: Open, handler: Any, limit: str, expected: tuple[int, str], interval: float
) -> None:
    began = monotonic()
    client, served = serve(
        handler, ping_interval_seconds=interval, ping_timeout_seconds=9, **{limit: 0.5}
    )
    assert ended_with(client, served) == expected
    assert monotonic() - began >= (0.5 if expected is IDLE else 0.4)


@pytest.mark.slow
def test_a_message_of_the_peer_puts_off_the_idle_end(serve: Open) -> None:
    client, served = serve(idle_timeout_seconds=4)
    pause = Event()
    for _ in range(8):
        pause.wait(0.6)
        sent = monotonic()
        client.send(frame(0x81, b"x"))
    assert ended_with(client, served) == IDLE_LONG
    assert monotonic() - sent >= 3.9


@pytest.mark.slow
def test_a_reply_after_long_work_is_a_message(serve: Open) -> None:
    sent: list[float] = []

    def handler(connection: Connection) -> None:
        while True:
            message = connection.receive(timeout=5)
            Event().wait(4.2)
            sent.append(monotonic())
            connection.send(message)

    client, served = serve(handler, idle_timeout_seconds=4)
    client.send(frame(0x81, b"x"))
    assert client.receive().payload == b"x"
    assert ended_with(client, served) == IDLE_LONG
    assert monotonic() - sent[0] >= 4


@pytest.mark.slow
def test_messages_of_other_threads_put_off_the_idle_end(serve: Open) -> None:
    began: list[Connection] = []

    def handler(connection: Connection) -> None:
        began.append(connection)
        echo(connection)

    client, served = serve(handler, idle_timeout_seconds=4)
    wait_until(lambda: began)
    pause = Event()
    for _ in range(8):
        pause.wait(0.6)
        sent = monotonic()
        began[0].send("news")
    for _ in range(8):
        assert client.receive().payload == b"news"
    assert ended_with(client, served) == IDLE_LONG
    assert monotonic() - sent >= 3.9


def test_a_conversation_without_a_pause_has_a_lifetime(serve: Open) -> None:
    client, served = serve(max_lifetime_seconds=0.5)
    began = monotonic()
    client.send(frame(0x81, b"x"))
    while (received := client.receive()).first == 0x81:
        assert monotonic() - began < 5
        client.send(frame(0x81, b"x"))
    assert (received.close_code, received.close_reason) == OLD
    client.sock.close()
    served.ended()


def test_a_handler_that_only_sends_has_a_lifetime_when_no_more_can_be_kept(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        pause = Event()
        while True:
            connection.send("x")
            pause.wait(0.01)

    client, served = serve(handler, max_lifetime_seconds=0.5)
    client.send(frame(0x82, bytes(1000)) * 100)
    assert ended_with(client, served) == OLD


@pytest.mark.parametrize("data", [frame(0x8A), frame(0x00, b"x")], ids=["pongs", "fragments"])
@pytest.mark.parametrize("handler", [echo, with_timeouts])
def test_what_is_no_message_does_not_put_off_the_idle_end(
    serve: Open, data: bytes, handler: Any
) -> None:
    client, served = serve(handler, ping_interval_seconds=0, idle_timeout_seconds=0.5)
    client.send(frame(0x01, b"x"))
    done = Event()

    def talk() -> None:
        with suppress(OSError):  # The server may have left.
            while not done.wait(0.02):
                client.send(data)

    talker = Thread(target=talk)
    talker.start()
    try:
        closed = client.receive()
    finally:
        done.set()
        talker.join()
    assert (closed.close_code, closed.close_reason) == IDLE
    client.send(close_frame(1001))
    client.rest()
    served.ended()


# -- Last message ----------------------------------------------------------------------------------


def test_the_last_message_is_one_that_was_received_or_sent(serve: Open) -> None:
    times: list[float] = []
    steps = Event()

    def handler(connection: Connection) -> None:
        def note() -> None:
            times.append(connection.last_message_at)

        note()
        assert connection.receive(timeout=0.05) is None  # A pong arrives meanwhile.
        note()
        connection.receive()
        note()
        steps.wait(0.01)
        connection.send("answer")
        connection.send("sent")
        note()

    began = monotonic()
    client, served = serve(handler)
    client.send(frame(0x8A))
    wait_until(lambda: len(times) == 2)
    client.send(frame(0x81, b"x"))
    assert [client.receive().payload for _ in range(2)] == [b"answer", b"sent"]
    client.sock.close()
    served.ended()
    first, after_pong, received, sent = times
    assert began - 1 <= first == after_pong < received < sent <= monotonic()


# -- Cut -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [tcp_pair, unix_pair, tls_pair])
@pytest.mark.parametrize("sends", [False, True], ids=["closing handshake", "send"])
def test_a_cut_wakes_the_owner(make: Callable[[], Pair], sends: bool) -> None:
    began: list[Connection] = []

    def handler(connection: Connection) -> None:
        began.append(connection)
        while sends:
            connection.send(bytes(2**16))
        echo(connection)

    limits = Limits(close_timeout_seconds=60, send_timeout_seconds=60)
    with Served(make(), limits, handler) as served:
        RawWebSocket(served.client)
        wait_until(lambda: began)
        Event().wait(0.1)  # Until the buffers are full.
        began[0].close(1013, "make room")
        Event().wait(0.1)
        began[0].cut()
        assert served.ended(5).close_reason == 1013
        with pytest.raises(ConnectionClosed):
            began[0].send("too late")


# -- Close before the connection is open -----------------------------------------------------------


class ClosedByAnother(Connection):
    """Another thread closes it before it is open."""

    def upgrade(self) -> None:
        other = Thread(target=self.close, args=(1013, "make room"))
        other.start()
        other.join()
        super().upgrade()


def test_a_connection_that_is_not_open_yet_gets_its_closing_handshake() -> None:
    with Served(tcp_pair(), kind=ClosedByAnother) as served:
        client = RawWebSocket(served.client)
        assert ended_with(client, served) == (1013, "make room")
