"""Long polls and event streams hold a thread as a WebSocket does: they take a seat."""

import json
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from http.client import HTTPResponse, HTTPSConnection
from time import time_ns

import pytest

from tests.support.clients import TIMEOUT, Answer, RawWebSocket, frame, health, raw
from tests.support.followers import quiet, stream_of, with_next_event
from tests.support.proxy import RESET_ON_CLOSE
from tests.support.servers import Server, StartServer
from tests.support.tls import trusting
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"

LONG_POLL, EVENT_STREAM = "long poll", "event stream"

each_way = pytest.mark.parametrize("way", [LONG_POLL, EVENT_STREAM])

IMPATIENT = ("--worker-class", "tests.support.counting.ImpatientWorker")


def request(way: str, path: str | None = None, **headers: str) -> bytes:
    """The request that takes a seat, of a stream without events by default."""
    path = path or quiet().path
    if way == EVENT_STREAM:
        headers["Accept"] = "text/event-stream"
    else:
        path += "&wait=60"
    lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(server: Server, address: str = "127.0.0.1") -> socket.socket:
    """Connect from ``address``, which is one of this machine's."""
    return socket.create_connection(("127.0.0.1", server.port), TIMEOUT, (address, 0))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def taken(server: Server, count: int) -> bool:
    """Whether so many seats are taken."""
    return bool(health(server)["seats_taken"] == count)


def seated(stack: ExitStack, server: Server, way: str, address: str = "127.0.0.1") -> socket.socket:
    """Open a connection that has taken a seat, one more than there were."""
    before = health(server)["seats_taken"]
    sock = stack.enter_context(connect(server, address))
    sock.sendall(request(way))
    wait_until(lambda: taken(server, before + 1))
    return sock


def answer_on(sock: socket.socket) -> Answer:
    """Read one answer to its end."""
    response = HTTPResponse(sock)
    response.begin()
    with response:
        return Answer(response.status, dict(response.getheaders()), response.read().decode())


