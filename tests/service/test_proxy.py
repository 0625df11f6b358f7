"""The proxy of the tests does what it is told, and nothing where it is told nothing."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from urllib.request import urlopen

import pytest

from tests.support.clients import TIMEOUT, RawWebSocket, close_frame, frame, health
from tests.support.proxy import (
    HOP_BY_HOP,
    NO_BYTE_255,
    NO_EXTENSIONS,
    SEVEN_BITS,
    Faults,
    Headers,
    Proxy,
)
from tests.support.servers import Server
from tests.support.waiting import wait_until

HELLO = frame(0x81, b"hello")
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}


@contextmanager
def through(
    faults: Faults, *upstreams: int, changes: Headers | None = None, status: int = 101
) -> Iterator[RawWebSocket]:
    """A WebSocket client behind a proxy."""
    with (
        Proxy(*upstreams, faults=faults) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as sock,
        RawWebSocket(sock, changes=changes, status=status) as client,
    ):
        yield client


@contextmanager
def upstream_head(faults: Faults, asks: bytes) -> Iterator[bytes]:
    """The head that a server gets when a client sends ``asks``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        with (
            Proxy(listener.getsockname()[1], faults=faults) as proxy,
            socket.create_connection(("127.0.0.1", proxy.port)) as client,
        ):
            client.sendall(asks)
            with listener.accept()[0] as server:
                yield server.recv(65536)


# Without faults


def test_a_conversation_passes_unchanged(server: Server) -> None:
    with through(Faults(), server.port) as client:
        for size in (0, 125, 126, 65536, 2**20):
            payload = bytes(byte & 0xFF for byte in range(size))
            client.send(frame(0x82, payload))
            assert client.receive().payload == payload
        client.send(close_frame(3456, "so long"))
        last = client.receive()
        assert (last.close_code, last.close_reason) == (3456, "so long")
        assert client.rest() == b""


def test_more_than_both_sides_hold_passes_while_nobody_reads(server: Server) -> None:
    messages = [frame(0x82, bytes([i]) * 2**20) for i in range(16)]
    with through(Faults(), server.port) as client:
        client.send(messages[0])
        for i, following in enumerate(messages[1:]):
            client.send(following)
            assert client.receive().payload == bytes([i]) * 2**20


def test_pages_pass_one_on_each_connection(server: Server) -> None:
    with Proxy(server.port) as proxy, urlopen(f"{proxy.url}/healthz", timeout=TIMEOUT) as answer:
        assert json.load(answer)["status"] == "ok"
        assert answer.headers["Connection"] == "close"


def test_leaving_cuts_what_is_open(server: Server) -> None:
    with Proxy(server.port) as proxy:
        quiet = socket.create_connection(("127.0.0.1", proxy.port))
        client = RawWebSocket(socket.create_connection(("127.0.0.1", proxy.port)))
        wait_until(lambda: proxy.connections == 2)
    assert proxy.connections == 0
    assert client.rest() == b""
    assert quiet.recv(1) == b""
    client.sock.close()
    quiet.close()
    wait_until(lambda: health(server)["connections"] == 0)


def test_a_reset_by_the_client_reaches_the_server(server: Server) -> None:
    before = health(server)["connections"]
    with Proxy(server.port) as proxy:
        client = RawWebSocket(socket.create_connection(("127.0.0.1", proxy.port)))
        wait_until(lambda: health(server)["connections"] == before + 1)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sock.close()
        wait_until(lambda: proxy.connections == 0)
    wait_until(lambda: health(server)["connections"] == before)


# Heads


REQUEST = (
    b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: k\r\n\r\n"
)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        pytest.param(Faults(), REQUEST, id="nothing"),
        pytest.param(
            Faults(request=HOP_BY_HOP),
            b"GET /echo HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\nConnection: close\r\n\r\n",
            id="hop-by-hop headers dropped",
        ),
        pytest.param(
            Faults(http_version="HTTP/1.0"),
            REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
            id="old version",
        ),
        pytest.param(
            Faults(request={"host": "b", "Via": "1.1 proxy", "X-Forwarded-For": "203.0.113.7"}),
            b"GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: k\r\nhost: b\r\nVia: 1.1 proxy\r\n"
            b"X-Forwarded-For: 203.0.113.7\r\n\r\n",
            id="headers set",
        ),
    ],
)
def test_the_request_is_edited(faults: Faults, expected: bytes) -> None:
    with upstream_head(faults, REQUEST) as head:
        assert head == expected


def test_without_the_hop_by_hop_headers_the_server_answers_426(server: Server) -> None:
    with through(Faults(request=HOP_BY_HOP), server.port, status=426):
        pass


def test_extensions_are_stripped_from_the_request(server: Server) -> None:
    with through(Faults(), server.port, changes=DEFLATE) as client:
        assert b"Sec-WebSocket-Extensions" in client.head
    with through(Faults(request=NO_EXTENSIONS), server.port, changes=DEFLATE) as client:
        assert b"Sec-WebSocket-Extensions" not in client.head


def test_the_response_is_edited(server: Server) -> None:
    faults = Faults(response={**NO_EXTENSIONS, "Server": "other"})
    with through(faults, server.port, changes=DEFLATE) as client:
        assert b"Sec-WebSocket-Extensions" not in client.head
        assert b"\r\nServer: other" in client.head


# Resets


def test_a_connection_is_reset_when_it_comes(server: Server) -> None:
    with (
        Proxy(server.port, faults=Faults(reset="connected")) as proxy,
        # The reset may come while the client still connects.
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as client,
    ):
        client.recv(1)


