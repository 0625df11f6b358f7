"""Other threads send and close: frames never interleave, nobody starves, nobody hangs."""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo.websocket.connection import Connection
from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open, Pair, Served, echo, tcp_pair, tls_pair, unix_pair
from tests.support.waiting import wait_until

DEFLATE = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"  # RFC 7692, section 7.2.2


@pytest.fixture(params=[tcp_pair, unix_pair, tls_pair], ids=["tcp", "poll", "tls"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two ends of a stream."""
    made: Pair = request.param()
    return made


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that do not own the connection."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Handler:
    """Hands its connection to the test, then does what it was given to do."""

    def __init__(self, act: Any = echo) -> None:
        self._act = act
        self._ready = Event()
        self._connection: Connection | None = None
        self.result: Any = None

    def __call__(self, connection: Connection) -> None:
        self._connection = connection
        self._ready.set()
        self.result = self._act(connection)

    @property
    def connection(self) -> Connection:
        """The connection, once the handler runs."""
        assert self._ready.wait(10)
        assert self._connection is not None
        return self._connection


def until_closed(connection: Connection) -> int:
    """Receive until the end; return its code."""
    try:
        while True:
            connection.receive()
    except ConnectionClosed as closed:
        return closed.reason


def test_messages_of_many_threads_do_not_interleave(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler()
    client, _ = serve(handler)
    sizes = (0, 125, 126, 5_000, 70_000)

    def send(byte: int) -> None:
        for size in sizes * 4:
            handler.connection.send(bytes([byte]) * size)

    sent = [threads.submit(send, byte) for byte in range(1, 7)]
    got: dict[int, list[int]] = {byte: [] for byte in range(7)}
    for _ in range(len(sent) * len(sizes) * 4):
        message = client.receive()
        assert message.first == 0x82
        assert len(set(message.payload)) <= 1, "two messages are mixed"
        got[message.payload[0] if message.payload else 0].append(len(message.payload))
    for done in sent:
        done.result(10)
    for byte in range(1, 7):  # Each thread's messages come in its order.
        assert got[byte] == [size for size in sizes * 4 if size]


def test_compressed_messages_leave_in_the_order_of_their_compression(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler()
    client, _ = serve(handler, extensions=DEFLATE)
    client.send(frame(0xC1, deflated(b"compress from here on")))
    inflate = zlib.decompressobj(-15)
    assert inflate.decompress(client.receive().payload + TAIL) == b"compress from here on"

    def send(thread: int) -> None:
        for number in range(40):
            handler.connection.send(f"{thread}:{number} " + "some text " * 50)

    sent = [threads.submit(send, thread) for thread in range(6)]
    numbers: dict[str, list[int]] = {}
    for _ in range(6 * 40):
        message = client.receive()
        assert message.first == 0xC1
        # One window for all: a message that is out of order cannot be inflated.
        text = inflate.decompress(message.payload + TAIL).decode()
        thread, number = text.split()[0].split(":")
        numbers.setdefault(thread, []).append(int(number))
    for done in sent:
        done.result(10)
    assert numbers == {str(thread): list(range(40)) for thread in range(6)}


def test_the_owner_is_not_starved_by_a_thread_that_sends_in_a_loop(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler()
    client, _ = serve(handler)
    stop = Event()

    def flood() -> None:
        while not stop.is_set():
            handler.connection.send(b"flood" * 100)

    flooding = threads.submit(flood)
    for number in range(20):
        client.send(frame(0x81, str(number).encode()))
        deadline = monotonic() + 10
        while (message := client.receive()).first != 0x81:
            assert monotonic() < deadline
        assert message.payload == str(number).encode()
    stop.set()
    drained = threads.submit(client.rest)  # The flood may wait for room.
    flooding.result(10)
    handler.connection.close(4000)
    drained.result(10)


@pytest.mark.parametrize("waits", [True, False], ids=["receiving", "busy"])
def test_another_thread_closes_at_once_and_the_owner_s_next_call_raises(
    serve: Open, waits: bool
) -> None:
    go_on = Event()

    def act(connection: Connection) -> int:
        if not waits:
            assert go_on.wait(10)
        return until_closed(connection)

    handler = Handler(act)
    client, served = serve(handler, close_timeout_seconds=20)
    handler.connection.close(4001, "moved")
    assert not handler.connection.connected
    with pytest.raises(ConnectionClosed):
        handler.connection.send("after the close")
    with pytest.raises(ConnectionClosed):
        handler.connection.close()
    go_on.set()
    closed = client.receive()
    assert (closed.close_code, closed.close_reason) == (4001, "moved")
    client.send(close_frame(4001))
    client.sock.close()
    assert served.ended().close_reason == 4001
    assert handler.result == 4001


def test_a_close_from_another_thread_ends_a_peer_that_never_answers(serve: Open) -> None:
    handler = Handler(until_closed)
    client, served = serve(handler, ping_interval_seconds=0, close_timeout_seconds=0.3)
    handler.connection.close(4000)
    assert client.receive().close_code == 4000
    assert served.ended().close_reason == 4000  # Though the client neither answers nor leaves.


def test_a_close_from_another_thread_is_carried_out_when_the_handler_just_returns(
    serve: Open,
) -> None:
    go_on = Event()
    handler = Handler(lambda connection: go_on.wait(10))
    client, served = serve(handler)
    handler.connection.close(4002)
    go_on.set()
    assert client.receive().close_code == 4002
    client.answer_close(4002)
    client.sock.close()
    assert served.ended().close_reason == 4002


def end(handler: Handler, served: Served, how: str) -> None:
    """End a connection from another thread, and see that it has ended."""
    if how == "drain":
        served.seats.drain()
    else:
        handler.connection.close(4000)
    assert served.ended().close_reason == (1001 if how == "drain" else 4000)


@pytest.mark.parametrize("how", ["drain", "close"])
def test_a_sender_that_is_stuck_delays_no_end(
    serve: Open, threads: ThreadPoolExecutor, how: str
) -> None:
    handler = Handler(until_closed)
    client, served = serve(handler, send_timeout_seconds=3600, close_timeout_seconds=0.3)
    stuck = threads.submit(handler.connection.send, bytes(50_000_000))
    client.await_input()
    end(handler, served, how)
    with pytest.raises(ConnectionClosed):
        stuck.result(10)


def test_a_stuck_sender_in_another_thread_ends_the_connection_by_its_time_out(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler(until_closed)
    _, served = serve(handler, send_timeout_seconds=0.3)
    stuck = threads.submit(handler.connection.send, bytes(50_000_000))
    with pytest.raises(ConnectionClosed, match="stopped reading"):
        stuck.result(10)
    assert served.ended().close_reason == 1006
    assert handler.result == 1006


def test_a_send_with_a_deadline_disconnects_a_peer_that_does_not_read(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler(until_closed)
    _, served = serve(handler, send_timeout_seconds=3600)

    def send() -> None:
        while True:
            handler.connection.send(bytes(200_000), timeout=0.2)

    with pytest.raises(ConnectionClosed, match="stopped reading"):
        threads.submit(send).result(20)
    assert served.ended().close_reason == 1006


def test_a_send_with_a_deadline_does_not_wait_for_a_stuck_one(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler(until_closed)
    client, served = serve(handler, send_timeout_seconds=3600)
    stuck = threads.submit(handler.connection.send, bytes(50_000_000))
    client.await_input()
    with pytest.raises(ConnectionClosed):
        threads.submit(handler.connection.send, "next", 0.2).result(10)
    with pytest.raises(ConnectionClosed):
        stuck.result(10)
    assert served.ended().close_reason == 1006


def test_a_send_with_a_deadline_arrives(serve: Open) -> None:
    handler = Handler()
    client, _ = serve(handler)
    handler.connection.send("é" * 40_000, timeout=5)
    assert client.receive().payload == ("é" * 40_000).encode()


def test_a_close_of_the_peer_ends_the_sends_of_other_threads(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler(until_closed)
    client, served = serve(handler, extensions=DEFLATE)
    client.send(frame(0xC1, deflated(b"compress")))

    def send() -> None:
        while True:
            handler.connection.send("text" * 100)

    sending = [threads.submit(send) for _ in range(3)]
    assert client.receive().first in (0x81, 0xC1)
    client.send(close_frame(3000))
    rest = threads.submit(client.rest)
    for sender in sending:
        with pytest.raises(ConnectionClosed) as closed:
            sender.result(10)
        assert closed.value.reason == 3000
    client_end = rest.result(10)
    assert b"\x88\x02\x0b\xb8" in client_end[-16:], "the Close frame is the last one"
    assert served.ended().close_reason == 3000


def test_only_the_owner_may_receive(serve: Open, threads: ThreadPoolExecutor) -> None:
    handler = Handler()
    serve(handler)
    with pytest.raises(RuntimeError, match="only the thread of its request"):
        threads.submit(handler.connection.receive).result(10)


def test_a_broadcast_is_held_up_by_no_member(serve: Open, pair: Pair) -> None:
    """The rest of the room gets its messages while one member does not read."""
    deaf = Handler(until_closed)
    _, served = serve(deaf, send_timeout_seconds=3600)
    heard: list[int] = []

    def broadcast() -> None:
        for number in range(100):
            with suppress(ConnectionClosed):
                deaf.connection.send(bytes(200_000), timeout=0.1)
            heard.append(number)

    room = Thread(target=broadcast)
    room.start()
    room.join(20)
    assert len(heard) == 100
    assert served.ended().close_reason == 1006


def test_no_close_frame_follows_a_message_that_was_sent_in_part(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    """Another thread closes while the owner's message is stuck, and then times out."""
    handler = Handler(lambda connection: connection.send(bytes(8_000_000)))
    client, served = serve(handler, send_timeout_seconds=4, close_timeout_seconds=2)
    client.sock.settimeout(10)
    client.await_input()
    threads.submit(handler.connection.close, 4000, "kicked").result(10)
    assert served.ended().close_reason == 4000
    received = b""
    with suppress(OSError, AssertionError):
        while more := client.sock.recv(65536):
            received += more
    assert len(received) < 8_000_000
    assert b"kicked" not in received


@pytest.mark.parametrize("how", ["close", "drain"])
def test_a_ping_does_not_make_the_owner_wait_for_another_thread(
    serve: Open, threads: ThreadPoolExecutor, how: str
) -> None:
    handler = Handler(until_closed)
    client, served = serve(handler, send_timeout_seconds=3600, close_timeout_seconds=0.5)
    stuck = threads.submit(handler.connection.send, bytes(50_000_000))
    client.await_input()
    before = handler.connection.received_messages
    client.send(frame(0x89, b"are you there") + frame(0x81, b"behind the ping"))
    wait_until(lambda: handler.connection.received_messages > before)
    end(handler, served, how)
    with pytest.raises(ConnectionClosed):
        stuck.result(10)


def test_a_pong_follows_the_message_of_another_thread(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler(until_closed)
    client, _ = serve(handler)
    sending = threads.submit(handler.connection.send, bytes(20_000_000))
    client.await_input()
    client.send(frame(0x89, b"are you there"))
    assert len(client.receive().payload) == 20_000_000
    assert client.receive() == (0x8A, b"are you there")
    sending.result(10)


def test_the_owner_s_send_notices_a_close_while_it_waits_for_its_turn(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    stuck = Event()

    def act(connection: Connection) -> str:
        assert stuck.wait(10)
        try:
            connection.send("next")
        except ConnectionClosed as closed:
            return str(closed.reason)
        return "sent"

    handler = Handler(act)
    client, served = serve(handler, send_timeout_seconds=3600, close_timeout_seconds=0.5)
    sending = threads.submit(handler.connection.send, bytes(50_000_000))
    client.await_input()
    stuck.set()
    handler.connection.close(4000)
    assert served.ended().close_reason == 4000
    assert handler.result == "4000"
    with pytest.raises(ConnectionClosed):
        sending.result(10)


def test_a_reason_that_is_no_utf_8_is_refused_in_the_thread_that_gives_it(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    handler = Handler()
    client, _ = serve(handler)
    with pytest.raises(ValueError, match="UTF-8"):
        threads.submit(handler.connection.close, 4000, "caf\ud800").result(10)
    client.send(frame(0x81, b"still open"))
    assert client.receive().payload == b"still open"


def test_pings_are_answered_although_two_threads_send_in_turn(
    serve: Open, threads: ThreadPoolExecutor
) -> None:
    """The turn is never free: each of them waits while the other one sends."""
    handler = Handler(until_closed)
    client, _ = serve(handler)
    stop = Event()

    def flood() -> None:
        while not stop.is_set():
            handler.connection.send(bytes(100_000))

    flooding = [threads.submit(flood) for _ in range(2)]
    for number in range(5):
        client.send(frame(0x89, str(number).encode()))
        deadline = monotonic() + 10
        while (message := client.receive()).first != 0x8A:
            assert monotonic() < deadline
        assert message == (0x8A, str(number).encode())
    stop.set()
    rest = threads.submit(client.rest)
    for thread in flooding:
        thread.result(10)
    handler.connection.close(4000)
    rest.result(10)


def test_the_http_server_s_last_words_are_not_sent_and_fail_as_on_any_closed_socket(
    serve: Open,
) -> None:
    """werkzeug and gunicorn know the errors of a closed socket, but not all errors of TLS."""
    errors: list[OSError] = []

    def act(connection: Connection) -> None:
        with suppress(ConnectionClosed):
            connection.close(1000)
        try:
            connection.sock.send(b"HTTP/1.1 200 OK\r\n\r\n")
        except OSError as error:
            errors.append(error)

    client, served = serve(act, close_timeout_seconds=0.2)
    assert client.receive().close_code == 1000
    assert b"HTTP" not in client.rest()
    served.ended()
    assert [isinstance(error, ConnectionError) for error in errors] == [True]
