"""A connection that misbehaves on demand, over pairs of sockets: kernel-timed and polled."""

import socket
from contextlib import suppress
from sys import getsizeof
from threading import Event
from time import monotonic

import pytest

from flask_echo.simulation.connection import FaultyConnection
from flask_echo.websocket.budget import FREE_BYTES, Budget
from flask_echo.websocket.kept import KEEP_BYTES
from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open
from tests.support.waiting import wait_until

LONG = 600.0  # seconds: a test that waits for it fails


def pausing(seconds: float, results: list[bool]) -> object:
    """A handler that echoes after a pause before each reply."""

    def handler(connection: FaultyConnection) -> None:
        while True:
            message = connection.receive()
            results.append(connection.pause(seconds))
            connection.send(message)

    return handler


def test_a_ping_is_answered_during_a_pause_and_no_message_is_lost(serve: Open) -> None:
    results: list[bool] = []
    client, served = serve(pausing(0.2, results), kind=FaultyConnection)
    client.send(frame(0x81, b"one") + frame(0x82, b"two") + frame(0x89, b"ping"))
    answers = [client.receive() for _ in range(3)]
    assert [answer.first for answer in answers] == [0x8A, 0x81, 0x82]
    assert [answer.payload for answer in answers] == [b"ping", b"one", b"two"]
    client.send(close_frame(4000))
    assert served.ended().close_reason == 4000
    assert results == [True, True]


def test_what_a_pause_keeps_in_memory_is_charged(serve: Open) -> None:
    budget, mib = Budget(2**30), 2**20
    go_on = [Event(), Event()]

    def handler(connection: FaultyConnection) -> None:
        for go in go_on:
            message = connection.receive()
            while not go.is_set():
                connection.pause(0.02)
            connection.send(message)
            del message
        connection.receive()

    client, _ = serve(handler, "permessage-deflate", kind=FaultyConnection, budget=budget)
    client.send(frame(0xC2, deflated(bytes(mib)), bytes(4)) * 2)
    wait_until(lambda: 2 * mib - FREE_BYTES <= budget.used < 2 * mib)
    go_on[0].set()
    client.receive()
    wait_until(lambda: mib - FREE_BYTES <= budget.used < mib)
    go_on[1].set()
    client.receive()
    wait_until(lambda: budget.used == 0)


@pytest.mark.parametrize(
    ("ending", "code"),
    [(close_frame(4000), 4000), (frame(0x83), 1002), (frame(0x81, b"\xff"), 1007), (b"", None)],
    ids=["close", "broken", "utf8", "end of stream"],
)
@pytest.mark.parametrize("count", [3, 2000])
def test_what_ends_the_connection_comes_after_the_replies_that_are_owed(
    serve: Open, ending: bytes, code: int | None, count: int
) -> None:
    client, served = serve(pausing(LONG, []), kind=FaultyConnection)
    client.send(frame(0x81, b"x") * count + ending)
    if not ending or count == 2000:  # No room for more is no reason to end the pause.
        client.sock.shutdown(socket.SHUT_WR)
    for _ in range(count):
        assert client.receive().payload == b"x"
    if code is not None:
        assert client.receive().close_code == code
        with suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)
    assert client.rest() == b""
    assert served.ended().close_reason == (code or 1006)


def test_a_delayed_reply_goes_out_as_its_message_came(serve: Open) -> None:
    offer = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
    client, _ = serve(pausing(0.1, []), offer, kind=FaultyConnection)
    client.send(frame(0xC1, deflated(b"one")) + frame(0x81, b"two") + frame(0xC1, deflated(b"3")))
    assert [client.receive().first for _ in range(3)] == [0xC1, 0x81, 0xC1]


@pytest.mark.parametrize("flood", [0, 2000], ids=["room", "full"])
def test_a_lost_peer_ends_a_pause(serve: Open, flood: int) -> None:
    client, served = serve(pausing(LONG, []), kind=FaultyConnection)
    client.send(frame(0x81, b"x") * (flood + 1))
    client.sock.close()
    assert served.ended().close_reason == 1006


@pytest.mark.parametrize("flood", [3, 2000], ids=["room", "full"])
def test_when_the_server_goes_away_a_pause_ends_and_what_is_owed_is_sent(
    serve: Open, flood: int
) -> None:
    results: list[bool] = []
    # Half the close time-out is the time for what is owed; a busy machine may need it.
    patient = {"kind": FaultyConnection, "close_timeout_seconds": 20}
    client, served = serve(pausing(LONG, results), **patient)
    client.send(frame(0x89, b"there") + frame(0x81, b"x") * flood)
    assert client.receive().first == 0x8A
    served.seats.drain()
    for _ in range(flood):
        assert client.receive().payload == b"x"
    assert client.receive().close_code == 1001
    client.send(close_frame(1001))
    client.sock.shutdown(socket.SHUT_WR)
    assert served.ended().close_reason == 1001
    assert not any(results)


