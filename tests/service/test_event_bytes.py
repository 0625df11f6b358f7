"""The cost that each way reports equals the bytes that a proxy has counted, exactly."""

import json
import re
import socket
import ssl
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from time import time_ns
from typing import Any, NamedTuple

import pytest

from flask_echo.events.stream import NANOSECONDS
from tests.support.clients import TIMEOUT, RawWebSocket, deflated, frame, raw
from tests.support.counting_proxy import CountingProxy, Passed
from tests.support.followers import quiet, stream_of, with_next_event
from tests.support.servers import Server
from tests.support.tls import trusting

BUSY = stream_of("bytes", "0.05")

COST = frame(0x81, b"cost")
PING = frame(0x89, b"a ping")


@pytest.fixture(scope="module")
def pinging() -> Iterator[Server]:
    """A server whose pings go out between the events."""
    server = Server("gunicorn", PING_INTERVAL_SECONDS=0.1)
    yield server
    server.stop()
    assert "Traceback" not in server.output(), server.output()


@pytest.fixture
def proxy(pinging: Server) -> Iterator[CountingProxy]:
    with CountingProxy(pinging.port) as proxy:
        yield proxy


def sizes(cost: dict[str, Any]) -> tuple[int, int]:
    """The bytes that a cost names: received and sent."""
    assert list(cost) == ["received_bytes", "sent_bytes", "cpu_seconds"]
    assert 0 < cost["cpu_seconds"] < 60
    return cost["received_bytes"], cost["sent_bytes"]


# -- Polls, conditional polls and long polls -----------------------------------------------


