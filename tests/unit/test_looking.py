"""A handler that sends without receiving: what it notices, what it keeps, and how much."""

import random
import zlib
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo.websocket import connection as connection_module
from flask_echo.websocket import looking as looking_module
from flask_echo.websocket import reading
from flask_echo.websocket.budget import FREE_BYTES, Budget
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.kept import KEEP_BYTES
from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open
from tests.support.waiting import wait_until


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each send look, and not one a second."""
    monkeypatch.setattr(looking_module, "LOOK_SECONDS", 0.0)


def looking(seen: list[Any], arrived: Event, then: Callable[[Connection], Any]) -> Any:
    """A handler that sends a hundred times once everything has arrived, and then does ``then``."""

    def handler(connection: Connection) -> None:
        assert arrived.wait(10)
        for _ in range(100):
            connection.send("x")
        seen.append(then(connection))

    return handler


@pytest.mark.usefixtures("eager")
def test_messages_that_are_found_are_kept_in_their_order(serve: Open) -> None:
    seen: list[Any] = []
    arrived = Event()
    texts = [str(number) for number in range(20)]
    client, _ = serve(
        looking(seen, arrived, lambda ws: [ws.receive(timeout=10) for _ in range(21)])
    )
    client.send(b"".join(frame(0x81, text.encode()) for text in texts))
    arrived.set()
    for _ in range(100):
        assert client.receive().payload == b"x"
    client.send(frame(0x82, b"after"))
    wait_until(lambda: seen)
    assert seen == [[*texts, b"after"]]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("size", "count"), [(0, 4_000), (100, 1_000), (50_000, 3)])
def test_no_more_than_52_kib_are_kept_and_the_peer_is_held_back(
    serve: Open, size: int, count: int
) -> None:
    seen: list[Any] = []
    arrived = Event()
    client, _ = serve(looking(seen, arrived, lambda ws: (ws.received_messages, ws.received_bytes)))
    client.send(frame(0x82, bytes(size)) * count)
    arrived.set()
    wait_until(lambda: seen)
    messages, received = seen[0]
    assert 0 < messages < min(count, 2_100)
    assert received < KEEP_BYTES + 4096
    for _ in range(100):
        client.receive()


@pytest.mark.usefixtures("eager")
def test_a_bomb_is_not_inflated_beyond_the_limit(serve: Open) -> None:
    seen: list[Any] = []
    arrived = Event()
    client, _ = serve(
        looking(seen, arrived, lambda ws: (ws.received_bytes, len(ws.receive(10) or b""))),
        extensions="permessage-deflate",
    )
    bomb = deflated(bytes(2**20))
    client.send(frame(0xC2, bomb))
    arrived.set()
    wait_until(lambda: seen)
    looked, received = seen[0]
    assert KEEP_BYTES <= looked <= FREE_BYTES
    assert received == 2**20


EMOJI = "\N{GRINNING FACE}" * 2**18
VARIED = random.Random(1).randbytes(2**20)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (frame(0x81, EMOJI.encode()), EMOJI),
        (frame(0xC1, deflated(EMOJI.encode())), EMOJI),
        (frame(0x82, VARIED), VARIED),
        (frame(0xC2, deflated(VARIED)), VARIED),
    ],
    ids=["text", "compressed text", "bytes", "bytes that cannot be compressed"],
)
def test_a_large_message_holds_no_memory_until_the_handler_receives(
    serve: Open, wire: bytes, message: str | bytes
) -> None:
    """While nobody reads, nobody judges how fast it arrives."""
    seen: list[Any] = []
    arrived, budget = Event(), Budget(100 * 2**20)
    client, _ = serve(
        looking(seen, arrived, lambda ws: (ws.received_bytes, budget.used, ws.receive(10))),
        extensions="permessage-deflate",
        budget=budget,
        max_message_bytes=2**20,
    )
    sender = Thread(target=client.send, args=[wire])
    sender.start()
    arrived.set()
    wait_until(lambda: seen)
    sender.join()
    looked, used, received = seen[0]
    assert looked <= FREE_BYTES
    assert used == 0
    assert received == message


@pytest.mark.usefixtures("eager")
def test_a_kept_message_decides_about_compression_as_any_other(serve: Open) -> None:
    arrived = Event()

    def handler(connection: Connection) -> None:
        assert arrived.wait(10)
        connection.send("looks")
        for _ in range(2):
            connection.send(connection.receive())

    client, _ = serve(handler, extensions="permessage-deflate")
    client.send(frame(0xC1, deflated(b"small")) + frame(0x81, b"plain"))
    arrived.set()
    client.receive()
    first, second = client.receive(), client.receive()
    assert (first.first, second) == (0xC1, (0x81, b"plain"))
    assert zlib.decompressobj(-15).decompress(first.payload + b"\x00\x00\xff\xff") == b"small"


def test_what_is_kept_is_received_after_the_close(serve: Open) -> None:
    got: list[Any] = []
    arrived = Event()

    def handler(connection: Connection) -> None:
        assert arrived.wait(10)
        while connection.connected:
            pass
        got.append(connection.receive())
        try:
            connection.receive()
        except ConnectionClosed as closed:
            got.append(closed.reason)

    client, _ = serve(handler)
    client.send(frame(0x81, b"last words") + close_frame(3000))
    arrived.set()
    assert client.receive().close_code == 3000
    wait_until(lambda: len(got) == 2)
    assert got == ["last words", 3000]


def test_a_silent_peer_of_a_sender_is_pinged_and_given_up(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        pause = Event()
        while True:
            connection.send("tick")
            pause.wait(0.05)

    client, served = serve(handler, ping_interval_seconds=0.1, ping_timeout_seconds=0.1)
    kinds = set()
    while (message := client.receive()).first != 0x88:
        kinds.add(message.first)
    assert kinds == {0x81, 0x89}
    assert (message.close_code, message.close_reason) == (1008, "Ping/Pong timeout")
    client.sock.close()
    assert served.ended().close_reason == 1008


def test_a_drain_is_noticed_at_the_next_send(serve: Open) -> None:
    sent = Event()
    draining = Event()

    def handler(connection: Connection) -> None:
        connection.send("first")
        sent.set()
        assert draining.wait(10)
        connection.send("second")
        pytest.fail("the server is going away")

    client, served = serve(handler)
    assert client.receive().payload == b"first"
    assert sent.wait(10)
    served.seats.drain()
    draining.set()
    assert client.receive().close_code == 1001
    client.send(close_frame(1001))
    client.sock.close()
    assert served.ended().close_reason == 1001


def test_an_echo_reads_the_clock_once_and_makes_no_look(
    serve: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    def clock() -> float:
        reads.append(1)
        return 0.0

    for room in (connection_module, looking_module, reading):
        monkeypatch.setattr(room, "monotonic", clock)
    client, _ = serve(ping_interval_seconds=0)
    for _ in range(10):
        client.send(frame(0x81, b"x"))
        assert client.receive().payload == b"x"
    assert len(reads) == 10


@pytest.mark.usefixtures("eager")
def test_a_drain_is_noticed_although_no_more_messages_can_be_kept(serve: Open) -> None:
    arrived = Event()

    def handler(connection: Connection) -> None:
        assert arrived.wait(10)
        pause = Event()
        while True:
            connection.send("x")
            pause.wait(0.01)

    client, served = serve(handler)
    client.send(frame(0x82, bytes(1000)) * 150)
    arrived.set()
    for _ in range(10):
        assert client.receive().payload == b"x"
    served.seats.drain()
    for _ in range(1_000):
        if (message := client.receive()).first == 0x88:
            break
    assert message.close_code == 1001
    client.sock.close()
    served.ended()


@pytest.mark.parametrize("count", [1, 10])
def test_messages_that_arrived_before_a_send_failed_are_received(serve: Open, count: int) -> None:
    left = Event()
    got: list[Any] = []

    def handler(connection: Connection) -> None:
        assert left.wait(10)
        with suppress(ConnectionClosed):
            while True:
                connection.send(bytes(100_000))
        with suppress(ConnectionClosed):
            while True:
                got.append(connection.receive())
        got.append(connection.close_reason)

    client, served = serve(handler)
    client.send(b"".join(frame(0x81, str(n).encode()) for n in range(count)) + close_frame(3000))
    client.sock.close()
    left.set()
    served.ended()
    assert got == [*(str(n) for n in range(count)), 3000]