def rest(sock: socket.socket) -> bytes:
    """Read until the stream ends."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def at_end(sock: socket.socket, received: bytearray) -> bool:
    """Take what has arrived, and return whether the stream has ended."""
    sock.setblocking(False)
    with suppress(BlockingIOError):
        while more := sock.recv(65536):
            received += more
        return True
    return False


def ask(server: Server, way: str, address: str = "127.0.0.1") -> Answer:
    with connect(server, address) as sock:
        sock.sendall(request(way))
        return answer_on(sock)


def ended_whole(answer: bytes, way: str) -> bool:
    """Whether all bytes of a response are an answer that is complete."""
    head, body = answer.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200 "):
        return False
    if way == EVENT_STREAM:
        return body.endswith(b"\n\n\r\n0\r\n\r\n")
    content = json.loads(body)
    # Its head says that the connection ends, and that counts too.
    return content["events"] == [] and bool(content["cost"]["sent_bytes"] == len(answer))


# -- Taking a seat -------------------------------------------------------------------------


@each_way
def test_it_takes_a_seat(start_server: StartServer, stack: ExitStack, way: str) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    seated(stack, server, way)
    assert health(server)["status"] == "full"
    for other in (LONG_POLL, EVENT_STREAM):
        refused = ask(server, other)
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["Content-Type"] == "application/problem+json"
    raw(server, status=503).sock.close()


def test_a_poll_that_does_not_wait_needs_no_seat(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    seated(stack, server, LONG_POLL)
    stream, past = stream_of("busy", "0.05"), time_ns() - 10**9
    for path in (stream.path, f"{stream.since(past)}&wait=60"):
        with connect(server) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert answer_on(sock).status == 200


@each_way
def test_it_counts_in_the_share_of_its_client(
    start_server: StartServer, stack: ExitStack, way: str
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS_PER_CLIENT=2)
    seated(stack, server, way)
    seated(stack, server, LONG_POLL)
    refused = ask(server, way)
    assert refused.status == 429
    assert "MAX_CONNECTIONS_PER_CLIENT" in json.loads(refused.text)["advice"]
    raw(server, status=429).sock.close()
    seated(stack, server, way, OTHER)


@each_way
def test_another_client_gets_a_seat_of_the_one_that_has_all(
    start_server: StartServer, stack: ExitStack, way: str
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2)
    socks = [seated(stack, server, way) for _ in range(2)]
    received = {sock: bytearray() for sock in socks}
    with RawWebSocket(connect(server, OTHER)) as newcomer:
        wait_until(lambda: any(at_end(*item) for item in received.items()))
        newcomer.send(frame(0x81, b"alive"))
        assert newcomer.receive().payload == b"alive"
        ends = [bytes(data) for sock, data in received.items() if at_end(sock, data)]
        assert len(ends) == 1
        assert ended_whole(ends[0], way), ends
        assert health(server)["seats_taken"] == 2


# -- Leaving it ----------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_the_seat_is_free_when_the_client_has_gone(
    start_server: StartServer, stack: ExitStack, way: str, kind: str
) -> None:
    server = start_server(kind)
    for departure in ("fin", "reset", "half", "behind a request"):
        # No event is due for ten minutes, and the wait is a minute: only the departure ends it.
        sock = seated(stack, server, way)
        if departure == "half":
            sock.shutdown(socket.SHUT_WR)
        else:
            if departure == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            if departure == "behind a request":
                sock.sendall(request(way))
            sock.close()
        wait_until(lambda: taken(server, 0), describe=partial(str, departure))


@each_way
def test_a_poll_that_is_answered_has_left_its_seat(start_server: StartServer, way: str) -> None:
    server = start_server("gunicorn")
    begin = time_ns()
    followed = with_next_event("3600", 0.3, 1.5)
    with connect(server) as sock:
        sock.sendall(request(way, followed.since(begin)))
        if way == LONG_POLL:
            assert answer_on(sock).status == 200
        else:
            while b"\ndata: " not in sock.recv(65536):
                pass
            sock.close()
        wait_until(lambda: taken(server, 0))


# -- The deadline of responses -------------------------------------------------------------


@each_way
def test_it_may_last_longer_than_other_responses(start_server: StartServer, way: str) -> None:
    # Five seconds for each response, and the main thread looks once a second.
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.HurriedWorker")
    begin = time_ns()
    followed = with_next_event("3600", 7, 8)
    with connect(server) as sock:
        sock.sendall(request(way, followed.since(begin)))
        received = b""
        while b'"at":' not in received:
            data = sock.recv(65536)
            assert data, f"cut after {received!r}"
            received += data
    assert followed.cursors(begin, 1)[0].encode() in received


def test_an_event_stream_without_events_is_kept_alive(start_server: StartServer) -> None:
    # Comments come twice a second. Each of them allows the response another 5.5 seconds.
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.LivelyWorker")
    with connect(server) as sock:
        sock.sendall(request(EVENT_STREAM))
        received = b""
        while received.count(b": alive\n\n") < 14:
            data = sock.recv(65536)
            assert data, f"cut after {received!r}"
            received += data
    assert b"\ndata:" not in received


def test_a_client_that_does_not_read_is_cut(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", *IMPATIENT)
    endless = stream_of("endless", "0.05").since(0)
    sock = stack.enter_context(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(TIMEOUT)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(request(EVENT_STREAM, endless))
    wait_until(lambda: taken(server, 1))
    wait_until(lambda: taken(server, 0), 90)  # A busy machine fills the buffers slowly.
    with pytest.raises(ConnectionResetError):
        rest(sock)


# -- The drain -----------------------------------------------------------------------------


@each_way
def test_a_stopping_server_ends_it_with_a_complete_answer(
    start_server: StartServer, stack: ExitStack, way: str
) -> None:
    server = start_server("gunicorn")
    socks = [seated(stack, server, way) for _ in range(3)]
    server.process.send_signal(signal.SIGTERM)
    for sock in socks:
        answer = rest(sock)
        assert ended_whole(answer, way), answer[-200:]
        assert b"\r\nConnection: close\r\n" in answer
    assert server.process.wait(20) == 0
    assert "SIGKILL" not in server.output()
    assert "Traceback" not in server.output()


def seats_taken(server: Server, context: ssl.SSLContext) -> int:
    """Ask for the number of seats through TLS."""
    connection = HTTPSConnection("127.0.0.1", server.port, timeout=TIMEOUT, context=context)
    with closing(connection):
        connection.request("GET", "/healthz")
        return int(json.load(connection.getresponse())["seats_taken"])


@each_way
def test_through_tls_it_leaves_its_seat_and_ends_with_a_complete_answer(
    start_server: StartServer, stack: ExitStack, certificate: list[str], way: str
) -> None:
    server = start_server("gunicorn", *certificate)
    context = trusting()
    for leaves in (True, False):
        sock = stack.enter_context(context.wrap_socket(connect(server)))
        sock.sendall(request(way))
        wait_until(lambda: seats_taken(server, context) == 1)
        if leaves:
            sock.close()
            wait_until(lambda: seats_taken(server, context) == 0)
    server.process.send_signal(signal.SIGTERM)
    answer = rest(sock)
    assert ended_whole(answer, way), answer[-200:]
    assert server.process.wait(20) == 0


def test_an_event_stream_that_is_busy_ends_after_a_whole_event(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn")
    followed, begin = stream_of("busy", "0.05"), time_ns()
    with connect(server) as sock:
        sock.sendall(request(EVENT_STREAM, followed.since(begin)))
        received = b""
        while received.count(b"\ndata: ") < 5:
            received += sock.recv(65536)
        server.process.send_signal(signal.SIGTERM)
        received += rest(sock)
    assert ended_whole(received, EVENT_STREAM), received[-200:]
    parts = received.split(b"\ndata: ")[1:]
    ids = [json.loads(part.split(b"\n")[0])["id"] for part in parts]
    assert ids == followed.cursors(begin, len(ids))
    assert server.process.wait(20) == 0


@each_way
def test_a_stopping_server_refuses_it(
    start_server: StartServer, stack: ExitStack, way: str
) -> None:
    server = start_server("gunicorn", CLOSE_TIMEOUT_SECONDS=20)
    client = stack.enter_context(raw(server))
    server.process.send_signal(signal.SIGTERM)
    assert client.receive().close_code == 1001
    assert ask(server, way).status == 503