class Polling:
    """One connection through the proxy, which is kept alive between polls."""

    def __init__(self, proxy: CountingProxy) -> None:
        self._proxy = proxy
        self._connection = HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT)
        self._before = (0, 0)

    def __enter__(self) -> "Polling":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        """Compare the cost of one poll with the count of the proxy, and return its answer."""
        self._connection.request(method, path, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        reported = sizes(json.loads(response.headers["Echo-Cost"]))
        (passed,) = self._proxy.connections
        counted = (len(passed.up), len(passed.down))
        before, self._before = self._before, counted
        assert reported == (counted[0] - before[0], counted[1] - before[1])
        if body:
            assert sizes(json.loads(body)["cost"]) == reported
        return response


def test_each_poll_of_a_connection_costs_its_request_and_its_answer(proxy: CountingProxy) -> None:
    with Polling(proxy) as polling:
        for seconds in (0, 1, 10, 200):
            path = BUSY.since(time_ns() - seconds * NANOSECONDS)
            assert polling.ask(path, **{"X-Filler": "x" * seconds}).status == 200


def test_each_conditional_poll_costs_its_request_and_its_answer(proxy: CountingProxy) -> None:
    path = quiet().since(time_ns())
    with Polling(proxy) as polling:
        etag = polling.ask(path).headers["ETag"]
        for _ in range(3):
            assert polling.ask(path, **{"If-None-Match": etag}).status == 304


def test_each_long_poll_costs_its_request_and_its_answer(proxy: CountingProxy) -> None:
    with Polling(proxy) as polling:
        for followed in (with_next_event("3600", 0.2, 1), quiet()):
            assert polling.ask(f"{followed.since(time_ns())}&wait=1").status == 200


def test_a_head_request_costs_its_request_and_a_head(proxy: CountingProxy) -> None:
    with Polling(proxy) as polling:
        assert polling.ask(BUSY.since(time_ns() - NANOSECONDS), method="HEAD").status == 200
        assert polling.ask(BUSY.path).status == 200


def test_a_poll_with_a_long_head_costs_all_of_it(proxy: CountingProxy) -> None:
    headers = {f"X-{number}": "x" * 7000 for number in range(4)}
    with Polling(proxy) as polling:
        for _ in range(2):
            assert polling.ask(BUSY.path, **headers).status == 200


def poll_request(path: str, version: str = "1.1", *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: localhost", *headers, "", ""]).encode()


class Answer(NamedTuple):
    """One answer as it came."""

    size: int
    headers: dict[str, str]
    body: bytes


def cut_answers(data: bytes) -> Iterator[Answer]:
    """Cut a stream of answers, each of which tells its length."""
    while data:
        head, data = data.split(b"\r\n\r\n", 1)
        fields = dict(re.findall(r"\r\n([^:]+): ([^\r]*)", head.decode()))
        length = 0 if b" 304 " in head.split(b"\r\n")[0] else int(fields["Content-Length"])
        body, data = data[:length], data[length:]
        yield Answer(len(head) + 4 + length, fields, body)


@pytest.mark.parametrize("apart", [False, True], ids=["together", "cut in the middle"])
def test_pipelined_polls_each_cost_their_own(proxy: CountingProxy, apart: bool) -> None:
    waiting = f"{quiet().since(time_ns())}&wait=0.3"
    requests = [
        poll_request(BUSY.since(time_ns() - 10 * NANOSECONDS)),
        poll_request(waiting, "1.1", "X-Filler: 1234567"),
        poll_request(BUSY.path, "1.1", "Connection: close"),
    ]
    data = b"".join(requests)
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
        if apart:  # The second request begins in the packet of the first one.
            end = len(requests[0]) + 20
            sock.sendall(data[:end])
            received = sock.recv(1)
            sock.sendall(data[end:])
        else:
            received = b""
            sock.sendall(data)
        while more := sock.recv(65536):
            received += more
    answers = list(cut_answers(received))
    assert len(answers) == len(requests)
    for request, answer in zip(requests, answers, strict=True):
        expected = (len(request), answer.size)
        assert sizes(json.loads(answer.headers["Echo-Cost"])) == expected
        assert sizes(json.loads(answer.body)["cost"]) == expected
    assert received == bytes(proxy.connections[0].down)


@pytest.mark.parametrize(("version", "header"), [("1.0", "X: y"), ("1.1", "Connection: close")])
def test_a_poll_that_ends_its_connection_costs_all_its_bytes(
    proxy: CountingProxy, version: str, header: str
) -> None:
    request = poll_request(BUSY.path, version, header)
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
        sock.sendall(request)
        received = b""
        while more := sock.recv(65536):
            received += more
    (answer,) = cut_answers(received)
    assert sizes(json.loads(answer.body)["cost"]) == (len(request), len(received))


# -- Event streams -------------------------------------------------------------------------


def check_event_stream(received: bytes, request: bytes, events: int) -> None:
    """Compare the cost of each whole event with what came before its chunk."""
    checked = 0
    for match in re.finditer(rb"(?:[0-9A-Fa-f]+\r\n)?id: [^\n]+\ndata: ([^\n]+)\n\n", received):
        cost = json.loads(match[1])["cost"]
        assert sizes(cost) == (len(request), match.start())
        checked += 1
    assert checked >= events


def read_events(sock: socket.socket, count: int) -> bytes:
    received = b""
    while received.count(b"\ndata: ") <= count:
        data = sock.recv(65536)
        assert data, received
        received += data
    return received


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_each_event_of_a_stream_tells_the_bytes_before_it(
    proxy: CountingProxy, version: str
) -> None:
    path = BUSY.since(time_ns() - NANOSECONDS)
    request = poll_request(path, version, "Accept: text/event-stream")
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
        sock.sendall(request)
        received = read_events(sock, 40)
    check_event_stream(received, request, 40)
    (passed,) = proxy.connections
    assert bytes(passed.up) == request
    assert passed.down.startswith(received)


def test_a_stream_after_other_requests_counts_only_its_own_bytes(proxy: CountingProxy) -> None:
    stream = poll_request(BUSY.path, "1.1", "Accept: text/event-stream")
    with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT) as sock:
        sock.sendall(poll_request(BUSY.path) + stream)
        received = read_events(sock, 5)
    first = next(cut_answers(received))
    check_event_stream(received[first.size :], stream, 5)


# -- WebSockets ----------------------------------------------------------------------------


class Sent(NamedTuple):
    """A frame of the server: where it begins in the stream, its first byte, and its payload."""

    start: int
    first: int
    payload: bytes


def frames_of(down: bytes) -> Iterator[Sent]:
    """Cut what a server has sent, from its 101 on, into whole frames."""
    start = down.index(b"\r\n\r\n") + 4
    while start + 2 <= len(down):
        size = down[start + 1]
        head = 2 + {126: 2, 127: 8}.get(size, 0)
        if head > 2:
            size = int.from_bytes(down[start + 2 : start + head], "big")
        if start + head + size > len(down):
            return
        yield Sent(start, down[start], down[start + head : start + head + size])
        start += head + size


def texts_of(passed: Passed) -> Iterator[tuple[int, dict[str, Any]]]:
    """The messages that a server has sent, and where the frame of each one begins."""
    inflate = zlib.decompressobj(wbits=-15)
    for sent in frames_of(bytes(passed.down)):
        text = sent.payload
        if sent.first == 0xC1:
            text = inflate.decompress(text + b"\x00\x00\xff\xff")
        if sent.first in (0x81, 0xC1):
            yield sent.start, json.loads(text)


def through(
    proxy: CountingProxy,
    path: str,
    changes: dict[str, str | None] | None = None,
    early: bytes = b"",
) -> RawWebSocket:
    """Open a WebSocket through the proxy."""
    sock = socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT)
    return RawWebSocket(sock, path, changes, early)


def await_answer(client: RawWebSocket) -> None:
    """Read frames until the answer to ``cost`` has come."""
    while True:
        received = client.receive()
        if received.first == 0xC1 or received.payload.startswith(b'{"cost"'):
            return


def test_each_event_of_a_websocket_tells_the_bytes_before_it(proxy: CountingProxy) -> None:
    with through(proxy, BUSY.since(time_ns() - NANOSECONDS)) as client:
        request = len(proxy.connections[0].up)
        # Pings of the server go out meanwhile.
        firsts = [client.receive().first for _ in range(60)]
    assert 0x89 in firsts
    events = list(texts_of(proxy.connections[0]))
    assert len(events) >= 40
    for start, event in events:
        assert sizes(event["cost"]) == (request, start)