def test_a_request_for_a_websocket_is_reset_and_a_page_is_not(server: Server) -> None:
    with Proxy(server.port, faults=Faults(reset="requested")) as proxy:
        with pytest.raises(ConnectionResetError):
            RawWebSocket(socket.create_connection(("127.0.0.1", proxy.port)))
        with urlopen(f"{proxy.url}/healthz", timeout=TIMEOUT) as page:
            assert page.status == 200


def test_a_websocket_is_reset_after_its_101(server: Server) -> None:
    with (
        through(Faults(reset="upgraded"), server.port) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.rest()


# Time


@pytest.mark.parametrize("faults", [Faults(latency_up=0.2), Faults(latency_down=0.2)])
def test_bytes_are_late_but_not_fewer(server: Server, faults: Faults) -> None:
    start = monotonic()
    with through(faults, server.port) as client:
        assert monotonic() - start >= 0.2  # the handshake is late too
        client.send(HELLO * 100)
        for _ in range(100):
            assert client.receive().payload == b"hello"
        assert 0.4 <= monotonic() - start < 100 * 0.2


def test_bandwidth_is_limited_in_both_directions(server: Server) -> None:
    with through(Faults(bytes_per_second=100_000), server.port) as client:
        start = monotonic()
        client.send(frame(0x82, bytes(20_000)))
        assert client.receive().payload == bytes(20_000)
        assert monotonic() - start >= 2 * 0.19  # the last twentieth of a second may overlap


def test_what_the_server_sends_is_held_and_released_in_clumps(server: Server) -> None:
    with through(Faults(clump_seconds=0.3), server.port) as client:
        start = monotonic()
        for _ in range(3):
            client.send(HELLO * 2)
            assert [client.receive().payload for _ in range(2)] == [b"hello"] * 2
        # Each pair waits for the next release, and there is one in 0.3 seconds.
        assert monotonic() - start > 2 * 0.3


def test_what_the_server_sends_is_held_until_there_is_enough(server: Server) -> None:
    answer = frame(0x81, b"hello", key=None)
    with through(Faults(clump_bytes=3 * len(answer)), server.port) as client:
        client.send(HELLO * 2)
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.receive()
        client.sock.settimeout(TIMEOUT)
        client.send(HELLO)
        assert [client.receive().payload for _ in range(3)] == [b"hello"] * 3


def test_a_sender_has_to_wait_when_much_is_held(server: Server) -> None:
    message = frame(0x82, bytes(2**20))
    with through(Faults(clump_seconds=60), server.port) as client:
        client.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            client.send(message * 64)  # more than all buffers of the kernel on the way


# Cuts


def test_an_idle_connection_is_cut_and_a_busy_one_is_not(server: Server) -> None:
    with through(Faults(idle_seconds=1), server.port) as client:
        start = monotonic()
        while monotonic() - start < 1.5:
            client.send(HELLO)
            assert client.receive().payload == b"hello"
        assert client.rest() == b""


def test_a_cut_can_be_a_reset(server: Server) -> None:
    with (
        through(Faults(idle_seconds=0.1, cut="rst"), server.port) as client,
        pytest.raises(ConnectionResetError),
    ):
        client.rest()


@pytest.mark.parametrize(
    "large",
    [
        pytest.param(frame(0x82, bytes(1001)), id="one frame"),
        pytest.param(frame(0x02, bytes(900)) + frame(0x00, bytes(101)), id="fragments"),
    ],
)
def test_a_message_over_the_limit_cuts_the_connection(server: Server, large: bytes) -> None:
    with through(Faults(message_limit=1000), server.port) as client:
        client.send(frame(0x82, bytes(1000)) + frame(0x02, bytes(500)) + frame(0x80, bytes(500)))
        assert [len(client.receive().payload) for _ in range(2)] == [1000, 1000]
        client.send(large)
        assert client.rest() == b""


# Contents


@pytest.mark.parametrize(
    ("table", "arrives"), [(NO_BYTE_255, b"a\x80\xc3\xfe"), (SEVEN_BITS, b"a\x00C\x7f")]
)
def test_the_payload_is_spoiled_on_the_way_back(
    server: Server, table: bytes, arrives: bytes
) -> None:
    with through(Faults(spoil=table), server.port) as client:
        client.send(frame(0x82, b"a\x80\xc3\xff") * 2)
        assert [client.receive() for _ in range(2)] == [(0x82, arrives)] * 2
        client.send(frame(0x89, b"\xff"))
        assert client.receive() == (0x8A, b"\xff")


def test_the_close_frame_is_swallowed(server: Server) -> None:
    with through(Faults(swallow_close=True), server.port) as client:
        client.send(HELLO + close_frame())
        assert client.receive().payload == b"hello"
        assert client.rest() == b""


def test_the_close_code_is_rewritten_and_its_reason_kept(server: Server) -> None:
    with through(Faults(close_code=4321), server.port) as client:
        client.send(close_frame(1000, "so long"))
        last = client.receive()
        assert (last.close_code, last.close_reason) == (4321, "so long")


def test_connections_are_spread_over_servers() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        Proxy(one.getsockname()[1], two.getsockname()[1]) as proxy,
    ):
        for listener in (one, two, one):
            listener.settimeout(TIMEOUT)
            with socket.create_connection(("127.0.0.1", proxy.port)) as client:
                client.sendall(REQUEST)
                listener.accept()[0].close()