def test_a_peer_that_floods_a_pause_is_held_back(serve: Open) -> None:
    arrived, go_on = Event(), Event()
    most = -(-KEEP_BYTES // getsizeof(bytes(100)))

    def handler(connection: FaultyConnection) -> int:
        assert arrived.wait(10)
        deadline = monotonic() + 10
        while connection.received_messages < most and monotonic() < deadline:
            connection.pause(0.05)
        connection.pause(0.5)
        go_on.set()
        return connection.received_messages

    kept: list[int] = []
    client, served = serve(lambda peer: kept.append(handler(peer)), kind=FaultyConnection)
    client.sock.settimeout(0.1)
    many = frame(0x82, bytes(100)) * 10_000
    with suppress(TimeoutError):
        while True:
            client.send(many)
    arrived.set()
    assert go_on.wait(10)
    served.ended()
    assert kept == [most]


@pytest.mark.parametrize("size", [1_000, 5_000_000])
def test_what_was_sent_before_a_reset_arrives(serve: Open, size: int) -> None:
    def handler(connection: FaultyConnection) -> None:
        connection.send(bytes(size))
        connection.abort()

    client, served = serve(handler, kind=FaultyConnection, close_timeout_seconds=5)
    assert len(client.receive().payload) == size
    with suppress(ConnectionResetError):
        assert client.rest() == b""
    assert served.ended().close_reason == 1006


def test_a_peer_that_does_not_read_does_not_hold_a_reset(serve: Open) -> None:
    def handler(connection: FaultyConnection) -> None:
        connection.receive()
        connection.send(bytes(50_000))
        connection.abort()

    client, served = serve(handler, kind=FaultyConnection, close_timeout_seconds=0.2)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(frame(0x81, b"go"))
    assert served.ended().close_reason == 1006
    with suppress(ConnectionResetError):
        assert len(client.rest()) < 50_000 or client.sock.family == socket.AF_UNIX


def test_a_mute_server_answers_nothing_until_the_peer_goes(serve: Open) -> None:
    client, served = serve(lambda peer: peer.ignore(LONG), kind=FaultyConnection)
    client.send(frame(0x81, b"x") + frame(0x89, b"ping") + frame(0x81, b"half")[:-2])
    client.send(b"no frames at all" + close_frame(1000))
    client.sock.shutdown(socket.SHUT_WR)
    assert client.rest() == b""
    assert served.ended().close_reason == 1006


@pytest.mark.parametrize(("seconds", "code"), [(0.1, 1000), (LONG, 1001)], ids=["time", "drain"])
def test_a_mute_server_says_goodbye_when_it_is_over(serve: Open, seconds: float, code: int) -> None:
    client, served = serve(lambda peer: peer.ignore(seconds), kind=FaultyConnection)
    with suppress(OSError):  # The server may have left already.
        client.send(frame(0x81, b"x"))
    if code == 1001:
        served.seats.drain()
    assert client.receive().close_code == code
    with suppress(OSError):
        client.sock.shutdown(socket.SHUT_WR)
    assert client.rest() == b""
    assert served.ended().close_reason == code


def test_a_peer_that_never_stops_sending_does_not_keep_a_server_mute(serve: Open) -> None:
    client, served = serve(lambda peer: peer.ignore(0.2), kind=FaultyConnection)
    with suppress(OSError):
        while served.seats.occupancy().seats_taken:
            client.send(bytes(65536))
    assert served.ended().close_reason == 1000


def test_abort_is_a_reset_and_nothing_else(serve: Open) -> None:
    def handler(connection: FaultyConnection) -> None:
        connection.send(connection.receive())
        connection.abort()
        connection.sock.sendall(b"the HTTP server's last words")

    def quietly(connection: FaultyConnection) -> None:
        with suppress(OSError):
            handler(connection)

    client, served = serve(quietly, kind=FaultyConnection)
    client.send(frame(0x81, b"x"))
    assert client.receive().payload == b"x"
    wait_until(lambda: not served.seats.occupancy().seats_taken)
    if client.sock.family == socket.AF_INET:
        with pytest.raises(ConnectionResetError):
            client.rest()
    else:  # A Unix socket knows no reset.
        assert client.rest() == b""
    assert served.ended().close_reason == 1006