ASKING = {
    "plainly": COST,
    "without mask": frame(0x81, b"cost", key=b"\0\0\0\0"),
    "after a ping": PING + COST,
    "after a pong": frame(0x8A) + COST,
    "in fragments": frame(0x01, b"co") + PING + frame(0x80, b"st"),
    "with an empty fragment": frame(0x01, b"cost") + frame(0x80),
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
def test_an_answer_tells_all_that_was_received_and_sent(
    proxy: CountingProxy, asking: bytes
) -> None:
    with through(proxy, quiet().path) as client:
        (passed,) = proxy.connections
        for number in range(1, 4):
            client.send(asking)
            await_answer(client)
            answers = list(texts_of(passed))
            assert len(answers) == number
            start, answer = answers[-1]
            assert sizes(answer["cost"]) == (len(passed.up), start)


def test_an_answer_between_events_tells_all_bytes(proxy: CountingProxy) -> None:
    with through(proxy, BUSY.path) as client:
        (passed,) = proxy.connections
        for _ in range(20):
            client.send(PING + COST)
            await_answer(client)
            start, answer = [item for item in texts_of(passed) if "id" not in item[1]][-1]
            assert sizes(answer["cost"]) == (len(passed.up), start)
    for start, event in texts_of(passed):
        assert event["cost"]["sent_bytes"] == start


def test_compressed_messages_cost_what_went_over_the_wire(proxy: CountingProxy) -> None:
    with through(proxy, BUSY.path, {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        (passed,) = proxy.connections
        for _ in range(3):
            client.send(frame(0xC1, deflated(b"cost")))
            await_answer(client)
        while sum(sent.first == 0xC1 for sent in frames_of(bytes(passed.down))) < 20:
            client.receive()
    for start, message in texts_of(passed):
        assert message["cost"]["sent_bytes"] == start


def test_a_frame_that_comes_with_the_request_is_counted(proxy: CountingProxy) -> None:
    with through(proxy, quiet().path, early=COST) as client:
        await_answer(client)
        (passed,) = proxy.connections
        (start, answer), *_ = texts_of(passed)
        assert sizes(answer["cost"]) == (len(passed.up), start)
        client.send(COST)
        await_answer(client)
        start, answer = list(texts_of(passed))[-1]
        assert sizes(answer["cost"]) == (len(passed.up), start)


def test_a_websocket_after_a_poll_counts_only_its_own_bytes(proxy: CountingProxy) -> None:
    sock = socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT)
    sock.sendall(poll_request(BUSY.path))
    response = HTTPResponse(sock)
    response.begin()
    response.read()
    (passed,) = proxy.connections
    up, down = len(passed.up), len(passed.down)
    with RawWebSocket(sock, quiet().path) as client:
        client.send(COST)
        await_answer(client)
        own = Passed()
        own.up, own.down = passed.up[up:], passed.down[down:]
        ((start, answer),) = texts_of(own)
        assert sizes(answer["cost"]) == (len(own.up), start)


# -- Through TLS ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(certificate: list[str]) -> Iterator[Server]:
    """A server that speaks TLS."""
    server = Server("gunicorn", *certificate)
    yield server
    server.stop()
    assert "Traceback" not in server.output(), server.output()


@pytest.fixture
def tls(secure: Server) -> Iterator[ssl.SSLSocket]:
    """A connection through TLS."""
    plain = socket.create_connection(("127.0.0.1", secure.port), TIMEOUT)
    with trusting().wrap_socket(plain) as sock:
        yield sock


def test_through_tls_a_poll_costs_its_plain_bytes(tls: ssl.SSLSocket) -> None:
    request = poll_request(BUSY.since(time_ns() - NANOSECONDS), "1.1", "Connection: close")
    tls.sendall(request)
    received = b""
    while more := tls.recv(65536):
        received += more
    (answer,) = cut_answers(received)
    assert sizes(json.loads(answer.body)["cost"]) == (len(request), len(received))


def test_through_tls_each_event_of_a_stream_tells_the_plain_bytes(tls: ssl.SSLSocket) -> None:
    request = poll_request(BUSY.path, "1.1", "Accept: text/event-stream")
    tls.sendall(request)
    check_event_stream(read_events(tls, 20), request, 20)


def test_through_tls_a_websocket_tells_the_plain_bytes(secure: Server) -> None:
    with raw(secure, quiet().path) as client:
        client.send(COST)
        first = json.loads(client.receive().payload)["cost"]
        assert first["sent_bytes"] == len(client.head) + len(b"\r\n\r\n")
        client.send(PING + COST)
        pong, answer = client.receive(), client.receive()
        assert pong.first == 0x8A
        second = json.loads(answer.payload)["cost"]
        assert second["received_bytes"] == first["received_bytes"] + len(PING + COST)
